//! A small HTTP/1.1 client that sends a request exactly as it is written.
//! Own code because a library would mend paths and headers that a recording sends broken.
//! One connection per request; everything read is bounded.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::compare::HttpAnswer;

/// Sends one request and reads its answer.
pub fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: Option<&str>,
) -> Result<HttpAnswer> {
    let stream = TcpStream::connect_timeout(&to, CONNECT_TIMEOUT).context("connect")?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    stream.set_write_timeout(Some(READ_TIMEOUT))?;
    let path = path.replace(' ', "%20");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let sends_length = body.is_some() || matches!(method, "PUT" | "POST" | "PATCH");
    let body = body.unwrap_or_default();
    if sends_length {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut sink = &stream;
    sink.write_all(head.as_bytes())?;
    // A server may refuse the body and answer early; then the answer is what counts.
    let sent = sink.write_all(body.as_bytes());
    let answer = read_answer(&mut BufReader::new(&stream), method);
    if answer.is_err() {
        sent.context("send")?;
    }
    answer
}

fn read_answer(reader: &mut impl BufRead, method: &str) -> Result<HttpAnswer> {
    loop {
        let mut answer = read_head(reader)?;
        if answer.status == CONTINUE {
            continue;
        }
        if method != "HEAD" && !matches!(answer.status, 204 | 304) {
            answer.body = read_body(reader, &answer.headers)?;
        }
        return Ok(answer);
    }
}

fn read_head(reader: &mut impl BufRead) -> Result<HttpAnswer> {
    let first = read_line(reader)?;
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("not an answer of HTTP: {first:?}"))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok(HttpAnswer { status, headers, body: Vec::new() });
        }
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        headers.push((name.to_owned(), value.trim().to_owned()));
        if headers.len() > HEADERS_MAX {
            bail!("more than {HEADERS_MAX} headers");
        }
    }
}

fn read_body(reader: &mut impl BufRead, headers: &[(String, String)]) -> Result<Vec<u8>> {
    let header = |name: &str| {
        headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let mut body = Vec::new();
    if header("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = read_line(reader)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).with_context(|| format!("chunk {line:?}"))?;
            read_exactly(reader, size, &mut body)?;
            read_line(reader)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    if let Some(length) = header("Content-Length") {
        read_exactly(reader, length.parse().context("Content-Length")?, &mut body)?;
    } else {
        reader.take(BODY_BYTES_MAX).read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_exactly(reader: &mut impl BufRead, bytes: u64, body: &mut Vec<u8>) -> Result<()> {
    let already = u64::try_from(body.len())?;
    if already.saturating_add(bytes) > BODY_BYTES_MAX {
        bail!("a body of more than {BODY_BYTES_MAX} bytes");
    }
    let read = reader.take(bytes).read_to_end(body)?;
    if u64::try_from(read)? < bytes {
        bail!("the body ended {} bytes early", bytes - u64::try_from(read)?);
    }
    Ok(())
}

fn read_line(reader: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        bail!("the connection ended without an answer");
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

const CONTINUE: u16 = 100;
/// The agent is on this machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest wait of a recording is a few seconds.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest recorded body is under 100 KB.
const BODY_BYTES_MAX: u64 = 16 << 20;
/// A header line of more is an error of the server.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// As many as any server sends, several times over.
const HEADERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(u16, String)> {
        let answer = read_answer(&mut BufReader::new(text.as_bytes()), "GET")?;
        Ok((answer.status, String::from_utf8(answer.body)?))
    }

    #[test]
    fn bodies_are_read_by_length_in_chunks_and_to_the_end() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n",
        ] {
            assert_eq!(read(text).unwrap(), (200, "abc".to_owned()), "{text}");
        }
    }

    #[test]
    fn an_answer_cut_short_is_an_error() {
        for text in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "x\r\n"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reader(text in "(HTTP/1.1 200|\r\n|Content-Length: |[0-9]|:)*") {
            let _ = read(&text);
        }
    }
}
