//! The log through its own interface: what is written is found again, what is damaged is refused.

use bytes::Bytes;

use super::*;
use crate::crash_disk::{CrashDisk, Dice, Trouble};
use crate::mem_disk::MemDisk;
use crate::segment;

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

#[test]
fn batches_that_break_the_rules_are_refused_and_change_nothing() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    let hard_state = Some(HardState { term: 1, vote: 0, commit: 2 });
    wal.append(&Batch { hard_state, ..numbered(1, 4, 10) }).unwrap();
    let past_end = Some(HardState { term: 1, vote: 0, commit: 5 });
    let too_long = vec![entry(5, 1, &vec![0; 40 << 20]), entry(6, 1, &vec![0; 40 << 20])];
    let cases = [
        (numbered(6, 6, 1), "entry 6 leaves a gap after 4"),
        (numbered(2, 2, 1), "entry 2 overwrites what is committed up to 2"),
        (batch(vec![entry(5, 1, b""), entry(7, 1, b"")]), "entry 7 follows 5"),
        (Batch { entries: vec![], hard_state: past_end }, "commit 5 lies past the last entry 4"),
        (batch(too_long), "2 entries are too long for one batch"),
    ];
    for (batch, reason) in cases {
        let refused = AppendError::Refused { reason: reason.to_owned() };
        assert_eq!(wal.append(&batch), Err(refused));
    }
    wal.append(&numbered(5, 5, 1)).unwrap();
    assert_eq!(reopen(wal.disk()).1.entries.len(), 5);
}

#[test]
fn an_append_is_one_write_and_one_sync() {
    let (mut wal, _) = Wal::open(CrashDisk::default(), small()).unwrap();
    for calls in [0, 1] {
        let disk = wal.disk().after_kill();
        let (mut wal, _) = Wal::open(disk, small()).unwrap();
        wal.disk().set_trouble(Some(Trouble::PowerFails { calls }));
        assert!(matches!(wal.append(&numbered(1, 3, 10)), Err(AppendError::Fatal { .. })));
    }
    wal.disk().set_trouble(Some(Trouble::PowerFails { calls: 2 }));
    wal.append(&numbered(1, 3, 10)).unwrap();
}

#[test]
fn a_failed_sync_ends_the_log() {
    let (mut wal, _) = Wal::open(CrashDisk::default(), small()).unwrap();
    wal.disk().set_trouble(Some(Trouble::SyncFails { calls: 0 }));
    let failed = wal.append(&numbered(1, 1, 10)).unwrap_err();
    assert!(failed.to_string().contains("the sectors are gone"), "{failed}");
    wal.disk().set_trouble(None);
    assert_eq!(wal.append(&numbered(1, 1, 10)), Err(failed.clone()));
    assert_eq!(wal.append(&Batch::default()), Err(failed.clone()));
    assert_eq!(wal.close_frame(), Err(failed));
    assert!(wal.plan_next_segment().is_none());
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was() {
    let disk = MemDisk::new();
    let (mut wal, _) = Wal::open(disk.clone(), small()).unwrap();
    wal.append(&numbered(1, 1, 3000)).unwrap();
    disk.set_capacity(Some(disk.used_bytes() + 4096));
    assert_eq!(wal.append(&numbered(2, 2, 3000)), Err(AppendError::Full));
    assert_eq!((wal.last_index(), disk.list().unwrap().len()), (1, 1));
    // What still fits where space is reserved goes through.
    wal.append(&numbered(2, 2, 100)).unwrap();
    disk.set_capacity(None);
    wal.append(&numbered(3, 3, 3000)).unwrap();
    let (_, recovered) = reopen(&disk);
    assert_eq!(
        recovered.entries,
        [1, 2, 3].map(|at| { entry(at, 1, &vec![0x55; if at == 2 { 100 } else { 3000 }]) })
    );
}

#[test]
fn a_batch_that_found_the_disk_full_never_counts_even_if_all_of_it_was_written() {
    for seed in 0..50 {
        let (mut wal, _) = Wal::open(CrashDisk::default(), small()).unwrap();
        wal.append(&numbered(1, 1, 100)).unwrap();
        wal.disk().set_trouble(Some(Trouble::WriteFindsFull { calls: 0, times: 1, seed }));
        assert_eq!(wal.append(&numbered(2, 3, 20)), Err(AppendError::Full));
        let (_, recovered) = Wal::open(wal.disk().after_kill(), small()).unwrap();
        assert_eq!(recovered.entries.len(), 1);
    }
}

#[test]
fn the_ballast_is_spent_before_a_batch_is_refused() {
    let disk = MemDisk::new();
    let options = WalOptions { ballast_bytes: 16384, ..small() };
    let (mut wal, _) = Wal::open(disk.clone(), options.clone()).unwrap();
    assert!(wal.restore_ballast().unwrap());
    disk.set_capacity(Some(disk.used_bytes()));
    let mut index = 0;
    while wal.space() == Space::Ample {
        index += 1;
        wal.append(&numbered(index, index, 500)).unwrap();
    }
    // Now only what frees space should come, and it can be logged.
    index += 1;
    wal.append(&numbered(index, index, 500)).unwrap();
    let (mut wal, recovered) = Wal::open(disk.deep_copy(), options).unwrap();
    assert_eq!(recovered.entries.len() as u64, index);
    assert_eq!(wal.space(), Space::Low);
    assert!(!wal.restore_ballast().unwrap());
    wal.disk().set_capacity(None);
    assert!(wal.restore_ballast().unwrap());
    assert_eq!(wal.space(), Space::Ample);
}

#[test]
fn a_log_that_is_never_idle_has_its_ballast_before_it_grows() {
    let options = WalOptions { ballast_bytes: 16384, ..small() };
    let (mut wal, _) = Wal::open(MemDisk::new(), options.clone()).unwrap();
    wal.append(&numbered(1, 1, 3000)).unwrap();
    assert!(!wal.disk().list().unwrap().contains(&"ballast".to_owned()));
    wal.append(&numbered(2, 2, 3000)).unwrap();
    assert!(wal.disk().list().unwrap().contains(&"ballast".to_owned()));
    let disk = MemDisk::new();
    let (mut wal, _) = Wal::open(disk.clone(), options).unwrap();
    disk.set_capacity(Some(disk.used_bytes() + 16384));
    wal.append(&numbered(1, 2, 3000)).unwrap();
    assert_eq!(wal.space(), Space::Low, "there is no room for a ballast");
}

#[test]
fn compaction_keeps_the_hard_state_though_the_active_segment_is_still_empty() {
    let (mut wal, _) = Wal::open(CrashDisk::default(), small()).unwrap();
    let hard_state = HardState { term: 9, vote: 2, commit: 3 };
    wal.append(&Batch { hard_state: Some(hard_state), ..numbered(1, 3, 1000) }).unwrap();
    // Create, write, sync, rename, sync of names go well; the batch itself finds the disk full.
    wal.disk().set_trouble(Some(Trouble::WriteFindsFull { calls: 6, times: 1, seed: 1 }));
    assert_eq!(wal.append(&numbered(4, 6, 1000)), Err(AppendError::Full));
    assert_eq!(wal.disk().list().unwrap().len(), 2, "a new segment was begun");
    wal.disk().set_trouble(None);
    wal.save_snapshot(&meta(3, 1), []).unwrap();
    assert_eq!(wal.compact(3), Ok(0));
    let disk = wal.disk().after_power_cut(&mut Dice(3));
    assert_eq!(Wal::open(disk, small()).unwrap().1.hard_state, hard_state);
}

#[test]
fn a_reset_goes_on_after_the_snapshot() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    for index in 1..=40 {
        wal.append(&numbered(index, index, 700)).unwrap();
    }
    wal.save_snapshot(&meta(30, 5), []).unwrap();
    let hard_state = HardState { term: 5, vote: 0, commit: 30 };
    wal.reset(30, Some(hard_state)).unwrap();
    assert_eq!((wal.first_index(), wal.last_index()), (31, 30));
    wal.append(&batch(vec![entry(31, 5, b"next")])).unwrap();
    let (wal, recovered) = reopen(wal.disk());
    assert_eq!(recovered.entries, [entry(31, 5, b"next")]);
    assert_eq!(recovered.hard_state, hard_state);
    assert_eq!(wal.disk().list().unwrap().len(), 2, "a snapshot and one segment are left");
}

