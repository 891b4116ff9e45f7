//! One reader of the log over HTTP: a queue of bounded length, and a count of what did not fit.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::format::Line;

/// Lines that may wait for a slow reader: a burst of a busy agent, some tens of KiB.
const QUEUE_LINES_MAX: usize = 512;

#[derive(Debug)]
pub(super) struct Listener {
    rank: u8,
    json: bool,
    queue: mpsc::Sender<Bytes>,
    dropped: AtomicU64,
}

impl Listener {
    pub fn new(rank: u8, json: bool) -> (Listener, mpsc::Receiver<Bytes>) {
        let (queue, lines) = mpsc::channel(QUEUE_LINES_MAX);
        (Listener { rank, json, queue, dropped: AtomicU64::new(0) }, lines)
    }

    pub fn rank(&self) -> u8 {
        self.rank
    }

    /// Gives the line to the reader, after a word about those that were dropped.
    pub fn send(&self, line: &Line) {
        if line.rank > self.rank {
            return;
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        let said =
            dropped == 0 || self.queue.try_send(Line::dropped(dropped).bytes(self.json)).is_ok();
        let missing = match (said, self.queue.try_send(line.bytes(self.json))) {
            (true, Ok(())) => return,
            (true, Err(_)) => 1,
            (false, Ok(())) => dropped,
            (false, Err(_)) => dropped + 1,
        };
        self.dropped.fetch_add(missing, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> Line {
        Line::of(3, 0, "agent".into(), message.into(), Vec::new())
    }

    #[test]
    fn a_slow_reader_is_told_how_much_it_missed() {
        let (listener, mut lines) = Listener::new(3, false);
        for _ in 0..QUEUE_LINES_MAX + 7 {
            listener.send(&line("x"));
        }
        lines.try_recv().unwrap();
        lines.try_recv().unwrap();
        listener.send(&line("last"));
        let mut read = Vec::new();
        while let Ok(line) = lines.try_recv() {
            read.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(read.len(), QUEUE_LINES_MAX);
        assert!(read[QUEUE_LINES_MAX - 2].contains("dropped_count=7"), "{read:?}");
        assert!(read[QUEUE_LINES_MAX - 1].ends_with("last\n"));
    }

    #[test]
    fn a_reader_hears_its_level_and_above() {
        let (listener, mut lines) = Listener::new(2, false);
        listener.send(&line("info"));
        assert!(lines.try_recv().is_err());
    }
}
