//! The real disk keeps the contract of `Disk`, and the log runs on it.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use tribune_durable::{AppendError, Batch, HardState, LogEntry, SnapshotMeta, Wal, WalOptions};

use super::*;

/// A directory of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tribune-disk-{}-{number}", std::process::id());
        Scratch(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn directories_and_files_are_the_owners_alone() {
    let scratch = Scratch::new();
    let mut disk = FileDisk::open(&scratch.0.join("a/b")).unwrap();
    disk.create("file", 10).unwrap();
    assert_eq!(mode(&scratch.0), 0o700);
    assert_eq!(mode(disk.root()), 0o700);
    assert_eq!(mode(&disk.path("file")), 0o600);
}

#[test]
fn a_created_file_holds_the_zeroes_asked_for_on_the_disk() {
    use std::os::unix::fs::MetadataExt;
    let scratch = Scratch::new();
    let mut disk = FileDisk::open(&scratch.0).unwrap();
    let bytes = 2 * PREFILL_BYTES as u64 + 77;
    disk.create("file", bytes).unwrap();
    disk.sync("file").unwrap();
    assert_eq!(disk.len("file").unwrap(), bytes);
    assert!(disk.read("file", 0, usize::MAX).unwrap().iter().all(|byte| *byte == 0));
    let blocks = fs::metadata(disk.path("file")).unwrap().blocks();
    assert!(blocks * 512 >= bytes, "{blocks} blocks are reserved");
}

#[test]
fn bytes_are_read_where_they_were_written() {
    let scratch = Scratch::new();
    let mut disk = FileDisk::open(&scratch.0).unwrap();
    disk.create("file", 4).unwrap();
    disk.write("file", 2, b"hello").unwrap();
    assert_eq!(disk.read("file", 0, 100).unwrap(), b"\0\0hello");
    assert_eq!(disk.read("file", 100, 100).unwrap(), b"");
    disk.truncate("file", 3).unwrap();
    assert_eq!(disk.read("file", 1, 2).unwrap(), b"\0h");
}

#[test]
fn names_that_are_missing_taken_or_paths_are_told_apart() {
    let scratch = Scratch::new();
    let mut disk = FileDisk::open(&scratch.0).unwrap();
    let missing = DiskError::NotFound { name: "none".into() };
    assert_eq!(disk.len("none"), Err(missing.clone()));
    assert_eq!(disk.remove("none"), Err(missing));
    disk.create("file", 0).unwrap();
    assert_eq!(disk.create("file", 0), Err(DiskError::Exists { name: "file".into() }));
    for path in ["", ".", "..", "../file", "a/b"] {
        assert!(matches!(disk.create(path, 0), Err(DiskError::Io { .. })), "{path:?}");
    }
}

#[test]
fn clones_follow_a_rename_that_replaces_a_file_they_had_open() {
    let scratch = Scratch::new();
    let mut disk = FileDisk::open(&scratch.0).unwrap();
    let mut other = disk.clone();
    for name in ["old", "new"] {
        disk.create(name, 0).unwrap();
        disk.write(name, 0, name.as_bytes()).unwrap();
    }
    assert_eq!(other.read("old", 0, 9).unwrap(), b"old");
    disk.rename("new", "old").unwrap();
    assert_eq!(other.read("old", 0, 9).unwrap(), b"new");
    other.write("old", 3, b"er").unwrap();
    assert_eq!(FileDisk::open(&scratch.0).unwrap().read("old", 0, 9).unwrap(), b"newer");
    assert_eq!(disk.list().unwrap(), ["old"]);
    disk.sync_dir().unwrap();
}

#[test]
fn a_full_disk_and_a_broken_one_are_told_apart() {
    for errno in [Errno::NOSPC, Errno::DQUOT] {
        assert_eq!(translate("write", "a", &errno.into()), DiskError::Full);
        assert!(matches!(sync_failed("a", &errno.into()), DiskError::SyncFailed { .. }));
    }
    let broken = translate("write", "a", &Errno::IO.into());
    assert!(broken.to_string().starts_with("write of \"a\" failed: "), "{broken}");
}

#[test]
fn a_refused_prefill_leaves_no_file() {
    let scratch = Scratch::new();
    let mut disk = FileDisk::open(&scratch.0).unwrap();
    // More than any file system here can give to one file.
    assert!(disk.create("file", 1 << 62).is_err());
    assert!(disk.list().unwrap().is_empty());
}

#[test]
fn the_log_is_found_again_by_another_process_of_the_directory() {
    let scratch = Scratch::new();
    let disk = FileDisk::open(&scratch.0).unwrap();
    let options = WalOptions { salt: 99, ..WalOptions::default() };
    let (mut wal, _) = Wal::open(disk, options.clone()).unwrap();
    let data = vec![7; 300_000].into();
    let hard_state = HardState { term: 2, vote: 1, commit: 0 };
    let entries = vec![LogEntry { index: 1, term: 2, kind: 0, data }];
    wal.append(&Batch { entries: entries.clone(), hard_state: Some(hard_state) }).unwrap();
    assert!(wal.restore_ballast().unwrap());
    wal.close_frame().unwrap();
    drop(wal);
    let (wal, recovered) = Wal::open(FileDisk::open(&scratch.0).unwrap(), options).unwrap();
    assert_eq!(recovered.entries, entries);
    assert_eq!(wal.hard_state(), hard_state);
    assert_eq!(wal.disk().list().unwrap(), ["ballast", "wal-0000000000000001"]);
}

#[test]
fn a_file_lost_under_the_log_is_fatal_and_not_taken_for_a_full_disk() {
    let scratch = Scratch::new();
    let (mut wal, _) =
        Wal::open(FileDisk::open(&scratch.0).unwrap(), WalOptions::default()).unwrap();
    wal.disk_mut().remove("wal-0000000000000001").unwrap();
    let hard_state = Some(HardState::default());
    let refused = wal.append(&Batch { entries: Vec::new(), hard_state });
    assert!(matches!(refused, Err(AppendError::Fatal { .. })), "{refused:?}");
}

#[test]
fn a_second_lock_of_a_directory_names_the_holder() {
    let scratch = Scratch::new();
    let held = DirLock::acquire(&scratch.0).unwrap();
    let refused = DirLock::acquire(&scratch.0).unwrap_err().to_string();
    let pid = format!("is in use by process {}", std::process::id());
    assert!(refused.ends_with(&pid), "{refused}");
    drop(held);
    DirLock::acquire(&scratch.0).unwrap();
    assert_eq!(mode(&scratch.0.join("lock")), 0o600);
}

/// A log with everything its format has: an overwrite, a snapshot, a second segment, an end.
fn write_golden(root: &Path) {
    let mut options = WalOptions::salted(0x60_1d_e4);
    options.segment_bytes_first = 8192;
    options.ballast_bytes = 0;
    let (mut wal, _) = Wal::open(FileDisk::open(root).unwrap(), options).unwrap();
    let entries = |from: u64, to: u64, term: u64| -> Vec<LogEntry> {
        let data = |index: u64| vec![u8::try_from(index).unwrap(); 700].into();
        (from..=to).map(|index| LogEntry { index, term, kind: 1, data: data(index) }).collect()
    };
    let hard_state = |term, commit| Some(HardState { term, vote: 1, commit });
    wal.append(&Batch { entries: entries(1, 4, 1), hard_state: hard_state(1, 2) }).unwrap();
    wal.append(&Batch { entries: entries(3, 8, 2), hard_state: hard_state(2, 5) }).unwrap();
    let meta = SnapshotMeta { index: 4, term: 2, extra: b"extra".to_vec() };
    wal.save_snapshot(&meta, [b"first".to_vec(), vec![4; 100]]).unwrap();
    wal.close_frame().unwrap();
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden/log-v1")
}

fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    named.map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}

