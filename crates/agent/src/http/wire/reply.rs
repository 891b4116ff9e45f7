//! Answers: status, headers and a body, whole or a stream. No status is chosen here.
//! Invariant: a body has one Content-Type; compressing changes neither it nor the status.

use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;
use tribune_api::json::{Layout, to_json};
use tribune_node::shared::SharedAnswer;

use super::connection::Answering;
use super::room::{Room, Share};

/// Bodies below this are sent as they are.
///
/// Source: consul-surface B.9.
pub const GZIP_BYTES_MIN: usize = 1400;

/// How long an answer may be for free; longer ones share [`ANSWERS_BYTES_MAX`].
pub const ANSWER_BYTES_FREE: usize = 64 << 10;

/// The bytes of all long answers that their clients have not read yet.
pub const ANSWERS_BYTES_MAX: usize = 256 << 20;

/// How many headers most answers have.
const HEADERS_USUAL: usize = 12;

pub const TYPE_JSON: HeaderValue = HeaderValue::from_static("application/json");
pub const TYPE_JSON_UTF8: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
pub const TYPE_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Without a character set: what load balancers are told.
pub const TYPE_PLAIN: HeaderValue = HeaderValue::from_static("text/plain");
pub const TYPE_HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

#[derive(Debug, Default)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Where the compressed body is kept for all who share it.
    pub packed: Option<Packed>,
    /// The body in place of the other, for as long as its sender lives.
    pub stream: Option<mpsc::Receiver<Bytes>>,
    /// True to send nothing and close the connection.
    pub hangs_up: bool,
}

/// The answer a body was encoded from, and the number of its compressed form.
#[derive(Debug)]
pub struct Packed {
    pub answer: Arc<SharedAnswer>,
    pub form: usize,
}

/// A body on its way to a client.
#[derive(Debug)]
pub enum ReplyBody {
    Whole(Full<Bytes>),
    Stream(Streaming),
}

/// A body in parts. It ends when its sender is dropped; a client that goes away drops this.
#[derive(Debug)]
pub struct Streaming {
    parts: mpsc::Receiver<Bytes>,
    /// Keeps the connection from resting.
    answering: Option<Answering>,
}

impl ReplyBody {
    /// The same; a stream counts as an answer under way until it ends.
    #[must_use]
    pub fn keeping(mut self, answering: Answering) -> ReplyBody {
        if let ReplyBody::Stream(stream) = &mut self {
            stream.answering = Some(answering);
        }
        self
    }
}

