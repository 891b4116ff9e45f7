//! A disk in memory, for `-dev` and for tests. Clones are handles of one directory.
//!
//! Sparse: reserved zeroes cost no memory until bytes other than zero are written, so a
//! prefilled 64 MiB segment of an idle development server costs a few pages. It forgets
//! everything with the process and models no crash; the simulator has its own disk for that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskError};

/// The unit of allocation, in bytes; that of most real disks, so that the counts compare.
const PAGE_BYTES: usize = 4096;

/// A clonable handle of one directory in memory.
#[derive(Debug, Clone, Default)]
pub struct MemDisk {
    directory: Arc<Mutex<Directory>>,
}

#[derive(Debug, Default)]
struct Directory {
    files: BTreeMap<String, File>,
    capacity_bytes: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct File {
    len: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl MemDisk {
    pub fn new() -> MemDisk {
        MemDisk::default()
    }

    /// Limits the sum of all file lengths; what exceeds it fails with [`DiskError::Full`]. Files
    /// that are already longer stay.
    pub fn set_capacity(&self, capacity_bytes: Option<u64>) {
        self.lock().capacity_bytes = capacity_bytes;
    }

    /// The sum of all file lengths, reserved zeroes included.
    pub fn used_bytes(&self) -> u64 {
        self.lock().used_bytes()
    }

    /// The memory held by pages, reserved zeroes excluded.
    pub fn resident_bytes(&self) -> u64 {
        let pages: usize = self.lock().files.values().map(|file| file.pages.len()).sum();
        (pages * PAGE_BYTES) as u64
    }

    /// A second directory with equal contents, which then goes its own way.
    pub fn deep_copy(&self) -> MemDisk {
        let from = self.lock();
        let copy = Directory { files: from.files.clone(), capacity_bytes: from.capacity_bytes };
        MemDisk { directory: Arc::new(Mutex::new(copy)) }
    }

    /// A panic of another holder cannot leave the map half changed in a way that matters more
    /// than going on, so a poisoned lock is taken as it is.
    fn lock(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    fn used_bytes(&self) -> u64 {
        self.files.values().fold(0u64, |sum, file| sum.saturating_add(file.len))
    }

    fn claim(&self, more_bytes: u64) -> Result<(), DiskError> {
        match self.capacity_bytes {
            Some(capacity)
                if more_bytes > 0 && self.used_bytes().saturating_add(more_bytes) > capacity =>
            {
                Err(DiskError::Full)
            }
            _ => Ok(()),
        }
    }

    fn file(&self, name: &str) -> Result<&File, DiskError> {
        self.files.get(name).ok_or_else(|| DiskError::NotFound { name: name.to_owned() })
    }

    fn file_mut(&mut self, name: &str) -> Result<&mut File, DiskError> {
        self.files.get_mut(name).ok_or_else(|| DiskError::NotFound { name: name.to_owned() })
    }
}

impl File {
    fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let left = self.len.saturating_sub(offset);
        let len = usize::try_from(left).map_or(len, |left| left.min(len));
        let mut out = vec![0; len];
        let mut done = 0;
        while done < len {
            let (page, start) = locate(offset + done as u64);
            let step = (PAGE_BYTES - start).min(len - done);
            if let Some(bytes) = self.pages.get(&page) {
                out[done..done + step].copy_from_slice(&bytes[start..start + step]);
            }
            done += step;
        }
        out
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let (page, start) = locate(offset + done as u64);
            let step = (PAGE_BYTES - start).min(bytes.len() - done);
            let part = &bytes[done..done + step];
            if self.pages.contains_key(&page) || part.iter().any(|byte| *byte != 0) {
                let held = self
                    .pages
                    .entry(page)
                    .or_insert_with(|| vec![0; PAGE_BYTES].into_boxed_slice());
                held[start..start + step].copy_from_slice(part);
            }
            done += step;
        }
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    fn truncate(&mut self, len: u64) {
        let (page, start) = locate(len);
        self.pages.split_off(&(page + 1));
        if let Some(bytes) = self.pages.get_mut(&page) {
            bytes[start..].fill(0);
        }
        self.len = len;
    }
}

/// The page of an offset, and the place inside it.
fn locate(offset: u64) -> (u64, usize) {
    let start = offset % PAGE_BYTES as u64;
    (offset / PAGE_BYTES as u64, usize::try_from(start).unwrap_or(0))
}

impl Disk for MemDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.lock().files.keys().cloned().collect())
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        Ok(self.lock().file(name)?.len)
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        Ok(self.lock().file(name)?.read(offset, len))
    }

    fn create(&mut self, name: &str, len_reserved: u64) -> Result<(), DiskError> {
        let mut directory = self.lock();
        if directory.files.contains_key(name) {
            return Err(DiskError::Exists { name: name.to_owned() });
        }
        directory.claim(len_reserved)?;
        let file = File { len: len_reserved, pages: BTreeMap::new() };
        directory.files.insert(name.to_owned(), file);
        Ok(())
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut directory = self.lock();
        let end = offset.saturating_add(bytes.len() as u64);
        let growth = end.saturating_sub(directory.file(name)?.len);
        directory.claim(growth)?;
        directory.file_mut(name)?.write(offset, bytes);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.lock().file(name).map(|_| ())
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut directory = self.lock();
        let file = directory.files.remove(from);
        let file = file.ok_or_else(|| DiskError::NotFound { name: from.to_owned() })?;
        directory.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let removed = self.lock().files.remove(name);
        removed.map(|_| ()).ok_or_else(|| DiskError::NotFound { name: name.to_owned() })
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        let mut directory = self.lock();
        let growth = len.saturating_sub(directory.file(name)?.len);
        directory.claim(growth)?;
        directory.file_mut(name)?.truncate(len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_zeroes_cost_no_memory_until_written() {
        let mut disk = MemDisk::new();
        disk.create("a", 64 << 20).unwrap();
        disk.write("a", 5000, &[0; 9000]).unwrap();
        assert_eq!((disk.used_bytes(), disk.resident_bytes()), (64 << 20, 0));
        disk.write("a", 4095, b"xy").unwrap();
        assert_eq!(disk.resident_bytes(), 8192);
        assert_eq!(disk.read("a", 4094, 4).unwrap(), b"\0xy\0");
    }

    #[test]
    fn a_read_is_short_only_at_the_end_of_the_file() {
        let mut disk = MemDisk::new();
        disk.create("a", 0).unwrap();
        disk.write("a", 0, b"hello").unwrap();
        assert_eq!(disk.read("a", 3, 10).unwrap(), b"lo");
        assert_eq!(disk.read("a", 9, 10).unwrap(), b"");
    }

    #[test]
    fn truncated_bytes_come_back_as_zeroes() {
        let mut disk = MemDisk::new();
        disk.create("a", 0).unwrap();
        disk.write("a", 0, &[7; 9000]).unwrap();
        disk.truncate("a", 10).unwrap();
        disk.truncate("a", 9000).unwrap();
        assert_eq!(disk.read("a", 8, 4).unwrap(), [7, 7, 0, 0]);
        assert!(disk.read("a", 10, 9000).unwrap().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_full_disk_refuses_growth_but_not_writes_inside_a_file() {
        let mut disk = MemDisk::new();
        disk.create("a", 100).unwrap();
        disk.set_capacity(Some(100));
        assert_eq!(disk.create("b", 1), Err(DiskError::Full));
        assert_eq!(disk.write("a", 99, b"xy"), Err(DiskError::Full));
        disk.write("a", 98, b"xy").unwrap();
        assert_eq!(disk.list().unwrap(), ["a"]);
    }

    #[test]
    fn clones_share_the_directory_and_deep_copies_do_not() {
        let mut disk = MemDisk::new();
        let handle = disk.clone();
        disk.create("a", 3).unwrap();
        let copy = disk.deep_copy();
        disk.rename("a", "b").unwrap();
        assert_eq!(handle.list().unwrap(), ["b"]);
        assert_eq!(copy.list().unwrap(), ["a"]);
        assert_eq!(disk.remove("a"), Err(DiskError::NotFound { name: "a".into() }));
    }
}
