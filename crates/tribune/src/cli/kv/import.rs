//! `kv import`: what `kv export` printed.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tribune_client::api::decode::{DecodeError, Unknown, decode};
use tribune_client::api::json::decode_base64;
use tribune_client::api::parse::ParseError;
use tribune_client::kv::Value;

use super::one_word;
use crate::cli::base::input::load;
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "kv import",
    synopsis: "Sets keys from JSON",
    arguments: "[options] [DATA]",
    help: "
Sets the keys that kv export printed. The data is the word itself, the content
of a file (@file), or standard input (-).

    $ {program} kv import @web.json
    $ {program} kv import -prefix=copy/ @web.json
",
    flags: &[Flag::text("prefix", "Put before each key; a slash is set between.")],
    api: Api::Servers,
    run: Run::Flags(run),
};

/// One key of an export. Source: transcripts/cli/kv.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) flags: u64,
    /// Base64.
    pub(super) value: String,
}

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let Some(word) = one_word(&flags.words)?.filter(|word| !word.is_empty()) else {
        return Err(Failure::text("Error! Missing DATA argument"));
    };
    let bytes = load(console, word).map_err(|text| Failure::text(format!("Error! {text}")))?;
    let entries =
        parse(&bytes).map_err(|error| Failure::text(format!("Cannot unmarshal data: {error}")))?;
    let values = entries.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    let client = console.client(flags)?;
    for (entry, value) in entries.iter().zip(values) {
        let key = joined(flags.text_or("prefix", ""), &entry.key);
        let put = client.kv().put(&key, value);
        console.wait(put.into_future())?.map_err(|error| {
            Failure::text(format!("Error! Failed writing data for key {key}: {error}"))
        })?;
        console.line(&format!("Imported: {key}"));
    }
    Ok(())
}

/// A whole document: unlike a request's body it must end where its value ends, since a file that
/// was cut or joined badly must not be imported in part. Errors are worded as Go words them.
fn parse(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let entries = decode(bytes, Unknown::Ignore).map_err(|error| match error {
        DecodeError::Syntax(ParseError::Empty | ParseError::Truncated) => {
            "unexpected end of JSON input".to_string()
        }
        other => other.to_string(),
    })?;
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Ok(_) => Ok(entries),
        Err(_) => Err("invalid character after top-level value".to_string()),
    }
}

/// Everything is decoded before anything is written, so that a bad entry leaves nothing half done.
fn value(entry: &Entry) -> Result<Value, Failure> {
    let bytes = decode_base64(&entry.value).map_err(|error| {
        Failure::text(format!("Error base 64 decoding value for key {}: {error}", entry.key))
    })?;
    Ok(Value::from(bytes).flags(entry.flags))
}

fn joined(prefix: &str, key: &str) -> String {
    if prefix.is_empty() || prefix.ends_with('/') {
        return format!("{prefix}{key}");
    }
    format!("{prefix}/{key}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_prefix_is_a_folder() {
        assert_eq!(joined("", "a/b"), "a/b");
        assert_eq!(joined("under/", "a/b"), "under/a/b");
        assert_eq!(joined("under", "a/"), "under/a/");
    }

    #[test]
    fn a_file_that_was_cut_or_joined_is_refused() {
        for text in ["", "[{\"key\":\"a\"", "[]x", "[{\"key\":\"a\"}][]"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(parse(b"[]\n"), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn an_export_is_read_back(key in "\\PC{0,8}", flags: u64, value: Vec<u8>) {
            use base64::Engine as _;
            let value = base64::engine::general_purpose::STANDARD.encode(value);
            let entries = vec![Entry { key, flags, value }];
            let text = serde_json::to_vec(&entries).unwrap();
            prop_assert_eq!(parse(&text).unwrap(), entries);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
