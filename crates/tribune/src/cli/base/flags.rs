//! Flags as Go programs read them: `-x v`, `-x=v`, `--x`; flags end at the first other word, at
//! `-` and behind `--`. It knows no command.
//! Invariant: errors read as Go's `flag` package words them, since scripts see those texts.
//!
//! Source: transcripts/cli/kv.txt; Go's documentation of package flag.

use std::collections::BTreeMap;

/// A flag, as data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
}

/// What a flag's value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Takes no word; `-x=false` clears it.
    Bool,
    Text,
    /// A `uint64` in any of Go's notations.
    Uint,
    /// May be given more than once.
    List,
    /// As a list, and each value is `key=value`.
    Map,
}

impl Flag {
    pub(crate) const fn bool(name: &'static str, help: &'static str) -> Self {
        Flag { name, kind: Kind::Bool, help }
    }

    pub(crate) const fn text(name: &'static str, help: &'static str) -> Self {
        Flag { name, kind: Kind::Text, help }
    }

    pub(crate) const fn uint(name: &'static str, help: &'static str) -> Self {
        Flag { name, kind: Kind::Uint, help }
    }

    pub(crate) const fn list(name: &'static str, help: &'static str) -> Self {
        Flag { name, kind: Kind::List, help }
    }

    pub(crate) const fn map(name: &'static str, help: &'static str) -> Self {
        Flag { name, kind: Kind::Map, help }
    }
}

/// Flags that were given, with valid values, and the words behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    values: BTreeMap<&'static str, Vec<String>>,
    pub(crate) words: Vec<String>,
}

impl Parsed {
    pub(crate) fn bool(&self, name: &str) -> bool {
        self.text(name).and_then(go_bool).unwrap_or(false)
    }

