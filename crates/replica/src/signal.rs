//! What only the leader knows and no log keeps: session deadlines, lock delays, and where nodes
//! stand until that is written.
//!
//! The first two are durations on the leader's own time, which stands still while the machine
//! does: a pause extends every deadline by its length, so nothing ever ends early.

use crate::chores::coordinates::Coordinates;
use crate::chores::session_ttl::SessionTtl;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_state::coordinate::CoordinateUpdate;
use tribune_state::{Event, Key, SessionId, View};

/// A change of volatile state. Variants are appended, never reordered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Signal {
    /// A session is renewed for its time to live.
    SessionRenew(SessionId),
    /// A node says where it stands.
    Coordinate(Box<CoordinateUpdate>),
}

/// What a signal came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalOutcome {
    /// Done.
    Done,
    /// What it names does not exist.
    NotFound,
}

/// The leader's volatile state.
#[derive(Debug, Default)]
pub(crate) struct Volatile {
    /// Session deadlines.
    pub sessions: SessionTtl,
    /// Where nodes stand, until it is written.
    pub coordinates: Coordinates,
    /// Until when a key refuses to be locked.
    lock_delays: BTreeMap<Key, Duration>,
    /// The same in order of time, so that the old ones can go.
    lock_delay_ends: BTreeMap<(Duration, Key), ()>,
}

impl Volatile {
    /// Starts anew on becoming the leader: every session gets its full time.
    pub fn begin(&mut self, now: Duration, view: &View) {
        *self = Volatile::default();
        for row in view.sessions().iter() {
            self.sessions.arm(now, row.id, row.ttl_ms);
        }
    }

    /// Follows what entries did to sessions.
    pub fn follow(&mut self, now: Duration, view: &View, events: &[Event]) {
        for event in events {
            let Event::Session { id, removed, released, lock_delay_ms } = event else { continue };
            if *removed {
                self.sessions.disarm(*id);
                for key in released {
                    self.delay_lock(now + Duration::from_millis(*lock_delay_ms), key.clone());
                }
            } else if let Some(row) = view.sessions().get(*id) {
                self.sessions.arm(now, *id, row.ttl_ms);
            }
        }
    }

    /// Carries out a signal.
    pub fn signal(&mut self, now: Duration, view: &View, signal: &Signal) -> SignalOutcome {
        match signal {
            // A session whose end is on its way to the disk is still in the view; to say that it
            // was renewed would be a promise that the log is about to break.
            Signal::SessionRenew(id) => match view.sessions().get(*id) {
                Some(row) if !self.sessions.is_ending(*id) => {
                    self.sessions.arm(now, *id, row.ttl_ms);
                    SignalOutcome::Done
                }
                _ => SignalOutcome::NotFound,
            },
            Signal::Coordinate(update) => {
                self.coordinates.put(update);
                SignalOutcome::Done
            }
        }
    }

    /// True while a key must not be locked.
    pub fn lock_delayed(&self, now: Duration, key: &Key) -> bool {
        self.lock_delays.get(key).is_some_and(|end| *end > now)
    }

    /// Forgets lock delays that have passed.
    pub fn expire_lock_delays(&mut self, now: Duration) {
        while let Some(((end, key), ())) = self.lock_delay_ends.first_key_value()
            && *end <= now
        {
            let (end, key) = (*end, key.clone());
            if self.lock_delays.get(&key) == Some(&end) {
                self.lock_delays.remove(&key);
            }
            self.lock_delay_ends.remove(&(end, key));
        }
    }

    fn delay_lock(&mut self, end: Duration, key: Key) {
        if let Some(before) = self.lock_delays.insert(key.clone(), end) {
            self.lock_delay_ends.remove(&(before, key.clone()));
        }
        self.lock_delay_ends.insert((end, key), ());
    }
}
