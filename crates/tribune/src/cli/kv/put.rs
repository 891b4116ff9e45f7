//! `kv put`: sets a key, perhaps only if it has not changed, perhaps with its lock.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tribune_client::api::json::decode_base64;
use tribune_client::kv::Value;
use tribune_client::{Client, Error};

use super::missing_key;
use crate::cli::base::input::load;
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "kv put",
    synopsis: "Sets a key",
    arguments: "[options] KEY [DATA]",
    help: "
Sets a key to the data: the word itself, the content of a file (@file), or
standard input (-). Without data the value is empty.

    $ {program} kv put web/port 8080
    $ {program} kv put web/config @config.json
    $ {program} kv put -cas -modify-index=120 web/port 8081
    $ {program} kv put -acquire -session=<id> service/leader node1
",
    flags: &[
        Flag::bool("acquire", "Take the key's lock for -session."),
        Flag::bool("base64", "The data is base64; store what it stands for."),
        Flag::bool("cas", "Write only if the key's index is still -modify-index."),
        Flag::uint("flags", "A number to store with the value; the servers do not look at it."),
        Flag::uint("modify-index", "The index -cas expects; 0 means that the key is absent."),
        Flag::bool("release", "Give up the key's lock, held by -session."),
        Flag::text("session", "The session for -acquire and -release."),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

/// What is to happen besides setting the value.
enum Mode<'a> {
    Plain,
    Cas(u64),
    Acquire(&'a str),
    Release(&'a str),
}

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let (key, data) = match flags.words.as_slice() {
        [] => return Err(missing_key()),
        [key] => (key.as_str(), ""),
        [key, data] => (key.as_str(), data.as_str()),
        more => {
            let count = more.len();
            let text = format!("Error! Too many arguments (expected 1 or 2, got {count})");
            return Err(Failure::text(text));
        }
    };
    if key.is_empty() {
        return Err(missing_key());
    }
    let bytes = load(console, data).map_err(|text| Failure::text(format!("Error! {text}")))?;
    let bytes = if flags.bool("base64") { decode(&bytes)? } else { bytes };
    let mode = mode(flags)?;
    if key.starts_with('/') {
        let text = format!("Invalid key. Key must not begin with a '/': {key}");
        return Err(Failure::text(format!("Error! Failed writing data: {text}")));
    }
    let value = Value::from(bytes).flags(flags.uint("flags").unwrap_or(0));
    let client = console.client(flags)?;
    let written = console.wait(write(&client, key, value, &mode))?;
    let done =
        written.map_err(|error| Failure::text(format!("Error! Failed writing data: {error}")))?;
    let text = outcome(&mode, done, key);
    if done {
        console.line(&text);
        return Ok(());
    }
    Err(Failure::text(text))
}

/// A value that is not what was asked for must not be written: Consul's program says so, stores
/// an empty value and exits 0; ours stops.
fn decode(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    // The exact decoder first: it is fast; the other one words the refusal.
    if let Ok(decoded) = STANDARD.decode(bytes) {
        return Ok(decoded);
    }
    let decoded = decode_base64(&String::from_utf8_lossy(bytes));
    decoded
        .map(|bytes| bytes.to_vec())
        .map_err(|error| Failure::text(format!("Error! Cannot base 64 decode data: {error}")))
}

fn mode(flags: &Parsed) -> Result<Mode<'_>, Failure> {
    let session = flags.text_or("session", "");
    let wants_lock = flags.bool("acquire") || flags.bool("release");
    if wants_lock && session.is_empty() {
        let text = "Error! Missing -session (required with -acquire and -release)";
        return Err(Failure::text(text));
    }
    Ok(if flags.bool("cas") {
        Mode::Cas(flags.uint("modify-index").unwrap_or(0))
    } else if flags.bool("acquire") {
        Mode::Acquire(session)
    } else if flags.bool("release") {
        Mode::Release(session)
    } else {
        Mode::Plain
    })
}

async fn write(client: &Client, key: &str, value: Value, mode: &Mode<'_>) -> Result<bool, Error> {
    let kv = client.kv();
    match mode {
        Mode::Plain => kv.put(key, value).await.map(|()| true),
        Mode::Cas(index) => kv.cas(key, value, *index).await,
        Mode::Acquire(session) => kv.acquire(key, value, session).await,
        Mode::Release(session) => kv.release(key, value, session).await,
    }
}

/// Source: transcripts/cli/kv.txt.
fn outcome(mode: &Mode<'_>, done: bool, key: &str) -> String {
    match (mode, done) {
        (Mode::Plain | Mode::Cas(_), true) => format!("Success! Data written to: {key}"),
        (Mode::Acquire(_), true) => format!("Success! Lock acquired on: {key}"),
        (Mode::Release(_), true) => format!("Success! Lock released on: {key}"),
        (Mode::Cas(0), false) => format!(
            "Error! Did not write to {key}: CAS performed with index=0 and key already exists."
        ),
        (Mode::Plain | Mode::Cas(_), false) => {
            format!("Error! Did not write to {key}: CAS failed")
        }
        (Mode::Acquire(_), false) => "Error! Did not acquire lock".to_string(),
        (Mode::Release(_), false) => "Error! Did not release lock".to_string(),
    }
}
