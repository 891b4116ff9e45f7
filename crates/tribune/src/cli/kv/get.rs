//! `kv get`: one key, a tree, or the names below a prefix.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tribune_client::Client;
use tribune_client::api::kv::KvPair;

use super::{missing_key, one_word, without_slash};
use crate::cli::base::output::table;
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "kv get",
    synopsis: "Shows a key, a tree of keys, or their names",
    arguments: "[options] [KEY_OR_PREFIX]",
    help: "
Shows the value of a key, and exits 1 if there is none.

    $ {program} kv get web/port
    $ {program} kv get -recurse web/
    $ {program} kv get -keys web/
",
    flags: &[
        Flag::bool("base64", "Show values in base64."),
        Flag::bool("detailed", "Show all that is known of a key beside its value."),
        Flag::bool("keys", "Show the names of the keys with the prefix, one level of them."),
        Flag::bool("recurse", "Show every key with the prefix, as key:value."),
        Flag::text("separator", "What ends a name with -keys; a slash by default."),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let many = flags.bool("keys") || flags.bool("recurse");
    let key = match one_word(&flags.words)? {
        Some(key) => without_slash(key),
        None => "",
    };
    if key.is_empty() && !many {
        return Err(missing_key());
    }
    let client = console.client(flags)?;
    if flags.bool("keys") {
        return names(console, &client, key, flags);
    }
    if flags.bool("recurse") {
        return tree(console, &client, key, flags);
    }
    let read = stale(client.kv().get(key), flags);
    let found = console.wait(read.into_future())?.map_err(|error| failed(&error))?;
    let Some(pair) = found else {
        return Err(Failure::text(format!("Error! No key exists at: {key}")));
    };
    if flags.bool("detailed") {
        console.write(&details(&pair, flags.bool("base64")));
    } else {
        let mut line = shown(&pair, flags.bool("base64"));
        line.push(b'\n');
        console.write(&line);
    }
    Ok(())
}

fn names(
    console: &mut Console,
    client: &Client,
    prefix: &str,
    flags: &Parsed,
) -> Result<(), Failure> {
    let separator = flags.text_or("separator", "/");
    let read = stale(client.kv().keys(prefix, separator), flags);
    for name in console.wait(read.into_future())?.map_err(|error| failed(&error))? {
        console.line(&name);
    }
    Ok(())
}

fn tree(
    console: &mut Console,
    client: &Client,
    prefix: &str,
    flags: &Parsed,
) -> Result<(), Failure> {
    let read = stale(client.kv().list(prefix), flags);
    let pairs = console.wait(read.into_future())?.map_err(|error| failed(&error))?;
    let mut text = Vec::new();
    for (position, pair) in pairs.iter().enumerate() {
        if flags.bool("detailed") {
            if position > 0 {
                text.push(b'\n');
            }
            text.extend(details(pair, flags.bool("base64")));
        } else {
            text.extend(pair.key.as_bytes());
            text.push(b':');
            text.extend(shown(pair, flags.bool("base64")));
            text.push(b'\n');
        }
    }
    console.write(&text);
    Ok(())
}

fn stale<T>(read: tribune_client::Read<T>, flags: &Parsed) -> tribune_client::Read<T> {
    if flags.bool("stale") { read.stale() } else { read }
}

fn failed(error: &tribune_client::Error) -> Failure {
    Failure::text(format!("Error querying Consul agent: {error}"))
}

fn shown(pair: &KvPair, in_base64: bool) -> Vec<u8> {
    let bytes = pair.value.0.as_ref();
    if in_base64 { STANDARD.encode(bytes).into_bytes() } else { bytes.to_vec() }
}

/// The value comes last and as bytes, since it need not be text.
fn details(pair: &KvPair, in_base64: bool) -> Vec<u8> {
    let session = if pair.session.is_empty() { "-" } else { &pair.session };
    let rows: [(&str, String); 7] = [
        ("CreateIndex", pair.create_index.to_string()),
        ("Flags", pair.flags.to_string()),
        ("Key", pair.key.clone()),
        ("LockIndex", pair.lock_index.to_string()),
        ("ModifyIndex", pair.modify_index.to_string()),
        ("Session", session.to_string()),
        ("Value", String::new()),
    ];
    let cells = |(name, value): &(&str, String)| vec![format!("{name:<15}"), value.clone()];
    let text = table(&rows.iter().map(cells).collect::<Vec<_>>());
    let mut bytes = text.trim_end().as_bytes().to_vec();
    bytes.extend(b"            ");
    bytes.extend(shown(pair, in_base64));
    bytes.push(b'\n');
    bytes
}
