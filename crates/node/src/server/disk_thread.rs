//! The thread that owns the log: nobody else waits for the disk.

use super::jobs::Jobs;
use super::replica_thread::Job;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tribune_durable::ballast::Space;
use tribune_durable::{AppendError, Batch, Disk, Wal};

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
}

impl<D: Disk> LogHome<D> {
    pub fn new(wal: Wal<D>) -> LogHome<D> {
        let low = wal.space() != Space::Ample;
        LogHome { wal, low }
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
    pub fn compact(&mut self, through: u64) {
        if let Err(error) = self.wal.compact(through) {
            tracing::warn!(%error, through, "the log could not be shortened");
        }
    }

    /// What is done while nothing is asked for; tells if space has come back.
    fn idle(&mut self) -> Result<Option<Job>, String> {
        match self.wal.close_frame() {
            Ok(()) | Err(AppendError::Full) => {}
            Err(error) => return Err(error.to_string()),
        }
        if let Err(error) = self.wal.prepare_next_segment() {
            tracing::debug!(%error, "the next segment could not be prepared yet");
        }
        let held = self.wal.restore_ballast().unwrap_or(false);
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
        if let Err(error) = self.wal.close_frame() {
            tracing::warn!(%error, "the log could not be closed cleanly");
        }
    }
}

/// Runs until told to stop.
pub(crate) fn run<D: Disk>(mut log: LogHome<D>, jobs: &Receiver<DiskJob>, replica: &Jobs) {
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
        let answer = match next {
            Ok(DiskJob::Append(batch)) => {
                let mut stop = false;
                let result = log.append(&batch, |first| {
                    if first {
                        let _ = replica.tell(Job::AppendWaits);
                    }
                    let next = jobs.recv_timeout(SPACE_LOOK);
                    stop = matches!(next, Ok(DiskJob::Stop) | Err(RecvTimeoutError::Disconnected));
                    !stop
                });
                if stop {
                    return;
                }
                result.map(Some)
            }
            Ok(DiskJob::Compact(through)) => {
                log.compact(through);
                Ok(None)
            }
            Err(RecvTimeoutError::Timeout) => log.idle(),
            Ok(DiskJob::Stop) | Err(RecvTimeoutError::Disconnected) => {
                log.close();
                return;
            }
        };
        let job = match answer {
            Ok(None) => continue,
            Ok(Some(job)) => job,
            Err(why) => Job::Fatal(why),
        };
        if replica.tell(job).is_err() {
            return;
        }
    }
}
