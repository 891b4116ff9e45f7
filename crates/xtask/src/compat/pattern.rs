//! A recorded text with placeholders, matched against a real one.
//! A placeholder takes as little as the text behind it allows, and only what its kind may be.

use super::binding::{Bindings, SHORT_UUID_CHARS};

/// A piece of a recorded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    Literal(&'a str),
    Hole { kind: Kind, text: &'a str },
}

/// What may stand behind a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `<i3>`
    Index(u32),
    /// `<index>`
    AnyIndex,
    /// `<uuid-2>`
    Uuid(u32),
    /// `<uuid-2-short>`
    ShortUuid(u32),
    /// `<hash-2>`
    Hash(u32),
    /// `<port-http>`
    NamedPort(String),
    /// `<port>`
    Port,
    /// `<time>`
    Time,
    /// `<duration>`
    Duration,
    /// `<age>` and `<serial>`
    Number,
    /// `<n>`: a number of the command line, or numbers joined by dots
    Numbers,
    /// `<host>` and `<snapshot>`: anything without a blank
    Word,
    /// `<value>`: anything
    Value,
    /// `<dir>`
    Folder,
    /// The recording's own version
    Version,
}

impl<'a> Part<'a> {
    pub fn text(&self) -> &'a str {
        match self {
            Self::Literal(text) | Self::Hole { text, .. } => text,
        }
    }
}

/// Splits a recorded text at its placeholders.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut literal_from = 0;
    let mut at = 0;
    while at < text.len() {
        let Some((kind, length)) = hole_at(&text[at..]) else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if literal_from < at {
            parts.push(Part::Literal(&text[literal_from..at]));
        }
        parts.push(Part::Hole { kind, text: &text[at..at + length] });
        at += length;
        literal_from = at;
    }
    if literal_from < text.len() {
        parts.push(Part::Literal(&text[literal_from..]));
    }
    parts
}

/// The kind, if the whole text is one placeholder.
pub fn whole(text: &str) -> Option<Kind> {
    hole_at(text).filter(|(_, length)| *length == text.len()).map(|(kind, _)| kind)
}

/// Matches a recorded text against a real one and binds what stands behind its placeholders.
pub fn matches(recorded: &str, real: &str, bindings: &mut Bindings) -> Result<(), String> {
    // What the recording hides so is all behind the sign, and that may be nothing: a release has no
    // `prerelease`, and no build here has a `version_metadata`.
    if recorded.strip_suffix(" <value>").is_some_and(|before| before == real) {
        return Ok(());
    }
    // Nor does a release print one in its version: that of the recording is its own.
    if recorded.contains(RECORDED_PRERELEASE) {
        let released = recorded.replace(RECORDED_PRERELEASE, RELEASED_PRERELEASE);
        return matches(&released, real, bindings);
    }
    let parts = parts(recorded);
    let mut captures = Vec::new();
    if !align(&parts, real, &mut captures) {
        return Err(format!("expected {recorded:?}, got {real:?}"));
    }
    for (kind, value) in captures {
        bind(&kind, value, bindings).map_err(|error| format!("{error} (in {real:?})"))?;
    }
    Ok(())
}

/// Binds one captured value, or checks it against what is bound.
pub fn bind(kind: &Kind, value: &str, bindings: &mut Bindings) -> Result<(), String> {
    match kind {
        Kind::Index(number) => match value.parse() {
            Ok(index) => bindings.index(*number, index),
            Err(_) => Err(format!("expected an index, got {value:?}")),
        },
        Kind::Uuid(number) => bindings.uuid(*number, value),
        Kind::ShortUuid(number) => bindings.short_uuid(*number, value),
        Kind::Hash(number) => bindings.hash(*number, value),
        Kind::NamedPort(name) => match bindings.ports.get(name) {
            Some(port) if port.to_string() == value => Ok(()),
            known => Err(format!("expected the port {name} ({known:?}), got {value}")),
        },
        Kind::Folder if value != bindings.folder => {
            Err(format!("expected the folder {}, got {value}", bindings.folder))
        }
        _ => Ok(()),
    }
}

/// Whether a value may stand behind a placeholder of this kind.
pub fn may_be(kind: &Kind, value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match kind {
        Kind::Index(_) | Kind::AnyIndex => value.parse::<u64>().is_ok_and(|index| index > 1),
        Kind::Number | Kind::NamedPort(_) => digits(value),
        Kind::Port => value.parse::<u16>().is_ok_and(|port| port > 0),
        Kind::Uuid(_) => is_uuid(value),
        Kind::ShortUuid(_) => {
            value.len() == SHORT_UUID_CHARS && value.chars().all(|c| c.is_ascii_hexdigit())
        }
        Kind::Hash(_) | Kind::Word => !value.is_empty() && !value.contains(char::is_whitespace),
        Kind::Time => is_time(value),
        Kind::Duration => {
            value.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                && value.ends_with(|c: char| c.is_alphabetic() || c == '0')
        }
        Kind::Numbers => value.split('.').all(digits),
        Kind::Value | Kind::Folder => !value.is_empty(),
        Kind::Version => {
            let (numbers, tail) = value.split_at(value.find('-').unwrap_or(value.len()));
            numbers.split('.').count() == 3
                && numbers.split('.').all(digits)
                && tail.chars().all(|c| c.is_alphanumeric() || "-.".contains(c))
        }
    }
}

