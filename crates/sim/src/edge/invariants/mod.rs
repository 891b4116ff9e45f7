//! What must hold in every world of an agent, one rule a file. A rule is told what was seen and
//! refuses it. None of them looks into the brain: they see what it shows, asks for and answers,
//! what the catalog holds, and what the disk brings back.

pub mod converges;
pub mod critical_time;
pub mod foreign;
pub mod journal;
pub mod removal_time;
pub mod restart;
pub mod result;
pub mod told;
pub mod zombie;

pub use crate::verdict::{Verdict, Violation, hold};

/// The rules that remember something.
#[derive(Debug, Default)]
pub struct Rules {
    pub foreign: foreign::Foreign,
    pub zombie: zombie::Zombies,
}
