//! Deadlines in order: what is due, and when the next one is. It does not know what they are for.
//! Invariant: a name has at most one deadline, so that setting one again leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tribune_state::ids::CheckId;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    /// A check is to run.
    Run(CheckId),
    /// A TTL check has not been heard of for too long.
    Ttl(CheckId),
    /// A check has been critical for as long as its service may be.
    Remove(CheckId),
    /// Nothing is due: that it comes late shows how long the machine slept.
    Awake,
    /// The catalog is to hear of a new output.
    Output(CheckId),
    /// A check is to look at the node it follows.
    Follow(CheckId),
    /// A check that was held for flapping may be let go.
    Reuse(CheckId),
    /// The catalog is to be compared with what is registered here.
    FullSync,
    /// What changed is to be put on disk.
    Persist,
}

impl Alarm {
    /// True for deadlines of silence and of removal, which must not count what the machine sleeps.
    pub fn is_absence(&self) -> bool {
        matches!(self, Alarm::Ttl(_) | Alarm::Remove(_))
    }
}

/// The deadlines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alarms {
    order: BTreeSet<(Duration, Alarm)>,
    times: BTreeMap<Alarm, Duration>,
}

impl Alarms {
    /// Sets a deadline, in place of the one of the same name.
    pub fn set(&mut self, alarm: Alarm, at: Duration) {
        if let Some(old) = self.times.insert(alarm.clone(), at) {
            self.order.remove(&(old, alarm.clone()));
        }
        self.order.insert((at, alarm));
    }

    /// Forgets a deadline.
    pub fn clear(&mut self, alarm: &Alarm) {
        if let Some(old) = self.times.remove(alarm) {
            self.order.remove(&(old, alarm.clone()));
        }
    }

    /// When this one is due.
    pub fn time(&self, alarm: &Alarm) -> Option<Duration> {
        self.times.get(alarm).copied()
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Duration> {
        self.order.first().map(|(at, _)| *at)
    }

    /// True if there is a deadline that must not count what the machine sleeps.
    pub fn has_absence(&self) -> bool {
        let first = Alarm::Ttl(CheckId::default());
        self.times.range(first..).next().is_some_and(|(alarm, _)| alarm.is_absence())
    }

    /// Takes the earliest one that is due, with its time.
    pub fn pop_due(&mut self, now: Duration) -> Option<(Duration, Alarm)> {
        if self.next()? > now {
            return None;
        }
        let (at, alarm) = self.order.pop_first()?;
        self.times.remove(&alarm);
        Some((at, alarm))
    }

    /// Moves every deadline of the chosen ones by `span`.
    pub fn postpone(&mut self, span: Duration, chosen: impl Fn(&Alarm) -> bool) {
        let moved: Vec<_> = self.order.iter().filter(|(_, alarm)| chosen(alarm)).cloned().collect();
        for (at, alarm) in moved {
            self.set(alarm, at + span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(name: u8) -> Alarm {
        Alarm::Run(CheckId::from(name.to_string()))
    }

    proptest! {
        #[test]
        fn alarms_agree_with_a_plain_list(
            steps in prop::collection::vec((0u8..6, 0u64..50, 0u8..4), 1..200),
        ) {
            let mut alarms = Alarms::default();
            let mut plain: Vec<(Duration, Alarm)> = Vec::new();
            for (name, at, verb) in steps {
                let (at, alarm) = (Duration::from_secs(at), run(name));
                match verb {
                    0 | 1 => {
                        alarms.set(alarm.clone(), at);
                        plain.retain(|(_, other)| *other != alarm);
                        plain.push((at, alarm));
                    }
                    2 => {
                        alarms.clear(&alarm);
                        plain.retain(|(_, other)| *other != alarm);
                    }
                    _ => {
                        plain.sort();
                        let due = plain.first().is_some_and(|(first, _)| *first <= at);
                        let expected = if due { Some(plain.remove(0)) } else { None };
                        prop_assert_eq!(alarms.pop_due(at), expected);
                    }
                }
                prop_assert_eq!(alarms.next(), plain.iter().map(|(at, _)| *at).min());
            }
        }
    }
}
