//! The services of the demonstration: web servers that answer every request with one line, and
//! `/health` with whether they are well.
//! Invariant: one serves `CONNECTIONS_MAX` connections at most, each for `REQUEST_TIME_MAX`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// A service by its name, and whether it fails now and then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) fails: bool,
}

pub(super) const SAMPLES: &[Kind] = &[
    Kind { name: "web", fails: false },
    Kind { name: "api", fails: false },
    Kind { name: "flaky", fails: true },
];

/// How often what fails does so, and for how long each time.
pub(super) const PERIOD_S: u64 = 15;
pub(super) const FAILS_FOR_S: u64 = 5;
/// It begins well, so that the change is seen.
const WELL_FIRST_S: u64 = 5;

const CONNECTIONS_MAX: usize = 32;
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);
/// Of a request only its first line counts.
const REQUEST_BYTES_MAX: usize = 4096;

/// One that serves.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) fails: bool,
}

impl Sample {
    /// Listens on a free port of this machine, and serves as one of the tasks.
    pub(super) async fn open(kind: Kind, tasks: &mut JoinSet<()>) -> io::Result<Sample> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tasks.spawn(serve(listener, kind));
        Ok(Sample { name: kind.name, address, fails: kind.fails })
    }
}

async fn serve(listener: TcpListener, kind: Kind) {
    let began = Instant::now();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut answering = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = answering.join_next() => {}
            accepted = accept(&listener, &room) => {
                // One that broke before it was here is no loss.
                let Some((stream, place)) = accepted else { continue };
                let is_well = !kind.fails || is_well(began.elapsed().as_secs());
                answering.spawn(async move {
                    let _place = place;
                    let _ = timeout(REQUEST_TIME_MAX, answer(stream, kind.name, is_well)).await;
                });
            }
        }
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, Place)> {
    let place = room.clone().acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, place))
}

/// Whether it is in its good part of the period, so many seconds after it began.
fn is_well(seconds: u64) -> bool {
    let bad = WELL_FIRST_S..WELL_FIRST_S + FAILS_FOR_S;
    !bad.contains(&(seconds % PERIOD_S))
}

async fn answer(mut stream: TcpStream, name: &str, is_well: bool) -> io::Result<()> {
    let mut head = Vec::new();
    let mut part = [0; 512];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < REQUEST_BYTES_MAX {
        match stream.read(&mut part).await? {
            0 => break,
            bytes => head.extend_from_slice(part.get(..bytes).unwrap_or_default()),
        }
    }
    stream.write_all(reply(&head, name, is_well).as_bytes()).await?;
    stream.shutdown().await
}

fn reply(head: &[u8], name: &str, is_well: bool) -> String {
    let is_health = head.split(|byte| *byte == b' ').nth(1) == Some(b"/health".as_slice());
    let (status, body) = match (is_health, is_well) {
        (false, _) => ("200 OK", format!("hello from {name}\n")),
        (true, true) => ("200 OK", format!("{name} is well\n")),
        (true, false) => ("503 Service Unavailable", format!("{name} has a bad moment\n")),
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_says_how_it_is_and_all_else_says_hello() {
        let ask = |path: &str, is_well| {
            let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            let said = reply(head.as_bytes(), "api", is_well);
            let (head, body) = said.split_once("\r\n\r\n").unwrap();
            (head[9..12].to_owned(), body.to_owned())
        };
        let expect = |status: &str, body: &str| (status.to_owned(), body.to_owned());
        assert_eq!(ask("/", false), expect("200", "hello from api\n"));
        assert_eq!(ask("/health", true), expect("200", "api is well\n"));
        assert_eq!(ask("/health", false), expect("503", "api has a bad moment\n"));
        assert!(reply(b"", "api", true).contains("hello"));
    }

    #[test]
    fn what_fails_does_so_for_a_third_of_the_time_and_not_at_first() {
        let bad: Vec<u64> = (0..30).filter(|second| !is_well(*second)).collect();
        assert_eq!(bad, [5, 6, 7, 8, 9, 20, 21, 22, 23, 24]);
    }
}
