//! Nobody is told that something is registered, or gone, before the disk has it; one save is
//! under way at a time; and what a save left on the disk can be read, wherever it was cut off.

use super::{Verdict, hold};

const RULE: &str = "saved before it is answered";

/// A save begins.
pub fn begins(alone: bool) -> Verdict {
    hold(RULE, alone, || "two saves are under way".to_owned())
}

/// What changed at `seq` is answered as done, while the disk has everything up to `saved`.
pub fn answered(seq: u64, saved: u64) -> Verdict {
    hold(RULE, saved >= seq, || {
        format!("change {seq} is answered, and the disk has {saved} for sure")
    })
}
