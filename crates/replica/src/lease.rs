//! Our own leader lease: until when default reads may be answered without asking anybody.
//!
//! Counts from the send time of the heartbeat that a majority acknowledged, on a clock that
//! includes suspend. A server that is the only voter is its own majority; its lease still ends
//! with every gap in time, so that reads after a pause first see one step of the loop.

use std::time::Duration;

/// The lease of this server while it leads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lease {
    until: Duration,
}

impl Lease {
    /// Extends the lease: a majority acknowledged a heartbeat sent at `sent`.
    pub fn extend(&mut self, sent: Duration, length: Duration) {
        self.until = self.until.max(sent + length);
    }

    /// Ends the lease: leadership is gone or about to go, or time made a jump.
    pub fn void(&mut self) {
        self.until = Duration::ZERO;
    }

    /// Until when it holds, as time since the node started.
    pub fn until(&self) -> Duration {
        self.until
    }
}
