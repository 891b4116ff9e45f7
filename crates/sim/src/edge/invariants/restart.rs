//! A restart keeps what was answered: the agent comes back as it was at some moment since its
//! last save that succeeded, with every check in a state that it had since then.

use super::{Verdict, Violation};
use crate::edge::model::{self, Model, Moment, Shown};

const RULE: &str = "a restart keeps state";

/// What came back, the first time it is shown.
pub fn came_back(model: &mut Model, shown: &Shown<'_>, now: Moment, parted: bool) -> Verdict {
    let kept = model::restarted(model, shown, now, parted);
    kept.map_err(|what| Violation { rule: RULE, what })
}
