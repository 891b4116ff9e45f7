//! Takes the replica thread's times: how long a batch is on its way, and how busy the thread is.
//! It decides nothing and is asked nothing.

use crate::metrics::ServerMetrics;
use crate::metrics::server::RaftMetrics;
use std::time::Duration;
use tribune_durable::Batch;
use tribune_replica::Role;

/// How often it is worked out how busy the thread is.
const WINDOW: Duration = Duration::from_secs(1);

/// The thread's own stopwatch.
#[derive(Debug)]
pub(crate) struct Meter {
    metrics: ServerMetrics,
    /// The batch under way: how many entries, and since when.
    dispatched: Option<(usize, Duration)>,
    /// How long the last step took.
    step: Duration,
    window_start: Duration,
    idle: Duration,
    /// The time of steps that applied something.
    applying: Duration,
}

impl Meter {
    pub fn new(metrics: ServerMetrics, now: Duration) -> Meter {
        Meter {
            metrics,
            dispatched: None,
            step: Duration::ZERO,
            window_start: now,
            idle: Duration::ZERO,
            applying: Duration::ZERO,
        }
    }

    /// The thread had nothing to do from `from` to `now`.
    pub fn waited(&mut self, from: Duration, now: Duration) {
        self.idle += now.saturating_sub(from);
        let all = now.saturating_sub(self.window_start);
        if all >= WINDOW {
            self.metrics.raft.worked(all.saturating_sub(self.idle), self.applying, all);
            self.window_start = now;
            self.idle = Duration::ZERO;
            self.applying = Duration::ZERO;
        }
    }

    /// A step of the replica took so long.
    pub fn stepped(&mut self, took: Duration) {
        self.step = took;
    }

    /// A batch goes to the log.
    pub fn dispatched(&mut self, batch: &Batch, on_disk: bool, now: Duration) {
        self.dispatched = Some((batch.entries.len(), now));
        self.metrics.raft.dispatched(batch.entries.len());
        if on_disk {
            self.metrics.wal.written(batch);
        }
    }

    /// It is durable.
    pub fn appended(&self, now: Duration) {
        if let Some((_, since)) = self.dispatched {
            self.metrics.raft.appended(now.saturating_sub(since));
        }
    }

    /// A state is published.
    pub fn published(&mut self, now: Duration) {
        // A step that publishes more than once is counted once.
        let step = std::mem::take(&mut self.step);
        self.applying += step;
        if let Some((entries, since)) = self.dispatched.take() {
            self.metrics.raft.committed(entries, now.saturating_sub(since), step);
        }
    }

    /// A read waits for the quorum's word.
    pub fn confirms(&self) {
        self.metrics.raft.verify_leader.incr();
    }

    /// The role changed.
    pub fn role(&self, before: &Role, after: &Role) {
        self.metrics.raft.role(before, after);
    }

    /// Where the time of writing a snapshot is taken.
    pub fn snapshots(&self) -> RaftMetrics {
        self.metrics.raft.clone()
    }
}
