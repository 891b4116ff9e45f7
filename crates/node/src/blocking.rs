//! Blocking queries: park until the answer changes, the time is up, or the asker is gone.

use crate::answers::Answers;
use crate::shared::SharedAnswer;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tribune_replica::waiters::{Ticket, Waiters};
use tribune_state::{Event, Index, Query, View, Visible};

type Waker = oneshot::Sender<Arc<SharedAnswer>>;

/// How many queries may be parked at a time. One client address has no more of them than it may
/// have connections, since a connection carries one request at a time.
pub const PARKED_MAX: usize = 65_536;

/// The parked queries of this server, and the answers that they share with those who do not wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parked {
    pub answers: Arc<Answers>,
    /// Cancelled once nobody is to wait any longer.
    pub ending: CancellationToken,
    waiters: Arc<Mutex<Waiters<Waker>>>,
}

/// One parked query; it leaves when dropped.
pub(crate) struct Parking {
    parked: Parked,
    ticket: Ticket,
    /// Resolves with the answer once it is past the index.
    pub woken: oneshot::Receiver<Arc<SharedAnswer>>,
}

impl Parked {
    /// Parks a query, unless too many are. The caller must then look once more at the newest view.
    pub fn park(&self, query: Query, visible: Visible, index: Index) -> Option<Parking> {
        let (waker, woken) = oneshot::channel();
        let mut waiters = self.lock();
        if waiters.len() >= PARKED_MAX {
            return None;
        }
        let ticket = waiters.register(query, visible, index, waker);
        drop(waiters);
        Some(Parking { parked: self.clone(), ticket, woken })
    }

    /// Wakes exactly those whose answer is past their index. Answers are worked out and given
    /// without the lock, so that nobody who wants to park waits for them.
    pub fn wake(&self, view: &View, events: &[Event]) {
        let touched = self.lock().touched(events);
        for group in touched {
            let shared = self.answers.answer(view, &group.query, &group.visible);
            let due = self.lock().take_due(&group, shared.answer().index);
            for waker in due {
                // Whoever left meanwhile needs no answer.
                let _ = waker.send(shared.clone());
            }
        }
    }

    /// How many queries are parked.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiters<Waker>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        self.parked.lock().leave(self.ticket);
    }
}
