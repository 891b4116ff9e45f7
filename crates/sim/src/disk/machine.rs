//! The directory behind the handles, its armed faults, and how often each really struck.

use super::file::{FATES, Fate, File};
use crate::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use tribune_durable::DiskError;

/// The state of the disk.
#[derive(Debug)]
pub struct Machine {
    files: BTreeMap<u64, File>,
    next: u64,
    /// Names as a process sees them, and as they are on the platter.
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    dice: Dice,
    /// What may strike; the world sets it.
    pub faults: DiskFaults,
    /// What struck, in all and while a snapshot was being written.
    pub tally: DiskTally,
    pub tally_during: DiskTally,
    /// The world says when a snapshot is being written.
    pub snapshotting: bool,
    calls: u64,
}

/// A change of names that is not durable yet.
#[derive(Clone, Debug)]
enum NameChange {
    Link { name: String, file: u64 },
    Unlink { name: String },
    Move { from: String, to: String, file: u64 },
}

/// Faults that are armed.
#[derive(Clone, Debug, Default)]
pub struct DiskFaults {
    /// How many of a million reads fail.
    pub read_errors_per_million: u32,
    /// How many of a million writes fail.
    pub write_errors_per_million: u32,
    /// How many of a million syncs fail.
    pub sync_failures_per_million: u32,
    /// How many bytes the files may have in all.
    pub capacity_bytes: Option<u64>,
    /// After so many calls the process is gone, in the middle of whatever it did.
    pub die_after_calls: Option<u32>,
    /// The process is gone: every call fails.
    pub dead: bool,
}

/// How often each fault of the disk struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskTally {
    pub read_errors: u64,
    pub write_errors: u64,
    pub sync_failures: u64,
    pub full: u64,
    pub writes_lost: u64,
    pub writes_kept: u64,
    pub writes_torn: u64,
    pub writes_reordered: u64,
    pub names_lost: u64,
}

impl DiskTally {
    /// The counts with names for people.
    pub fn named(&self) -> [(&'static str, u64); 9] {
        [
            ("disk: read failed", self.read_errors),
            ("disk: write failed", self.write_errors),
            ("disk: sync failed", self.sync_failures),
            ("disk: full", self.full),
            ("power loss: write lost", self.writes_lost),
            ("power loss: write kept", self.writes_kept),
            ("power loss: write torn", self.writes_torn),
            ("power loss: writes reordered", self.writes_reordered),
            ("power loss: name lost", self.names_lost),
        ]
    }

    fn add(&mut self, other: &DiskTally) {
        self.read_errors += other.read_errors;
        self.write_errors += other.write_errors;
        self.sync_failures += other.sync_failures;
        self.full += other.full;
        self.writes_lost += other.writes_lost;
        self.writes_kept += other.writes_kept;
        self.writes_torn += other.writes_torn;
        self.writes_reordered += other.writes_reordered;
        self.names_lost += other.names_lost;
    }
}

/// The kinds of calls, as far as faults tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Read,
    Write,
    Sync,
}

impl Machine {
    /// An empty disk.
    pub fn new(dice: Dice) -> Machine {
        Machine {
            files: BTreeMap::new(),
            next: 0,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            dice,
            faults: DiskFaults::default(),
            tally: DiskTally::default(),
            tally_during: DiskTally::default(),
            snapshotting: false,
            calls: 0,
        }
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// The sum of all file lengths.
    pub fn used_bytes(&self) -> u64 {
        let lengths = self.names.values().filter_map(|file| self.files.get(file));
        lengths.map(|file| file.live.len() as u64).sum()
    }

    /// The machine lost power, and is back.
    pub fn power_loss(&mut self) {
        let fate = self.dice.pick(&FATES).copied().unwrap_or(Fate::Lost);
        let mut all = DiskTally { names_lost: self.names_meet(fate), ..DiskTally::default() };
        for file in self.files.values_mut() {
            let struck = file.power_loss(fate, &mut self.dice);
            all.writes_lost += struck.lost;
            all.writes_kept += struck.kept;
            all.writes_torn += struck.torn;
            all.writes_reordered += struck.reordered;
        }
        self.count(|tally| tally.add(&all));
        self.names = self.durable_names.clone();
        self.sweep();
        self.revive();
    }

    /// A new process starts.
    pub fn revive(&mut self) {
        self.faults.dead = false;
        self.faults.die_after_calls = None;
    }

    /// The journal of a file system keeps changes of names in order, others do not: both occur.
    fn names_meet(&mut self, fate: Fate) -> u64 {
        let mut lost = 0;
        let changes = std::mem::take(&mut self.unsynced_names);
        let prefix = self.dice.place(changes.len() + 1);
        for (n, change) in changes.into_iter().enumerate() {
            let keep = match fate {
                Fate::Lost => false,
                Fate::Kept => true,
                Fate::Prefix => n < prefix,
                Fate::Reordered | Fate::Torn => self.dice.chance(500),
            };
            if keep {
                change.apply(&mut self.durable_names);
            } else {
                lost += 1;
            }
        }
        lost
    }

    fn count(&mut self, count: impl Fn(&mut DiskTally)) {
        count(&mut self.tally);
        if self.snapshotting {
            count(&mut self.tally_during);
        }
    }

    /// Forgets files that no name leads to.
    fn sweep(&mut self) {
        let named: BTreeSet<u64> =
            self.names.values().chain(self.durable_names.values()).copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }

    /// Counts a call, and lets a fault strike.
    fn enter(&mut self, call: Call, what: &'static str, name: &str) -> Result<(), DiskError> {
        self.calls += 1;
        if let Some(left) = &mut self.faults.die_after_calls {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.faults.dead = true,
            }
        }
        if self.faults.dead {
            return Err(failed(what, name, "the process is gone"));
        }
        let per_million = match call {
            Call::Read => self.faults.read_errors_per_million,
            Call::Write => self.faults.write_errors_per_million,
            Call::Sync => self.faults.sync_failures_per_million,
        };
        if per_million == 0 || !self.dice.chance_per_million(per_million) {
            return Ok(());
        }
        match call {
            Call::Read => self.count(|tally| tally.read_errors += 1),
            Call::Write => self.count(|tally| tally.write_errors += 1),
            Call::Sync => {
                self.count(|tally| tally.sync_failures += 1);
                return Err(DiskError::SyncFailed {
                    name: name.to_owned(),
                    text: "input/output error".to_owned(),
                });
            }
        }
        Err(failed(what, name, "input/output error"))
    }

