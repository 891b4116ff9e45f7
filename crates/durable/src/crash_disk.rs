//! A disk that forgets: for tests of what survives a power cut, a kill or a failed sync.
//!
//! Harsher than real ones on purpose: of unsynced writes any set of sectors may arrive, of
//! unsynced directory changes any subset, and a failed sync drops its writes for good while reads
//! go on showing them, as a page cache does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::disk::{Disk, DiskError};

const SECTOR_BYTES: usize = 512;

/// A clonable handle; clones share the disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrashDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    pending_names: Vec<NameChange>,
    next_inode: u64,
    trouble: Option<Trouble>,
    capacity_bytes: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

/// What goes wrong, and after how many more changing calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Every call fails from then on.
    PowerFails { calls: u32 },
    /// The next sync after that fails and loses what it was to save.
    SyncFails { calls: u32 },
    /// Writes find the disk full after that, though a part of them may get through.
    WriteFindsFull { calls: u32, times: u32, seed: u64 },
}

/// A generator for tests: small, seeded, the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}

impl CrashDisk {
    pub(crate) fn set_trouble(&self, trouble: Option<Trouble>) {
        self.lock().trouble = trouble;
    }

    pub(crate) fn set_capacity(&self, capacity_bytes: Option<u64>) {
        self.lock().capacity_bytes = capacity_bytes;
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.lock().used_bytes()
    }

    /// The process ends, the kernel lives on: all that was written is still seen, not yet durable.
    pub(crate) fn after_kill(&self) -> CrashDisk {
        let mut state = self.lock().clone();
        state.trouble = None;
        state.capacity_bytes = None;
        CrashDisk { state: Arc::new(Mutex::new(state)) }
    }

