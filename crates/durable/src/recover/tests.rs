//! Damage of every kind: told apart from a torn end, named by file and offset, never a panic.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::batch::Batch;
use crate::mem_disk::MemDisk;
use crate::wal::Wal;

const FIRST: &str = "wal-0000000000000001";
const SECOND: &str = "wal-0000000000000002";

fn options() -> WalOptions {
    let mut options = WalOptions::salted(3);
    options.segment_bytes_first = 8192;
    options.segment_bytes_max = 16384;
    options.ballast_bytes = 0;
    options
}

fn entry(index: u64, bytes: usize) -> LogEntry {
    LogEntry { index, term: 1, kind: 0, data: Bytes::from(vec![0xa7; bytes]) }
}

fn open(disk: &MemDisk) -> Result<(Wal<MemDisk>, Recovered), OpenError> {
    Wal::open(disk.deep_copy(), options())
}

/// A log of one-entry batches, and where each batch begins.
fn log_of(batches: u64, bytes: usize) -> (Wal<MemDisk>, Vec<(String, u64)>) {
    let (mut wal, _) = Wal::open(MemDisk::new(), options()).unwrap();
    let mut starts = Vec::new();
    let frame_bytes =
        (frame::FRAME_HEADER_BYTES + frame::body_bytes(&[entry(1, bytes)]).unwrap()) as u64;
    let (mut file, mut offset) = (1, FRAMES_OFFSET);
    for index in 1..=batches {
        wal.append(&Batch { entries: vec![entry(index, bytes)], hard_state: None }).unwrap();
        let files = wal.disk().list().unwrap().len() as u64;
        if files != file {
            (file, offset) = (files, FRAMES_OFFSET);
        }
        starts.push((segment::name(file), offset));
        offset += frame_bytes;
    }
    (wal, starts)
}

fn flip(disk: &MemDisk, file: &str, offset: u64) -> MemDisk {
    let mut disk = disk.deep_copy();
    let byte = disk.read(file, offset, 1).unwrap()[0];
    disk.write(file, offset, &[byte ^ 0x10]).unwrap();
    disk
}

#[track_caller]
fn assert_corrupt(disk: &MemDisk, file: &str, offset: u64) {
    match open(disk) {
        Err(OpenError::Corrupt { file: found, offset: at, .. }) => {
            assert_eq!((found.as_str(), at), (file, offset));
        }
        other => panic!("{file} at {offset}: {other:?}"),
    }
}

#[test]
fn a_damaged_batch_before_others_refuses_with_its_file_and_offset() {
    let (wal, starts) = log_of(12, 900);
    assert!(wal.disk().list().unwrap().len() > 1);
    for (file, start) in &starts[..11] {
        for inside in [0, 5, 40, 79, 80, 500, 990] {
            assert_corrupt(&flip(wal.disk(), file, start + inside), file, *start);
        }
    }
}

#[test]
fn a_damaged_last_batch_is_cut_off_unless_a_closing_frame_vouches_for_it() {
    let (mut wal, starts) = log_of(3, 200);
    let (file, start) = starts.last().unwrap();
    let damaged = flip(wal.disk(), file, start + 100);
    let (_, recovered) = open(&damaged).unwrap();
    assert_eq!(recovered.entries.len(), 2);
    let torn = recovered.report.torn_tail.unwrap();
    assert_eq!((torn.file.as_str(), torn.offset), (FIRST, *start));

    wal.close_frame().unwrap();
    assert_corrupt(&flip(wal.disk(), file, start + 100), file, *start);
}

#[test]
fn a_cut_end_stays_cut_and_the_log_goes_on() {
    let (wal, starts) = log_of(3, 200);
    let damaged = flip(wal.disk(), FIRST, starts[2].1 + 100);
    let (mut wal, _) = open(&damaged).unwrap();
    wal.append(&Batch { entries: vec![entry(3, 10)], hard_state: None }).unwrap();
    let (_, recovered) = open(wal.disk()).unwrap();
    assert_eq!(recovered.entries, [entry(1, 200), entry(2, 200), entry(3, 10)]);
    assert_eq!(recovered.report.torn_tail, None);
}

