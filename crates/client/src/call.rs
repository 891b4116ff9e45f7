//! A request before it is sent. [`Read`] and [`Write`] are futures to be: set options, then
//! `.await` them. A read can be repeated and therefore watched; a write can be neither.

use std::fmt::Display;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::config::Token;
use crate::error::Error;
use crate::watch::Watch;

/// What a path segment may hold as it is; a slash is kept, since keys are made of segments.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is sent, without the settings that every request of a client shares.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, Option<String>)>,
    pub(crate) body: Bytes,
    pub(crate) token: Option<Token>,
    /// How long the agent may hold the answer back; `None` means not at all.
    pub(crate) wait: Option<Duration>,
}

impl Call {
    /// `name` is what follows `route`: a key, a service, an id. It is escaped here.
    pub(crate) fn new(method: &'static str, route: &str, name: impl AsRef<[u8]>) -> Self {
        let path = format!("{route}{}", percent_encode(name.as_ref(), PATH));
        Call { method, path, query: Vec::new(), body: Bytes::new(), token: None, wait: None }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.query.push((name, Some(value.to_string())));
        self
    }

    pub(crate) fn with_bare(mut self, name: &'static str) -> Self {
        self.query.push((name, None));
        self
    }

    pub(crate) fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn with_json(self, body: &impl Serialize) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(self.with_body(bytes))
    }

    /// A later value replaces an earlier one, so that an option can be set again.
    fn replace(&mut self, name: &'static str, value: Option<String>) {
        self.query.retain(|(known, _)| *known != name);
        self.query.push((name, value));
    }

    pub(crate) fn path_and_query(&self) -> String {
        let mut text = self.path.clone();
        for (position, (name, value)) in self.query.iter().enumerate() {
            text.push(if position == 0 { '?' } else { '&' });
            text.push_str(name);
            if let Some(value) = value {
                text.push('=');
                text.extend(percent_encode(value.as_bytes(), QUERY));
            }
        }
        text
    }
}

/// An answer as it came, with what its headers say.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    pub(crate) meta: Meta,
}

impl Reply {
    pub(crate) fn success(self) -> Result<Self, Error> {
        if self.status == 200 { Ok(self) } else { Err(self.refusal()) }
    }

    fn refusal(&self) -> Error {
        let body = String::from_utf8_lossy(&self.body).trim().to_string();
        Error::Status { status: self.status, body }
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Decode { path: self.path.clone(), cause: error.to_string() })
    }
}

/// Makes a value of an answer.
pub(crate) type Decode<T> = fn(Reply) -> Result<T, Error>;

pub(crate) fn json<T: DeserializeOwned>(reply: Reply) -> Result<T, Error> {
    reply.success()?.json()
}

/// A list, for which Consul also writes `null`.
pub(crate) fn list<T: DeserializeOwned>(reply: Reply) -> Result<Vec<T>, Error> {
    Ok(json::<Option<Vec<T>>>(reply)?.unwrap_or_default())
}

/// A list that answers 404 when it is empty.
pub(crate) fn list_or_missing<T: DeserializeOwned>(reply: Reply) -> Result<Vec<T>, Error> {
    if reply.status == 404 { Ok(Vec::new()) } else { list(reply) }
}

/// The only element of a list; none for an empty one or a 404.
pub(crate) fn first<T: DeserializeOwned>(reply: Reply) -> Result<Option<T>, Error> {
    Ok(list_or_missing(reply)?.into_iter().next())
}

/// A value, or none for a 404 or `null`.
pub(crate) fn optional<T: DeserializeOwned>(reply: Reply) -> Result<Option<T>, Error> {
    if reply.status == 404 { Ok(None) } else { json(reply) }
}

pub(crate) fn nothing(reply: Reply) -> Result<(), Error> {
    reply.success().map(|_| ())
}

pub(crate) fn bytes(reply: Reply) -> Result<Bytes, Error> {
    Ok(reply.success()?.body)
}

/// What the headers of an answer say about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// To be handed to [`Read::after`]. It is 1 at least, and 0 only where a route gives none.
    pub index: u64,
    pub known_leader: bool,
    /// Milliseconds since the answering server heard from the leader.
    pub last_contact_ms: u64,
    /// Rows were left out that the token may not read.
    pub filtered_by_acl: bool,
}

/// A value and what the headers of its answer say.
#[derive(Clone, Debug)]
pub struct Answer<T> {
    pub value: T,
    pub meta: Meta,
}

/// A request that changes nothing.
///
/// `.await` gives the value; [`Read::answer`] also gives the index, [`Read::watch`] all that
/// follow.
#[derive(Clone)]
#[must_use = "a read does nothing until it is awaited"]
pub struct Read<T> {
    pub(crate) client: Client,
    pub(crate) call: Result<Call, Error>,
    pub(crate) decode: Decode<T>,
}

impl<T> Read<T> {
    pub(crate) fn new(client: &Client, call: Call, decode: Decode<T>) -> Self {
        Read { client: client.clone(), call: Ok(call), decode }
    }

