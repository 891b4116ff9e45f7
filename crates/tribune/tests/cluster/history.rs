//! What writers were told, and whether a server still knows it.

use super::agent::{Agent, Client};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

/// How many writers there are, each with a key of its own.
pub const WRITERS: usize = 8;

/// What the writers know.
#[derive(Default)]
pub struct History {
    /// For each writer the highest number acknowledged, and the highest sent.
    pub writers: Vec<(u64, u64)>,
    /// The highest index any client saw.
    pub index: u64,
}

/// Writes from all writers until `acknowledged` writes are done, then calls `strike`, which ends
/// the server; every writer stops at its first broken connection.
pub fn load_until(
    history: &mut History,
    address: SocketAddr,
    acknowledged: u64,
    strike: impl FnOnce(),
) {
    history.writers.resize(WRITERS, (0, 0));
    let (done, acknowledgements) = channel();
    let stop = Arc::new(AtomicBool::new(false));
    let index = Arc::new(Mutex::new(history.index));
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (writer, before) in history.writers.clone().into_iter().enumerate() {
            let (done, stop, index) = (done.clone(), stop.clone(), index.clone());
            threads.push(scope.spawn(move || write(writer, before, address, &done, &stop, &index)));
        }
        drop(done);
        for _ in 0..acknowledged {
            acknowledgements.recv().expect("a writer that still writes");
        }
        strike();
        stop.store(true, Ordering::Relaxed);
        for (thread, known) in threads.into_iter().zip(&mut history.writers) {
            *known = thread.join().expect("a writer");
        }
    });
    history.index = *index.lock().expect("an index");
}

fn write(
    writer: usize,
    (mut acknowledged, mut sent): (u64, u64),
    address: SocketAddr,
    done: &Sender<()>,
    stop: &AtomicBool,
    index: &Mutex<u64>,
) -> (u64, u64) {
    let Some(mut client) = Client::connect(address) else { return (acknowledged, sent) };
    let path = format!("/v1/kv/w/{writer}");
    while !stop.load(Ordering::Relaxed) {
        sent += 1;
        match client.send("PUT", &path, sent.to_string().as_bytes()) {
            Some((200, _, _)) => {
                acknowledged = sent;
                let _ = done.send(());
            }
            Some(_) => {}
            None => break,
        }
        if sent % 16 == 0
            && let Some((200, seen, _)) = client.send("GET", &path, b"")
        {
            let mut index = index.lock().expect("an index");
            *index = seen.max(*index);
        }
    }
    (acknowledged, sent)
}

impl History {
    /// How many acknowledged writes the server has lost; it must also answer no lower index.
    pub fn lost(&mut self, agent: &Agent) -> u64 {
        let mut client = Client::connect(agent.http).expect("a connection");
        let mut lost = 0;
        let mut newest = 0;
        for (writer, (acknowledged, sent)) in self.writers.iter_mut().enumerate() {
            let path = format!("/v1/kv/w/{writer}?raw");
            let (status, index, body) = client.send("GET", &path, b"").expect("an answer");
            newest = index.max(newest);
            let found: u64 = match status {
                200 => String::from_utf8_lossy(&body).parse().expect("a number"),
                _ => 0,
            };
            assert!(found <= *sent, "a write that nobody sent");
            lost += u64::from(found < *acknowledged);
            *acknowledged = found;
            *sent = found.max(*sent);
        }
        let (_, index, _) = client.send("GET", "/v1/kv/?keys", b"").expect("an answer");
        if lost == 0 {
            assert!(index >= self.index, "the index went back from {} to {index}", self.index);
        }
        self.index = index.max(newest);
        lost
    }
}