#[test]
fn the_first_batch_of_the_next_segment_vouches_for_the_last_of_this_one() {
    let (wal, starts) = log_of(4, 900);
    let (file, start) = starts.iter().rfind(|(file, _)| file == FIRST).unwrap();
    assert!(starts.iter().any(|(file, _)| file == SECOND));
    assert_corrupt(&flip(wal.disk(), file, start + 100), file, *start);
    let mut lost = wal.disk().deep_copy();
    lost.write(file, *start, &[0; 1000]).unwrap();
    assert_corrupt(&lost, file, *start);
}

#[test]
fn a_lost_first_batch_of_a_segment_with_others_behind_it_is_damage() {
    let (wal, starts) = log_of(6, 900);
    assert!(starts.iter().filter(|(file, _)| file == SECOND).count() > 1);
    let mut lost = wal.disk().deep_copy();
    lost.write(SECOND, FRAMES_OFFSET, &[0; 1000]).unwrap();
    assert_corrupt(&lost, SECOND, FRAMES_OFFSET);
}

#[test]
fn a_damaged_head_of_a_segment_refuses() {
    let (wal, _) = log_of(4, 900);
    for file in [FIRST, SECOND] {
        for offset in [0, 8, 16, 24, 33, 41] {
            assert_corrupt(&flip(wal.disk(), file, offset), file, 0);
        }
    }
}

#[test]
fn a_segment_that_lost_its_end_refuses() {
    let (wal, starts) = log_of(4, 900);
    let mut cut = wal.disk().deep_copy();
    cut.truncate(SECOND, starts[3].1).unwrap();
    assert_corrupt(&cut, SECOND, starts[3].1);
    cut.truncate(SECOND, 20).unwrap();
    assert_corrupt(&cut, SECOND, 0);
}

#[test]
fn a_missing_segment_refuses() {
    let (wal, _) = log_of(30, 900);
    let names = wal.disk().list().unwrap();
    assert!(names.len() > 3);
    for name in &names[..names.len() - 1] {
        let mut lost = wal.disk().deep_copy();
        lost.remove(name).unwrap();
        let refused = open(&lost).unwrap_err();
        assert!(matches!(refused, OpenError::SnapshotMissing { .. }), "{name}: {refused}");
        assert_eq!(lost.list().unwrap().len(), names.len() - 1, "nothing was removed");
    }
}

#[test]
fn a_log_file_that_is_too_long_is_not_read() {
    let (wal, _) = log_of(1, 10);
    let mut grown = wal.disk().deep_copy();
    grown.truncate(FIRST, 1 << 50).unwrap();
    let refused = open(&grown).unwrap_err().to_string();
    assert!(refused.ends_with("it is longer than any log file may be"), "{refused}");
}

#[test]
fn a_value_that_holds_batches_of_this_very_log_is_never_taken_for_one() {
    let (mut wal, starts) = log_of(2, 100);
    // What a client would store who backs up our own file into us.
    let stolen = wal.disk().read(FIRST, FRAMES_OFFSET, 1000).unwrap();
    let mut data = vec![0; 3];
    for _ in 0..3 {
        data.extend_from_slice(&stolen);
    }
    let entries = (0..8).map(|pad| {
        let data = Bytes::from([vec![0; pad], data[..400].to_vec()].concat());
        LogEntry { index: 3 + pad as u64, term: 1, kind: 0, data }
    });
    let entries: Vec<LogEntry> = entries.collect();
    let start = starts[1].1 + (starts[1].1 - starts[0].1);
    wal.append(&Batch { entries, hard_state: None }).unwrap();
    // Its own header is lost, its body arrived.
    let mut torn = wal.disk().deep_copy();
    torn.write(FIRST, start, &[0; 80]).unwrap();
    assert_eq!(open(&torn).unwrap().1.entries.len(), 2);
}

