//! The log through its own interface: what is written is found again, what is damaged is refused.

use bytes::Bytes;

use super::*;
use crate::mem_disk::MemDisk;

fn small() -> WalOptions {
    let mut options = WalOptions::salted(7);
    options.segment_bytes_first = 8192;
    options.segment_bytes_max = 32768;
    options.ballast_bytes = 0;
    options
}

fn entry(index: u64, term: u64, data: &[u8]) -> LogEntry {
    LogEntry { index, term, kind: 1, data: Bytes::copy_from_slice(data) }
}

fn batch(entries: Vec<LogEntry>) -> Batch {
    Batch { entries, hard_state: None }
}

fn numbered(from: u64, to: u64, bytes: usize) -> Batch {
    batch((from..=to).map(|index| entry(index, 1, &vec![0x55; bytes])).collect())
}

fn reopen(disk: &MemDisk) -> (Wal<MemDisk>, Recovered) {
    Wal::open(disk.deep_copy(), small()).unwrap()
}

fn meta(index: u64, term: u64) -> SnapshotMeta {
    SnapshotMeta { index, term, extra: b"extra".to_vec() }
}

#[test]
fn a_new_directory_has_an_empty_log() {
    let (wal, recovered) = Wal::open(MemDisk::new(), small()).unwrap();
    assert_eq!((wal.first_index(), wal.last_index()), (1, 0));
    assert_eq!(recovered.entries, []);
    assert!(recovered.snapshot.is_none());
    let (wal, _) = reopen(wal.disk());
    assert_eq!(wal.last_index(), 0);
}

#[test]
fn batches_and_hard_state_are_found_again() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    let hard_state = HardState { term: 3, vote: 2, commit: 1 };
    wal.append(&Batch { entries: vec![entry(1, 1, b"a")], hard_state: Some(hard_state) }).unwrap();
    wal.append(&batch(vec![entry(2, 3, b""), entry(3, 3, b"ccc")])).unwrap();
    let (wal, recovered) = reopen(wal.disk());
    assert_eq!(recovered.hard_state, hard_state);
    assert_eq!(recovered.entries, [entry(1, 1, b"a"), entry(2, 3, b""), entry(3, 3, b"ccc")]);
    assert_eq!((wal.last_index(), wal.hard_state()), (3, hard_state));
}

#[test]
fn a_batch_may_overwrite_the_uncommitted_end() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    wal.append(&numbered(1, 5, 10)).unwrap();
    wal.append(&batch(vec![entry(3, 2, b"new")])).unwrap();
    let (wal, recovered) = reopen(wal.disk());
    assert_eq!(wal.last_index(), 3);
    assert_eq!(recovered.entries.last(), Some(&entry(3, 2, b"new")));
}

#[test]
fn the_log_goes_on_over_many_segments() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    for index in 1..=200 {
        wal.append(&numbered(index, index, 700)).unwrap();
        wal.prepare_next_segment().unwrap();
    }
    let segments = wal.disk().list().unwrap();
    assert!(segments.len() > 4, "{segments:?}");
    let (_, recovered) = reopen(wal.disk());
    assert_eq!(recovered.entries.len(), 200);
}

#[test]
fn compaction_drops_covered_segments_and_the_snapshot_stands_for_them() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    for index in 1..=200 {
        wal.append(&numbered(index, index, 700)).unwrap();
    }
    let before = wal.bytes();
    wal.save_snapshot(&meta(150, 1), [b"one".to_vec(), Vec::new(), b"two".to_vec()]).unwrap();
    assert!(wal.compact(150).unwrap() > 1);
    assert!(wal.bytes() < before);
    assert_eq!((wal.first_index(), wal.last_index()), (151, 200));
    let (wal, mut recovered) = reopen(wal.disk());
    let (found, mut reader) = recovered.snapshot.take().unwrap();
    assert_eq!(found, meta(150, 1));
    let chunks = reader.read_all(wal.disk()).unwrap();
    assert_eq!(chunks, [b"one".to_vec(), Vec::new(), b"two".to_vec()]);
    assert_eq!(recovered.entries.first().map(|entry| entry.index), Some(151));
    assert_eq!(recovered.hard_state.commit, 150);
    assert_eq!(wal.last_index(), 200);
}
