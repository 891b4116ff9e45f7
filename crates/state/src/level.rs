//! The replicated `level`: what the cluster may write.
//!
//! A command belongs to the level that introduced it. The leader refuses commands above the
//! replicated level, which rises only when every server advertises it, so that rolling back works
//! until then. A program stops in front of state of a level that it does not know. Level 1 is the
//! first release.

use crate::command::Command;
use crate::outcome::Refusal;
use crate::system::SystemCommand;
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

/// State of a level that this program does not know: a later program wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("level {level} is above {known}, the highest that this program knows")]
pub struct UnknownLevel {
    /// The level that was found.
    pub level: u32,
    /// The highest level that this program can apply.
    pub known: u32,
}

/// Refuses a level that this program cannot apply.
///
/// # Errors
/// If the level is above [`LEVEL_MAX`].
pub fn known(level: Level) -> Result<(), UnknownLevel> {
    if level > LEVEL_MAX {
        return Err(UnknownLevel { level: level.0, known: LEVEL_MAX.0 });
    }
    Ok(())
}

/// Whether a cluster of this level may write a command: what leaders ask before they propose it.
///
/// # Errors
/// If it needs a higher level, or raises the level to one that this program cannot apply.
pub fn may_write(have: Level, command: &Command) -> Result<(), Refusal> {
    let need = level_of(command);
    if need > have {
        return Err(Refusal::Level { have: have.0, need: need.0 });
    }
    if let Command::System(SystemCommand::Level(level)) = command {
        known(*level).map_err(Refusal::UnknownLevel)?;
    }
    Ok(())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn raise(level: Level) -> Command {
        Command::System(SystemCommand::Level(level))
    }

    #[test]
    fn a_command_above_the_clusters_level_is_refused_with_both() {
        let below = Level(LEVEL_FIRST.0 - 1);
        let command = Command::System(SystemCommand::Barrier);
        assert_eq!(may_write(LEVEL_FIRST, &command), Ok(()));
        let refused = may_write(below, &command).expect_err("refused");
        assert_eq!(refused.to_string(), "the cluster's level 0 is below the command's level 1");
    }

    #[test]
    fn the_level_is_raised_no_higher_than_the_leader_can_apply() {
        assert_eq!(may_write(LEVEL_FIRST, &raise(LEVEL_MAX)), Ok(()));
        let refused = may_write(LEVEL_FIRST, &raise(Level(LEVEL_MAX.0 + 1))).expect_err("refused");
        assert_eq!(
            refused.to_string(),
            "the level cannot rise: level 2 is above 1, the highest that this program knows"
        );
    }
}
