//! Lets work that runs on a thread of its own take its turns in virtual time.
//!
//! The thread asks before each call and waits; the world grants one call at a time and waits for
//! the next question. So at most one of the two ever runs, and a run stays deterministic.

use super::SimDisk;
use std::sync::mpsc::{Receiver, Sender, channel};
use tribune_durable::{Disk, DiskError};

/// What the thread says.
#[derive(Debug)]
pub enum Asked<T> {
    /// It wants to make a call of the disk, and so many bytes are to be moved.
    Call { bytes: usize },
    /// It has ended.
    Done(T),
}

/// The world's end.
#[derive(Debug)]
pub struct Keeper<T> {
    asked: Receiver<Asked<T>>,
    granted: Sender<()>,
}

/// A handle of the disk on which each call waits for the world.
#[derive(Debug)]
pub struct Gated<T> {
    disk: SimDisk,
    ask: Sender<Asked<T>>,
    go: Receiver<()>,
}

impl<T: Send + 'static> Gated<T> {
    /// Starts work on a thread of its own, up to its first call.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        disk: SimDisk,
        work: impl FnOnce(&mut Gated<T>) -> T + Send + 'static,
    ) -> std::io::Result<Keeper<T>> {
        let (ask, asked) = channel();
        let (granted, go) = channel();
        let mut gated = Gated { disk, ask, go };
        std::thread::Builder::new().spawn(move || {
            let result = work(&mut gated);
            // A world that has gone on without this work needs no answer.
            let _ = gated.ask.send(Asked::Done(result));
        })?;
        Ok(Keeper { asked, granted })
    }
}

impl<T> Keeper<T> {
    /// Waits until the thread asks or ends; none if it ended without a word.
    pub fn next(&self) -> Option<Asked<T>> {
        self.asked.recv().ok()
    }

    /// Lets one call happen.
    pub fn grant(&self) {
        let _ = self.granted.send(());
    }
}

impl<T> Gated<T> {
    /// Waits for the world. If that has dropped its end, the process is gone.
    fn pass(&self, bytes: usize) -> Result<(), DiskError> {
        let gone = || DiskError::Io {
            call: "any call",
            name: String::new(),
            text: "the process is gone".to_owned(),
        };
        self.ask.send(Asked::Call { bytes }).map_err(|_| gone())?;
        self.go.recv().map_err(|_| gone())
    }
}

impl<T: Send> Disk for Gated<T> {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        self.pass(0)?;
        self.disk.list()
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        self.pass(0)?;
        self.disk.len(name)
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        self.pass(len)?;
        self.disk.read(name, offset, len)
    }

    fn create(&mut self, name: &str, len_reserved: u64) -> Result<(), DiskError> {
        self.pass(0)?;
        self.disk.create(name, len_reserved)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.pass(bytes.len())?;
        self.disk.write(name, offset, bytes)
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.pass(0)?;
        self.disk.sync(name)
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        self.pass(0)?;
        self.disk.sync_dir()
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.pass(0)?;
        self.disk.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.pass(0)?;
        self.disk.remove(name)
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.pass(0)?;
        self.disk.truncate(name, len)
    }
}
