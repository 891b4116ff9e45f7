//! Snapshot files are read as they were written, or refused; writing one never harms another.

use proptest::prelude::*;

use super::*;
use crate::crash_disk::{CrashDisk, Dice, Trouble};
use crate::mem_disk::MemDisk;

fn meta(index: u64) -> SnapshotMeta {
    SnapshotMeta { index, term: 3, extra: b"voters".to_vec() }
}

fn chunks() -> Vec<Vec<u8>> {
    vec![b"one".to_vec(), Vec::new(), vec![7; 5000]]
}

fn only_file(disk: &dyn Disk) -> String {
    list(disk).unwrap().remove(0).file
}

/// The file with `change` applied to its bytes.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Result<SnapshotMeta, SnapshotError> {
    let mut disk = MemDisk::new();
    write(&mut disk, &meta(9), chunks()).unwrap();
    let file = only_file(&disk);
    let mut bytes = disk.read(&file, 0, usize::MAX).unwrap();
    change(&mut bytes);
    disk.truncate(&file, 0).unwrap();
    disk.write(&file, 0, &bytes).unwrap();
    verify(&disk, &file)
}

#[test]
fn the_two_newest_are_kept() {
    let mut disk = MemDisk::new();
    for index in [5, 1_000_000, 70] {
        write(&mut disk, &meta(index), chunks()).unwrap();
    }
    let kept: Vec<u64> = list(&disk).unwrap().iter().map(|found| found.index).collect();
    assert_eq!(kept, [1_000_000, 70]);
}

#[test]
fn every_changed_byte_and_every_cut_is_found() {
    assert_eq!(changed(|_| {}), Ok(meta(9)));
    let mut len = 0;
    changed(|bytes| len = bytes.len()).unwrap();
    for at in (0..len).filter(|at| *at < 120 || len - *at < 60 || at % 97 == 0) {
        changed(|bytes| bytes[at] ^= 0x40).unwrap_err();
        changed(|bytes| bytes.truncate(at)).unwrap_err();
    }
    changed(|bytes| bytes.push(0)).unwrap_err();
}

#[test]
fn a_snapshot_under_the_name_of_another_is_refused() {
    let mut disk = MemDisk::new();
    write(&mut disk, &meta(9), chunks()).unwrap();
    disk.rename(&only_file(&disk), &file_name(10, 3)).unwrap();
    let refused = verify(&disk, &only_file(&disk));
    assert!(matches!(refused, Err(SnapshotError::Corrupt { offset: 0, .. })), "{refused:?}");
}

#[test]
fn a_newer_format_is_named() {
    let refused = changed(|bytes| bytes[8] = 2);
    assert!(matches!(refused, Err(SnapshotError::NewerVersion { found: 2, .. })), "{refused:?}");
}

#[test]
fn chunks_and_extras_above_their_limits_are_refused_and_leave_nothing() {
    let mut disk = MemDisk::new();
    let long = write(&mut disk, &meta(1), [vec![0; CHUNK_BYTES_MAX + 1]]).unwrap_err();
    assert_eq!(
        long.to_string(),
        "a snapshot's chunk of 16777217 bytes exceeds the limit of 16777216"
    );
    let extra = SnapshotMeta { extra: vec![0; EXTRA_BYTES_MAX + 1], ..meta(1) };
    write(&mut disk, &extra, []).unwrap_err();
    assert!(disk.list().unwrap().is_empty());
}

#[test]
fn a_full_disk_leaves_the_older_snapshots() {
    let mut disk = MemDisk::new();
    write(&mut disk, &meta(1), chunks()).unwrap();
    disk.set_capacity(Some(disk.used_bytes() + 100));
    let full = write(&mut disk, &meta(2), chunks());
    assert_eq!(full, Err(SnapshotError::Disk(DiskError::Full)));
    assert_eq!(disk.list().unwrap().len(), 1);
    verify(&disk, &only_file(&disk)).unwrap();
}

#[test]
fn a_power_cut_at_any_call_leaves_whole_snapshots_only() {
    for calls in 0..12 {
        for seed in 0..20 {
            let mut disk = CrashDisk::default();
            for index in [1, 2] {
                write(&mut disk, &meta(index), chunks()).unwrap();
            }
            disk.set_trouble(Some(Trouble::PowerFails { calls }));
            let written = write(&mut disk, &meta(3), chunks()).is_ok();
            let after = disk.after_power_cut(&mut Dice(seed));
            let found = list(&after).unwrap();
            for snapshot in &found {
                assert_eq!(verify(&after, &snapshot.file), Ok(meta(snapshot.index)));
            }
            assert!(found.len() >= 2, "{calls} {seed}: {found:?}");
            assert!(found[0].index == 3 || !written);
        }
    }
}

proptest! {
    #[test]
    fn a_snapshot_is_read_as_it_was_written(
        index: u64,
        term: u64,
        extra in prop::collection::vec(any::<u8>(), 0..50),
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
    ) {
        let mut disk = MemDisk::new();
        let meta = SnapshotMeta { index, term, extra };
        let bytes = write(&mut disk, &meta, chunks.clone()).unwrap();
        let file = only_file(&disk);
        prop_assert_eq!(bytes, disk.len(&file).unwrap());
        let (found, mut reader) = open(&disk, &file).unwrap();
        prop_assert_eq!(found, meta);
        prop_assert_eq!(reader.read_all(&disk).unwrap(), chunks);
    }

    #[test]
    fn any_bytes_are_refused(
        sound_head: bool,
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        kind in 0u8..4,
    ) {
        let mut disk = MemDisk::new();
        let file = file_name(9, 3);
        let mut content = if sound_head { encode_head(&meta(9)).unwrap() } else { Vec::new() };
        content.push(kind);
        content.extend_from_slice(&bytes);
        disk.create(&file, 0).unwrap();
        disk.write(&file, 0, &content).unwrap();
        prop_assert!(verify(&disk, &file).is_err());
    }
}
