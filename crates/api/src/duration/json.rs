//! Durations in JSON: read from a text or from nanoseconds, written as either, by the field.
//! It does not parse or print durations itself; mod.rs does.
//! Invariant: what `as_text` or `as_nanos` writes reads back as the same span.

use std::fmt;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

use crate::duration::GoDuration;

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Sent::deserialize(deserializer)? {
            Sent::Text(span) | Sent::Number(span) => Ok(span),
        }
    }
}

/// A duration by the way it was written; a number stands for nanoseconds.
pub(crate) enum Sent {
    Text(GoDuration),
    Number(GoDuration),
}

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SentVisitor)
    }
}

struct SentVisitor;

impl Visitor<'_> for SentVisitor {
    type Value = Sent;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a duration text or nanoseconds")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Sent, E> {
        Ok(Sent::Text(GoDuration::ZERO))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Sent, E> {
        if text.is_empty() {
            return Ok(Sent::Text(GoDuration::ZERO));
        }
        text.parse().map(Sent::Text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, nanos: i64) -> Result<Sent, E> {
        Ok(Sent::Number(GoDuration(nanos)))
    }

    fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<Sent, E> {
        let fitting = i64::try_from(nanos).map(|nanos| Sent::Number(GoDuration(nanos)));
        fitting.map_err(|_| E::invalid_value(Unexpected::Unsigned(nanos), &self))
    }

    fn visit_f64<E: de::Error>(self, nanos: f64) -> Result<Sent, E> {
        let fitting = whole_nanos(nanos).map(Sent::Number);
        fitting.ok_or_else(|| E::invalid_value(Unexpected::Float(nanos), &self))
    }
}

/// Go reads a duration's number as a float and cuts it; beyond 64 bits there is no answer.
#[expect(clippy::cast_possible_truncation, reason = "cutting is the rule; range checked before")]
fn whole_nanos(nanos: f64) -> Option<GoDuration> {
    const LIMIT: f64 = 9.2e18;
    (-LIMIT..=LIMIT).contains(&nanos).then_some(GoDuration(nanos as i64))
}

/// `#[serde(serialize_with)]`: `"1m30s"`.
///
/// # Errors
/// Those of the serializer.
pub fn as_text<S: Serializer>(span: &GoDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(span)
}

/// `#[serde(serialize_with)]`: nanoseconds as a number.
///
/// # Errors
/// Those of the serializer.
pub fn as_nanos<S: Serializer>(span: &GoDuration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(span.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_from_text_and_numbers() {
        for (text, expected) in [
            ("\"90s\"", GoDuration(90_000_000_000)),
            ("\"\"", GoDuration::ZERO),
            ("null", GoDuration::ZERO),
            ("600", GoDuration(600)),
            ("-1", GoDuration(-1)),
            ("1.9", GoDuration(1)),
        ] {
            assert_eq!(serde_json::from_str::<GoDuration>(text).unwrap(), expected, "{text}");
        }
        assert!(serde_json::from_str::<GoDuration>("1e30").is_err());
        assert!(serde_json::from_str::<GoDuration>("\"x\"").is_err());
    }
}
