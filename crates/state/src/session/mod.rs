//! Sessions: a node's promise to be alive, which locks hang on.
//!
//! Source: Consul 1.22 documentation of sessions; transcripts session/*.

mod read;
mod rows;
mod write;

pub use read::SessionQuery;
pub(crate) use read::answer;
pub use rows::{Behavior, SessionRow, SessionTables};
pub use write::{SessionCommand, SessionCreate};
pub(crate) use write::{apply, end_for_check, end_for_node};
