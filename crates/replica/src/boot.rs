//! From recovered bytes to a replica, and from a state to a snapshot's bytes.
//!
//! Shared by every shell, so that the simulator restarts servers the way the node does. It reads
//! and writes through [`Disk`] only, and is not the log itself: that is opened by the shell.

use crate::effect::SnapshotOrder;
use crate::replica::{Replica, ReplicaConfig, StartError};
use std::time::Duration;
use tribune_durable::{Disk, Recovered, SnapshotError, SnapshotMeta, snapshot_file};
use tribune_state::{RestoreError, SnapshotRecord, Store, View};

/// Why recovered bytes did not become a replica.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// A snapshot cannot be read.
    #[error("the snapshot cannot be read: {0}")]
    Snapshot(#[from] SnapshotError),
    /// A snapshot's contents cannot be loaded.
    #[error("the snapshot cannot be loaded: {0}")]
    Restore(#[from] RestoreError),
    /// The snapshot was written by a later program.
    #[error("the snapshot's head is not understood")]
    Voters,
    /// The replica refused what was recovered.
    #[error(transparent)]
    Replica(#[from] StartError),
}

/// How large the chunks of a snapshot file are.
const SNAPSHOT_CHUNK_BYTES: usize = 256 << 10;

/// The format of a snapshot's head.
const VOTERS_FORMAT: u8 = 1;

/// Makes a replica of what the log's recovery found. The voters of a snapshot replace those of
/// the configuration.
///
/// # Errors
/// If the snapshot cannot be read or loaded, or the replica refuses what was recovered.
pub fn boot(
    disk: &dyn Disk,
    recovered: Recovered,
    mut config: ReplicaConfig,
    now: Duration,
) -> Result<Replica, BootError> {
    let (store, term) = match recovered.snapshot {
        Some((meta, mut reader)) => {
            let chunks = reader.read_all(disk)?;
            config.voters = decode_voters(&meta.extra).ok_or(BootError::Voters)?;
            (restore(&config, &chunks)?, meta.term)
        }
        None => (Store::default(), 0),
    };
    let (hard_state, entries) = (recovered.hard_state, recovered.entries);
    Ok(Replica::new(config, now, store, term, hard_state, entries)?)
}

/// Writes a snapshot that a replica ordered; gives the file's length. It may run on any handle of
/// the directory, beside the log.
///
/// # Errors
/// As [`snapshot_file::write`].
pub fn write_snapshot(disk: &mut dyn Disk, order: &SnapshotOrder) -> Result<u64, SnapshotError> {
    let extra = encode_voters(&order.voters);
    let meta = SnapshotMeta { index: order.index, term: order.term, extra };
    snapshot_file::write(disk, &meta, Chunks { view: &order.view, records: None })
}

#[cfg(not(feature = "planted-bugs"))]
fn restore(_config: &ReplicaConfig, chunks: &[Vec<u8>]) -> Result<Store, RestoreError> {
    Store::restore(chunks.iter().map(Vec::as_slice))
}

#[cfg(feature = "planted-bugs")]
fn restore(config: &ReplicaConfig, chunks: &[Vec<u8>]) -> Result<Store, RestoreError> {
    let mut store = Store::restore(chunks.iter().map(Vec::as_slice))?;
    if config.bug == Some(crate::replica::Bug::ForgetIndexes) {
        store.forget_indexes();
    }
    Ok(store)
}

/// Whole records gathered into chunks.
struct Chunks<'a> {
    view: &'a View,
    records: Option<Box<dyn Iterator<Item = SnapshotRecord<'a>> + 'a>>,
}

impl Iterator for Chunks<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let view = self.view;
        let records = self.records.get_or_insert_with(|| Box::new(view.records()));
        let mut chunk = Vec::with_capacity(SNAPSHOT_CHUNK_BYTES);
        for record in records.by_ref() {
            record.put(&mut chunk);
            if chunk.len() >= SNAPSHOT_CHUNK_BYTES {
                break;
            }
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}

fn encode_voters(voters: &[u64]) -> Vec<u8> {
    let mut bytes = vec![VOTERS_FORMAT];
    for voter in voters {
        bytes.extend_from_slice(&voter.to_be_bytes());
    }
    bytes
}

fn decode_voters(bytes: &[u8]) -> Option<Vec<u64>> {
    let (format, rest) = bytes.split_first()?;
    if *format != VOTERS_FORMAT || rest.len() % 8 != 0 {
        return None;
    }
    rest.chunks_exact(8).map(|bytes| bytes.try_into().ok().map(u64::from_be_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn voters_are_read_as_they_are_written(voters: Vec<u64>, bytes: Vec<u8>) {
            prop_assert_eq!(decode_voters(&encode_voters(&voters)), Some(voters));
            if let Some(read) = decode_voters(&bytes) {
                prop_assert_eq!(encode_voters(&read), bytes);
            }
        }
    }
}