    /// The last value; `None` if the flag was not given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.list(name).last().map(String::as_str)
    }

    pub(crate) fn text_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.text(name).unwrap_or(default)
    }

    pub(crate) fn uint(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(|text| go_uint(text).ok())
    }

    pub(crate) fn list(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Pairs in the order given.
    pub(crate) fn map(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.list(name).iter().filter_map(|pair| pair.split_once('='))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FlagError {
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    #[error("bad flag syntax: {0}")]
    Syntax(String),
    #[error("flag needs an argument: -{0}")]
    NoValue(&'static str),
    #[error("invalid boolean value {value:?} for -{name}: parse error")]
    Bool { name: &'static str, value: String },
    #[error("invalid value {value:?} for flag -{name}: {why}")]
    Value { name: &'static str, value: String, why: String },
}

/// Reads `words` by the flags a command has.
pub(crate) fn parse(flags: &[&'static Flag], words: &[String]) -> Result<Parsed, FlagError> {
    let mut parsed = Parsed::default();
    let mut rest = words.iter();
    while let Some(word) = rest.as_slice().first() {
        if word.len() < 2 || !word.starts_with('-') {
            break;
        }
        rest.next();
        if word == "--" {
            break;
        }
        let given = word.strip_prefix("--").unwrap_or(&word[1..]);
        if given.is_empty() || given.starts_with(['-', '=']) {
            return Err(FlagError::Syntax(word.clone()));
        }
        let (name, inline) = match given.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (given, None),
        };
        let flag = flags.iter().find(|flag| flag.name == name);
        let flag = flag.ok_or_else(|| FlagError::Unknown(name.to_string()))?;
        let value = match (flag.kind, inline) {
            (_, Some(value)) => value,
            (Kind::Bool, None) => "true".to_string(),
            (_, None) => rest.next().cloned().ok_or(FlagError::NoValue(flag.name))?,
        };
        check(flag, &value)?;
        parsed.values.entry(flag.name).or_default().push(value);
    }
    parsed.words = rest.cloned().collect();
    Ok(parsed)
}

fn check(flag: &Flag, value: &str) -> Result<(), FlagError> {
    let name = flag.name;
    let refuse = |why: String| Err(FlagError::Value { name, value: value.to_string(), why });
    match flag.kind {
        Kind::Text | Kind::List => Ok(()),
        Kind::Bool if go_bool(value).is_some() => Ok(()),
        Kind::Bool => Err(FlagError::Bool { name, value: value.to_string() }),
        Kind::Uint => go_uint(value).map(|_| ()).or_else(|why| refuse(why.to_string())),
        Kind::Map if value.contains('=') => Ok(()),
        Kind::Map => refuse(format!("Missing \"=\" value in argument: {value}")),
    }
}

/// What Go's `strconv.ParseBool` takes.
pub(crate) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Go's `uint64` with a base prefix: `42`, `0x2a`, `0b1`, `0o7`, `07`, `1_000`.
fn go_uint(text: &str) -> Result<u64, &'static str> {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    let grouped = digits.contains('_');
    // Underscores only stand between digits.
    if grouped && (digits.ends_with('_') || digits.contains("__")) {
        return Err("parse error");
    }
    let plain: String = digits.chars().filter(|symbol| *symbol != '_').collect();
    if plain.is_empty() || !plain.chars().all(|symbol| symbol.is_digit(radix)) {
        return Err("parse error");
    }
    u64::from_str_radix(&plain, radix).map_err(|_| "value out of range")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static FLAGS: [Flag; 5] = [
        Flag::bool("stale", ""),
        Flag::text("name", ""),
        Flag::uint("flags", ""),
        Flag::list("tag", ""),
        Flag::map("meta", ""),
    ];

    fn read(line: &str) -> Result<Parsed, String> {
        let flags: Vec<_> = FLAGS.iter().collect();
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        parse(&flags, &words).map_err(|error| error.to_string())
    }

    #[test]
    fn every_notation_of_go_is_read() {
        for line in ["-name=x -stale k", "--name x --stale=true k", "-stale -name x -- k"] {
            let parsed = read(line).unwrap();
            assert_eq!((parsed.text("name"), parsed.bool("stale")), (Some("x"), true), "{line}");
            assert_eq!(parsed.words, ["k"], "{line}");
        }
        assert!(!read("-stale=0").unwrap().bool("stale"));
        assert_eq!(read("-tag a -tag=b").unwrap().list("tag"), ["a", "b"]);
        assert_eq!(read("-meta k=v=w").unwrap().map("meta").next(), Some(("k", "v=w")));
        assert_eq!(read("-name=").unwrap().text("name"), Some(""));
    }

    #[test]
    fn flags_end_at_the_first_other_word() {
        assert_eq!(read("k -stale").unwrap().words, ["k", "-stale"]);
        assert_eq!(read("- -stale").unwrap().words, ["-", "-stale"]);
        assert_eq!(read("-name -stale k").unwrap().text("name"), Some("-stale"));
    }

    #[test]
    fn errors_read_as_go_words_them() {
        let check = |line: &str, text: &str| assert_eq!(read(line), Err(text.to_string()));
        check("-nosuch", "flag provided but not defined: -nosuch");
        check("--nosuch=1", "flag provided but not defined: -nosuch");
        check("-flags=abc", "invalid value \"abc\" for flag -flags: parse error");
        check(
            "-flags=99999999999999999999",
            "invalid value \"99999999999999999999\" for flag -flags: value out of range",
        );
        check("-flags", "flag needs an argument: -flags");
        check("-stale=x", "invalid boolean value \"x\" for -stale: parse error");
        check("---name", "bad flag syntax: ---name");
        check("-=x", "bad flag syntax: -=x");
        let text = "invalid value \"nope\" for flag -meta: Missing \"=\" value in argument: nope";
        check("-meta nope", text);
    }

    #[test]
    fn numbers_are_read_in_every_base() {
        let cases = [("42", 42), ("0x2A", 42), ("0b11", 3), ("0o17", 15), ("017", 15), ("0", 0)];
        for (text, number) in cases {
            assert_eq!(go_uint(text), Ok(number), "{text}");
        }
        assert_eq!(go_uint("1_000"), Ok(1000));
        for text in ["", "-1", "+1", "08", "1__0", "1_", "0x"] {
            assert!(go_uint(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(
            words in prop::collection::vec("-{0,3}(stale|name|flags|meta|x)?=?[a0=-]{0,4}", 0..6)
        ) {
            let flags: Vec<_> = FLAGS.iter().collect();
            let _ = parse(&flags, &words);
        }

        #[test]
        fn words_without_a_dash_are_kept(words in prop::collection::vec("[a-z]{1,4}", 0..6)) {
            let flags: Vec<_> = FLAGS.iter().collect();
            prop_assert_eq!(parse(&flags, &words).unwrap().words, words);
        }

        #[test]
        fn every_number_is_read_back(number: u64) {
            prop_assert_eq!(go_uint(&number.to_string()), Ok(number));
        }
    }
}
