//! Network coordinates: where each node stands, so that distances can be estimated.
//!
//! Source: Consul 1.22 documentation of coordinates; transcripts status/basic, status/paths.

mod read;
mod rows;
mod write;

pub(crate) use read::answer;
pub use read::{CoordinateBody, CoordinateQuery, sort_near};
pub use rows::{Coordinate, CoordinateRow, CoordinateTables, DIMENSIONS};
pub use write::{CoordinateCommand, CoordinateUpdate};
pub(crate) use write::{apply, remove_of_node};

#[cfg(test)]
mod tests;
