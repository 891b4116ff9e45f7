//! The log against a plain model, over power cuts, kills, failed syncs and full disks: what was
//! acknowledged is there, and nothing else but the one batch that was under way.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::crash_disk::{CrashDisk, Dice, Trouble};

/// What the caller of the log believes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Model {
    snapshot: (u64, u64),
    entries: Vec<LogEntry>,
    hard_state: HardState,
    /// The snapshot before, which compaction goes by.
    older_snapshot_index: u64,
}

impl Model {
    fn last_index(&self) -> u64 {
        self.snapshot.0 + self.entries.len() as u64
    }

    fn append(&mut self, batch: &Batch) {
        if let Some(first) = batch.entries.first() {
            let kept = usize::try_from(first.index - self.snapshot.0 - 1).unwrap();
            self.entries.truncate(kept);
            self.entries.extend(batch.entries.iter().cloned());
        }
        self.hard_state = batch.hard_state.unwrap_or(self.hard_state);
    }

    /// A snapshot of our own entries.
    fn snapshot_at(&mut self, index: u64, term: u64) {
        let covered = usize::try_from(index - self.snapshot.0).unwrap();
        self.entries.drain(..covered);
        self.older_snapshot_index = self.snapshot.0;
        self.snapshot = (index, term);
    }

    /// A snapshot from elsewhere, that our entries do not lead to.
    fn install(&mut self, index: u64, term: u64) {
        self.entries.clear();
        self.older_snapshot_index = self.snapshot.0;
        self.snapshot = (index, term);
        if self.hard_state.term < term {
            self.hard_state = HardState { term, vote: 0, commit: index };
        }
        self.hard_state.commit = self.hard_state.commit.max(index);
    }
}

#[derive(Debug, Clone)]
enum Op {
    Append { count: u64, bytes: usize, back: u64, advance: u64, vote: bool },
    Close,
    Prepare,
    Snapshot { back: u64 },
    Install { ahead: u64 },
    Capacity { spare_bytes: Option<u64> },
}

#[derive(Debug, Clone)]
struct Life {
    ops: Vec<Op>,
    trouble: Option<Trouble>,
    power_cut: bool,
}

fn ops() -> impl Strategy<Value = Op> {
    let append = (0u64..4, 0usize..2500, 0u64..5, 0u64..4, any::<bool>());
    prop_oneof![
        12 => append.prop_map(|(count, bytes, back, advance, vote)| Op::Append {
            count, bytes, back, advance, vote,
        }),
        2 => Just(Op::Close),
        2 => Just(Op::Prepare),
        3 => (0u64..6).prop_map(|back| Op::Snapshot { back }),
        1 => (0u64..6).prop_map(|ahead| Op::Install { ahead }),
        1 => prop::option::of(0u64..40_000)
            .prop_map(|spare_bytes| Op::Capacity { spare_bytes }),
    ]
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let calls = 0u32..80;
    let trouble = prop_oneof![
        2 => Just(None),
        5 => calls.clone().prop_map(|calls| Some(Trouble::PowerFails { calls })),
        2 => calls.clone().prop_map(|calls| Some(Trouble::SyncFails { calls })),
        2 => (calls, 1u32..4, any::<u64>()).prop_map(|(calls, times, seed)| {
            Some(Trouble::WriteFindsFull { calls, times, seed })
        }),
    ];
    let life = (prop::collection::vec(ops(), 0..30), trouble, any::<bool>());
    let life = life.prop_map(|(ops, trouble, power_cut)| Life { ops, trouble, power_cut });
    prop::collection::vec(life, 1..7)
}

fn options() -> WalOptions {
    let mut options = WalOptions::salted(11);
    options.segment_bytes_first = 8192;
    options.segment_bytes_max = 16384;
    options.ballast_bytes = 12288;
    options
}

