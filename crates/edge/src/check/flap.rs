//! Damping: a check that keeps changing its mind is held at the worse state until it has been
//! quiet for a while. Each change adds a penalty, which halves with time, as routers do it.
//! It knows nothing of checks; whoever holds one asks.
//! Source: RFC 2439, sections 4.2 and 4.3, for the figures of merit and their limits.

use std::time::Duration;

/// How damping works, in points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlapSettings {
    /// Points that each change of state adds.
    pub penalty: u32,
    /// The time in which points become half as many.
    pub half_life: Duration,
    /// No check has more points, so that none is held longer than those take to decay.
    pub ceiling: u32,
    /// A check with more points is held.
    pub suppress: u32,
    /// A held check with no more points is let go.
    pub reuse: u32,
}

impl FlapSettings {
    /// Two changes within a few minutes are no flapping, three are.
    pub const DEFAULT: FlapSettings = FlapSettings {
        penalty: 1000,
        half_life: Duration::from_secs(60),
        ceiling: 8000,
        suppress: 2500,
        reuse: 1000,
    };
}

/// The points of one check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flap {
    /// Thousandths of a point, at `at`.
    milli: u64,
    at: Duration,
    /// Since when the check is held.
    pub held_since: Option<Duration>,
}

/// Points are counted in thousandths, so that they decay smoothly.
const MILLI: u64 = 1000;

impl Flap {
    /// Points at `now`.
    pub fn points(&self, now: Duration, settings: &FlapSettings) -> u32 {
        let milli = decayed(self.milli, now.saturating_sub(self.at), settings.half_life);
        u32::try_from(milli / MILLI).unwrap_or(u32::MAX)
    }

    /// Adds the penalty of a change; true if the check is held from now on.
    pub fn changed(&mut self, now: Duration, settings: &FlapSettings) -> bool {
        let milli = decayed(self.milli, now.saturating_sub(self.at), settings.half_life);
        let ceiling = u64::from(settings.ceiling) * MILLI;
        self.milli = (milli + u64::from(settings.penalty) * MILLI).min(ceiling);
        self.at = now;
        let is_held = self.milli > u64::from(settings.suppress) * MILLI;
        if is_held && self.held_since.is_none() {
            self.held_since = Some(now);
            return true;
        }
        false
    }

    /// How long until the points are few enough; zero if they are.
    pub fn reuse_in(&self, now: Duration, settings: &FlapSettings) -> Duration {
        let milli = decayed(self.milli, now.saturating_sub(self.at), settings.half_life);
        time_until(milli, u64::from(settings.reuse) * MILLI, settings.half_life)
    }
}

/// What is left after `span`: half after each half-life, on a straight line in between.
fn decayed(milli: u64, span: Duration, half_life: Duration) -> u64 {
    let half = half_life.as_millis().max(1);
    let halvings = span.as_millis() / half;
    let Some(left) = u32::try_from(halvings).ok().and_then(|count| milli.checked_shr(count)) else {
        return 0;
    };
    let within = span.as_millis() % half;
    let lost = u128::from(left) * within / (2 * half);
    left - u64::try_from(lost).unwrap_or(left)
}

/// When `milli` will have decayed to `goal` or less.
fn time_until(mut milli: u64, goal: u64, half_life: Duration) -> Duration {
    let half = half_life.as_millis().max(1);
    let mut span = 0;
    while milli > goal && milli / 2 >= goal && milli > 1 {
        milli /= 2;
        span += half;
    }
    if milli > goal {
        // The line loses half within one half-life.
        let lost = u128::from(milli - goal);
        span += (2 * half * lost).div_ceil(u128::from(milli));
    }
    Duration::from_millis(u64::try_from(span).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: FlapSettings = FlapSettings::DEFAULT;

    fn secs(span: u64) -> Duration {
        Duration::from_secs(span)
    }

    #[test]
    fn points_halve_in_each_half_life() {
        let mut flap = Flap::default();
        assert!(!flap.changed(secs(0), &SETTINGS));
        for (at, points) in [(0, 1000), (30, 750), (60, 500), (90, 375), (120, 250), (100_000, 0)] {
            assert_eq!(flap.points(secs(at), &SETTINGS), points, "{at}");
        }
    }

    #[test]
    fn the_third_change_in_a_row_holds_and_the_ceiling_bounds_for_how_long() {
        let mut flap = Flap::default();
        assert!(!flap.changed(secs(0), &SETTINGS));
        assert!(!flap.changed(secs(1), &SETTINGS));
        assert!(flap.changed(secs(2), &SETTINGS));
        // It is held once, however often it changes.
        for _ in 0..100 {
            assert!(!flap.changed(secs(3), &SETTINGS));
        }
        assert_eq!(flap.points(secs(3), &SETTINGS), 8000);
        assert_eq!(flap.reuse_in(secs(3), &SETTINGS), secs(180));
        assert_eq!(flap.reuse_in(secs(500), &SETTINGS), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn the_time_of_reuse_is_when_points_are_few_enough(
            milli in 0u64..10_000_000, goal in 1u64..5_000_000, half_ms in 1u64..600_000,
        ) {
            let half = Duration::from_millis(half_ms);
            let span = time_until(milli, goal, half);
            prop_assert!(decayed(milli, span, half) <= goal + 1);
            let before = span.saturating_sub(Duration::from_millis(2 + half_ms / 500));
            if before > Duration::ZERO {
                prop_assert!(decayed(milli, before, half) + 1 >= goal);
            }
        }

        #[test]
        fn points_never_grow_by_themselves(milli: u64, a in 0u64..1 << 40, b in 0u64..1 << 40) {
            let (early, late) = (a.min(b), a.max(b));
            let half = Duration::from_secs(60);
            let at = |ms| decayed(milli / 2, Duration::from_millis(ms), half);
            prop_assert!(at(late) <= at(early));
        }
    }
}
