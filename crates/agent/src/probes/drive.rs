//! Polls a connection and what is done on it together, in one task: no task of its own for the
//! connection, so that both end together.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Runs `work` to its end while `connection` is driven. A connection that ends is dropped at once,
/// so that whatever waits for it hears of that.
pub(super) async fn drive<C: Future, W: Future>(connection: C, work: W) -> W::Output {
    let mut connection = pin!(Some(connection));
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        let open = connection.as_mut().as_pin_mut();
        if open.is_none_or(|open| open.poll(context).is_pending()) {
            return Poll::Pending;
        }
        connection.set(None);
        work.as_mut().poll(context)
    })
    .await
}
