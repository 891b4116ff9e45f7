//! The queue of the replica's thread. It takes room for what waits only: the standard library's
//! bounded channel takes the room of a full one at once, which is most of an idle server.
//! Invariants: no more than [`JOBS_MAX`] requests wait; what the server tells itself is never
//! refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use super::replica_thread::Job;

/// How many jobs may wait for the replica's thread; a front door that finds it full is told to
/// come back later.
pub(crate) const JOBS_MAX: usize = 65_536;

/// Where jobs are put.
#[derive(Clone)]
pub(crate) struct Jobs {
    sender: Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

/// Where the replica's thread takes them.
pub(crate) struct JobQueue {
    receiver: Receiver<Job>,
    waiting: Arc<AtomicUsize>,
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// As many wait as may.
    Full,
    /// The replica's thread has ended.
    Ended,
}

pub(crate) fn queue() -> (Jobs, JobQueue) {
    let (sender, receiver) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Jobs { sender, waiting: waiting.clone() }, JobQueue { receiver, waiting })
}

impl Jobs {
    /// Puts what a client asks for.
    ///
    /// # Errors
    /// If too many wait, or nobody will take it.
    pub fn request(&self, job: Job) -> Result<(), NotTaken> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= JOBS_MAX {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(NotTaken::Full);
        }
        self.put(job)
    }

    /// Puts what the server tells itself, which must not be lost.
    ///
    /// # Errors
    /// If nobody will take it.
    pub fn tell(&self, job: Job) -> Result<(), NotTaken> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.put(job)
    }

    /// Puts a job that is counted already: whoever takes it should not count below nothing.
    fn put(&self, job: Job) -> Result<(), NotTaken> {
        self.sender.send(job).map_err(|_| NotTaken::Ended)
    }
}

impl JobQueue {
    /// The next job, waited for.
    ///
    /// # Errors
    /// If none came in time, or none will.
    pub fn recv_timeout(&self, wait: Duration) -> Result<Job, RecvTimeoutError> {
        self.receiver.recv_timeout(wait).inspect(|_| self.taken())
    }

    /// The next job, if there is one.
    ///
    /// # Errors
    /// If there is none.
    pub fn try_recv(&self) -> Result<Job, TryRecvError> {
        self.receiver.try_recv().inspect(|_| self.taken())
    }

    fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_refused_when_full_and_what_the_server_says_is_not() {
        let (jobs, queue) = queue();
        for _ in 0..JOBS_MAX {
            jobs.request(Job::AppendWaits).unwrap();
        }
        assert_eq!(jobs.request(Job::AppendWaits), Err(NotTaken::Full));
        jobs.tell(Job::Space { low: true }).unwrap();
        queue.try_recv().unwrap();
        queue.recv_timeout(Duration::ZERO).unwrap();
        jobs.request(Job::AppendWaits).unwrap();
        assert_eq!(jobs.request(Job::AppendWaits), Err(NotTaken::Full));
    }

    #[test]
    fn nothing_is_taken_when_the_thread_has_ended() {
        let (jobs, queue) = queue();
        drop(queue);
        assert_eq!(jobs.request(Job::AppendWaits), Err(NotTaken::Ended));
    }
}
