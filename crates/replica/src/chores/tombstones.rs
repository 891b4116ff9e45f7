//! Forgets the graves of deleted keys after a while. Source: surface B.1: about 15 minutes, in
//! steps of 30 seconds.

use std::collections::VecDeque;
use std::time::Duration;
use tribune_state::Index;

/// How long a grave is kept.
const KEEP: Duration = Duration::from_secs(15 * 60);

/// How exactly that is measured.
const STEP: Duration = Duration::from_secs(30);

/// Remembers which index was current when.
#[derive(Debug, Default)]
pub(crate) struct Tombstones {
    seen: VecDeque<(Duration, Index)>,
    /// Graves up to here are old enough.
    due: Index,
}

/// How many graves one entry takes away, so that applying it is short.
pub(crate) const GRAVES_PER_ENTRY_MAX: u32 = 1024;

impl Tombstones {
    /// Notes the current index; gives the index up to which graves may go, if the oldest may.
    pub fn tick(&mut self, now: Duration, current: Index, oldest: Option<Index>) -> Option<Index> {
        let due = self.seen.back().is_none_or(|(at, _)| now >= *at + STEP);
        if due && self.seen.back().is_none_or(|(_, index)| *index != current) {
            self.seen.push_back((now, current));
        }
        while let Some((at, index)) = self.seen.front()
            && now >= *at + KEEP
        {
            self.due = *index;
            self.seen.pop_front();
        }
        oldest.filter(|oldest| *oldest <= self.due).map(|_| self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graves_go_after_their_time_and_are_asked_for_until_the_last_is_gone() {
        let mut tombstones = Tombstones::default();
        let oldest = Some(Index(5));
        assert_eq!(tombstones.tick(Duration::ZERO, Index(7), oldest), None);
        assert_eq!(tombstones.tick(KEEP - STEP, Index(9), oldest), None);
        for _ in 0..3 {
            assert_eq!(tombstones.tick(KEEP, Index(9), oldest), Some(Index(7)));
        }
        assert_eq!(tombstones.tick(KEEP, Index(9), Some(Index(8))), None);
        assert_eq!(tombstones.tick(KEEP, Index(9), None), None);
    }
}
