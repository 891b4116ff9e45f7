//! One file of the simulated disk: what a reader sees, what a power loss leaves, and what lies
//! between the two.

use crate::dice::Dice;

/// The unit in which a disk writes: it tears a write between two of these, never inside one.
pub const SECTOR_BYTES: usize = 512;

/// A file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// What readers see: the page cache.
    pub live: Vec<u8>,
    /// What is on the platter.
    durable: Vec<u8>,
    /// What changed since the last sync, in order.
    unsynced: Vec<Change>,
}

/// A change that is not durable yet.
#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

/// What happens to unsynced changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// None reaches the platter.
    Lost,
    /// All do.
    Kept,
    /// Those before some point do.
    Prefix,
    /// Each does or does not.
    Reordered,
    /// Each sector of each does or does not.
    Torn,
}

/// Every fate.
pub const FATES: [Fate; 5] = [Fate::Lost, Fate::Kept, Fate::Prefix, Fate::Reordered, Fate::Torn];

/// What a power loss did to a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Struck {
    pub lost: u64,
    pub kept: u64,
    pub torn: u64,
    /// A later change was kept although an earlier one was lost.
    pub reordered: u64,
}

impl File {
    /// A file of zeroes, none of them durable.
    pub fn new(len: usize) -> File {
        let mut file = File::default();
        if len > 0 {
            file.resize(len);
        }
        file
    }

    pub fn read(&self, offset: usize, len: usize) -> Vec<u8> {
        let end = offset.saturating_add(len).min(self.live.len());
        self.live.get(offset..end).unwrap_or_default().to_vec()
    }

    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        write(&mut self.live, offset, bytes);
        self.unsynced.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub fn resize(&mut self, len: usize) {
        self.live.resize(len, 0);
        self.unsynced.push(Change::Resize(len));
    }

    /// Everything is on the platter.
    pub fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync failed: some of it reached the platter, the kernel holds the rest for written, and
    /// no later sync will write it again.
    pub fn sync_failed(&mut self, dice: &mut Dice) {
        for change in std::mem::take(&mut self.unsynced) {
            change.apply_torn(&mut self.durable, dice);
        }
    }

    /// The machine lost power: unsynced changes meet their fate, and the page cache is gone.
    pub fn power_loss(&mut self, fate: Fate, dice: &mut Dice) -> Struck {
        let mut struck = Struck::default();
        let changes = std::mem::take(&mut self.unsynced);
        let prefix = dice.place(changes.len() + 1);
        for (n, change) in changes.into_iter().enumerate() {
            let keep = match fate {
                Fate::Lost => false,
                Fate::Kept => true,
                Fate::Prefix => n < prefix,
                Fate::Reordered => dice.chance(500),
                Fate::Torn => {
                    match change.apply_torn(&mut self.durable, dice) {
                        Sectors::All => struck.kept += 1,
                        Sectors::Some => struck.torn += 1,
                        Sectors::None => struck.lost += 1,
                    }
                    continue;
                }
            };
            if keep {
                struck.reordered += u64::from(struck.lost > 0);
                struck.kept += 1;
                change.apply(&mut self.durable);
            } else {
                struck.lost += 1;
            }
        }
        self.live = self.durable.clone();
        struck
    }
}

enum Sectors {
    All,
    Some,
    None,
}

impl Change {
    fn apply(self, to: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes } => write(to, offset, &bytes),
            Change::Resize(len) => to.resize(len, 0),
        }
    }

    /// Applies some of its sectors.
    fn apply_torn(self, to: &mut Vec<u8>, dice: &mut Dice) -> Sectors {
        let Change::Write { offset, bytes } = self else {
            let keep = dice.chance(500);
            if keep {
                self.apply(to);
            }
            return if keep { Sectors::All } else { Sectors::None };
        };
        let (mut kept, mut lost) = (0, 0);
        let mut start = 0;
        while start < bytes.len() {
            let left = SECTOR_BYTES - (offset + start) % SECTOR_BYTES;
            let end = (start + left).min(bytes.len());
            if dice.chance(500) {
                write(to, offset + start, bytes.get(start..end).unwrap_or_default());
                kept += 1;
            } else {
                lost += 1;
            }
            start = end;
        }
        match (kept, lost) {
            (_, 0) => Sectors::All,
            (0, _) => Sectors::None,
            _ => Sectors::Some,
        }
    }
}

fn write(to: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    if let Some(place) = to.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Stream;

    #[test]
    fn a_power_loss_leaves_what_was_synced_and_tears_only_between_sectors() {
        let mut dice = Dice::new(1, Stream::Disk);
        let mut torn = 0;
        for _ in 0..50 {
            let mut file = File::new(4096);
            file.write(0, &[1; 4096]);
            file.sync();
            file.write(100, &[2; 2000]);
            torn += file.power_loss(Fate::Torn, &mut dice).torn;
            let kept = file.read(0, 4096);
            assert_eq!(kept.len(), 4096);
            for sector in kept.chunks(SECTOR_BYTES).skip(1).take(3) {
                assert!(sector.iter().all(|byte| *byte == sector[0]), "torn inside a sector");
            }
            assert!(kept[..100].iter().chain(&kept[2100..]).all(|byte| *byte == 1));
        }
        assert!(torn > 10);
    }

    #[test]
    fn a_second_sync_after_a_failed_one_proves_nothing() {
        let mut dice = Dice::new(2, Stream::Disk);
        let mut file = File::new(0);
        file.write(0, &[7; 64 * SECTOR_BYTES]);
        file.sync_failed(&mut dice);
        file.sync();
        assert_eq!(file.read(0, 1), [7], "the page cache still shows it");
        file.power_loss(Fate::Kept, &mut dice);
        assert_ne!(file.read(0, 64 * SECTOR_BYTES), [7; 64 * SECTOR_BYTES]);
    }
}