#[test]
fn a_newer_format_is_named_and_not_called_damage() {
    let (wal, _) = log_of(1, 10);
    let mut newer = wal.disk().deep_copy();
    let mut header = newer.read(FIRST, 0, 44).unwrap();
    header[8] = 9;
    let crc = crc32c::crc32c(&header[..40]);
    header[40..].copy_from_slice(&crc.to_le_bytes());
    newer.write(FIRST, 0, &header).unwrap();
    let refused = open(&newer).unwrap_err();
    assert_eq!(refused, OpenError::NewerVersion { file: FIRST.into(), found: 9 });
}

/// A log of 40 entries with snapshots at 10 and 20, compacted through the older one.
fn with_snapshots() -> Wal<MemDisk> {
    let (mut wal, _) = log_of(40, 900);
    for index in [10, 20] {
        let meta = SnapshotMeta { index, term: 1, extra: Vec::new() };
        wal.save_snapshot(&meta, [vec![1; 100]]).unwrap();
    }
    assert!(wal.compact(10).unwrap() > 0);
    wal
}

fn snapshots(disk: &MemDisk) -> Vec<String> {
    snapshot_file::list(disk).unwrap().into_iter().map(|found| found.file).collect()
}

#[test]
fn a_damaged_newest_snapshot_falls_back_to_the_older_one_and_the_log() {
    let wal = with_snapshots();
    let newest = &snapshots(wal.disk())[0];
    let (_, recovered) = open(&flip(wal.disk(), newest, 80)).unwrap();
    assert_eq!(recovered.snapshot.map(|(meta, _)| meta.index), Some(10));
    assert_eq!(recovered.entries.len(), 30);
    let damaged = recovered.report.damaged_snapshots.join("");
    assert!(damaged.contains(newest.as_str()), "{damaged}");
}