    /// The power goes: of what was not synced, chance decides.
    pub(crate) fn after_power_cut(&self, dice: &mut Dice) -> CrashDisk {
        let state = self.lock();
        let mut names = state.durable_names.clone();
        let mood = dice.roll(3);
        for change in &state.pending_names {
            if mood == 0 || (mood == 1 && dice.roll(2) == 0) {
                continue;
            }
            apply_name(&mut names, change);
        }
        let mut inodes = BTreeMap::new();
        for number in names.values() {
            let bytes = state.inodes[number].cut(dice);
            let inode = Inode { seen: bytes.clone(), durable: bytes, pending: Vec::new() };
            inodes.insert(*number, inode);
        }
        let after = State {
            inodes,
            names: names.clone(),
            durable_names: names,
            next_inode: state.next_inode,
            ..State::default()
        };
        CrashDisk { state: Arc::new(Mutex::new(after)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Inode {
    fn cut(&self, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let mood = dice.roll(4);
        for change in &self.pending {
            match change {
                Change::Length(len) => {
                    if dice.roll(2) == 0 {
                        bytes.resize(*len, 0);
                    }
                }
                Change::Write { offset, bytes: written } => {
                    tear(&mut bytes, *offset, written, mood, dice);
                }
            }
        }
        bytes
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.seen, &change);
        self.pending.push(change);
    }
}

/// Lets none, all, or some sectors of a write arrive, one of them perhaps in part.
fn tear(bytes: &mut Vec<u8>, offset: usize, written: &[u8], mood: u64, dice: &mut Dice) {
    let mut at = 0;
    while at < written.len() {
        let to_boundary = SECTOR_BYTES - (offset + at) % SECTOR_BYTES;
        let end = (at + to_boundary).min(written.len());
        let arrives = match mood {
            0 => false,
            1 => true,
            _ => dice.roll(3) > 0,
        };
        let torn = mood == 3 && dice.roll(8) == 0;
        let stop = if torn { at + (end - at) / 2 } else { end };
        if arrives {
            put(bytes, offset + at, &written[at..stop]);
        }
        at = end;
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes: written } => put(bytes, *offset, written),
        Change::Length(len) => bytes.resize(*len, 0),
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, written: &[u8]) {
    let end = offset + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(written);
}

fn apply_name(names: &mut BTreeMap<String, u64>, change: &NameChange) {
    match change {
        NameChange::Create(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

impl State {
    fn used_bytes(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[inode].seen.len() as u64).sum()
    }

    fn claim(&self, more_bytes: u64) -> Result<(), DiskError> {
        match self.capacity_bytes {
            Some(capacity) if more_bytes > 0 && self.used_bytes() + more_bytes > capacity => {
                Err(DiskError::Full)
            }
            _ => Ok(()),
        }
    }

    /// Counts a changing call; true once the trouble begins.
    fn strikes(&mut self) -> bool {
        match &mut self.trouble {
            None => false,
            Some(
                Trouble::PowerFails { calls }
                | Trouble::SyncFails { calls }
                | Trouble::WriteFindsFull { calls, .. },
            ) => {
                let now = *calls == 0;
                *calls = calls.saturating_sub(1);
                now
            }
        }
    }

    fn powered(&mut self, name: &str) -> Result<(), DiskError> {
        if self.strikes() && matches!(self.trouble, Some(Trouble::PowerFails { .. })) {
            let text = "the power is gone".to_owned();
            return Err(DiskError::Io { call: "any call", name: name.to_owned(), text });
        }
        Ok(())
    }

    fn inode(&mut self, name: &str) -> Result<&mut Inode, DiskError> {
        let missing = || DiskError::NotFound { name: name.to_owned() };
        let inode = self.names.get(name).ok_or_else(missing)?;
        self.inodes.get_mut(inode).ok_or_else(missing)
    }

    fn rename_all(&mut self, change: NameChange) {
        apply_name(&mut self.names, &change);
        self.pending_names.push(change);
    }
}

impl Disk for CrashDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        Ok(self.lock().inode(name)?.seen.len() as u64)
    }

    fn read(&self, name: &str, offset: u64, len: usize) -> Result<Vec<u8>, DiskError> {
        let mut state = self.lock();
        let seen = &state.inode(name)?.seen;
        let start = usize::try_from(offset).unwrap().min(seen.len());
        Ok(seen[start..start.saturating_add(len).min(seen.len())].to_vec())
    }

    fn create(&mut self, name: &str, len_reserved: u64) -> Result<(), DiskError> {
        let mut state = self.lock();
        state.powered(name)?;
        if state.names.contains_key(name) {
            return Err(DiskError::Exists { name: name.to_owned() });
        }
        state.claim(len_reserved)?;
        let number = state.next_inode;
        state.next_inode += 1;
        let mut inode = Inode::default();
        inode.change(Change::Length(usize::try_from(len_reserved).unwrap()));
        state.inodes.insert(number, inode);
        state.rename_all(NameChange::Create(name.to_owned(), number));
        Ok(())
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.lock();
        state.powered(name)?;
        let offset = usize::try_from(offset).unwrap();
        let growth = (offset + bytes.len()).saturating_sub(state.inode(name)?.seen.len());
        state.claim(growth as u64)?;
        if let Some(Trouble::WriteFindsFull { calls: 0, times, seed }) = &mut state.trouble
            && *times > 0
        {
            *times -= 1;
            let through = Dice(*seed).roll(bytes.len() as u64 + 1);
            let through = bytes[..usize::try_from(through).unwrap()].to_vec();
            state.inode(name)?.change(Change::Write { offset, bytes: through });
            return Err(DiskError::Full);
        }
        state.inode(name)?.change(Change::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let mut state = self.lock();
        state.powered(name)?;
        if let Some(Trouble::SyncFails { calls: 0 }) = state.trouble {
            state.inode(name)?.pending.clear();
            let text = "the sectors are gone".to_owned();
            return Err(DiskError::SyncFailed { name: name.to_owned(), text });
        }
        let inode = state.inode(name)?;
        for change in std::mem::take(&mut inode.pending) {
            apply(&mut inode.durable, &change);
        }
        Ok(())
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        let mut state = self.lock();
        state.powered(".")?;
        state.pending_names.clear();
        state.durable_names = state.names.clone();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.lock();
        state.powered(from)?;
        state.inode(from)?;
        state.rename_all(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let mut state = self.lock();
        state.powered(name)?;
        state.inode(name)?;
        state.rename_all(NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        let mut state = self.lock();
        state.powered(name)?;
        let len = usize::try_from(len).unwrap();
        let growth = len.saturating_sub(state.inode(name)?.seen.len());
        state.claim(growth as u64)?;
        state.inode(name)?.change(Change::Length(len));
        Ok(())
    }
}
