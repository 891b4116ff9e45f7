//! The value of a watch as handlers receive it, made from the answer to its question. It asks
//! nothing; `shape` knows the fields.

use serde_json::Value;

use super::shape::{CHECK, ENTRY, EVENT, KV_PAIR, NODE, ROOTS, SERVICE, Shape, sorted};
use super::{Kind, run};
use crate::error::Error;

/// The value of an answer. `seen` is the index of the last event that was told.
///
/// # Errors
/// If the answer is a refusal, or is not what the route is known to answer.
pub(super) fn value(kind: &Kind, status: u16, body: &[u8], seen: u64) -> Result<Value, Error> {
    if status == 404 && matches!(kind, Kind::Key(_) | Kind::KeyPrefix(_)) {
        return Ok(Value::Null);
    }
    if status != 200 {
        let body = String::from_utf8_lossy(body).trim().to_owned();
        return Err(Error::Status { status, body });
    }
    let answer: Value = serde_json::from_slice(body)
        .map_err(|error| Error::Decode { path: run::path(kind), cause: error.to_string() })?;
    match kind {
        Kind::Key(_) => {
            let pairs = list(kind, KV_PAIR, answer)?;
            Ok(pairs.into_iter().next().unwrap_or_default())
        }
        Kind::KeyPrefix(_) => list(kind, KV_PAIR, answer).map(Value::Array),
        Kind::Services { .. } => match answer {
            Value::Object(names) => Ok(Value::Object(sorted(names))),
            _ => Err(unexpected(kind)),
        },
        Kind::Nodes { .. } => list(kind, NODE, answer).map(Value::Array),
        Kind::Service { .. } => list(kind, ENTRY, answer).map(Value::Array),
        Kind::Checks { .. } => list(kind, CHECK, answer).map(Value::Array),
        Kind::Event { .. } => {
            let mut events = list(kind, EVENT, answer)?;
            let index = |event: &Value| event.get("ID").and_then(Value::as_str).map(event_index);
            let last = events.iter().rposition(|event| index(event) == Some(seen));
            Ok(Value::Array(events.split_off(last.map_or(0, |at| at + 1))))
        }
        Kind::AgentService(_) => Ok(SERVICE.of(&answer)),
        Kind::ConnectRoots => Ok(ROOTS.of(&answer)),
        Kind::ConnectLeaf(_) => Ok(answer),
    }
}

/// Rows in their shape; null is no rows.
fn list(kind: &Kind, shape: Shape, answer: Value) -> Result<Vec<Value>, Error> {
    match answer {
        Value::Array(rows) => Ok(rows.iter().map(|row| shape.of(row)).collect()),
        Value::Null => Ok(Vec::new()),
        _ => Err(unexpected(kind)),
    }
}

fn unexpected(kind: &Kind) -> Error {
    Error::Decode { path: run::path(kind), cause: "not of the expected form".to_owned() }
}

/// The index of an event: both halves of its id, one laid over the other.
///
/// Source: Consul 1.22 documentation, "Event HTTP API": lists have an index of their own that is
/// made from the last event's id.
pub(super) fn event_index(id: &str) -> u64 {
    let digits: String = id.chars().filter(|symbol| *symbol != '-').collect();
    let half = |part: Option<&str>| u64::from_str_radix(part.unwrap_or_default(), 16).unwrap_or(0);
    half(digits.get(..16)) ^ half(digits.get(16..32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_form_is_an_error() {
        let nodes = Kind::Nodes { filter: String::new() };
        assert_eq!(value(&nodes, 200, b"null", 0).unwrap(), Value::Array(Vec::new()));
        for body in ["{}", "1", "", "[", "\"x\""] {
            assert!(value(&nodes, 200, body.as_bytes(), 0).is_err(), "{body}");
        }
        let refused = value(&nodes, 403, b"Permission denied\n", 0).unwrap_err();
        assert_eq!(refused.to_string(), "Unexpected response code: 403 (Permission denied)");
        assert_eq!(value(&Kind::Key("a".into()), 404, b"", 0).unwrap(), Value::Null);
    }
}