    fn set(mut self, change: impl FnOnce(&mut Call)) -> Self {
        if let Ok(call) = &mut self.call {
            change(call);
        }
        self
    }

    /// Any option of the route that has no method of its own.
    pub fn option(self, name: &'static str, value: impl Display) -> Self {
        let value = value.to_string();
        self.set(|call| call.query.push((name, Some(value))))
    }

    /// Any server may answer, without asking the leader: faster, perhaps old.
    pub fn stale(self) -> Self {
        self.set(|call| call.replace("stale", None))
    }

    /// The leader confirms with a majority that it still leads before it answers.
    pub fn consistent(self) -> Self {
        self.set(|call| call.replace("consistent", None))
    }

    pub fn datacenter(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.set(|call| call.replace("dc", Some(name)))
    }

    /// Sorts by the round-trip time from this node; `_agent` is the agent asked.
    pub fn near(self, node: impl Into<String>) -> Self {
        let node = node.into();
        self.set(|call| call.replace("near", Some(node)))
    }

    /// Keeps rows for which an expression of Consul's filter language is true.
    pub fn filter(self, expression: impl Into<String>) -> Self {
        let expression = expression.into();
        self.set(|call| call.replace("filter", Some(expression)))
    }

    /// Keeps nodes with this metadata; several must all match.
    pub fn node_meta(self, key: impl Display, value: impl Display) -> Self {
        self.option("node-meta", format!("{key}:{value}"))
    }

    pub fn token(self, token: Token) -> Self {
        self.set(|call| call.token = Some(token))
    }

    /// Waits until the result's index is past this one, at most [`WAIT_DEFAULT`] or
    /// [`Read::wait`]. Zero does not wait.
    pub fn after(self, index: u64) -> Self {
        self.set(|call| {
            call.replace("index", Some(index.to_string()));
            call.wait.get_or_insert(WAIT_DEFAULT);
        })
    }

    /// How long [`Read::after`] waits. The agent adds up to a sixteenth and caps it at ten minutes.
    pub fn wait(self, wait: Duration) -> Self {
        self.set(|call| {
            call.replace("wait", Some(format!("{}ms", wait.as_millis().max(1))));
            call.wait = Some(wait);
        })
    }

    /// The value and its index.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn answer(self) -> Result<Answer<T>, Error> {
        let reply = self.client.send(&self.call?).await?;
        let meta = reply.meta.clone();
        Ok(Answer { value: (self.decode)(reply)?, meta })
    }

    /// The value now and each time it changes.
    pub fn watch(self) -> Watch<T> {
        Watch::new(self)
    }
}

impl<T: 'static> IntoFuture for Read<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let reply = self.client.send(&self.call?).await?;
            (self.decode)(reply)
        })
    }
}

/// A request that may change something. `.await` sends it, once.
#[must_use = "a write does nothing until it is awaited"]
pub struct Write<T> {
    pub(crate) client: Client,
    pub(crate) call: Result<Call, Error>,
    pub(crate) decode: Decode<T>,
}

impl<T> Write<T> {
    pub(crate) fn new(client: &Client, call: Call, decode: Decode<T>) -> Self {
        Write { client: client.clone(), call: Ok(call), decode }
    }

    /// A body that could not be encoded is reported when the write is awaited.
    pub(crate) fn try_new(client: &Client, call: Result<Call, Error>, decode: Decode<T>) -> Self {
        Write { client: client.clone(), call, decode }
    }

    /// Any option of the route that has no method of its own.
    pub fn option(mut self, name: &'static str, value: impl Display) -> Self {
        if let Ok(call) = &mut self.call {
            call.query.push((name, Some(value.to_string())));
        }
        self
    }

    pub fn datacenter(mut self, name: impl Into<String>) -> Self {
        if let Ok(call) = &mut self.call {
            call.replace("dc", Some(name.into()));
        }
        self
    }

    pub fn token(mut self, token: Token) -> Self {
        if let Ok(call) = &mut self.call {
            call.token = Some(token);
        }
        self
    }
}

impl<T: 'static> IntoFuture for Write<T> {
    type Output = Result<T, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let reply = self.client.send(&self.call?).await?;
            (self.decode)(reply)
        })
    }
}

/// How long a blocking read waits unless told otherwise: the agent's own default.
///
/// Source: Consul 1.22 documentation, "Blocking queries".
pub const WAIT_DEFAULT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_slashes_kept() {
        let call = Call::new("GET", "/v1/kv/", "a b/ü?#").with("separator", "/&").with_bare("keys");
        assert_eq!(call.path_and_query(), "/v1/kv/a%20b/%C3%BC%3F%23?separator=%2F%26&keys");
    }

    #[test]
    fn a_key_need_not_be_text() {
        assert_eq!(Call::new("GET", "/v1/kv/", [0xff, 0x61]).path, "/v1/kv/%FFa");
    }

    #[test]
    fn an_option_set_again_replaces_the_first() {
        let mut call = Call::new("GET", "/v1/kv/", "a");
        call.replace("index", Some("1".into()));
        call.replace("index", Some("2".into()));
        assert_eq!(call.path_and_query(), "/v1/kv/a?index=2");
    }
}
