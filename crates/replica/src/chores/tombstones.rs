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
}

impl Tombstones {
    /// Notes the current index; gives the index up to which graves may go, if there is one.
    pub fn tick(&mut self, now: Duration, current: Index) -> Option<Index> {
        let due = self.seen.back().is_none_or(|(at, _)| now >= *at + STEP);
        if due && self.seen.back().is_none_or(|(_, index)| *index != current) {
            self.seen.push_back((now, current));
        }
        let mut reap = None;
        while let Some((at, index)) = self.seen.front()
            && now >= *at + KEEP
        {
            reap = Some(*index);
            self.seen.pop_front();
        }
        reap
    }
}
