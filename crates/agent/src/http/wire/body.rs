//! Request bodies, read with a bound on bytes and on time. It does not decode them.
//! Invariant: no more than the limit and one chunk is ever held, however the body is sent.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};

/// How long a client may be silent within a body; slower ones hold memory for nothing.
pub const BODY_SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long a whole body may take: half a mebibyte, the largest usual one, at 5 KiB/s.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(100);

/// A body that may still be on its way.
#[derive(Debug)]
pub enum RequestBody {
    Incoming(Incoming),
    /// For callers inside the program.
    Whole(Bytes),
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
            RequestBody::Incoming(body) => {
                body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
            }
        }
    }

    /// The whole body. An announced length past the limit is refused before a byte is read, so
    /// that a client which waits for 100 Continue never sends it.
    ///
    /// # Errors
    /// When it is too large, too slow, or the connection breaks.
    pub async fn read(self, bytes_max: usize) -> Result<Bytes, BodyError> {
        if let Some(bytes) = self.announced_bytes().filter(|bytes| *bytes > bytes_max) {
            return Err(BodyError::TooLarge(bytes));
        }
        match self {
            RequestBody::Whole(bytes) => Ok(bytes),
            RequestBody::Incoming(body) => read_incoming(body, bytes_max).await,
        }
    }
}

async fn read_incoming(mut body: Incoming, bytes_max: usize) -> Result<Bytes, BodyError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let deadline = Instant::now() + BODY_TIME_MAX;
    let mut read = BytesMut::new();
    loop {
        let next = timeout_at(deadline, timeout(BODY_SILENCE_MAX, body.frame())).await;
        let Ok(Ok(next)) = next else { return Err(BodyError::TooSlow) };
        let Some(frame) = next else { return Ok(read.freeze()) };
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Ok(chunk) = frame.into_data() else { continue };
        if read.is_empty() && body.is_end_stream() && chunk.len() <= bytes_max {
            return Ok(chunk);
        }
        if read.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLarge(read.len() + chunk.len()));
        }
        read.extend_from_slice(&chunk);
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
