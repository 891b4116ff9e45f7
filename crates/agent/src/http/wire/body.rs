//! Request bodies, read with a bound on bytes and on time. It does not decode them.
//! Invariant: no more than the limit and one chunk is ever held, however the body is sent.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::TaskTracker;

/// How long a client may be silent within a body; slower ones hold memory for nothing.
pub const BODY_SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long a whole body may take: half a mebibyte, the largest usual one, at 5 KiB/s.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(100);

/// How long what is left of a refused body is read and thrown away. A connection that is closed
/// with bytes unread is reset, and the client would never see why.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

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
}

/// Why a body was not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    /// Its length, or what was read of it when the limit was passed.
    TooLarge(usize),
    TooSlow,
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
        let mut read = BytesMut::new();
        loop {
            let next = timeout_at(deadline, timeout(BODY_SILENCE_MAX, self.body.frame())).await;
            let Ok(Ok(next)) = next else { return Err(BodyError::TooSlow) };
            let Some(frame) = next else { return Ok(read.freeze()) };
            let frame = frame.map_err(|_| BodyError::Broken)?;
            let Ok(chunk) = frame.into_data() else { continue };
            let bytes = read.len() + chunk.len();
            if bytes > bytes_max {
                self.linger();
                return Err(BodyError::TooLarge(bytes));
            }
            if read.is_empty() && self.body.is_end_stream() {
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