#[test]
fn no_usable_snapshot_before_the_log_refuses_and_says_what_was_tried() {
    let wal = with_snapshots();
    let mut disk = wal.disk().deep_copy();
    for file in snapshots(&disk) {
        disk = flip(&disk, &file, 80);
    }
    let refused = open(&disk).unwrap_err();
    assert!(matches!(refused, OpenError::SnapshotMissing { snapshot_index: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("(tried: snapshot \"snap-"), "{refused}");
}

#[test]
fn an_older_snapshot_is_not_used_where_the_log_no_longer_reaches_back_to_it() {
    let mut wal = with_snapshots();
    assert!(wal.compact(20).unwrap() > 0);
    let newest = &snapshots(wal.disk())[0];
    let refused = open(&flip(wal.disk(), newest, 80)).unwrap_err();
    assert!(matches!(refused, OpenError::SnapshotMissing { snapshot_index: 10, .. }), "{refused}");
}

#[test]
fn snapshots_without_a_log_refuse() {
    let mut disk = with_snapshots().disk().deep_copy();
    for name in disk.list().unwrap().iter().filter(|name| name.starts_with("wal-")) {
        disk.remove(name).unwrap();
    }
    assert!(matches!(open(&disk), Err(OpenError::LogMissing { .. })));
}

#[test]
fn committed_entries_that_are_missing_refuse() {
    let (mut wal, _) = log_of(3, 10);
    let hard_state = Some(HardState { term: 1, vote: 0, commit: 3 });
    wal.append(&Batch { entries: Vec::new(), hard_state }).unwrap();
    let meta = SnapshotMeta { index: 2, term: 7, extra: Vec::new() };
    wal.save_snapshot(&meta, []).unwrap();
    let refused = open(wal.disk()).unwrap_err();
    let expected = OpenError::EntriesMissing { last_index: 2, commit_index: 3, damaged: vec![] };
    assert_eq!(refused, expected);
}

#[test]
fn left_overs_of_a_crash_are_removed() {
    let (wal, _) = log_of(2, 10);
    let mut disk = wal.disk().deep_copy();
    for name in ["tmp-snap", "tmp-wal-inline", "tmp-wal-beside"] {
        disk.create(name, 10).unwrap();
    }
    disk.create("not-ours", 10).unwrap();
    let (wal, recovered) = open(&disk).unwrap();
    assert_eq!(recovered.report.removed_files.len(), 3);
    assert_eq!(wal.disk().list().unwrap(), ["not-ours", FIRST]);
}

#[test]
fn the_end_of_what_is_not_zero_is_found_to_the_byte() {
    let mut bytes = vec![0; 3 * 4096 + 100];
    assert_eq!(non_zero_end(&bytes, 7), 7);
    for at in [7, 4095, 4096, 4103, 8192, 12_387] {
        bytes[at] = 1;
        assert_eq!(non_zero_end(&bytes, 7), at as u64 + 1);
    }
    assert_eq!(non_zero_end(&bytes, 1 << 40), 1 << 40);
}

/// Writes over a sound directory, bytes of any kind at any place.
#[derive(Debug, Clone)]
struct Scribble {
    file: prop::sample::Index,
    offset: prop::sample::Index,
    bytes: Vec<u8>,
    cut: bool,
}

fn scribbles() -> impl Strategy<Value = Vec<Scribble>> {
    let bytes = prop::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 1..60);
    let one = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), bytes, 0..20u8);
    let one =
        one.prop_map(|(file, offset, bytes, cut)| Scribble { file, offset, bytes, cut: cut == 0 });
    prop::collection::vec(one, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_damage_is_refused_or_looks_like_a_torn_end(scribbles in scribbles()) {
        let mut wal = with_snapshots();
        wal.close_frame().unwrap();
        let mut disk = wal.disk().deep_copy();
        let names = disk.list().unwrap();
        for scribble in &scribbles {
            let name = scribble.file.get(&names);
            let len = usize::try_from(disk.len(name).unwrap()).unwrap();
            if len == 0 {
                continue;
            }
            let offset = scribble.offset.index(len) as u64;
            if scribble.cut {
                disk.truncate(name, offset).unwrap();
            } else {
                disk.write(name, offset, &scribble.bytes).unwrap();
            }
        }
        if let Ok((wal, recovered)) = open(&disk) {
            // To pass for a torn end, a batch and every header behind it must have been hit.
            prop_assert!(wal.last_index() + scribbles.len() as u64 > 40);
            let first = recovered.snapshot.map_or(1, |(meta, _)| meta.index + 1);
            let left = first..=wal.last_index();
            let expected: Vec<LogEntry> = left.map(|index| entry(index, 900)).collect();
            prop_assert_eq!(recovered.entries, expected);
        }
    }

    #[test]
    fn any_bytes_in_any_of_our_files_are_read_or_refused(
        wal_bytes in prop::collection::vec(any::<u8>(), 0..6000),
        sound_head: bool,
        snapshot_bytes in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
    ) {
        let mut disk = MemDisk::new();
        if sound_head {
            let segment = Segment::new(1, 5, 8192);
            segment::prefill(&mut disk, &segment, "tmp-x").unwrap();
            segment::adopt(&mut disk, &segment, "tmp-x").unwrap();
            disk.write(FIRST, FRAMES_OFFSET, &wal_bytes).unwrap();
        } else {
            disk.create(FIRST, 0).unwrap();
            disk.write(FIRST, 0, &wal_bytes).unwrap();
        }
        if let Some(bytes) = &snapshot_bytes {
            let name = "snap-00000000000000000007-00000000000000000001";
            disk.create(name, 0).unwrap();
            disk.write(name, 0, bytes).unwrap();
        }
        if let Ok((_, recovered)) = open(&disk) {
            prop_assert!(sound_head);
            prop_assert_eq!(recovered.entries, []);
            let damaged = usize::from(snapshot_bytes.is_some());
            prop_assert_eq!(recovered.report.damaged_snapshots.len(), damaged);
        }
    }
}
