//! Points in time on the wire: RFC 3339 with nanoseconds, and Go's zero time for "never".
//! It does not read a clock.
//! Invariant: `parse(format(t)) == t`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What Go prints for a time that was never set.
pub const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// A wire time; `None` is the zero time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoTime(pub Option<Timestamp>);

impl GoTime {
    /// The time so many milliseconds after 1970; one no calendar holds is the zero time.
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        GoTime(Timestamp::from_millisecond(unix_ms).ok())
    }

    /// The time so many seconds after 1970; one no calendar holds is the zero time.
    pub fn from_unix_secs(unix_secs: i64) -> Self {
        GoTime(Timestamp::from_second(unix_secs).ok())
    }
}

impl fmt::Display for GoTime {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => time.fmt(out),
            None => out.write_str(ZERO_TIME),
        }
    }
}

impl FromStr for GoTime {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == ZERO_TIME {
            return Ok(GoTime(None));
        }
        text.parse().map(|time| GoTime(Some(time)))
    }
}

impl Serialize for GoTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(GoTime(None));
        }
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_print_as_go_prints_them() {
        for (time, expected) in [
            (GoTime::default(), ZERO_TIME),
            (GoTime::from_unix_ms(0), "1970-01-01T00:00:00Z"),
            (GoTime::from_unix_ms(1_500), "1970-01-01T00:00:01.5Z"),
        ] {
            assert_eq!(time.to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn every_time_survives_printing_and_parsing(
            unix_ms in -60_000_000_000_000_i64..200_000_000_000_000,
        ) {
            let time = GoTime::from_unix_ms(unix_ms);
            prop_assert_eq!(time.to_string().parse::<GoTime>().unwrap(), time);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC*") {
            let _ = text.parse::<GoTime>();
        }
    }
}
