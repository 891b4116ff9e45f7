//! The thread that owns the log: nobody else waits for the disk.

use super::jobs::Jobs;
use super::replica_thread::Job;
use crate::clock::Clock;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;
use tribune_durable::ballast::Space;
use tribune_durable::{AppendError, Batch, Disk, DiskError, SegmentPlan, Wal};

/// What the disk thread is asked to do.
pub(crate) enum DiskJob {
    /// Make a batch durable.
    Append(Batch),
    /// Drop what a durable snapshot covers.
    Compact(u64),
    /// Close the log and end.
    Stop,
}

/// After this long without work the log is closed with a small frame.
const IDLE: Duration = Duration::from_millis(200);

/// How often a full disk is looked at again.
const SPACE_LOOK: Duration = Duration::from_secs(1);

/// As good as never.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// The log, wherever it runs.
pub(crate) struct LogHome<D: Disk> {
    wal: Wal<D>,
    low: bool,
    /// The next segment, while it is prefilled on a thread of its own.
    beside: Option<Beside>,
    /// While the log is busy: when space is looked for again, and a segment prefilled.
    look_at: Duration,
}

/// A segment that is being prefilled.
struct Beside {
    plan: SegmentPlan,
    thread: JoinHandle<Result<(), DiskError>>,
}

