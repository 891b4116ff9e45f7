//! Instances of a service: small web servers that say their name, and whose health can be taken
//! away while they go on serving, so that only a check can tell.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// One instance. It serves until the process ends.
pub struct Sample {
    id: &'static str,
    address: SocketAddr,
    is_healthy: Arc<AtomicBool>,
}

impl Sample {
    /// Starts to serve.
    pub fn start(id: &'static str, address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
        let is_healthy = Arc::new(AtomicBool::new(true));
        let healthy = Arc::clone(&is_healthy);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is none of our business.
                let _ = serve(&stream, id, healthy.load(Ordering::Relaxed));
            }
        });
        Ok(Self { id, address, is_healthy })
    }

    /// Lets its check fail from now on, or pass again; it answers other requests all the same.
    pub fn set_healthy(&self, healthy: bool) {
        self.is_healthy.store(healthy, Ordering::Relaxed);
    }

    /// What registers it, its address included and with a check of its health each second.
    pub fn registration(&self, service: &str, tags: &[&str]) -> Value {
        json!({
            "ID": self.id, "Name": service, "Tags": tags,
            "Address": self.address.ip().to_string(), "Port": self.address.port(),
            "Check": {
                "HTTP": format!("http://{}/health", self.address),
                "Interval": "1s", "Timeout": "1s", "Status": "passing",
            },
        })
    }
}

fn serve(mut stream: &TcpStream, id: &str, is_healthy: bool) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().context("no request")??;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match path {
        "/health" if is_healthy => ("200 OK", "healthy\n".to_owned()),
        "/health" => ("503 Service Unavailable", "not healthy\n".to_owned()),
        "/metrics" => ("200 OK", "sample_requests_total 1\n".to_owned()),
        _ => ("200 OK", id.to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

/// Clients are on this machine; one that says nothing shall not hold up the others.
const PATIENCE: Duration = Duration::from_secs(1);
