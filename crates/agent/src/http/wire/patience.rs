//! How long a connection's client may take, and when that is over. It closes nothing itself.
//! Invariant: nothing is timed anew for a request that arrives whole and an answer that is read.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::connection::{Progress, Waiting};

/// How long after its first byte a request's head must be whole.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// In each such time a client must take some of the answer that is being sent to it...
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(30);

/// ... namely this much, or all of it: one that takes a byte now and then holds memory as long.
pub const WRITE_BYTES_MIN: u64 = 64 << 10;

/// How long a connection that rests keeps its buffers. It goes on without them.
pub const REST_TIME_MAX: Duration = Duration::from_secs(5);

/// What a client has used up its time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// It rests: nothing is wrong.
    Rests,
    /// A head is not whole yet.
    Head,
    /// An answer is not read.
    Reader,
    /// Its head is long, and so are too many others.
    Room,
}

/// Watches one connection.
pub struct Patience {
    progress: Arc<Progress>,
    seen: Seen,
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy)]
struct Seen {
    waiting: Waiting,
    written_bytes: u64,
}

impl Patience {
    pub fn new(progress: Arc<Progress>) -> Patience {
        let seen = Seen { waiting: Waiting::Answer, written_bytes: 0 };
        Patience { progress, seen, timer: None }
    }

    /// Ready once the client is overdue. To be asked each time the connection has been.
    pub fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<Overdue> {
        let waiting = self.progress.waiting();
        // A client that rests is looked at when a timer runs out that runs anyway; one that stalls
        // is timed from the beginning of that.
        let begins = match waiting {
            Waiting::Room => return Poll::Ready(Overdue::Room),
            Waiting::Answer => false,
            Waiting::Request(_) => self.timer.is_none(),
            Waiting::Rest(_) | Waiting::Reader(_) => waiting != self.seen.waiting,
        };
        if begins {
            self.watch(waiting);
        }
        loop {
            let Some(timer) = &mut self.timer else { return Poll::Pending };
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            if waiting == Waiting::Answer {
                self.timer = None;
                return Poll::Pending;
            }
            if waiting == self.seen.waiting
                && let Some(overdue) = self.overdue(waiting)
            {
                return Poll::Ready(overdue);
            }
            self.watch(waiting);
        }
    }

    /// What it means that this has been waited for all its time.
    fn overdue(&self, waiting: Waiting) -> Option<Overdue> {
        let taken = self.progress.written_bytes() - self.seen.written_bytes;
        match waiting {
            Waiting::Answer => None,
            Waiting::Request(_) => Some(Overdue::Rests),
            Waiting::Rest(_) => Some(Overdue::Head),
            Waiting::Reader(_) => (taken < WRITE_BYTES_MIN).then_some(Overdue::Reader),
            Waiting::Room => Some(Overdue::Room),
        }
    }

    fn watch(&mut self, waiting: Waiting) {
        self.seen = Seen { waiting, written_bytes: self.progress.written_bytes() };
        let deadline = Instant::now() + time_max(waiting);
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(deadline),
            None => self.timer = Some(Box::pin(tokio::time::sleep_until(deadline))),
        }
    }
}

fn time_max(waiting: Waiting) -> Duration {
    match waiting {
        Waiting::Answer | Waiting::Request(_) | Waiting::Room => REST_TIME_MAX,
        Waiting::Rest(_) => HEAD_TIME_MAX,
        Waiting::Reader(_) => WRITE_STALL_MAX,
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::super::position::Framing;
    use super::super::room::Room;
    use super::*;

    fn watched() -> (Arc<Progress>, Patience) {
        let progress = Arc::new(Progress::new(Arc::new(Room::new(1 << 20))));
        (progress.clone(), Patience::new(progress))
    }

    /// What is overdue, and when; nothing within an hour.
    async fn overdue(patience: &mut Patience) -> Option<(Overdue, Duration)> {
        let start = Instant::now();
        let waits = poll_fn(|context| patience.poll_overdue(context));
        let overdue = tokio::time::timeout(Duration::from_secs(3600), waits).await.ok()?;
        Some((overdue, start.elapsed()))
    }

    fn look(patience: &mut Patience) {
        let mut context = Context::from_waker(Waker::noop());
        assert!(patience.poll_overdue(&mut context).is_pending());
    }

    const GET: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn a_request_in_work_is_never_overdue() {
        let (progress, mut patience) = watched();
        progress.came(GET);
        let _answering = progress.request_begins(Framing::Length(0));
        assert_eq!(overdue(&mut patience).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_rests_only_rests() {
        let (progress, mut patience) = watched();
        progress.came(GET);
        drop(progress.request_begins(Framing::Length(0)));
        assert_eq!(overdue(&mut patience).await, Some((Overdue::Rests, REST_TIME_MAX)));
    }

    #[tokio::test(start_paused = true)]
    async fn every_head_of_a_connection_must_be_whole_in_time() {
        let (progress, mut patience) = watched();
        for _ in 0..3 {
            progress.came(GET);
            drop(progress.request_begins(Framing::Length(0)));
            look(&mut patience);
            tokio::time::advance(Duration::from_secs(3)).await;
        }
        progress.came(b"GET /");
        assert_eq!(overdue(&mut patience).await, Some((Overdue::Head, HEAD_TIME_MAX)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_sent_byte_by_byte_is_timed_from_its_first() {
        let (progress, mut patience) = watched();
        for byte in b"GET / HTT" {
            progress.came(&[*byte]);
            look(&mut patience);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(overdue(&mut patience).await, Some((Overdue::Head, Duration::from_secs(1))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_of_a_head_behind_a_request_is_timed_once_that_is_answered() {
        let (progress, mut patience) = watched();
        progress.came(&[GET, b"GET /"].concat());
        let answering = progress.request_begins(Framing::Length(0));
        look(&mut patience);
        tokio::time::advance(Duration::from_secs(60)).await;
        look(&mut patience);
        drop(answering);
        assert_eq!(overdue(&mut patience).await, Some((Overdue::Head, HEAD_TIME_MAX)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_must_take_enough_in_each_stretch_of_time() {
        let (progress, mut patience) = watched();
        progress.wrote(&Poll::Pending);
        for _ in 0..4 {
            look(&mut patience);
            tokio::time::advance(WRITE_STALL_MAX).await;
            progress.wrote(&Poll::Ready(Ok(64 << 10)));
            progress.wrote(&Poll::Pending);
        }
        look(&mut patience);
        progress.wrote(&Poll::Ready(Ok(100)));
        progress.wrote(&Poll::Pending);
        assert_eq!(overdue(&mut patience).await, Some((Overdue::Reader, WRITE_STALL_MAX)));
    }

    #[tokio::test(start_paused = true)]
    async fn long_heads_share_one_room() {
        let room = Arc::new(Room::new(HEAD_BYTES_FREE * 3));
        let progress = || Arc::new(Progress::new(room.clone()));
        let (one, other) = (progress(), progress());
        one.came(&[b'a'; HEAD_BYTES_FREE * 2]);
        other.came(&[b'a'; HEAD_BYTES_FREE]);
        assert_eq!(other.waiting(), Waiting::Rest(0), "a short head needs no room");
        other.came(&[b'a'; HEAD_BYTES_FREE]);
        assert_eq!((one.waiting(), other.waiting()), (Waiting::Rest(0), Waiting::Room));
    }

    use super::super::connection::HEAD_BYTES_FREE;
}
