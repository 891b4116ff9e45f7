//! The headers of a read: index, leader, age, and how it was answered. It measures nothing.
//! Invariant: X-Consul-Index is at least 1.

use hyper::header::{HeaderName, HeaderValue};
use tribune_node::cluster::{Consistency, Contact};

use super::wire::reply::Reply;

/// What the headers of a read say.
///
/// Source: consul-surface B.3, transcripts/kv/basic.txt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    pub index: u64,
    pub known_leader: bool,
    pub last_contact_ms: u64,
    pub backend: Backend,
    /// Only some endpoints say it.
    pub effective: Option<Consistency>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    BlockingQuery,
    /// From the agent's own view; leader and age mean nothing then.
    Streaming,
}

impl Meta {
    /// The headers of an answer with this index.
    pub fn new(index: u64, contact: Contact, consistency: Consistency) -> Meta {
        let stale = consistency == Consistency::Stale;
        Meta {
            index,
            known_leader: contact.known_leader,
            last_contact_ms: if stale { contact.last_contact_ms } else { 0 },
            backend: Backend::BlockingQuery,
            effective: None,
        }
    }

    /// What Consul sends with an error found before the read.
    ///
    /// Source: transcripts/catalog/basic.txt (a bad filter), transcripts/connect/off.txt.
    pub fn unread() -> Meta {
        Meta {
            index: 1,
            known_leader: false,
            last_contact_ms: 0,
            backend: Backend::BlockingQuery,
            effective: None,
        }
    }

    /// The same, of an endpoint that says how consistent it was.
    #[must_use]
    pub fn effective(mut self, consistency: Consistency) -> Meta {
        self.effective = Some(consistency);
        self
    }

    #[must_use]
    pub fn streaming(mut self) -> Meta {
        self.backend = Backend::Streaming;
        self.known_leader = false;
        self.last_contact_ms = 0;
        self
    }

    pub fn put(&self, reply: Reply) -> Reply {
        let reply = reply
            .with(INDEX, self.index.max(1))
            .with(KNOWN_LEADER, HeaderValue::from_static(self.known_leader_text()))
            .with(LAST_CONTACT, self.last_contact_ms)
            .with(BACKEND, HeaderValue::from_static(self.backend_text()));
        match self.effective {
            None => reply,
            Some(consistency) => {
                reply.with(EFFECTIVE, HeaderValue::from_static(consistency_text(consistency)))
            }
        }
    }

    fn known_leader_text(&self) -> &'static str {
        if self.known_leader { "true" } else { "false" }
    }

    fn backend_text(&self) -> &'static str {
        match self.backend {
            Backend::BlockingQuery => "blocking-query",
            Backend::Streaming => "streaming",
        }
    }
}

/// How a header names a consistency.
fn consistency_text(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Default => "leader",
        Consistency::Stale => "stale",
        Consistency::Consistent => "consistent",
    }
}

pub const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
pub const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
const BACKEND: HeaderName = HeaderName::from_static("x-consul-query-backend");
const EFFECTIVE: HeaderName = HeaderName::from_static("x-consul-effective-consistency");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_a_client_sees_is_never_zero() {
        let reply = Meta { index: 0, ..Meta::unread() }.put(Reply::default());
        assert_eq!(reply.headers[INDEX], "1");
    }

    #[test]
    fn only_a_stale_answer_has_an_age() {
        let contact = Contact { known_leader: true, last_contact_ms: 7 };
        for (consistency, age) in [(Consistency::Stale, "7"), (Consistency::Default, "0")] {
            let reply = Meta::new(5, contact, consistency).put(Reply::default());
            assert_eq!(reply.headers[LAST_CONTACT], age);
            assert_eq!(reply.headers[KNOWN_LEADER], "true");
        }
    }
}
