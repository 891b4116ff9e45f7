//! The file of registrations: read whole at the start, appended to, and replaced by a rename.
//! It does not know what the bytes mean.
//! Invariant: after a crash the file is the old one or the new one, with a torn last line at most.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tribune_edge::Save;

/// Registrations may hold tokens and script arguments: only the owner may read them.
const OWNER_ONLY: u32 = 0o600;

/// The whole file; an absent one is empty. What is read is on the disk for certain: the page cache
/// of an earlier life may show what never got there, and lose it only later.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    if save(path, &Save::Replace(bytes.clone())).is_err() {
        // No space for a second one.
        File::open(path)?.sync_all()?;
        sync_folder(path)?;
    }
    Ok(bytes)
}

/// Puts the bytes on disk: when this returns they survive a power cut.
pub(super) fn save(path: &Path, save: &Save) -> io::Result<()> {
    match save {
        Save::Append(bytes) => {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(OWNER_ONLY);
            let mut file = options.open(path)?;
            let before = file.metadata()?.len();
            let written = file.write_all(bytes).and_then(|()| file.sync_data());
            if written.is_err() {
                // Half a line in the middle of the file would be damage.
                file.set_len(before)?;
            }
            written
        }
        Save::Replace(bytes) => {
            let fresh = beside(path);
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(OWNER_ONLY);
            let mut file = options.open(&fresh)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&fresh, path)?;
            sync_folder(path)
        }
    }
}

/// Makes the name of the file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}