impl<D: Disk + Clone + 'static> LogHome<D> {
    pub fn new(wal: Wal<D>) -> LogHome<D> {
        let low = wal.space() != Space::Ample;
        LogHome { wal, low, beside: None, look_at: Duration::ZERO }
    }

    /// Appends, or says why the process must stop. A full disk is tried again as long as `wait`
    /// says so: the batch is in the replica's log and cannot be taken back, and nothing is lost
    /// by waiting. `wait` is told whether it is asked for the first time.
    pub fn append(
        &mut self,
        batch: &Batch,
        mut wait: impl FnMut(bool) -> bool,
    ) -> Result<Job, String> {
        let mut first = true;
        loop {
            match self.wal.append(batch) {
                Ok(()) => {
                    self.low = self.wal.space() != Space::Ample;
                    return Ok(Job::Appended { space_low: self.low });
                }
                Err(AppendError::Full) => {
                    if first {
                        tracing::error!("the disk is full: writes wait until there is room");
                    }
                    self.low = true;
                    if !wait(first) {
                        return Err("the disk is full".to_owned());
                    }
                    first = false;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Drops segments; a failure is told and tried again after the next snapshot.
    pub fn compact(&mut self, through: u64) -> Result<(), String> {
        self.wal.compact(through).map(|_| ()).or_else(|error| {
            error.survived()?;
            tracing::warn!(%error, through, "the log could not be shortened");
            Ok(())
        })
    }

    /// What is seen to before a batch: where it needs the segment that is being prefilled, that one
    /// is waited for. To make another meanwhile would take the room of two.
    fn prepare(&mut self, batch: &Batch, now: Duration) -> Result<(), String> {
        match self.beside.take_if(|_| !self.wal.has_room(batch)) {
            Some(beside) => self.adopt(beside, now),
            None => Ok(()),
        }
    }

    /// What is seen to between two batches, so that a log which is never idle has its next segment
    /// before it needs it, and takes writes again once there is room. Tells if space has come back.
    fn tend(&mut self, now: Duration) -> Result<Option<Job>, String> {
        self.prefill_beside(now)?;
        if !self.low || now < self.look_at {
            return Ok(None);
        }
        self.look_at = now + SPACE_LOOK;
        self.look_for_space()
    }

    /// Begins to prefill the next segment once it is due, or takes over the one that is ready.
    fn prefill_beside(&mut self, now: Duration) -> Result<(), String> {
        if let Some(beside) = self.beside.take_if(|beside| beside.thread.is_finished()) {
            self.adopt(beside, now)?;
        }
        if self.beside.is_some() || now < self.look_at {
            return Ok(());
        }
        let Some(plan) = self.wal.plan_next_segment() else { return Ok(()) };
        let (planned, mut disk) = (plan.clone(), self.wal.disk().clone());
        let spawned = std::thread::Builder::new()
            .name("prefill".to_owned())
            .spawn(move || planned.run(&mut disk));
        match spawned {
            Ok(thread) => self.beside = Some(Beside { plan, thread }),
            Err(error) => {
                tracing::debug!(%error, "no thread to prefill a segment");
                self.look_at = now + SPACE_LOOK;
            }
        }
        Ok(())
    }

    fn adopt(&mut self, beside: Beside, now: Duration) -> Result<(), String> {
        let made = beside.thread.join().map_err(|_| "prefilling a segment ended badly")?;
        let adopted = made.and_then(|()| self.wal.adopt_segment(beside.plan));
        adopted.map(|_| ()).or_else(|error| {
            error.survived()?;
            tracing::debug!(%error, "the next segment could not be prepared yet");
            self.look_at = now + SPACE_LOOK;
            Ok(())
        })
    }

    /// What is done while nothing is asked for; tells if space has come back.
    fn idle(&mut self) -> Result<Option<Job>, String> {
        match self.wal.close_frame() {
            Ok(()) | Err(AppendError::Full) => {}
            Err(error) => return Err(error.to_string()),
        }
        // One that is under way is taken over after the next batch.
        if self.beside.is_none()
            && let Err(error) = self.wal.prepare_next_segment()
        {
            error.survived()?;
            tracing::debug!(%error, "the next segment could not be prepared yet");
        }
        self.look_for_space()
    }

    fn look_for_space(&mut self) -> Result<Option<Job>, String> {
        let held = self.wal.restore_ballast().or_else(|error| error.survived().map(|()| false))?;
        if held != self.low {
            return Ok(None);
        }
        self.low = !held;
        if held {
            tracing::info!("the disk has room again");
        } else {
            tracing::error!("the disk has no room for the ballast: only deletes are taken");
        }
        Ok(Some(Job::Space { low: self.low }))
    }

    fn close(&mut self) {
        // Nobody else may open the directory while somebody still writes to it.
        if let Some(beside) = self.beside.take() {
            let _ = beside.thread.join();
        }
        if let Err(error) = self.wal.close_frame() {
            tracing::warn!(%error, "the log could not be closed cleanly");
        }
    }
}

/// Runs until told to stop.
pub(crate) fn run<D: Disk + Clone + 'static>(
    mut log: LogHome<D>,
    jobs: &Receiver<DiskJob>,
    replica: &Jobs,
    clock: Clock,
) {
    if let Err(why) = turn_until_stopped(&mut log, jobs, replica, clock) {
        // Whoever is told may have ended already.
        let _ = replica.tell(Job::Fatal(why));
    }
    log.close();
}

fn turn_until_stopped<D: Disk + Clone + 'static>(
    log: &mut LogHome<D>,
    jobs: &Receiver<DiskJob>,
    replica: &Jobs,
    clock: Clock,
) -> Result<(), String> {
    let mut settled = false;
    loop {
        // Once the log is closed and nothing is low, there is nothing to wake up for.
        let patience = match (settled, log.low) {
            (false, _) => IDLE,
            (true, true) => SPACE_LOOK,
            (true, false) => FOREVER,
        };
        let next = jobs.recv_timeout(patience);
        settled = matches!(next, Err(RecvTimeoutError::Timeout));
        let news = match next {
            Ok(DiskJob::Append(batch)) => {
                log.prepare(&batch, clock.now())?;
                let Some(appended) = append(log, &batch, jobs, replica)? else { return Ok(()) };
                if replica.tell(appended).is_err() {
                    return Ok(());
                }
                log.tend(clock.now())?
            }
            Ok(DiskJob::Compact(through)) => {
                log.compact(through)?;
                None
            }
            Err(RecvTimeoutError::Timeout) => log.idle()?,
            Ok(DiskJob::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        if let Some(news) = news
            && replica.tell(news).is_err()
        {
            return Ok(());
        }
    }
}

/// Makes a batch durable, however long the disk is full; none if it was told to stop meanwhile.
fn append<D: Disk + Clone + 'static>(
    log: &mut LogHome<D>,
    batch: &Batch,
    jobs: &Receiver<DiskJob>,
    replica: &Jobs,
) -> Result<Option<Job>, String> {
    let mut stop = false;
    let appended = log.append(batch, |first| {
        if first {
            let _ = replica.tell(Job::AppendWaits);
        }
        let next = jobs.recv_timeout(SPACE_LOOK);
        stop = matches!(next, Ok(DiskJob::Stop) | Err(RecvTimeoutError::Disconnected));
        !stop
    });
    if stop { Ok(None) } else { appended.map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tribune_durable::{LogEntry, MemDisk, WalOptions};

    const BALLAST_BYTES: u64 = 16 << 10;

    fn home(disk: &MemDisk) -> LogHome<MemDisk> {
        let mut options = WalOptions::salted(7);
        (options.segment_bytes_first, options.segment_bytes_max) = (8 << 10, 64 << 10);
        options.ballast_bytes = BALLAST_BYTES;
        let mut wal = Wal::open(disk.clone(), options).unwrap().0;
        assert!(wal.restore_ballast().unwrap());
        LogHome::new(wal)
    }

    fn entry(index: u64, bytes: usize) -> LogEntry {
        LogEntry { index, term: 1, kind: 0, data: Bytes::from(vec![7; bytes]) }
    }

    fn batch(index: u64) -> Batch {
        Batch { entries: vec![entry(index, 1000)], hard_state: None }
    }

    fn append(home: &mut LogHome<MemDisk>, index: u64) -> bool {
        let appended = home.append(&batch(index), |_| false).unwrap();
        let Job::Appended { space_low } = appended else { panic!("it says that it is appended") };
        space_low
    }

    #[test]
    fn a_log_that_is_never_idle_takes_writes_again_once_there_is_room() {
        let disk = MemDisk::new();
        let mut home = home(&disk);
        disk.set_capacity(Some(disk.used_bytes()));
        let low = (1..).find(|index| append(&mut home, *index)).unwrap();
        let mut now = Duration::from_secs(5);
        assert!(home.tend(now).unwrap().is_none(), "the disk is still full");
        disk.set_capacity(None);
        append(&mut home, low + 1);
        now += SPACE_LOOK / 2;
        assert!(home.tend(now).unwrap().is_none(), "it does not look after each batch");
        now += SPACE_LOOK / 2;
        assert!(matches!(home.tend(now), Ok(Some(Job::Space { low: false }))));
        assert!(!append(&mut home, low + 2));
    }

    #[test]
    fn a_log_that_is_never_idle_has_its_next_segment_before_it_needs_it() {
        let (disk, now) = (MemDisk::new(), Duration::ZERO);
        let mut home = home(&disk);
        let mut segments = 1;
        for index in 1..=100 {
            home.prepare(&batch(index), now).unwrap();
            append(&mut home, index);
            let before = home.beside.is_some();
            home.tend(now).unwrap();
            segments += usize::from(!before && home.beside.is_some());
        }
        home.prepare(&Batch { entries: vec![entry(101, 1 << 20)], hard_state: None }, now).unwrap();
        let names = disk.list().unwrap();
        let logs = names.iter().filter(|name| name.starts_with("wal-")).count();
        assert_eq!(logs, segments, "each but the first was made beside the log: {names:?}");
        home.close();
    }

    #[test]
    fn a_failed_sync_ends_the_process_wherever_it_was() {
        let failed = DiskError::SyncFailed { name: "a".to_owned(), text: "EIO".to_owned() };
        assert!(failed.survived().is_err_and(|why| why.contains("in doubt")));
        assert!(DiskError::Full.survived().is_ok());
    }
}
