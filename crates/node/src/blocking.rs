//! Blocking queries: park until the answer changes, the time is up, or the asker is gone.

use crate::shared::SharedAnswer;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tribune_replica::waiters::{Ticket, Waiters};
use tribune_state::{Event, Index, Query, View, Visible};

type Waker = oneshot::Sender<Arc<SharedAnswer>>;

/// The parked queries of this server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parked {
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
    /// Parks a query. The caller must then look once more at the newest view.
    pub fn park(&self, query: Query, visible: Visible, index: Index) -> Parking {
        let (waker, woken) = oneshot::channel();
        let ticket = self.lock().register(query, visible, index, waker);
        Parking { parked: self.clone(), ticket, woken }
    }

    /// Wakes exactly those whose answer is past their index.
    pub fn wake(&self, view: &View, events: &[Event]) {
        let share = |answer| Arc::new(SharedAnswer::new(answer));
        self.lock().wake(view, events, share, |waker, answer| {
            // Whoever left meanwhile needs no answer.
            let _ = waker.send(answer);
        });
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
