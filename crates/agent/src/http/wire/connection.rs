//! One connection's bytes, watched for a request head that does not arrive whole. hyper's own
//! time-out also ends idle connections, which clients keep for minutes; this one does not.
//! Invariant: a connection that sends nothing costs a task and a socket, no buffer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// Where a connection is in its requests.
#[derive(Debug, Default)]
pub struct Phase {
    /// A request is being answered, or its body read.
    busy: AtomicBool,
    /// Some of a head has arrived.
    head_begun: AtomicBool,
    changed: Notify,
}

impl Phase {
    /// A whole head has arrived.
    pub fn request_begins(&self) {
        self.busy.store(true, Ordering::Relaxed);
        self.head_begun.store(false, Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// The answer is ready to be sent.
    pub fn request_ends(&self) {
        self.busy.store(false, Ordering::Relaxed);
    }

    fn bytes_arrived(&self) {
        if !self.busy.load(Ordering::Relaxed) && !self.head_begun.swap(true, Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// Returns when a head has begun and is not whole after `head_time_max`; otherwise never.
    pub async fn head_overdue(&self, head_time_max: Duration) {
        loop {
            self.changed.notified().await;
            if !self.head_begun.load(Ordering::Relaxed) {
                continue;
            }
            let whole = tokio::time::timeout(head_time_max, self.changed.notified()).await;
            if whole.is_err() && self.head_begun.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// A stream that tells its [`Phase`] when bytes arrive.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    phase: Arc<Phase>,
}

impl<S> Watched<S> {
    pub fn new(stream: S, phase: Arc<Phase>) -> Self {
        Watched { stream, phase }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() && buffer.filled().len() > before {
            self.phase.bytes_arrived();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_never_overdue() {
        let phase = Phase::default();
        let waited = tokio::time::timeout(Duration::from_secs(3600), phase.head_overdue(LIMIT));
        assert!(waited.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_stays_incomplete_is_overdue() {
        let phase = Phase::default();
        phase.bytes_arrived();
        let start = tokio::time::Instant::now();
        phase.head_overdue(LIMIT).await;
        assert_eq!(start.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_work_is_not_overdue_and_its_body_is_no_head() {
        let phase = Phase::default();
        phase.bytes_arrived();
        phase.request_begins();
        phase.bytes_arrived();
        let waited = tokio::time::timeout(Duration::from_secs(60), phase.head_overdue(LIMIT));
        assert!(waited.await.is_err());
    }
}
