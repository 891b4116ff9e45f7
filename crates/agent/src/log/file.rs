//! The log's file: written to, and put aside when it is old or large. Old ones are named after the
//! time they were put aside; the oldest go when there are too many.
//!
//! Source: Consul 1.22 documentation, "Log parameters": `log_file`, `log_rotate_bytes`,
//! `log_rotate_duration`, `log_rotate_max_files`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// When a file is put aside, and how many are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotation {
    /// Zero: never for its age.
    pub after: Duration,
    /// 0: never for its size.
    pub bytes_max: u64,
    /// 0: all are kept; -1: none is.
    pub kept: i32,
}

#[derive(Debug)]
pub(super) struct LogFile {
    folder: PathBuf,
    /// The name without its ending.
    stem: String,
    /// The ending, with its point.
    ending: String,
    rotation: Rotation,
    file: File,
    bytes: u64,
    opened_ms: u64,
}

impl LogFile {
    /// Opens a file, or `consul.log` in a folder. What is there is written on.
    ///
    /// # Errors
    /// If the folder cannot be made or the file not opened.
    pub fn open(path: &Path, rotation: Rotation, now_ms: u64) -> io::Result<LogFile> {
        let (folder, stem, ending) = parts(path);
        fs::create_dir_all(&folder)?;
        let (file, bytes) = open(&folder.join(format!("{stem}{ending}")))?;
        Ok(LogFile { folder, stem, ending, rotation, file, bytes, opened_ms: now_ms })
    }

    /// Appends a line; puts the file aside first if its time has come.
    ///
    /// # Errors
    /// Those of the file system. The line may be lost then; the next one is tried again.
    pub fn write(&mut self, line: &[u8], now_ms: u64) -> io::Result<()> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let age = Duration::from_millis(now_ms.saturating_sub(self.opened_ms));
        let old = !self.rotation.after.is_zero() && age >= self.rotation.after;
        let limit = self.rotation.bytes_max;
        let large = limit != 0 && self.bytes > 0 && self.bytes.saturating_add(length) > limit;
        if old || large {
            self.rotate(now_ms)?;
        }
        self.file.write_all(line)?;
        self.bytes = self.bytes.saturating_add(length);
        Ok(())
    }

    fn current(&self) -> PathBuf {
        self.folder.join(format!("{}{}", self.stem, self.ending))
    }

    fn rotate(&mut self, now_ms: u64) -> io::Result<()> {
        self.opened_ms = now_ms;
        if self.rotation.kept < 0 {
            self.file.set_len(0)?;
            self.bytes = 0;
            return Ok(());
        }
        // Nanoseconds since 1970 as Consul names them; a name that is taken gets the next one.
        let mut stamp = u128::from(now_ms) * 1_000_000;
        let aside = loop {
            let path = self.folder.join(format!("{}-{stamp}{}", self.stem, self.ending));
            if !path.exists() {
                break path;
            }
            stamp += 1;
        };
        fs::rename(self.current(), aside)?;
        (self.file, self.bytes) = open(&self.current())?;
        self.prune()
    }

    fn prune(&self) -> io::Result<()> {
        let kept = usize::try_from(self.rotation.kept).unwrap_or(0);
        if kept == 0 {
            return Ok(());
        }
        let prefix = format!("{}-", self.stem);
        let mut aside = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let stamp = name
                .strip_prefix(&prefix)
                .and_then(|rest| rest.strip_suffix(&self.ending))
                .and_then(|stamp| stamp.parse::<u128>().ok());
            aside.extend(stamp.map(|stamp| (stamp, entry.path())));
        }
        aside.sort_unstable();
        let surplus = aside.len().saturating_sub(kept);
        aside.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = OpenOptions::new().create(true).append(true).mode(0o640).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// The folder, the name without its ending, and the ending; what is missing is `consul.log`.
fn parts(path: &Path) -> (PathBuf, String, String) {
    let is_folder = path.to_string_lossy().ends_with('/') || path.is_dir();
    if is_folder {
        return (path.to_owned(), "consul".to_owned(), ".log".to_owned());
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let text =
        |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_else(|| "consul".to_owned());
    let ending = text(path.extension()).map_or_else(|| ".log".to_owned(), |e| format!(".{e}"));
    (folder, stem, ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let path =
                std::env::temp_dir().join(format!("tribune-log-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Folder(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn rotation(seconds: u64, bytes_max: u64, kept: i32) -> Rotation {
        Rotation { after: Duration::from_secs(seconds), bytes_max, kept }
    }

    #[test]
    fn a_file_that_would_grow_too_large_is_put_aside() {
        let folder = Folder::new("bytes");
        let path = folder.0.join("agent.log");
        let mut log = LogFile::open(&path, rotation(0, 10, 0), 1000).unwrap();
        for line in [b"12345\n", b"abcde\n", b"fghij\n"] {
            log.write(line, 2000).unwrap();
        }
        assert_eq!(folder.names(), ["agent-2000000000.log", "agent-2000000001.log", "agent.log"]);
        assert_eq!(fs::read(&path).unwrap(), b"fghij\n");
    }

    #[test]
    fn a_file_that_is_old_is_put_aside_and_only_the_newest_are_kept() {
        let folder = Folder::new("age");
        let mut log = LogFile::open(&folder.0.join("x"), rotation(10, 0, 2), 0).unwrap();
        for second in 1..=45 {
            log.write(b"l\n", second * 1000).unwrap();
        }
        assert_eq!(folder.names(), ["x-30000000000.log", "x-40000000000.log", "x.log"]);
    }

    #[test]
    fn with_minus_one_nothing_old_is_kept() {
        let folder = Folder::new("none");
        let mut log = LogFile::open(&folder.0.join(""), rotation(0, 4, -1), 0).unwrap();
        log.write(b"abc\n", 1).unwrap();
        log.write(b"def\n", 2).unwrap();
        assert_eq!(folder.names(), ["consul.log"]);
        assert_eq!(fs::read(folder.0.join("consul.log")).unwrap(), b"def\n");
    }

    #[test]
    fn a_file_that_is_there_is_written_on() {
        let folder = Folder::new("again");
        let path = folder.0.join("a.txt");
        for line in [b"1\n", b"2\n"] {
            LogFile::open(&path, rotation(0, 0, 0), 0).unwrap().write(line, 0).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"1\n2\n");
    }
}
