//! Every way a request can fail, and the status and body each gets: decided here and nowhere else.
//! It logs nothing and words no error of its own.
//! Invariant: an error's body is plain text, never JSON.

use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use tribune_api::decode::DecodeError;
use tribune_api::messages;
use tribune_edge::EdgeError;
use tribune_node::cluster::ClusterError;

use super::meta::Meta;
use super::wire::body::BodyError;
use super::wire::reply::Reply;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    BadRequest(String),
    Unauthorized(String),
    Forbidden(String),
    NotFound(String),
    TooLarge(String),
    TooSlow,
    /// Too much of something is under way: the same request may do later.
    Busy(&'static str),
    /// Consul closes the connection without an answer, and so do we; the log says why.
    HangUp(&'static str),
    /// The connection broke: nobody reads this.
    Broken,
    /// Consul answers most mistakes that the servers find this way, and clients rely on it.
    Internal(String),
    /// A feature that is not there yet, by its name.
    NotYet(&'static str),
    Cluster(ClusterError),
    /// An error to a read that sends the headers of a read all the same.
    WithMeta(Meta, Box<HttpError>),
}

impl HttpError {
    pub fn bad(text: &str) -> Self {
        HttpError::BadRequest(text.to_owned())
    }

    /// The error alone.
    #[must_use]
    pub fn without_meta(self) -> Self {
        match self {
            HttpError::WithMeta(_, error) => *error,
            other => other,
        }
    }

    pub fn internal(text: impl Into<String>) -> Self {
        HttpError::Internal(text.into())
    }

    /// A body that does not decode, with the words Consul puts before the reason.
    pub fn decode(error: &DecodeError) -> Self {
        HttpError::BadRequest(format!("Request decode failed: {error}"))
    }

    /// A body that could not be read; `too_large` words the refusal of its size.
    pub fn body(error: BodyError, too_large: impl FnOnce(usize) -> String) -> Self {
        match error {
            BodyError::TooLarge(bytes) => HttpError::TooLarge(too_large(bytes)),
            BodyError::TooSlow => HttpError::TooSlow,
            BodyError::NoRoom => HttpError::Busy(BODIES_BUSY),
            BodyError::Broken => HttpError::Broken,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            HttpError::BadRequest(_) | HttpError::HangUp(_) | HttpError::Broken => {
                StatusCode::BAD_REQUEST
            }
            HttpError::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            HttpError::Forbidden(_) => StatusCode::FORBIDDEN,
            HttpError::NotFound(_) => StatusCode::NOT_FOUND,
            HttpError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            HttpError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            HttpError::Busy(_) => StatusCode::TOO_MANY_REQUESTS,
            HttpError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            HttpError::NotYet(_) => StatusCode::NOT_IMPLEMENTED,
            HttpError::Cluster(error) => cluster_status(error),
            HttpError::WithMeta(_, error) => error.status(),
        }
    }

    fn text(&self) -> String {
        match self {
            HttpError::BadRequest(text)
            | HttpError::Unauthorized(text)
            | HttpError::Forbidden(text)
            | HttpError::NotFound(text)
            | HttpError::TooLarge(text)
            | HttpError::Internal(text) => text.clone(),
            HttpError::Busy(text) | HttpError::HangUp(text) => (*text).to_owned(),
            HttpError::TooSlow => "request body arrived too slowly".to_owned(),
            HttpError::Broken => "request body broke off".to_owned(),
            HttpError::NotYet(feature) => format!("{feature}: not implemented yet"),
            HttpError::Cluster(ClusterError::NoLeader) => messages::NO_LEADER.to_owned(),
            HttpError::Cluster(error) => error.to_string(),
            HttpError::WithMeta(_, error) => error.text(),
        }
    }
}

fn cluster_status(error: &ClusterError) -> StatusCode {
    match error {
        ClusterError::Overloaded | ClusterError::TooManyWait => StatusCode::TOO_MANY_REQUESTS,
        ClusterError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ClusterError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        ClusterError::DiskFull | ClusterError::DiskSpent => StatusCode::INSUFFICIENT_STORAGE,
        // Clients retry these by their text, which Consul sends as 500.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<EdgeError> for HttpError {
    fn from(error: EdgeError) -> Self {
        let text = error.to_string();
        match error {
            EdgeError::Invalid(_) => HttpError::BadRequest(text),
            EdgeError::NotFound(_) => HttpError::NotFound(text),
            EdgeError::Refused(_) => HttpError::Internal(text),
            EdgeError::Stopping => HttpError::Cluster(ClusterError::Stopping),
        }
    }
}

impl From<ClusterError> for HttpError {
    fn from(error: ClusterError) -> Self {
        HttpError::Cluster(error)
    }
}

impl From<HttpError> for Reply {
    fn from(error: HttpError) -> Self {
        let reply = Reply::text(error.status(), error.text());
        match error {
            HttpError::WithMeta(meta, _) => meta.put(reply),
            HttpError::HangUp(_) => Reply { hangs_up: true, ..reply },
            HttpError::Busy(_)
            | HttpError::Cluster(ClusterError::Overloaded | ClusterError::TooManyWait) => {
                reply.with(RETRY_AFTER, HeaderValue::from_static("1"))
            }
            // The rest of the body is still on its way: the connection cannot be used again.
            HttpError::TooLarge(_) | HttpError::TooSlow | HttpError::Broken => {
                reply.with(CONNECTION, HeaderValue::from_static("close"))
            }
            _ => reply,
        }
    }
}

/// Too many long request bodies are held.
const BODIES_BUSY: &str = "too many large request bodies at a time: try again later";
/// Too many long answers wait for their readers.
pub const ANSWERS_BUSY: &str =
    "too many large answers wait to be read: try again later, or ask for less";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_asks_for_patience_and_a_refused_body_ends_the_connection() {
        for error in [
            HttpError::Cluster(ClusterError::Overloaded),
            HttpError::Cluster(ClusterError::TooManyWait),
            HttpError::Busy("x"),
        ] {
            let overloaded = Reply::from(error);
            assert_eq!(overloaded.status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(overloaded.headers[RETRY_AFTER], "1");
        }
        let refused = Reply::from(HttpError::TooLarge("x".into()));
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(refused.headers[CONNECTION], "close");
        let lost = Reply::from(HttpError::Cluster(ClusterError::NoLeader));
        assert_eq!((lost.status.as_u16(), &*lost.body), (500, b"No cluster leader".as_slice()));
    }
}
