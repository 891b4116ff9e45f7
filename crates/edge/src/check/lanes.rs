//! How many probes run at a time. Those that took long last time, and programs, run beside the
//! others and not in their way: a hanging target delays only its like.
//! Invariant: a probe that was started holds its place until it is reported, whatever becomes of
//! its check meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tribune_state::ids::CheckId;

use crate::facts::Lateness;

/// The most probes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbesMax {
    /// Of those whose last run was quick: above a thousand a second with a second each.
    pub quick: usize,
    /// Of those whose last run took `SLOW` or longer, each lane.
    pub slow: usize,
    /// Of programs whose last run was quick: more would only slow each other down.
    pub programs: usize,
}

impl ProbesMax {
    /// What a machine bears easily.
    pub const DEFAULT: ProbesMax = ProbesMax { quick: 2048, slow: 4096, programs: 64 };
}

/// A run that takes as long as this is slow.
pub const SLOW: Duration = Duration::from_secs(1);

/// With whom a probe shares a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub is_program: bool,
    pub is_slow: bool,
}

/// Which registration of which check.
pub(crate) type Registration = (CheckId, u64);

/// The probes under way, and those that wait for them.
#[derive(Debug)]
pub(crate) struct Lanes {
    limits: ProbesMax,
    running: BTreeMap<Registration, Lane>,
    counts: [usize; 4],
    waiting: [VecDeque<Registration>; 4],
    /// How late those that were reported had begun.
    pub late: Lateness,
}

#[expect(clippy::indexing_slicing, reason = "the number of a lane is below 4")]
impl Lanes {
    pub fn new(limits: ProbesMax) -> Lanes {
        Lanes {
            limits,
            running: BTreeMap::new(),
            counts: [0; 4],
            waiting: std::array::from_fn(|_| VecDeque::new()),
            late: Lateness::default(),
        }
    }

    /// Takes a place, or waits for one; true if it may start now.
    pub fn enter(&mut self, registration: Registration, lane: Lane) -> bool {
        if !self.has_room(lane) {
            self.waiting[lane.number()].push_back(registration);
            return false;
        }
        self.counts[lane.number()] += 1;
        self.running.insert(registration, lane);
        true
    }

    /// A probe has been reported; false if none was under way.
    pub fn leave(&mut self, registration: &Registration) -> bool {
        let Some(lane) = self.running.remove(registration) else { return false };
        self.counts[lane.number()] -= 1;
        true
    }

    /// One that waited and may start now, if its check still wants to. Its place is not taken.
    pub fn next(&mut self) -> Option<Registration> {
        let with_room = Lane::ALL.into_iter().filter(|lane| self.has_room(*lane));
        let numbers: Vec<usize> = with_room.map(Lane::number).collect();
        numbers.into_iter().find_map(|number| self.waiting[number].pop_front())
    }

    /// How many probes are under way.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// How many wait for a place.
    pub fn waiting(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    fn has_room(&self, lane: Lane) -> bool {
        let limit = match (lane.is_slow, lane.is_program) {
            (true, _) => self.limits.slow,
            (false, true) => self.limits.programs,
            (false, false) => self.limits.quick,
        };
        self.counts[lane.number()] < limit.max(1)
    }
}

impl Lane {
    const ALL: [Lane; 4] = [
        Lane { is_program: false, is_slow: false },
        Lane { is_program: true, is_slow: false },
        Lane { is_program: false, is_slow: true },
        Lane { is_program: true, is_slow: true },
    ];

    fn number(self) -> usize {
        usize::from(self.is_program) + 2 * usize::from(self.is_slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Lane = Lane { is_program: false, is_slow: false };
    const STUCK: Lane = Lane { is_program: false, is_slow: true };

    fn lanes() -> Lanes {
        Lanes::new(ProbesMax { quick: 2, slow: 1, programs: 1 })
    }

    #[test]
    fn who_finds_no_room_comes_next_in_the_order_of_arrival() {
        let mut lanes = lanes();
        let ids: Vec<Registration> = (0..4).map(|n| (format!("c{n}").as_str().into(), n)).collect();
        let entered: Vec<bool> = ids.iter().map(|id| lanes.enter(id.clone(), QUICK)).collect();
        assert_eq!(entered, [true, true, false, false]);
        assert_eq!((lanes.running(), lanes.waiting(), lanes.next()), (2, 2, None));
        assert!(lanes.leave(&ids[1]) && !lanes.leave(&ids[1]) && !lanes.leave(&ids[2]));
        assert_eq!(lanes.next(), Some(ids[2].clone()));
        assert!(lanes.enter(ids[2].clone(), QUICK));
        assert_eq!(lanes.next(), None);
    }

    #[test]
    fn the_stuck_do_not_take_the_places_of_the_quick() {
        let mut lanes = lanes();
        assert!(lanes.enter(("a".into(), 1), STUCK));
        assert!(!lanes.enter(("b".into(), 1), STUCK));
        assert!(lanes.enter(("c".into(), 1), QUICK));
        assert!(lanes.enter(("d".into(), 1), Lane { is_program: true, is_slow: false }));
    }
}
