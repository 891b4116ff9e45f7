//! What a command is: a row of the table, as data. Parsing, help and dispatch all read these.

use super::console::Console;
use super::flags::{Flag, Parsed};
use super::http;

/// One row of the table.
pub(crate) struct Command {
    /// Words, with a blank between: `kv get`.
    pub(crate) name: &'static str,
    /// One line for lists of commands.
    pub(crate) synopsis: &'static str,
    /// What follows the name in the usage line.
    pub(crate) arguments: &'static str,
    /// Paragraphs of help. `{program}` is the name the program was called by.
    pub(crate) help: &'static str,
    pub(crate) flags: &'static [Flag],
    /// Which flags of the HTTP API it takes beside its own.
    pub(crate) api: Api,
    pub(crate) run: Run,
}

/// How a command reaches the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// Not at all.
    None,
    /// It speaks to the agent about itself.
    Agent,
    /// It speaks to the servers, perhaps of another datacenter.
    Servers,
}

pub(crate) enum Run {
    /// Has commands below it and does nothing itself.
    Parent,
    Flags(fn(&mut Console, &Parsed) -> Result<(), Failure>),
    /// Parses its words itself; the flags are for the help.
    Words {
        run: fn(&mut Console, &[String]) -> Result<(), Failure>,
        flags: fn() -> Vec<Flag>,
    },
}

/// The end of a command that did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) text: Option<String>,
    pub(crate) shows_usage: bool,
}

impl Failure {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Failure { code: 1, text: Some(text.into()), shows_usage: false }
    }

    pub(crate) fn usage() -> Self {
        Failure { code: 1, text: None, shows_usage: true }
    }

    pub(crate) fn with_usage(text: impl Into<String>) -> Self {
        Failure { code: 1, text: Some(text.into()), shows_usage: true }
    }

    /// Has said all there is to say.
    pub(crate) fn code(code: u8) -> Self {
        Failure { code, text: None, shows_usage: false }
    }
}

impl Command {
    pub(crate) fn words(&self) -> impl Iterator<Item = &'static str> {
        self.name.split(' ')
    }

    pub(crate) fn all_flags(&self) -> Vec<&'static Flag> {
        self.api_flags().into_iter().chain(self.flags).collect()
    }

    pub(crate) fn api_flags(&self) -> Vec<&'static Flag> {
        match self.api {
            Api::None => Vec::new(),
            Api::Agent => http::AGENT_FLAGS.iter().collect(),
            Api::Servers => http::AGENT_FLAGS.iter().chain(http::SERVER_FLAGS).collect(),
        }
    }
}