#[test]
fn a_segment_planned_beside_the_log_is_adopted_only_if_the_log_waited() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    assert!(wal.plan_next_segment().is_none(), "an empty segment needs no successor");
    wal.append(&numbered(1, 1, 2500)).unwrap();
    let plan = wal.plan_next_segment().unwrap();
    plan.run(&mut wal.disk().clone()).unwrap();
    let late = plan.clone();
    assert!(wal.adopt_segment(plan).unwrap());
    assert!(wal.plan_next_segment().is_none());
    wal.append(&numbered(2, 2, 2500)).unwrap();
    late.run(&mut wal.disk().clone()).unwrap();
    assert!(!wal.adopt_segment(late).unwrap());
    assert_eq!(wal.disk().list().unwrap(), [segment::name(1), segment::name(2)]);
    assert_eq!(reopen(wal.disk()).1.entries.len(), 2);
}

#[test]
fn segments_double_up_to_their_limit_and_one_large_batch_gets_a_file_of_its_size() {
    let (mut wal, _) = Wal::open(MemDisk::new(), small()).unwrap();
    for index in 1..=58 {
        wal.append(&numbered(index, index, 2000)).unwrap();
    }
    wal.append(&numbered(59, 59, 100_000)).unwrap();
    wal.append(&numbered(60, 60, 3000)).unwrap();
    let names = wal.disk().list().unwrap();
    let lengths: Vec<u64> = names.iter().map(|name| wal.disk().len(name).unwrap()).collect();
    assert_eq!(lengths, [8192, 16384, 32768, 32768, 32768, 32768, 106_496, 32768]);
    assert_eq!(wal.file_bytes(), lengths.iter().sum::<u64>());
    assert_eq!(reopen(wal.disk()).1.entries.len(), 60);
}

#[test]
fn bytes_count_what_a_snapshot_would_make_superfluous() {
    let options = WalOptions { segment_bytes_first: 1 << 20, ..small() };
    let (mut wal, _) = Wal::open(MemDisk::new(), options).unwrap();
    for index in 1..=200 {
        wal.append(&numbered(index, index, 4000)).unwrap();
    }
    let all = wal.bytes();
    assert!(all > 800_000);
    wal.compact(100).unwrap();
    let half = wal.bytes();
    assert!((350_000..480_000).contains(&half), "{half} of {all}");
    wal.compact(200).unwrap();
    assert_eq!(wal.bytes(), 0);
}
