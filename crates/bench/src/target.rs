//! What HTTP checks look at: a server that answers well, or as badly as a path asks for, and keeps
//! when each path was asked for. `/seen` shows that, a path and microseconds a line.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Paths with the time since the start at which each was asked for.
type Seen = Mutex<Vec<(String, Duration)>>;

/// Serves until it is ended from outside.
pub fn serve(address: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let (seen, started) = (Arc::new(Seen::default()), Instant::now());
        loop {
            let (stream, _) = listener.accept().await?;
            let at = started.elapsed();
            let seen = seen.clone();
            tokio::spawn(async move {
                // Whoever hangs up has seen enough.
                let _ = answer(stream, at, &seen, address.port()).await;
            });
        }
    })
}

async fn answer(
    mut stream: TcpStream,
    at: Duration,
    seen: &Seen,
    port: u16,
) -> std::io::Result<()> {
    let mut bytes = [0; REQUEST_BYTES_MAX];
    let count = stream.read(&mut bytes).await?;
    let request = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default());
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    if path == "/seen" {
        return show(stream, seen).await;
    }
    let kind = path.split('/').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push((path.clone(), at));
    match kind.as_str() {
        "hang" => {
            // Until the other side hangs up.
            while stream.read(&mut bytes).await? > 0 {}
        }
        "noise" => stream.write_all(b"\x16\x03\x01 SSH-2.0-noise \xff\xfe\r\n\r\n").await?,
        "loop" => {
            let head = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}{path}\r\n\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
        }
        "flood" => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {FLOOD_BYTES}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let part = vec![b'x'; FLOOD_PART_BYTES];
            for _ in 0..FLOOD_BYTES / part.len() {
                stream.write_all(&part).await?;
            }
        }
        _ => stream.write_all(WELL).await?,
    }
    stream.shutdown().await
}

async fn show(mut stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
    let mut body = String::new();
    for (path, at) in seen.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // Writing into a String cannot fail.
        let _ = writeln!(body, "{path} {}", at.as_micros());
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

const WELL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\
                      Connection: close\r\n\r\nok\n";
const REQUEST_BYTES_MAX: usize = 2048;
const FLOOD_BYTES: usize = 1 << 30;
const FLOOD_PART_BYTES: usize = 64 << 10;
const BACKLOG: u32 = 4096;