/// Finds a way to lay the parts over the text; the captures are those of the holes.
fn align<'a>(parts: &[Part<'_>], text: &'a str, captures: &mut Vec<(Kind, &'a str)>) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    let kind = match first {
        Part::Literal(literal) => {
            return text.strip_prefix(literal).is_some_and(|tail| align(rest, tail, captures));
        }
        Part::Hole { kind, .. } => kind,
    };
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    for end in ends {
        // Only where the next literal can begin; the last hole takes all that is left.
        let fits = match rest.first() {
            None => end == text.len(),
            Some(Part::Literal(literal)) => text[end..].starts_with(literal),
            Some(Part::Hole { .. }) => true,
        };
        if !fits || !may_be(kind, &text[..end]) {
            continue;
        }
        captures.push((kind.clone(), &text[..end]));
        if align(rest, &text[end..], captures) {
            return true;
        }
        captures.pop();
    }
    false
}

/// A placeholder at the start of this text: its kind and its length.
fn hole_at(text: &str) -> Option<(Kind, usize)> {
    for version in RECORDED_VERSIONS {
        if text.starts_with(version) {
            return Some((Kind::Version, version.len()));
        }
    }
    let inner = text.strip_prefix('<')?;
    let (name, _) = inner.split_once('>')?;
    let number = |digits: &str| digits.parse::<u32>().ok();
    let kind = match name {
        "index" => Kind::AnyIndex,
        "time" => Kind::Time,
        "duration" => Kind::Duration,
        "age" | "serial" => Kind::Number,
        "n" => Kind::Numbers,
        "host" | "snapshot" => Kind::Word,
        "value" => Kind::Value,
        "port" => Kind::Port,
        "dir" => Kind::Folder,
        _ => {
            if let Some(port) = name.strip_prefix("port-") {
                Kind::NamedPort(port.to_owned())
            } else if let Some(rest) = name.strip_prefix("uuid-") {
                match rest.strip_suffix("-short") {
                    Some(digits) => Kind::ShortUuid(number(digits)?),
                    None => Kind::Uuid(number(rest)?),
                }
            } else if let Some(digits) = name.strip_prefix("hash-") {
                Kind::Hash(number(digits)?)
            } else {
                Kind::Index(number(name.strip_prefix('i')?)?)
            }
        }
    };
    Some((kind, name.len() + 2))
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit() && !c.is_ascii_uppercase(),
        })
}

/// A date and a time of day, as the API (`2024-05-06T07:08:09Z`) or Go prints them.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mark = |at: usize, marks: &[u8]| bytes.get(at).is_some_and(|byte| marks.contains(byte));
    (0..4).all(digit)
        && mark(4, b"-")
        && digit(5)
        && digit(6)
        && mark(7, b"-")
        && digit(8)
        && digit(9)
        && mark(10, b"T ")
        && mark(13, b":")
        && !text.ends_with(' ')
}

/// How the version of the recorded agent appears. Ours is our own.
const RECORDED_VERSIONS: &[&str] = &["1.23.0-dev", "1.23.0dev", "1.23.0"];

/// What the recorded version is a prerelease of, and what a release prints there.
const RECORDED_PRERELEASE: &str = "\"Prerelease\": \"dev\"";
const RELEASED_PRERELEASE: &str = "\"Prerelease\": \"\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(recorded: &str, real: &str, expected: Result<(), &str>) {
        let mut bindings = Bindings::default();
        bindings.ports.insert("http".into(), 8500);
        let found = matches(recorded, real, &mut bindings);
        match (found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
            (found, expected) => panic!("{recorded} {real}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn a_text_matches_with_what_its_placeholders_may_be() {
        let uuid = "11111111-2222-3333-4444-555555555555";
        check("plain", "plain", Ok(()));
        check("plain", "plane", Err("expected \"plain\""));
        check("a <i1> b <i2>", "a 12 b 13", Ok(()));
        check("a <i2> b <i1>", "a 12 b 13", Err("must be"));
        check("a <i1> b <i1>", "a 12 b 13", Err("was 12, now 13"));
        check("<index>", "1", Err("expected"));
        check("id <uuid-1>.", &format!("id {uuid}."), Ok(()));
        check("id <uuid-1>.", "id 1111.", Err("expected"));
        check("<uuid-1> <uuid-1-short>", &format!("{uuid} 11111111"), Ok(()));
        check("<uuid-1> <uuid-1-short>", &format!("{uuid} 11111112"), Err("was"));
        check("<uuid-1> <uuid-2>", &format!("{uuid} {uuid}"), Err("the same as"));
        check("127.0.0.1:<port-http>", "127.0.0.1:8500", Ok(()));
        check("127.0.0.1:<port-http>", "127.0.0.1:8501", Err("the port http"));
        check("<time> x", "2024-05-06T07:08:09.1Z x", Ok(()));
        check("<time>", "yesterday", Err("expected"));
        check("Consul v1.23.0-dev", "Consul v1.22.1", Ok(()));
        check("Consul v1.23.0", "Consul v2", Err("expected"));
        check(r#" "Prerelease": "dev", x"#, r#" "Prerelease": "", x"#, Ok(()));
        check(r#" "Prerelease": "dev", x"#, r#" "Prerelease": "y", x"#, Err("expected"));
        check("<n>:<n>", "127.0.0.1:80", Ok(()));
        check("members = <value>", "members = 1 of 2", Ok(()));
        check("prerelease = <value>", "prerelease =", Ok(()));
        check("prerelease = <value>", "prerelease", Err("expected"));
        check("<subcommand> [<args>]", "<subcommand> [<args>]", Ok(()));
    }

    proptest::proptest! {
        #[test]
        fn parts_joined_are_the_text(text in "(<i1>|<uuid-2>|<|>|i|1\\.23\\.0|[a-zé ])*") {
            let joined: String = parts(&text).iter().map(Part::text).collect();
            proptest::prop_assert_eq!(joined, text);
        }
    }
}
