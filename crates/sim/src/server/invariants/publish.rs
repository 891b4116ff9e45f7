//! Who gets an answer can read it: the state that an answer stands on was published before.

use super::{Verdict, hold};

/// An answer that stands on a position leaves while a state is the published one.
pub fn answered(at: u64, published: u64) -> Verdict {
    hold("publish before reply", published >= at, || {
        format!("an answer stands on {at}, readers see {published}")
    })
}
