//! Ends sessions that were not renewed. Source: surface H.4: the server waits twice the TTL.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tribune_state::SessionId;

/// How many times its time to live a session may go without renewal.
const TTL_MULTIPLIER: u32 = 2;

/// The deadlines of sessions with a time to live.
#[derive(Debug, Default)]
pub(crate) struct SessionTtl {
    deadlines: BTreeMap<SessionId, Duration>,
    order: BTreeSet<(Duration, SessionId)>,
    /// Those whose end is proposed: it may stand in the log already and cannot be taken back.
    ending: BTreeSet<SessionId>,
    /// Planted in tests of the simulator: deadlines come at half the time.
    pub early: bool,
}

impl SessionTtl {
    /// Gives a session its full time from now; one without a time to live has no deadline.
    pub fn arm(&mut self, now: Duration, id: SessionId, ttl_ms: u64) {
        self.disarm(id);
        if ttl_ms == 0 {
            return;
        }
        let ttl = Duration::from_millis(ttl_ms);
        let deadline = now + if self.early { ttl / 2 } else { ttl * TTL_MULTIPLIER };
        self.deadlines.insert(id, deadline);
        self.order.insert((deadline, id));
    }

    /// Forgets a session.
    pub fn disarm(&mut self, id: SessionId) {
        self.ending.remove(&id);
        if let Some(deadline) = self.deadlines.remove(&id) {
            self.order.remove(&(deadline, id));
        }
    }

    /// True once a session's end is proposed: who renews it now must not be told that it lives.
    pub fn is_ending(&self, id: SessionId) -> bool {
        self.ending.contains(&id)
    }

    /// Notes that a session's end stands in the log, whoever asked for it.
    pub fn note_ending(&mut self, id: SessionId) {
        self.ending.insert(id);
    }

    /// Takes up to `limit` sessions whose deadline has passed. Each is armed again with a short
    /// time, so that it is proposed once more should the proposal be lost.
    pub fn expired(&mut self, now: Duration, limit: usize) -> Vec<SessionId> {
        let due: Vec<(Duration, SessionId)> = self
            .order
            .iter()
            .take_while(|(deadline, _)| *deadline <= now)
            .take(limit)
            .copied()
            .collect();
        for entry in &due {
            self.order.remove(entry);
            let again = now + RETRY;
            self.deadlines.insert(entry.1, again);
            self.order.insert((again, entry.1));
            self.ending.insert(entry.1);
        }
        due.into_iter().map(|(_, id)| id).collect()
    }
}

/// How long a proposed end may take before it is proposed again.
const RETRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> SessionId {
        SessionId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_session_ends_after_twice_its_ttl_and_not_before() {
        let mut ttl = SessionTtl::default();
        ttl.arm(Duration::ZERO, id(1), 10_000);
        assert!(ttl.expired(Duration::from_millis(19_999), 10).is_empty());
        ttl.arm(Duration::from_secs(15), id(1), 10_000);
        assert!(ttl.expired(Duration::from_secs(34), 10).is_empty());
        assert_eq!(ttl.expired(Duration::from_secs(35), 10), vec![id(1)]);
        assert!(ttl.expired(Duration::from_secs(36), 10).is_empty(), "proposed once");
        assert!(ttl.is_ending(id(1)));
    }
}
