//! `kv`: keys and values.

pub(crate) mod delete;
pub(crate) mod export;
pub(crate) mod get;
pub(crate) mod import;
pub(crate) mod put;

use super::base::{Api, Command, Failure, Run};

pub(crate) const COMMAND: Command = Command {
    name: "kv",
    synopsis: "Reads and writes keys",
    arguments: "<subcommand> [options] [args]",
    help: "
Reads, writes, deletes, exports and imports keys of the key/value store.

    $ {program} kv put web/port 8080
    $ {program} kv get web/port
    $ {program} kv delete web/port
",
    flags: &[],
    api: Api::None,
    run: Run::Parent,
};

/// The only word of a command that takes one at most.
///
/// Source: transcripts/cli/kv.txt.
fn one_word(words: &[String]) -> Result<Option<&str>, Failure> {
    match words {
        [] => Ok(None),
        [word] => Ok(Some(word)),
        _ => {
            let count = words.len();
            Err(Failure::text(format!("Too many arguments (expected 1, got {count})")))
        }
    }
}

/// Old habits put a slash before a key; no key begins with one.
fn without_slash(key: &str) -> &str {
    key.strip_prefix('/').unwrap_or(key)
}

fn missing_key() -> Failure {
    Failure::text("Error! Missing KEY argument")
}
