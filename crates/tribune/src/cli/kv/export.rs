//! `kv export`: a tree as JSON that `kv import` reads.

use serde::ser::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};
use tribune_client::api::json::Base64;

use super::import::Entry;
use super::{one_word, without_slash};
use crate::cli::base::{Api, Command, Console, Failure, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "kv export",
    synopsis: "Prints a tree of keys as JSON",
    arguments: "[KEY_OR_PREFIX]",
    help: "
Prints every key with the prefix as JSON, values in base64, for kv import.

    $ {program} kv export web/ > web.json
",
    flags: &[],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let prefix = without_slash(one_word(&flags.words)?.unwrap_or(""));
    let client = console.client(flags)?;
    let read = client.kv().list(prefix);
    let read = if flags.bool("stale") { read.stale() } else { read };
    let pairs = console
        .wait(read.into_future())?
        .map_err(|error| Failure::text(format!("Error querying Consul agent: {error}")))?;
    let entries: Vec<Entry> = pairs
        .into_iter()
        .map(|pair| Entry { key: pair.key, flags: pair.flags, value: Text(pair.value).into() })
        .collect();
    console.write(render(&entries)?.as_bytes());
    Ok(())
}

/// An empty value is `""` here and not null.
struct Text(Base64);

impl From<Text> for String {
    fn from(text: Text) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(text.0.0)
    }
}

/// Tabs, and Go's escapes of characters that mean something in HTML; in JSON these stand only
/// within strings. Source: transcripts/cli/kv.txt.
fn render(entries: &[Entry]) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let mut serializer =
        Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"\t"));
    let written = entries.serialize(&mut serializer);
    written.map_err(|error| Failure::text(format!("Error exporting KV data: {error}")))?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for symbol in ['<', '>', '&', '\u{2028}', '\u{2029}'] {
        text = text.replace(symbol, &format!("\\u{:04x}", u32::from(symbol)));
    }
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_indented_by_tabs_and_escaped_as_go_does() {
        let entry = Entry { key: "a<b".into(), flags: 3, value: String::new() };
        let expected =
            "[\n\t{\n\t\t\"key\": \"a\\u003cb\",\n\t\t\"flags\": 3,\n\t\t\"value\": \"\"\n\t}\n]\n";
        assert_eq!(render(&[entry]).unwrap(), expected);
        assert_eq!(render(&[]).unwrap(), "[]\n");
    }
}