/// Does one operation; false if the process must stop. The models that may be found after it,
/// should it not come to its end, are left in `possible`; after it, only the last of them is.
fn step(wal: &mut Wal<CrashDisk>, op: &Op, possible: &mut Vec<Model>, salt: u64) -> bool {
    match op {
        Op::Append { .. } => append(wal, op, possible, salt),
        Op::Close => matches!(wal.close_frame(), Ok(()) | Err(AppendError::Full)),
        Op::Prepare => {
            let prepared = wal.prepare_next_segment();
            prepared.and_then(|_| wal.restore_ballast()).is_ok()
        }
        Op::Snapshot { back } => snapshot(wal, *back, possible),
        Op::Install { ahead } => install(wal, *ahead, possible),
        Op::Capacity { spare_bytes } => {
            let used = wal.disk().used_bytes();
            wal.disk().set_capacity(spare_bytes.map(|spare| used + spare));
            true
        }
    }
}

/// The batch that an operation asks for, made to keep the rules of Raft.
fn batch_of(model: &Model, op: &Op, salt: u64) -> Batch {
    let Op::Append { count, bytes, back, advance, vote } = op else {
        return Batch::default();
    };
    let settled = model.snapshot.0.max(model.hard_state.commit);
    let first = (model.last_index() + 1).saturating_sub(*back).max(settled + 1);
    let mut hard_state = model.hard_state;
    hard_state.term += u64::from(first <= model.last_index() || *vote);
    hard_state.vote = if *vote { 1 + salt % 3 } else { hard_state.vote };
    let data = Bytes::from(vec![u8::try_from(salt % 251).unwrap(); *bytes]);
    let term = hard_state.term;
    let entries: Vec<LogEntry> = (first..first + count)
        .map(|index| LogEntry { index, term, kind: 2, data: data.clone() })
        .collect();
    let last = entries.last().map_or(model.last_index(), |entry| entry.index);
    hard_state.commit = (hard_state.commit + advance).min(last);
    let hard_state = (hard_state != model.hard_state).then_some(hard_state);
    Batch { entries, hard_state }
}

fn append(wal: &mut Wal<CrashDisk>, op: &Op, possible: &mut Vec<Model>, salt: u64) -> bool {
    let mut after = possible.last().unwrap().clone();
    let batch = batch_of(&after, op, salt);
    after.append(&batch);
    possible.push(after);
    match wal.append(&batch) {
        Ok(()) => settle(possible),
        Err(AppendError::Full) => {
            possible.pop();
            true
        }
        Err(AppendError::Fatal { .. }) => false,
        Err(refused) => panic!("{refused}"),
    }
}

fn snapshot(wal: &mut Wal<CrashDisk>, back: u64, possible: &mut Vec<Model>) -> bool {
    let mut after = possible.last().unwrap().clone();
    let index = after.hard_state.commit.saturating_sub(back);
    if index <= after.snapshot.0 {
        return true;
    }
    let at = usize::try_from(index - after.snapshot.0 - 1).unwrap();
    let term = after.entries[at].term;
    after.snapshot_at(index, term);
    let through_index = after.older_snapshot_index;
    match save(wal, after, possible) {
        Some(true) => wal.compact(through_index).is_ok(),
        Some(false) => true,
        None => false,
    }
}

fn install(wal: &mut Wal<CrashDisk>, ahead: u64, possible: &mut Vec<Model>) -> bool {
    let mut after = possible.last().unwrap().clone();
    let (index, term) = (after.last_index() + ahead, after.hard_state.term + 1);
    if index <= after.hard_state.commit {
        return true;
    }
    after.install(index, term);
    match save(wal, after.clone(), possible) {
        Some(true) => {}
        Some(false) => return true,
        None => return false,
    }
    after.hard_state = HardState { term, vote: 3, commit: index };
    possible.push(after.clone());
    match wal.reset(index, Some(after.hard_state)) {
        Ok(()) => settle(possible),
        // The node would try again; here it starts again.
        Err(AppendError::Full | AppendError::Fatal { .. }) => false,
        Err(refused) => panic!("{refused}"),
    }
}

fn settle(possible: &mut Vec<Model>) -> bool {
    possible.drain(..possible.len() - 1);
    true
}