    fn claim(&mut self, more_bytes: u64) -> Result<(), DiskError> {
        match self.faults.capacity_bytes {
            Some(capacity) if more_bytes > 0 && self.used_bytes() + more_bytes > capacity => {
                self.count(|tally| tally.full += 1);
                Err(DiskError::Full)
            }
            _ => Ok(()),
        }
    }

    fn file(&self, name: &str) -> Result<&File, DiskError> {
        let file = self.names.get(name).and_then(|file| self.files.get(file));
        file.ok_or_else(|| DiskError::NotFound { name: name.to_owned() })
    }

    fn file_mut(&mut self, name: &str) -> Result<&mut File, DiskError> {
        let file = self.names.get(name).and_then(|file| self.files.get_mut(file));
        file.ok_or_else(|| DiskError::NotFound { name: name.to_owned() })
    }

    pub(super) fn list(&mut self) -> Result<Vec<String>, DiskError> {
        self.enter(Call::Read, "listing", "")?;
        Ok(self.names.keys().cloned().collect())
    }

    pub(super) fn len(&mut self, name: &str) -> Result<u64, DiskError> {
        self.enter(Call::Read, "stat", name)?;
        Ok(self.file(name)?.live.len() as u64)
    }

    pub(super) fn read(
        &mut self,
        name: &str,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, DiskError> {
        self.enter(Call::Read, "read", name)?;
        Ok(self.file(name)?.read(position(offset), len))
    }

    pub(super) fn create(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.enter(Call::Write, "create", name)?;
        if self.names.contains_key(name) {
            return Err(DiskError::Exists { name: name.to_owned() });
        }
        self.claim(len)?;
        self.next += 1;
        let file = self.next;
        self.files.insert(file, File::new(position(len)));
        self.names.insert(name.to_owned(), file);
        self.unsynced_names.push(NameChange::Link { name: name.to_owned(), file });
        Ok(())
    }

    pub(super) fn write(&mut self, name: &str, at: u64, bytes: &[u8]) -> Result<(), DiskError> {
        if let Err(error) = self.enter(Call::Write, "write", name) {
            // A failed or interrupted write may have written any part of it.
            let part = self.dice.place(bytes.len() + 1);
            if self.dice.chance(500)
                && let Ok(file) = self.file_mut(name)
                && position(at) + part <= file.live.len()
            {
                file.write(position(at), bytes.get(..part).unwrap_or_default());
            }
            return Err(error);
        }
        let end = at.saturating_add(bytes.len() as u64);
        let growth = end.saturating_sub(self.file(name)?.live.len() as u64);
        self.claim(growth)?;
        self.file_mut(name)?.write(position(at), bytes);
        Ok(())
    }

    pub(super) fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        if let Err(error) = self.enter(Call::Sync, "sync", name) {
            if matches!(error, DiskError::SyncFailed { .. })
                && let Some(file) = self.names.get(name).and_then(|file| self.files.get_mut(file))
            {
                file.sync_failed(&mut self.dice);
            }
            return Err(error);
        }
        self.file_mut(name)?.sync();
        Ok(())
    }

    pub(super) fn sync_dir(&mut self) -> Result<(), DiskError> {
        self.enter(Call::Sync, "sync", ".")?;
        for change in std::mem::take(&mut self.unsynced_names) {
            change.apply(&mut self.durable_names);
        }
        self.sweep();
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.enter(Call::Write, "rename", from)?;
        let file = self.names.remove(from);
        let file = file.ok_or_else(|| DiskError::NotFound { name: from.to_owned() })?;
        self.names.insert(to.to_owned(), file);
        let (from, to) = (from.to_owned(), to.to_owned());
        self.unsynced_names.push(NameChange::Move { from, to, file });
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.enter(Call::Write, "remove", name)?;
        let removed = self.names.remove(name);
        removed.ok_or_else(|| DiskError::NotFound { name: name.to_owned() })?;
        self.unsynced_names.push(NameChange::Unlink { name: name.to_owned() });
        Ok(())
    }

    pub(super) fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.enter(Call::Write, "truncate", name)?;
        let growth = len.saturating_sub(self.file(name)?.live.len() as u64);
        self.claim(growth)?;
        self.file_mut(name)?.resize(position(len));
        Ok(())
    }
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Link { name, file } => {
                names.insert(name, file);
            }
            NameChange::Unlink { name } => {
                names.remove(&name);
            }
            NameChange::Move { from, to, file } => {
                if names.get(&from) == Some(&file) {
                    names.remove(&from);
                }
                names.insert(to, file);
            }
        }
    }
}

fn failed(call: &'static str, name: &str, text: &str) -> DiskError {
    DiskError::Io { call, name: name.to_owned(), text: text.to_owned() }
}

/// The disk holds no file longer than memory can.
fn position(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
