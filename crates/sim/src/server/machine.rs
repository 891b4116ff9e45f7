//! The machine under the server: its clocks, its pauses, and how long the server has been running.

use crate::server::invariants::lock::RunningTime;
use crate::server::nemesis::Within;
use crate::server::setup::Fault;
use std::time::Duration;

/// The wall clock at the beginning of every world, in milliseconds since 1970.
const WALL_START_MS: i64 = 1_700_000_000_000;

/// The machine.
#[derive(Debug, Default)]
pub struct Host {
    /// Which process it is: counts starts and ends.
    pub epoch: u64,
    /// How long a sync takes on average while the disk is slow.
    pub slow_disk: Option<Duration>,
    /// When the disk takes the process with it: whether the machine goes too.
    pub dies_with_power: bool,
    /// Faults may strike.
    pub faults_go_on: bool,
    /// Faults that wait for the process to be in the middle of something.
    pub waiting: Vec<(Fault, Within)>,
    paused_until: Duration,
    wall_offset_ms: i64,
    clock_offset: Duration,
    /// When the running process started, on its own clock.
    started: Duration,
    time: RunningTime,
    passed: Duration,
    running: bool,
}

impl Host {
    /// A process starts.
    pub fn start(&mut self, now: Duration) {
        self.epoch += 1;
        self.started = now + self.clock_offset;
        self.passed = now;
        self.running = true;
        self.paused_until = Duration::ZERO;
    }

    /// The process is gone.
    pub fn end(&mut self, now: Duration) {
        if self.paused_until(now).is_none() {
            self.pass(now);
        }
        self.epoch += 1;
        self.running = false;
        self.paused_until = Duration::ZERO;
    }

    /// Counts the time up to now as running.
    pub fn pass(&mut self, now: Duration) {
        if self.running && now >= self.paused_until {
            self.time.running += now.saturating_sub(self.passed.max(self.paused_until));
            self.passed = now;
        }
    }

    /// The process stands still until then.
    pub fn pause(&mut self, now: Duration, until: Duration) {
        self.pass(now);
        self.time.gaps += 1;
        self.paused_until = self.paused_until.max(until);
    }

    /// Until when the process stands still, if it does.
    pub fn paused_until(&self, now: Duration) -> Option<Duration> {
        (self.running && now < self.paused_until).then_some(self.paused_until)
    }

    /// How long servers have been running here, up to the last event of one.
    pub fn time(&self) -> RunningTime {
        self.time
    }

    /// What the process reads from its monotonic clock.
    pub fn clock(&self, now: Duration) -> Duration {
        (now + self.clock_offset).saturating_sub(self.started)
    }

    /// What it reads from its wall clock.
    pub fn wall_ms(&self, now: Duration) -> u64 {
        let since = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        u64::try_from(WALL_START_MS + since + self.wall_offset_ms).unwrap_or(0)
    }

    /// The monotonic clock jumps.
    pub fn clock_gap(&mut self, gap: Duration) {
        self.time.gaps += 1;
        self.clock_offset += gap;
    }

    /// The wall clock is set to something else.
    pub fn wall_jump(&mut self, offset_ms: i64) {
        self.wall_offset_ms = offset_ms;
    }
}
