//! One event as a line: `2026-11-23T09:00:00.000Z [INFO]  agent: message: key=value`, or as JSON.
//! Each form is made once, when the first reader wants it.

use std::cell::OnceCell;
use std::fmt;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// One event, ready to be written.
#[derive(Debug)]
pub(super) struct Line {
    /// 1 for an error, 5 for a trace.
    pub rank: u8,
    unix_ms: u64,
    module: String,
    message: String,
    fields: Vec<(&'static str, Value)>,
    text: OnceCell<Bytes>,
    json: OnceCell<Bytes>,
}

impl Line {
    pub fn new(event: &Event<'_>) -> Line {
        let metadata = event.metadata();
        let mut visitor = Fields::default();
        event.record(&mut visitor);
        let module = module(metadata.target());
        Line::of(rank(*metadata.level()), now_ms(), module, visitor.message, visitor.fields)
    }

    pub fn of(
        rank: u8,
        unix_ms: u64,
        module: String,
        message: String,
        fields: Vec<(&'static str, Value)>,
    ) -> Line {
        let (text, json) = (OnceCell::new(), OnceCell::new());
        Line { rank, unix_ms, module, message, fields, text, json }
    }

    /// A line about lines that are missing before it.
    pub fn dropped(count: u64) -> Line {
        let fields = vec![("dropped_count", Value::from(count))];
        let message = "log lines were dropped, since the reader is too slow".to_owned();
        Line::of(2, now_ms(), "agent.log".to_owned(), message, fields)
    }

    /// The line in one of its forms, with its end.
    pub fn bytes(&self, json: bool) -> Bytes {
        match json {
            true => self.json.get_or_init(|| self.as_json()).clone(),
            false => self.text.get_or_init(|| self.as_text()).clone(),
        }
    }

    /// Without its time, for syslog, which has its own.
    pub fn after_time(&self) -> String {
        let mut text = format!("[{}] {}: ", level_name(self.rank), self.module);
        self.say(&mut text);
        text
    }

    fn as_text(&self) -> Bytes {
        let time = utc(self.unix_ms);
        let bracket = format!("[{}]", level_name(self.rank));
        let mut text = format!("{time} {bracket:<7} {}: ", self.module);
        self.say(&mut text);
        text.push('\n');
        Bytes::from(text)
    }

    fn say(&self, text: &mut String) {
        // A line break within a message would look like another line, perhaps a forged one.
        push_escaped(text, &self.message);
        for (number, (name, value)) in self.fields.iter().enumerate() {
            text.push_str(if number == 0 { ": " } else { " " });
            text.push_str(name);
            text.push('=');
            match value {
                Value::String(value) if value.is_empty() || value.contains([' ', '=', '"']) => {
                    let _ = write!(text, "{value:?}");
                }
                Value::String(value) => push_escaped(text, value),
                other => {
                    let _ = write!(text, "{other}");
                }
            }
        }
    }

    fn as_json(&self) -> Bytes {
        let mut object = Map::new();
        object.insert("@level".into(), level_name(self.rank).to_lowercase().into());
        object.insert("@message".into(), self.message.as_str().into());
        object.insert("@module".into(), self.module.as_str().into());
        object.insert("@timestamp".into(), utc(self.unix_ms).into());
        for (name, value) in &self.fields {
            object.insert((*name).to_owned(), value.clone());
        }
        Bytes::from(format!("{}\n", Value::Object(object)))
    }
}

fn push_escaped(text: &mut String, part: &str) {
    for symbol in part.chars() {
        if symbol.is_control() {
            text.extend(symbol.escape_default());
        } else {
            text.push(symbol);
        }
    }
}

/// Where an event comes from: the crate and its module, as `agent.http`.
fn module(target: &str) -> String {
    let own = target.strip_prefix("tribune_").unwrap_or(target);
    let mut parts = own.split("::");
    match (parts.next().unwrap_or_default(), parts.next()) {
        ("agent", Some(module)) if module != "run" => format!("agent.{module}"),
        ("agent", _) => "agent".to_owned(),
        (owner, Some(module)) => format!("agent.{owner}.{module}"),
        (owner, None) => format!("agent.{owner}"),
    }
}

pub(super) fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

fn level_name(rank: u8) -> &'static str {
    match rank {
        1 => "ERROR",
        2 => "WARN",
        3 => "INFO",
        4 => "DEBUG",
        _ => "TRACE",
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// RFC 3339 with milliseconds. The calendar repeats every 400 years, of 146,097 days.
fn utc(unix_ms: u64) -> String {
    let (days, ms_of_day) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    // Counted from 1 March of the year 0, so that a leap day ends its year.
    let from_march = days + 719_468;
    let (era, day_of_era) = (from_march / 146_097, from_march % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (seconds, ms) = (ms_of_day / 1000, ms_of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Collects the message and the other fields.
#[derive(Default)]
struct Fields {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(message: &str, fields: Vec<(&'static str, Value)>) -> Line {
        Line::of(3, 1_795_424_523_004, "agent".into(), message.into(), fields)
    }

    #[test]
    fn a_line_has_the_form_that_readers_of_consuls_logs_know() {
        let line = line("started", vec![("a", 1.into()), ("b", "x y".into()), ("c", "z".into())]);
        assert_eq!(
            line.bytes(false),
            "2026-11-23T09:02:03.004Z [INFO]  agent: started: a=1 b=\"x y\" c=z\n"
        );
        let json: Value = serde_json::from_slice(&line.bytes(true)).unwrap();
        assert_eq!(json["@level"], "info");
        assert_eq!(json["@timestamp"], "2026-11-23T09:02:03.004Z");
        assert_eq!((&json["@message"], &json["b"]), (&"started".into(), &"x y".into()));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (unix_s, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(utc(unix_s * 1000), expected);
        }
    }

    #[test]
    fn modules_are_named_after_the_parts_of_an_agent() {
        for (target, expected) in [
            ("tribune_agent::run", "agent"),
            ("tribune_agent::http::wire::server", "agent.http"),
            ("tribune_node::server::start", "agent.node.server"),
            ("hyper", "agent.hyper"),
        ] {
            assert_eq!(module(target), expected);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_stays_on_one_line(message: String, value: String) {
            let line = line(&message, vec![("a", value.into())]);
            for json in [false, true] {
                let bytes = line.bytes(json);
                prop_assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
            }
        }
    }
}