impl From<Bytes> for ReplyBody {
    fn from(body: Bytes) -> Self {
        ReplyBody::Whole(Full::new(body))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            ReplyBody::Whole(body) => Pin::new(body).poll_frame(context),
            ReplyBody::Stream(stream) => {
                let polled = stream.parts.poll_recv(context);
                if let Poll::Ready(None) = polled {
                    stream.answering = None;
                }
                polled.map(|part| part.map(|part| Ok(Frame::data(part))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ReplyBody::Whole(body) => body.is_end_stream(),
            ReplyBody::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReplyBody::Whole(body) => body.size_hint(),
            ReplyBody::Stream(_) => SizeHint::default(),
        }
    }
}

impl Reply {
    /// A status and nothing else.
    pub fn status(status: StatusCode) -> Reply {
        Reply { status, ..Reply::default() }
    }

    /// Success with nothing to say; Consul sends a type all the same.
    ///
    /// Source: transcripts/agent/service.txt.
    pub fn done() -> Reply {
        Reply::bytes(StatusCode::OK, TYPE_JSON_UTF8, Bytes::new())
    }

    pub fn bytes(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
        // Room for what most answers get, so that the map does not grow and hash anew.
        let mut headers = HeaderMap::with_capacity(HEADERS_USUAL);
        headers.insert(CONTENT_TYPE, content_type);
        Reply { status, headers, body, ..Reply::default() }
    }

    /// Success whose body comes in parts, for as long as there are any. It is not compressed.
    pub fn streaming(content_type: HeaderValue, parts: mpsc::Receiver<Bytes>) -> Reply {
        let reply = Reply::bytes(StatusCode::OK, content_type, Bytes::new());
        Reply { stream: Some(parts), ..reply }
    }

    pub fn text(status: StatusCode, text: impl Into<String>) -> Reply {
        Reply::bytes(status, TYPE_TEXT, Bytes::from(text.into()))
    }

    pub fn json<T: Serialize + ?Sized>(value: &T, layout: Layout) -> Reply {
        Reply::encoded(Bytes::from(to_json(value, layout)))
    }

    /// JSON that is already encoded.
    pub fn encoded(body: Bytes) -> Reply {
        Reply::bytes(StatusCode::OK, TYPE_JSON, body)
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Reply {
        self.headers.insert(name, value.into());
        self
    }

    /// A header whose value is made of a text; one that no header can hold is left out.
    #[must_use]
    pub fn with_text(mut self, name: HeaderName, value: &str) -> Reply {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Compresses a body that is worth it.
    #[must_use]
    pub fn gzipped(mut self) -> Reply {
        self.headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        if self.body.len() < GZIP_BYTES_MIN || self.headers.contains_key(CONTENT_ENCODING) {
            return self;
        }
        let packed = match &self.packed {
            Some(kept) => kept.answer.encoded(kept.form, |_| gzip(&self.body).unwrap_or_default()),
            None => gzip(&self.body).unwrap_or_default(),
        };
        if !packed.is_empty() {
            self.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            self.body = packed;
        }
        self
    }

    /// The answer with its part of the room for long ones; nothing if there is no room. What many
    /// share is held once for all of them and counts for none.
    pub fn within(mut self, room: &Room) -> Option<Reply> {
        if self.body.len() <= ANSWER_BYTES_FREE || !self.body.is_unique() {
            return Some(self);
        }
        let mut share = room.share();
        if !share.grow_to(self.body.len()) {
            return None;
        }
        self.body = Bytes::from_owner(Held { body: self.body, _share: share });
        Some(self)
    }

    pub fn into_response(self) -> Response<ReplyBody> {
        let body = match self.stream {
            None => ReplyBody::from(self.body),
            Some(parts) => ReplyBody::Stream(Streaming { parts, answering: None }),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// A body with its part of the room.
struct Held {
    body: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}

/// True if an Accept-Encoding header allows gzip.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(hyper::header::ACCEPT_ENCODING);
    values.iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).any(
        |coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = parameters
                .trim()
                .strip_prefix("q=")
                .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0));
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        },
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn only_a_body_worth_it_is_compressed_and_it_reads_back() {
        let small = Reply::text(StatusCode::OK, "a".repeat(GZIP_BYTES_MIN - 1)).gzipped();
        assert!(!small.headers.contains_key(CONTENT_ENCODING));
        let text = "a".repeat(GZIP_BYTES_MIN);
        let large = Reply::text(StatusCode::OK, text.clone()).gzipped();
        assert_eq!(large.headers[CONTENT_ENCODING], "gzip");
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&*large.body).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
    }

    #[test]
    fn long_answers_wait_for_their_readers_within_a_limit() {
        let room = Room::new(ANSWER_BYTES_FREE * 3);
        let long = || Reply::text(StatusCode::OK, "a".repeat(ANSWER_BYTES_FREE * 2)).within(&room);
        let first = long().unwrap();
        assert!(long().is_none());
        let short = Reply::text(StatusCode::OK, "a".repeat(ANSWER_BYTES_FREE));
        assert!(short.within(&room).is_some());
        drop(first);
        assert!(long().is_some());
    }

    #[test]
    fn gzip_is_accepted_by_name_unless_its_quality_is_zero() {
        for (header, expected) in [
            ("gzip", true),
            ("deflate, GZip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
        ] {
            let headers = HeaderMap::from_iter([(
                hyper::header::ACCEPT_ENCODING,
                HeaderValue::from_static(header),
            )]);
            assert_eq!(accepts_gzip(&headers), expected, "{header}");
        }
    }
}
