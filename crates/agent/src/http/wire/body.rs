//! Request bodies, read with a bound on bytes and on time. It does not decode them.
//! Invariant: no more than the limit and one chunk is ever held, however the body is sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use super::room::{Room, Share};

/// How long a client may be silent within a body; slower ones hold memory for nothing.
pub const BODY_SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long a whole body may take: half a mebibyte, the largest usual one, at 5 KiB/s.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(100);

/// How long what is left of a refused body is read and thrown away. A connection that is closed
/// with bytes unread is reset, and the client would never see why.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a body may be for free; longer ones share [`BODIES_BYTES_MAX`].
pub const BODY_BYTES_FREE: usize = 16 << 10;

/// The bytes of all long bodies held at a time, from their first byte until what they ask for is
/// in the log: 64 of the largest usual size.
pub const BODIES_BYTES_MAX: usize = 32 << 20;

/// How long a body waits for its part of that.
pub const BODY_ROOM_TIME_MAX: Duration = Duration::from_secs(2);

/// A body that may still be on its way.
#[derive(Debug)]
pub enum RequestBody {
    Incoming(IncomingBody),
    /// For callers inside the program.
    Whole(Bytes),
}

/// A body of a connection.
#[derive(Debug)]
pub struct IncomingBody {
    pub body: Incoming,
    /// The client sends nothing before it is told to go on.
    pub expects_continue: bool,
    /// Owns the tasks that read refused bodies to their end.
    pub lingering: TaskTracker,
    /// What long bodies share.
    pub room: Arc<Room>,
}

/// A body with its part of the room.
struct Held {
    bytes: BytesMut,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why a body was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Its length, or what was read of it when the limit was passed.
    TooLarge(usize),
    TooSlow,
    /// Too many other long bodies are held.
    NoRoom,
    Broken,
}

impl RequestBody {
    /// The length the client announced, if it did.
    pub fn announced_bytes(&self) -> Option<usize> {
        match self {
            RequestBody::Whole(bytes) => Some(bytes.len()),
            RequestBody::Incoming(incoming) => incoming
                .body
                .size_hint()
                .exact()
                .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
        }
    }

    /// The whole body. An announced length past the limit is refused before a byte is read, so
    /// that a client which waits for 100 Continue never sends it.
    ///
    /// # Errors
    /// When it is too large, too slow, or the connection breaks.
    pub async fn read(self, bytes_max: usize) -> Result<Bytes, BodyError> {
        let too_large = self.announced_bytes().filter(|bytes| *bytes > bytes_max);
        match (self, too_large) {
            (RequestBody::Whole(bytes), None) => Ok(bytes),
            (RequestBody::Whole(_), Some(bytes)) => Err(BodyError::TooLarge(bytes)),
            (RequestBody::Incoming(incoming), None) => incoming.read(bytes_max).await,
            (RequestBody::Incoming(incoming), Some(bytes)) => {
                if !incoming.expects_continue {
                    incoming.linger();
                }
                Err(BodyError::TooLarge(bytes))
            }
        }
    }
}

impl IncomingBody {
    async fn read(mut self, bytes_max: usize) -> Result<Bytes, BodyError> {
        if self.body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let deadline = Instant::now() + BODY_TIME_MAX;
        let mut share = None;
        let mut read = BytesMut::new();
        loop {
            let next = timeout_at(deadline, timeout(BODY_SILENCE_MAX, self.body.frame())).await;
            let Ok(Ok(next)) = next else { return Err(BodyError::TooSlow) };
            let Some(frame) = next else { return Ok(held(read, share)) };
            let frame = frame.map_err(|_| BodyError::Broken)?;
            let Ok(chunk) = frame.into_data() else { continue };
            let bytes = read.len() + chunk.len();
            if bytes > bytes_max {
                self.linger();
                return Err(BodyError::TooLarge(bytes));
            }
            if bytes > BODY_BYTES_FREE {
                let share = share.get_or_insert_with(|| self.room.share());
                if !share.grow_to_within(bytes, BODY_ROOM_TIME_MAX).await {
                    self.linger();
                    return Err(BodyError::NoRoom);
                }
            } else if read.is_empty() && self.body.is_end_stream() {
                return Ok(chunk);
            }
            read.extend_from_slice(&chunk);
        }
    }

    /// Reads the rest and throws it away, beside the answer.
    fn linger(self) {
        let IncomingBody { mut body, lingering, .. } = self;
        lingering.spawn(async move {
            let rest = async { while let Some(Ok(_)) = body.frame().await {} };
            // Whoever still sends by then does not listen.
            let _ = timeout(LINGER_TIME_MAX, rest).await;
        });
    }
}

/// What was read, with its part of the room until nobody holds it any more.
fn held(bytes: BytesMut, share: Option<Share>) -> Bytes {
    match share {
        None => bytes.freeze(),
        Some(share) => Bytes::from_owner(Held { bytes, _share: share }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_past_its_limit_is_refused_with_its_length() {
        let body = || RequestBody::Whole(Bytes::from_static(b"four"));
        assert_eq!(body().read(4).await, Ok(Bytes::from_static(b"four")));
        assert_eq!(body().read(3).await, Err(BodyError::TooLarge(4)));
    }
}
