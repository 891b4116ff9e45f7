//! The replicated `level`: what the cluster may write.
//!
//! A command belongs to the level that introduced it. The leader refuses commands above the
//! replicated level, which rises only when every server advertises it, so that rolling back works
//! until then. Level 1 is the first release.

use crate::command::Command;
use serde::{Deserialize, Serialize};

/// A version of the command set and of the rules that apply it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Level(pub u32);

/// The first release's commands.
pub const LEVEL_FIRST: Level = Level(1);

/// The highest level that this program can apply.
pub const LEVEL_MAX: Level = LEVEL_FIRST;

/// The level a command needs.
pub fn level_of(command: &Command) -> Level {
    match command {
        Command::Kv(_)
        | Command::Session(_)
        | Command::Catalog(_)
        | Command::Txn(_)
        | Command::Connect(_)
        | Command::System(_)
        | Command::Coordinate(_) => LEVEL_FIRST,
    }
}