#[test]
fn the_golden_directory_of_the_first_format_is_opened() {
    let scratch = Scratch::new();
    let mut disk = FileDisk::open(&scratch.0).unwrap();
    for (name, bytes) in contents(&golden()) {
        disk.create(&name, 0).unwrap();
        disk.write(&name, 0, &bytes).unwrap();
    }
    let (wal, recovered) = Wal::open(disk, WalOptions::salted(1)).unwrap();
    assert_eq!(recovered.hard_state, HardState { term: 2, vote: 1, commit: 5 });
    let (meta, mut reader) = recovered.snapshot.unwrap();
    assert_eq!((meta.index, meta.term, meta.extra.as_slice()), (4, 2, b"extra".as_slice()));
    assert_eq!(reader.read_all(wal.disk()).unwrap(), [b"first".to_vec(), vec![4; 100]]);
    let found: Vec<_> = recovered.entries.iter().map(|e| (e.index, e.term, e.data[0])).collect();
    assert_eq!(found, [(5, 2, 5), (6, 2, 6), (7, 2, 7), (8, 2, 8)]);
    assert_eq!(recovered.report.segments, 2);
}

/// A difference means a new format: give it a version and a golden directory of its own, made by
/// running this test with GOLDEN_DIR set, and keep the old one.
#[test]
fn what_is_written_today_is_the_golden_directory_byte_for_byte() {
    if let Some(root) = std::env::var_os("GOLDEN_DIR") {
        write_golden(Path::new(&root));
    }
    let scratch = Scratch::new();
    write_golden(&scratch.0);
    assert!(contents(&scratch.0) == contents(&golden()), "the format of the log has changed");
}
