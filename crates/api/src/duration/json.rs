//! Durations in JSON: read from a text or from nanoseconds, written as either, by the field.
//! It does not parse or print durations itself; mod.rs does.
//! Invariant: what `as_text` or `as_nanos` writes reads back as the same span.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serializer};

use crate::duration::GoDuration;

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DurationVisitor;
        impl Visitor<'_> for DurationVisitor {
            type Value = GoDuration;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a duration text or nanoseconds")
            }

            fn visit_unit<E: de::Error>(self) -> Result<GoDuration, E> {
                Ok(GoDuration::ZERO)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GoDuration, E> {
                if text.is_empty() {
                    return Ok(GoDuration::ZERO);
                }
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, nanos: i64) -> Result<GoDuration, E> {
                Ok(GoDuration(nanos))
            }

            fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<GoDuration, E> {
                i64::try_from(nanos).map(GoDuration).map_err(E::custom)
            }

            fn visit_f64<E: de::Error>(self, nanos: f64) -> Result<GoDuration, E> {
                whole_nanos(nanos).ok_or_else(|| E::custom("duration is out of range"))
            }
        }
        deserializer.deserialize_any(DurationVisitor)
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
