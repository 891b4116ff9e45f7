//! The file of registrations on the simulated disk, in the same calls as the node makes: read
//! whole at the start, appended to, and replaced by a rename.

use crate::disk::SimDisk;
use tribune_durable::{Disk as _, DiskError};
use tribune_edge::Save;

/// The name of the file, and of the one that is about to replace it.
const NAME: &str = "registrations";
const FRESH: &str = "registrations.new";

/// The whole file; an absent one is empty. What is read is on the disk for certain.
///
/// # Errors
/// As the disk says.
pub fn read(disk: &mut SimDisk) -> Result<Vec<u8>, DiskError> {
    let len = match disk.len(NAME) {
        Err(DiskError::NotFound { .. }) => return Ok(Vec::new()),
        other => other?,
    };
    let bytes = disk.read(NAME, 0, usize::try_from(len).unwrap_or(usize::MAX))?;
    if save(disk, &Save::Replace(bytes.clone())).is_err() {
        // No space for a second one.
        disk.sync(NAME)?;
        disk.sync_dir()?;
    }
    Ok(bytes)
}

/// Puts the bytes on disk: when this returns they survive a power cut.
///
/// # Errors
/// As the disk says.
pub fn save(disk: &mut SimDisk, save: &Save) -> Result<(), DiskError> {
    match save {
        Save::Append(bytes) => {
            let before = disk.len(NAME)?;
            let written = disk.write(NAME, before, bytes).and_then(|()| disk.sync(NAME));
            if written.is_err() {
                // Half a line in the middle of the file would be damage.
                disk.truncate(NAME, before)?;
            }
            written
        }
        Save::Replace(bytes) => {
            match disk.len(FRESH) {
                Ok(_) => disk.truncate(FRESH, 0)?,
                Err(DiskError::NotFound { .. }) => disk.create(FRESH, 0)?,
                Err(error) => return Err(error),
            }
            disk.write(FRESH, 0, bytes)?;
            disk.sync(FRESH)?;
            disk.rename(FRESH, NAME)?;
            disk.sync_dir()
        }
    }
}