/// Saves the snapshot that leads to `after`. Some(false) if the disk is full, None if the process
/// must stop.
fn save(wal: &mut Wal<CrashDisk>, after: Model, possible: &mut Vec<Model>) -> Option<bool> {
    let (index, term) = after.snapshot;
    possible.push(after);
    let meta = SnapshotMeta { index, term, extra: vec![1; 40] };
    match wal.save_snapshot(&meta, [vec![9; 600], index.to_le_bytes().to_vec()]) {
        Ok(_) => Some(settle(possible)),
        Err(SnapshotError::Disk(DiskError::Full)) => {
            possible.pop();
            Some(false)
        }
        Err(_) => None,
    }
}

/// Opens after a crash, and says which of the possible models was found.
fn reopen(disk: CrashDisk, possible: &[Model]) -> (Wal<CrashDisk>, Model) {
    let (wal, recovered) = match Wal::open(disk, options()) {
        Ok(opened) => opened,
        Err(error) => panic!("{error}\npossible: {possible:#?}"),
    };
    let snapshot = recovered.snapshot.map_or((0, 0), |(meta, _)| (meta.index, meta.term));
    let found = possible.iter().find(|model| {
        let hard_state =
            HardState { commit: model.hard_state.commit.max(model.snapshot.0), ..model.hard_state };
        model.snapshot == snapshot
            && model.entries == recovered.entries
            && hard_state == recovered.hard_state
    });
    let Some(found) = found else {
        panic!(
            "found: {snapshot:?} {:?} {:?}\n{:?}\npossible: {possible:#?}",
            recovered.hard_state, recovered.entries, recovered.report,
        );
    };
    assert_eq!((wal.first_index(), wal.last_index()), (snapshot.0 + 1, found.last_index()));
    (wal, found.clone())
}

fn live(lives: &[Life], seed: u64) {
    let mut dice = Dice(seed);
    let (mut wal, mut model) = reopen(CrashDisk::default(), &[Model::default()]);
    for (number, life) in lives.iter().enumerate() {
        wal.disk().set_trouble(life.trouble);
        let mut possible = vec![model];
        for (at, op) in life.ops.iter().enumerate() {
            let salt = (number * 1000 + at) as u64;
            if !step(&mut wal, op, &mut possible, salt) {
                break;
            }
        }
        let disk = wal.disk();
        let disk = if life.power_cut { disk.after_power_cut(&mut dice) } else { disk.after_kill() };
        (wal, model) = reopen(disk, &possible);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_was_acknowledged_survives_and_nothing_is_invented(
        lives in lives(),
        seed in any::<u64>(),
    ) {
        live(&lives, seed);
    }
}

/// Power cuts during recovery itself, at each of its calls.
#[test]
fn recovery_may_be_cut_short_at_any_call() {
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let (mut wal, model) = reopen(CrashDisk::default(), &[Model::default()]);
        let mut possible = vec![model];
        wal.disk().set_trouble(Some(Trouble::PowerFails { calls: 40 }));
        for salt in 0..40 {
            let op = Op::Append { count: 2, bytes: 900, back: 0, advance: 1, vote: false };
            let op = if salt % 7 == 6 { Op::Snapshot { back: 1 } } else { op };
            if !step(&mut wal, &op, &mut possible, salt) {
                break;
            }
        }
        let mut disk = wal.disk().after_power_cut(&mut dice);
        for calls in 0..12 {
            let tried = disk.after_kill();
            tried.set_trouble(Some(Trouble::PowerFails { calls }));
            drop(Wal::open(tried.clone(), options()));
            disk = tried.after_power_cut(&mut dice);
        }
        reopen(disk, &possible);
    }
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_lost_sync_is_found_by_a_power_cut() {
    let lost = (0..20).filter(|seed| {
        let mut options = options();
        options.fault = crate::options::Fault::SkipSync;
        let (mut wal, _) = Wal::open(CrashDisk::default(), options).unwrap();
        for index in 1..=10 {
            let data = Bytes::from_static(b"value");
            let entries = vec![LogEntry { index, term: 1, kind: 0, data }];
            wal.append(&Batch { entries, hard_state: None }).unwrap();
        }
        let disk = wal.disk().after_power_cut(&mut Dice(*seed));
        Wal::open(disk, self::options()).is_ok_and(|(_, found)| found.entries.len() == 10)
    });
    assert!(lost.count() < 20);
}
