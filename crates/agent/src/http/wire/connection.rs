//! One connection's bytes on their way to and from hyper, and what they say of the client: that it
//! does not finish a head, does not read its answer, or rests. hyper's own time-out would also end
//! connections that rest, which clients keep for minutes, and knows nothing of slow readers.
//! Invariant: hyper is never given more than `READ_BYTES_MAX` at once.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::position::{Framing, Position};
use super::room::{Room, Share};
use super::target::Target;

/// How much is read at once: hyper's buffer grows with what it is given, up to a whole head's
/// limit, and a fast sender of bodies would have it grow for nothing.
pub const READ_BYTES_MAX: usize = 64 << 10;

/// How long a head may be for free; longer ones share [`HEADS_BYTES_MAX`].
pub const HEAD_BYTES_FREE: usize = 16 << 10;

/// The bytes of all long heads that are not yet whole, over all connections of one listener.
pub const HEADS_BYTES_MAX: usize = 16 << 20;

/// What a connection waits for, and for which one in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Our own answer.
    Answer,
    /// The next request; nothing of it has come.
    Request(u64),
    /// The rest of a head, or of a body that nobody wanted.
    Rest(u64),
    /// The client to read an answer.
    Reader(u64),
    /// Nothing: the head is too long while other long ones are under way.
    Room,
}

/// What is known of a connection; shared by its stream, its requests and its watch.
#[derive(Debug)]
pub struct Progress(Mutex<State>);

#[derive(Debug)]
struct State {
    position: Position,
    /// A request is being answered, or its body read.
    busy: bool,
    /// The socket takes no more bytes for now.
    write_stuck: bool,
    written_bytes: u64,
    requests: u64,
    heads: Arc<Room>,
    /// What this connection's head has of the room for long ones.
    share: Option<Share>,
    no_room: bool,
}

impl Progress {
    pub fn new(heads: Arc<Room>) -> Progress {
        Progress(Mutex::new(State {
            position: Position::default(),
            busy: false,
            write_stuck: false,
            written_bytes: 0,
            requests: 0,
            heads,
            share: None,
            no_room: false,
        }))
    }

    /// A whole head has been understood, and is answered from now on.
    pub fn request_begins(self: &Arc<Self>, framing: Framing) -> Answering {
        let mut state = self.lock();
        state.busy = true;
        state.requests += 1;
        state.share = None;
        state.position.understood(framing);
        drop(state);
        Answering(self.clone())
    }

    pub fn waiting(&self) -> Waiting {
        let state = self.lock();
        if state.no_room {
            Waiting::Room
        } else if state.busy {
            Waiting::Answer
        } else if state.write_stuck {
            Waiting::Reader(state.requests)
        } else if state.position.unfinished() {
            Waiting::Rest(state.requests)
        } else {
            Waiting::Request(state.requests)
        }
    }

    /// How many bytes the client took in all.
    pub fn written_bytes(&self) -> u64 {
        self.lock().written_bytes
    }

    /// Bytes came; true if the first of them begins a head.
    pub(super) fn came(&self, bytes: &[u8]) -> bool {
        let mut state = self.lock();
        let busy = state.busy;
        let begins = state.position.begins_head(busy);
        state.position.came(bytes, busy);
        let long = state.position.head_bytes();
        if long > HEAD_BYTES_FREE && !busy {
            let State { heads, share, .. } = &mut *state;
            let grown = share.get_or_insert_with(|| heads.share()).grow_to(long);
            state.no_room |= !grown;
        }
        begins
    }

    pub(super) fn wrote(&self, polled: &Poll<io::Result<usize>>) {
        let mut state = self.lock();
        match polled {
            Poll::Ready(Ok(bytes)) => {
                state.write_stuck = false;
                state.written_bytes += *bytes as u64;
            }
            Poll::Ready(Err(_)) => state.write_stuck = false,
            Poll::Pending => state.write_stuck = true,
        }
    }

    fn flushed(&self, ready: bool) {
        self.lock().write_stuck = !ready;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request is being answered, for as long as this lives.
#[derive(Debug)]
pub struct Answering(Arc<Progress>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.lock().busy = false;
    }
}

/// A stream that tells its [`Progress`] of every byte, and escapes targets.
#[derive(Debug)]
pub struct Watched<S> {
    stream: S,
    progress: Arc<Progress>,
    target: Target,
    /// What was read and found no room once it was escaped: at most three times
    /// [`READ_BYTES_MAX`].
    pending: Bytes,
}

impl<S> Watched<S> {
    pub fn new(stream: S, progress: Arc<Progress>) -> Self {
        Watched { stream, progress, target: Target::default(), pending: Bytes::new() }
    }

    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S> Watched<S> {
    /// Tells of the bytes that came beyond `before`, and puts their escaped form in their place.
    fn take(&mut self, buffer: &mut ReadBuf<'_>, before: usize) {
        let came = buffer.filled().get(before..).unwrap_or_default();
        if came.is_empty() {
            return;
        }
        let begins = self.progress.came(came);
        if let Some(escaped) = self.target.escape(begins, came) {
            buffer.set_filled(before);
            self.pending = escaped.into();
            self.give(buffer);
        }
    }

    /// Gives of what is pending as much as there is room for.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let bytes = self.pending.len().min(buffer.remaining());
        buffer.put_slice(&self.pending.split_to(bytes));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.pending.is_empty() {
            self.give(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = if buffer.remaining() <= READ_BYTES_MAX {
            Pin::new(&mut self.stream).poll_read(context, buffer)
        } else {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(READ_BYTES_MAX));
            let polled = Pin::new(&mut self.stream).poll_read(context, &mut part);
            let bytes = part.filled().len();
            buffer.advance(bytes);
            polled
        };
        if polled.is_ready() {
            self.take(buffer, before);
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
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress.wrote(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.progress.flushed(polled.is_ready());
        polled
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
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.progress.wrote(&polled);
        polled
    }
}
