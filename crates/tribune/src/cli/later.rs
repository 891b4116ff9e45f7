//! Words that are no command: a slip of the fingers, or a command of Consul that is yet to come.
//! It runs nothing.

use tribune_client::api::slips::nearest;

use super::table::COMMANDS;

/// Commands of Consul that this program will have.
const LATER: &[&str] = &[
    "acl",
    "config",
    "connect",
    "debug",
    "exec",
    "intention",
    "keygen",
    "keyring",
    "lock",
    "login",
    "logout",
    "operator",
    "peering",
    "resource",
    "services export",
    "services exported-services",
    "snapshot",
    "tls",
    "troubleshoot",
];

/// The name of a later command that the words begin with.
pub(crate) fn find(words: &[String]) -> Option<&'static str> {
    LATER.iter().copied().find(|name| {
        let count = name.split(' ').count();
        words.get(..count).is_some_and(|words| name.split(' ').eq(words))
    })
}

pub(crate) fn refusal(program: &str, name: &str) -> String {
    format!(
        "{name:?} is a command of Consul that Tribune does not have yet; see {program} --help for \
         those it has"
    )
}

/// What to say of a word that is no command below `parent`, which is empty for the program.
pub(crate) fn unknown(word: &str, parent: &str) -> String {
    let what = if parent.is_empty() { "command" } else { "subcommand" };
    let below = if parent.is_empty() { String::new() } else { format!("{parent} ") };
    let known = COMMANDS.iter().filter_map(|command| command.name.strip_prefix(&below));
    let known = known.filter(|name| !name.contains(' '));
    match nearest(word, known).first() {
        Some(name) => format!("\nUnknown {what} {word:?}; did you mean \"{below}{name}\"?"),
        None => format!("\nUnknown {what} {word:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let check = |word, parent, expected: &str| assert_eq!(unknown(word, parent), expected);
        check("wacth", "", "\nUnknown command \"wacth\"; did you mean \"watch\"?");
        check("Agent", "", "\nUnknown command \"Agent\"; did you mean \"agent\"?");
        check("frobnicate", "", "\nUnknown command \"frobnicate\"");
        check("gett", "kv", "\nUnknown subcommand \"gett\"; did you mean \"kv get\"?");
        check("x", "kv", "\nUnknown subcommand \"x\"");
    }

    #[test]
    fn what_is_to_come_is_not_there_already() {
        for name in LATER {
            assert!(COMMANDS.iter().all(|command| command.name != *name), "{name}");
        }
    }
}
