//! A client of HTTP/1.1 that costs little: one connection, a request at a time, bodies by length.
//! It reads only what the servers measured here send.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One kept connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// X-Consul-Index, or 0.
    pub index: u64,
    /// Bytes of the body.
    pub body: Vec<u8>,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(READ_BYTES) })
    }

    /// Sends a request and reads its answer.
    pub async fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        self.send(method, path, body).await?;
        self.receive().await
    }

    /// Sends a request; [`Self::receive`] reads its answer.
    pub async fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Result<()> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n").into_bytes();
        if method != "GET" {
            request.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        Ok(())
    }

    pub async fn receive(&mut self) -> Result<Answer> {
        self.buffer.clear();
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return self.body_after(end + 4).await;
            }
            self.more().await?;
        }
    }

    async fn body_after(&mut self, head: usize) -> Result<Answer> {
        let text = String::from_utf8_lossy(self.buffer.get(..head).unwrap_or_default());
        let header = |name: &str| {
            text.lines().find_map(|line| {
                let (own, value) = line.split_once(':')?;
                own.eq_ignore_ascii_case(name).then(|| value.trim().parse::<u64>().ok())?
            })
        };
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let (status, index) = (status.context("no status")?, header("x-consul-index"));
        let length = header("content-length").context("an answer without its length")?;
        let whole = head + usize::try_from(length)?;
        while self.buffer.len() < whole {
            self.more().await?;
        }
        let body = self.buffer.split_off(head);
        Ok(Answer { status, index: index.unwrap_or_default(), body })
    }

    async fn more(&mut self) -> Result<()> {
        self.buffer.reserve(READ_BYTES);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

impl Answer {
    /// The answer, or an error with what the server said instead of 200.
    pub fn good(self) -> Result<Self> {
        if self.status != 200 {
            bail!("status {}: {}", self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(self)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// A read of this takes most answers whole.
const READ_BYTES: usize = 16 << 10;
