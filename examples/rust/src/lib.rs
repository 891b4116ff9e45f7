//! What the examples share: a web server of a few lines, so that they need no framework, and one
//! question to DNS. The server answers every request with one text and is meant for nothing else.

#![forbid(unsafe_code)]

pub mod dns;

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A client that sends no request in this time is not served.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The head of a request; the examples do not read more.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Answers every request with `text()` until the future is dropped.
///
/// # Errors
/// The listener fails.
pub async fn serve(listener: TcpListener, text: impl Fn() -> String) -> io::Result<()> {
    let mut answering = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        answering.spawn(timeout(REQUEST_TIMEOUT, answer(stream, text())));
        while answering.try_join_next().is_some() {}
    }
}

/// Calls `http://<address>/` and answers the body.
///
/// # Errors
/// The address cannot be reached, or says something that is not HTTP.
pub async fn call(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (_, body) =
        text.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("not an HTTP answer"))?;
    Ok(body.trim_end().to_string())
}

async fn answer(mut stream: TcpStream, text: String) -> io::Result<()> {
    let mut request = vec![0; REQUEST_BYTES_MAX];
    let mut filled = 0;
    while !request[..filled].ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut request[filled..]).await?;
        // A check that only connects closes without a request.
        if count == 0 {
            return Ok(());
        }
        filled += count;
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", text.len());
    let answer = format!("{head}Connection: close\r\n\r\n{text}");
    stream.write_all(answer.as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_server_answers_the_caller() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::select! {
            ended = serve(listener, || "hello\n".to_string()) => panic!("{ended:?}"),
            answer = call(&address) => assert_eq!(answer.unwrap(), "hello"),
        }
    }
}
