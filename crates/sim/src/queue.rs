//! What is to happen, in order of virtual time; equal times keep the order in which they came.

use std::collections::BTreeMap;
use std::time::Duration;

/// Events in order of time.
#[derive(Debug)]
pub struct Queue<E> {
    now: Duration,
    next: u64,
    events: BTreeMap<(Duration, u64), E>,
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue { now: Duration::ZERO, next: 0, events: BTreeMap::new() }
    }
}

impl<E> Queue<E> {
    /// The time of the last event taken.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Something happens after a while.
    pub fn after(&mut self, delay: Duration, event: E) {
        self.at(self.now + delay, event);
    }

    /// Something happens at a time; at once if that has passed.
    pub fn at(&mut self, time: Duration, event: E) {
        self.next += 1;
        self.events.insert((time.max(self.now), self.next), event);
    }

    /// The next event; time moves to it.
    pub fn pop(&mut self) -> Option<E> {
        let ((time, _), event) = self.events.pop_first()?;
        self.now = time;
        Some(event)
    }
}
