//! The machine under the agent: clocks that run too fast or too slow, sleep, pauses, and how much
//! of its own time the agent may count.

use super::setup::Fault;
use std::time::Duration;

/// The wall clock at the beginning of every world, in milliseconds since 1970.
const WALL_START_MS: i64 = 1_700_000_000_000;

/// A gap up to this long need not be noticed by a process that is not told of it.
const GAP_UNNOTICED: Duration = Duration::from_secs(2);

/// A moment of the agent's own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// What its clock said.
    pub clock: Duration,
    /// How much of that clock's time it cannot have been running, for sure.
    least_lost: Duration,
    /// How much it may rightly take for lost: it knows only that it slept since it was last awake.
    most_lost: Duration,
}

impl Mark {
    /// How long ago that is in running time, at the most: nothing may happen earlier than this
    /// allows.
    pub fn most_since(&self, now: &Mark) -> Duration {
        let lost = now.least_lost.saturating_sub(self.least_lost);
        now.clock.saturating_sub(self.clock).saturating_sub(lost)
    }

    /// How long ago that is in running time, at the least: what is due by this is overdue.
    pub fn least_since(&self, now: &Mark) -> Duration {
        let lost = now.most_lost.saturating_sub(self.most_lost);
        now.clock.saturating_sub(self.clock).saturating_sub(lost)
    }
}

/// The machine.
#[derive(Debug)]
pub struct Host {
    /// Which process it is: counts starts and ends.
    pub epoch: u64,
    /// Faults may strike.
    pub faults_go_on: bool,
    /// How long a save takes on average while the disk is slow.
    pub slow_disk: Option<Duration>,
    /// When the disk takes the process with it: whether the machine goes too.
    pub dies_with_power: bool,
    /// True if the wall clock and the process's own have parted since the process started.
    pub clocks_parted: bool,
    /// Faults that wait for a save to be under way.
    pub waiting: Vec<Fault>,
    per_mille: u32,
    /// At this virtual time the monotonic clock said that.
    at: (Duration, Duration),
    wall_offset_ms: i64,
    /// When the process started, on the monotonic clock.
    started: Duration,
    paused_until: Duration,
    /// Time in which the process did not run, since its last step.
    gap: Duration,
    /// How much of that it is told.
    told: Duration,
    last: Mark,
}

impl Host {
    pub fn new(per_mille: u32) -> Host {
        Host {
            epoch: 0,
            faults_go_on: true,
            slow_disk: None,
            dies_with_power: false,
            clocks_parted: false,
            waiting: Vec::new(),
            per_mille: per_mille.max(1),
            at: (Duration::ZERO, Duration::ZERO),
            wall_offset_ms: 0,
            started: Duration::ZERO,
            paused_until: Duration::ZERO,
            gap: Duration::ZERO,
            told: Duration::ZERO,
            last: Mark::default(),
        }
    }

    /// A process starts. Returns its first moment.
    pub fn start(&mut self, now: Duration) -> Mark {
        self.epoch += 1;
        self.started = self.monotonic(now);
        self.paused_until = Duration::ZERO;
        self.gap = Duration::ZERO;
        self.told = Duration::ZERO;
        self.clocks_parted = false;
        self.last = Mark::default();
        self.last
    }

    /// The process is gone.
    pub fn end(&mut self) {
        self.epoch += 1;
        self.paused_until = Duration::ZERO;
    }

    fn monotonic(&self, now: Duration) -> Duration {
        let (real, clock) = self.at;
        clock + now.saturating_sub(real) * self.per_mille / 1000
    }

    /// What the process reads from its clock.
    pub fn clock(&self, now: Duration) -> Duration {
        self.monotonic(now).saturating_sub(self.started)
    }

    /// When the process's clock will have come to `clock`.
    pub fn time_of(&self, clock: Duration) -> Duration {
        let (real, at) = self.at;
        let left = (self.started + clock).saturating_sub(at);
        real + left * 1000 / self.per_mille + Duration::from_nanos(2)
    }

    /// What the process reads from its wall clock.
    pub fn wall_ms(&self, now: Duration) -> u64 {
        let since = now * self.per_mille / 1000;
        let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        u64::try_from(WALL_START_MS + since + self.wall_offset_ms).unwrap_or(0)
    }

    /// The process steps: its moment.
    pub fn step(&mut self, now: Duration) -> Mark {
        let mut mark = Mark { clock: self.clock(now), ..self.last };
        if !self.gap.is_zero() {
            let noticed = self.gap > GAP_UNNOTICED;
            mark.least_lost += if noticed { self.gap } else { self.told.min(self.gap) };
            mark.most_lost += mark.clock.saturating_sub(self.last.clock);
            self.gap = Duration::ZERO;
            self.told = Duration::ZERO;
        }
        self.last = mark;
        mark
    }

    /// The moment, for who only looks; none while it is not known how much of it counts.
    pub fn look(&self, now: Duration) -> Option<Mark> {
        let runs = self.gap.is_zero() && self.paused_until(now).is_none();
        runs.then(|| Mark { clock: self.clock(now), ..self.last })
    }

    /// The process is told how long it slept.
    pub fn told(&mut self, span: Duration) {
        self.told += span;
    }

    /// The process stands still until then; its clock goes on. Returns for how long by its clock.
    pub fn pause(&mut self, now: Duration, until: Duration) -> Duration {
        let from = self.paused_until.max(now);
        let span = self.monotonic(until).saturating_sub(self.monotonic(from));
        self.gap += span;
        self.paused_until = self.paused_until.max(until);
        span
    }

    /// The machine sleeps until then, and the monotonic clock with it.
    pub fn suspend(&mut self, now: Duration, until: Duration) {
        self.at = (until, self.monotonic(now));
        self.paused_until = self.paused_until.max(until);
        self.clocks_parted = true;
    }

    /// Until when the process stands still, if it does.
    pub fn paused_until(&self, now: Duration) -> Option<Duration> {
        (now < self.paused_until).then_some(self.paused_until)
    }

    /// The monotonic clock jumps.
    pub fn clock_gap(&mut self, now: Duration, gap: Duration) {
        let (real, clock) = (now, self.monotonic(now));
        if self.at.0 <= now {
            self.at = (real, clock + gap);
        } else {
            self.at.1 += gap;
        }
        self.gap += gap;
        self.clocks_parted = true;
    }

    /// The wall clock is set to something else.
    pub fn wall_jump(&mut self, offset_ms: i64) {
        self.wall_offset_ms = offset_ms;
        self.clocks_parted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(span: u64) -> Duration {
        Duration::from_secs(span)
    }

    #[test]
    fn a_clock_runs_at_its_pace_and_stands_while_the_machine_sleeps() {
        let mut host = Host::new(1200);
        host.start(secs(10));
        assert_eq!(host.clock(secs(20)), secs(12));
        let due = host.time_of(secs(24));
        assert!(host.clock(due) >= secs(24) && due <= secs(31));
        host.suspend(secs(20), secs(120));
        assert_eq!((host.clock(secs(60)), host.clock(secs(130))), (secs(12), secs(24)));
    }

    #[test]
    fn a_pause_counts_as_lost_at_least_by_its_length_and_at_most_since_the_last_step() {
        let mut host = Host::new(1000);
        host.start(secs(0));
        let begin = host.step(secs(10));
        host.pause(secs(20), secs(50));
        let end = host.step(secs(50));
        assert_eq!(begin.most_since(&end), secs(10));
        assert_eq!(begin.least_since(&end), secs(0));
    }
}
