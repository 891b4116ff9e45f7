//! What can be wrong with a configuration, collected so that one run names everything. Texts are
//! Consul's where a recording shows them; unknown keys and wrong types also say where they stand.
//! Source: transcripts/config/validate.txt.

use std::fmt;

use super::value::{Position, SyntaxError};

/// One thing that is wrong. Whoever handles it prints it; nothing else is to be done about one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    #[error("config: Open failed on {path}. open {path}: {reason}")]
    Open { path: String, reason: String },
    #[error(
        "file {path} has unknown extension; must be .hcl or .json, or config format must be set"
    )]
    Extension { path: String },
    #[error("-config-format must be either 'hcl' or 'json")]
    Format,
    #[error("failed to parse {file}: {}", syntax_text(.error, .is_json))]
    Syntax { file: String, error: SyntaxError, is_json: bool },
    #[error("failed to parse {file}: {}", error_list(.keys.iter().map(|key| key.text(.file))))]
    UnknownKeys { file: String, keys: Vec<UnknownKey> },
    #[error(
        "failed to parse {file}: decoding failed due to the following error(s):\n\n{}",
        lines(.wrong.iter().map(|wrong| wrong.text(.file)))
    )]
    WrongTypes { file: String, wrong: Vec<WrongType> },
    #[error("Unexpected extra arguments: [{}]", .0.join(" "))]
    ExtraArguments(Vec<String>),
    /// A value that says nothing sensible on its own: a port of 70000.
    #[error("{0}")]
    Value(String),
    /// A value that is refused for what it is or for what others are.
    #[error("{0}")]
    Rule(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct UnknownKey {
    /// As the file spells it, with the names of the blocks around it.
    pub key: String,
    pub position: Position,
    pub nearest: String,
}

impl UnknownKey {
    fn text(&self, file: &str) -> String {
        let UnknownKey { key, position, nearest } = self;
        format!(
            "invalid config key {key}, at {file}:{position}; the nearest known key is {nearest}"
        )
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct WrongType {
    /// Names the key and the type that was expected.
    pub complaint: String,
    pub position: Position,
}

impl WrongType {
    fn text(&self, file: &str) -> String {
        format!("{}, at {file}:{}", self.complaint, self.position)
    }
}

/// Everything that is wrong with a configuration, in the order of reading.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigErrors {
    pub errors: Vec<ConfigError>,
}

impl ConfigErrors {
    pub fn push(&mut self, error: ConfigError) {
        self.errors.push(error);
    }

    pub fn value(&mut self, text: impl Into<String>) {
        self.errors.push(ConfigError::Value(text.into()));
    }

    pub fn rule(&mut self, text: impl Into<String>) {
        self.errors.push(ConfigError::Rule(text.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }
}

/// One rule alone is its text; everything that stands by itself is one paragraph each; values,
/// and rules that are several, are counted in a list.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [ConfigError::Rule(text)] = self.errors.as_slice() {
            return out.write_str(text);
        }
        let is_listed =
            |error: &&ConfigError| matches!(error, ConfigError::Value(_) | ConfigError::Rule(_));
        let mut parts: Vec<String> =
            self.errors.iter().filter(|error| !is_listed(error)).map(ToString::to_string).collect();
        let listed: Vec<String> =
            self.errors.iter().filter(is_listed).map(ToString::to_string).collect();
        if !listed.is_empty() {
            parts.push(error_list(listed.into_iter()));
        }
        out.write_str(&parts.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

/// The list that Go programs print: a count, then a line for each.
fn error_list(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    let noun = if texts.len() == 1 { "error" } else { "errors" };
    format!("{} {noun} occurred:\n\t* {}", texts.len(), texts.join("\n\t* "))
}

fn lines(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<Vec<_>>().join("\n")
}

fn syntax_text(error: &SyntaxError, is_json: &bool) -> String {
    let SyntaxError { position, message } = error;
    if *is_json { format!("{message}, at {position}") } else { format!("At {position}: {message}") }
}
