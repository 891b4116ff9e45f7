//! The simulated disk of one machine: it outlives every process on it.
//!
//! Bytes count only after `sync`, names only after `sync_dir`; a power loss decides about the
//! rest. Clones are handles of one directory. Faults are armed by the world and counted here, at
//! the moment when a call really met one.

mod file;
mod gate;
mod machine;

pub use file::{FATES, Fate, SECTOR_BYTES};
pub use gate::{Asked, Gated, Keeper};
pub use machine::{Call, DiskFaults, DiskTally, Machine};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tribune_durable::{Disk, DiskError};

/// A handle of the machine's disk.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<Machine>>);

impl SimDisk {
    /// An empty disk.
    pub fn new(machine: Machine) -> SimDisk {
        SimDisk(Arc::new(Mutex::new(machine)))
    }

    /// The disk from the world's side.
    pub fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.machine().list()
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        self.machine().len(name)
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        self.machine().read(name, offset, len)
    }

    fn create(&mut self, name: &str, len_reserved: u64) -> Result<(), DiskError> {
        self.machine().create(name, len_reserved)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.machine().write(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.machine().sync(name)
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        self.machine().sync_dir()
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.machine().rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.machine().remove(name)
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.machine().truncate(name, len)
    }
}
