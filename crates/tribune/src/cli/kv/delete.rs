//! `kv delete`: one key or a tree.

use tribune_client::{Client, Error};

use super::{missing_key, one_word, without_slash};
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "kv delete",
    synopsis: "Deletes a key or a tree of keys",
    arguments: "[options] KEY_OR_PREFIX",
    help: "
Deletes a key. One that does not exist is no error.

    $ {program} kv delete web/port
    $ {program} kv delete -recurse web/
    $ {program} kv delete -cas -modify-index=120 web/port
",
    flags: &[
        Flag::bool("cas", "Delete only if the key's index is still -modify-index."),
        Flag::uint("modify-index", "The index -cas expects."),
        Flag::bool("recurse", "Delete every key with the prefix."),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let recurse = flags.bool("recurse");
    let key = without_slash(one_word(&flags.words)?.unwrap_or(""));
    if key.is_empty() && !recurse {
        return Err(missing_key());
    }
    let index = flags.bool("cas").then(|| flags.uint("modify-index").unwrap_or(0));
    if recurse && index.is_some() {
        return Err(Failure::text("Cannot specify both -cas and -recurse!"));
    }
    if index == Some(0) {
        // The doubled word is the recorded one. Source: transcripts/cli/kv.txt.
        let text = "Cannot delete a key that does not exist. \
                    Provide a -modify-index greater than than 0.";
        return Err(Failure::text(text));
    }
    let client = console.client(flags)?;
    let deleted = console.wait(delete(&client, key, recurse, index))?;
    match deleted {
        Ok(true) if recurse => {
            console.line(&format!("Success! Deleted keys with prefix: {key}"));
            Ok(())
        }
        Ok(true) => {
            console.line(&format!("Success! Deleted key: {key}"));
            Ok(())
        }
        Ok(false) => Err(Failure::text(format!("Error! Did not delete key {key}: CAS failed"))),
        Err(error) => Err(Failure::text(format!("Error! Failed deleting key {key}: {error}"))),
    }
}

async fn delete(
    client: &Client,
    key: &str,
    recurse: bool,
    index: Option<u64>,
) -> Result<bool, Error> {
    let kv = client.kv();
    match index {
        Some(index) => kv.delete_cas(key, index).await,
        None if recurse => kv.delete_tree(key).await.map(|()| true),
        None => kv.delete(key).await.map(|()| true),
    }
}
