//! A reserved file that is given up when the disk is full, so that deletes can still be logged.
//!
//! Not a policy: which commands are refused while space is low is decided where commands are
//! admitted. Absent -> Held -> Released -> Held; only `restore` goes back, and only when there is
//! room beyond the ballast itself, so that the state does not flap at the brink.

use crate::disk::{Disk, DiskError};
use crate::segment::remove_if_there;

/// The ballast's usual size: room for the smallest segment and for some thousands of deletes,
/// and little enough to reserve on a small machine.
pub const BALLAST_BYTES: u64 = 4 << 20;

/// What must be free beyond the ballast before space counts as ample again.
pub const HEADROOM_BYTES: u64 = 4 << 20;

const NAME: &str = "ballast";
const TEMPORARY_NAME: &str = "tmp-ballast";

/// What is left of the disk, as the log sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Write what you like.
    Ample,
    /// The ballast is spent: admit only what frees space, until this is `Ample` again.
    Low,
}

/// The reserved file of one directory.
#[derive(Debug, Clone)]
pub struct Ballast {
    bytes: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not made yet (a new directory), or not wanted (`bytes` is 0).
    Absent,
    Held,
    Released,
}

impl Ballast {
    /// A ballast of `bytes`, not made yet; 0 means none is wanted.
    pub fn new(bytes: u64) -> Ballast {
        Ballast { bytes, state: State::Absent }
    }

    /// Takes over what a directory in use holds: a whole file is `Held`. Without one, tries to
    /// make it, since the process may have ended while space was low.
    ///
    /// # Errors
    /// Of the disk, except that it is full: then space is `Low`.
    pub fn reopen(disk: &mut dyn Disk, bytes: u64) -> Result<Ballast, DiskError> {
        let mut ballast = Ballast::new(bytes);
        if bytes == 0 {
            return Ok(ballast);
        }
        match disk.len(NAME) {
            Ok(len) if len == bytes => ballast.state = State::Held,
            Ok(_) | Err(DiskError::NotFound { .. }) => {
                ballast.state = State::Released;
                ballast.restore(disk)?;
            }
            Err(error) => return Err(error),
        }
        Ok(ballast)
    }

    pub fn space(&self) -> Space {
        match self.state {
            State::Absent | State::Held => Space::Ample,
            State::Released => Space::Low,
        }
    }

    /// Gives the reserved space back to the disk. False if there was none to give; space is `Low`
    /// from here on in any case, unless no ballast is wanted.
    ///
    /// # Errors
    /// Of the disk; the ballast then counts as spent.
    pub fn release(&mut self, disk: &mut dyn Disk) -> Result<bool, DiskError> {
        if self.bytes == 0 {
            return Ok(false);
        }
        let held = self.state == State::Held;
        self.state = State::Released;
        if held {
            disk.remove(NAME)?;
        }
        Ok(held)
    }

    /// Makes the ballast if it is not there and there is room; true if it is held afterwards. Call
    /// it when idle, and again from time to time while space is low.
    ///
    /// # Errors
    /// Of the disk, except that it is full: that is `Ok(false)`.
    pub fn restore(&mut self, disk: &mut dyn Disk) -> Result<bool, DiskError> {
        if self.bytes == 0 || self.state == State::Held {
            return Ok(self.state == State::Held);
        }
        match self.make(disk) {
            Ok(()) => {
                self.state = State::Held;
                Ok(true)
            }
            Err(DiskError::Full) => {
                // A disk that never had room for it is as low as one on which it is spent.
                self.state = State::Released;
                remove_if_there(disk, TEMPORARY_NAME)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether it is wanted and was never made.
    pub fn is_due(&self) -> bool {
        self.bytes > 0 && self.state == State::Absent
    }

    /// Made larger than needed and cut back: the cheapest proof that there is headroom.
    fn make(&self, disk: &mut dyn Disk) -> Result<(), DiskError> {
        remove_if_there(disk, TEMPORARY_NAME)?;
        disk.create(TEMPORARY_NAME, self.bytes.saturating_add(HEADROOM_BYTES))?;
        disk.truncate(TEMPORARY_NAME, self.bytes)?;
        disk.sync(TEMPORARY_NAME)?;
        disk.rename(TEMPORARY_NAME, NAME)?;
        disk.sync_dir()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem_disk::MemDisk;

    #[test]
    fn a_released_ballast_comes_back_only_with_headroom() {
        let mut disk = MemDisk::new();
        let mut ballast = Ballast::new(BALLAST_BYTES);
        assert!(ballast.restore(&mut disk).unwrap());
        assert!(ballast.release(&mut disk).unwrap());
        assert_eq!((ballast.space(), disk.used_bytes()), (Space::Low, 0));
        disk.set_capacity(Some(BALLAST_BYTES + HEADROOM_BYTES - 1));
        assert!(!ballast.restore(&mut disk).unwrap());
        assert_eq!((ballast.space(), disk.used_bytes()), (Space::Low, 0));
        disk.set_capacity(Some(BALLAST_BYTES + HEADROOM_BYTES));
        assert!(ballast.restore(&mut disk).unwrap());
        assert_eq!((ballast.space(), disk.used_bytes()), (Space::Ample, BALLAST_BYTES));
    }

    #[test]
    fn a_spent_ballast_has_nothing_more_to_give() {
        let mut disk = MemDisk::new();
        let mut ballast = Ballast::new(BALLAST_BYTES);
        assert!(!ballast.release(&mut disk).unwrap());
        assert_eq!(ballast.space(), Space::Low);
        assert!(!Ballast::new(0).release(&mut disk).unwrap());
    }

    #[test]
    fn reopening_finds_low_space_again_after_a_restart() {
        let mut disk = MemDisk::new();
        Ballast::new(BALLAST_BYTES).restore(&mut disk).unwrap();
        assert_eq!(Ballast::reopen(&mut disk, BALLAST_BYTES).unwrap().space(), Space::Ample);
        disk.remove(NAME).unwrap();
        disk.set_capacity(Some(10));
        assert_eq!(Ballast::reopen(&mut disk, BALLAST_BYTES).unwrap().space(), Space::Low);
        disk.set_capacity(None);
        assert_eq!(Ballast::reopen(&mut disk, BALLAST_BYTES).unwrap().space(), Space::Ample);
        assert_eq!(disk.list().unwrap(), [NAME]);
    }
}
