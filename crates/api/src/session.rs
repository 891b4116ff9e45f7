//! Sessions on the wire: what is asked for and what is answered. No rule of sessions lives here.
//! Invariant: fields stand in the order Consul prints them.

use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::duration::json::{Sent, as_nanos};

/// A session; its lock delay prints as nanoseconds.
///
/// Source: transcripts/session/basic.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Session {
    #[serde(rename = "ID")]
    pub id: String,
    pub name: String,
    pub node: String,
    #[serde(serialize_with = "as_nanos")]
    pub lock_delay: GoDuration,
    pub behavior: String,
    #[serde(rename = "TTL")]
    pub ttl: String,
    pub node_checks: Option<Vec<String>>,
    pub service_checks: Option<Vec<ServiceCheck>>,
    pub create_index: u64,
    pub modify_index: u64,
}

/// A check of a service that a session depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceCheck {
    #[serde(rename = "ID")]
    pub id: String,
    pub namespace: String,
}

/// The body of `PUT /v1/session/create`. Absent lists differ from empty ones.
///
/// Source: transcripts/session/basic.txt; unknown fields are ignored there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SessionCreate {
    pub node: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_delay: Option<LockDelay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_checks: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_checks: Option<Vec<ServiceCheck>>,
    pub behavior: String,
    #[serde(rename = "TTL")]
    pub ttl: String,
}

/// A lock delay as asked for: a duration text, or a number that is seconds when it is small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockDelay(pub GoDuration);

/// Numbers below this are seconds, others nanoseconds.
///
/// Source: transcripts/session/basic.txt, `"LockDelay":15` is 15 s.
const LOCK_DELAY_SECONDS_BELOW: i64 = 1000;

impl<'de> Deserialize<'de> for LockDelay {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(LockDelay(match Sent::deserialize(deserializer)? {
            Sent::Number(GoDuration(seconds)) if seconds < LOCK_DELAY_SECONDS_BELOW => {
                GoDuration(seconds.saturating_mul(GoDuration::SECOND.0))
            }
            Sent::Number(span) | Sent::Text(span) => span,
        }))
    }
}

impl Serialize for LockDelay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The answer to `PUT /v1/session/create`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCreated {
    #[serde(rename = "ID")]
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Unknown, decode};

    #[test]
    fn a_small_lock_delay_is_seconds_and_a_large_one_nanoseconds() {
        for (text, nanos) in [
            ("15", 15_000_000_000),
            ("999", 999_000_000_000),
            ("1000", 1000),
            ("-1", -1_000_000_000),
            ("\"2s\"", 2_000_000_000),
        ] {
            let body = format!("{{\"LockDelay\":{text}}}");
            let asked: SessionCreate = decode(body.as_bytes(), Unknown::Ignore).unwrap();
            assert_eq!(asked.lock_delay, Some(LockDelay(GoDuration(nanos))), "{text}");
        }
    }

    #[test]
    fn an_absent_list_of_checks_differs_from_an_empty_one() {
        let asked: SessionCreate = decode(br#"{"NodeChecks":[]}"#, Unknown::Ignore).unwrap();
        assert_eq!((asked.node_checks, asked.checks), (Some(vec![]), None));
    }
}
