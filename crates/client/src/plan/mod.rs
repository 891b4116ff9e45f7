//! A watch as configuration files and the `watch` command describe it: what to look at, as whom,
//! and what to tell when it changes. [`Plan`] is the description, [`Runner`] carries it out,
//! [`Exec`] runs a program for a change. Nothing here decides when an agent starts or ends one.
//!
//! Source: Consul 1.22 documentation, "Watches"; transcripts/cli/watch.txt for texts and values.

mod exec;
mod parse;
mod run;
mod shape;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::Token;

pub use exec::{Exec, ExecError, Ran};
pub use run::{Change, Fetched, Fetching, Runner, Source, pause};

/// What to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is looked at.
    pub kind: Kind,
    /// In which datacenter; none means the agent's own.
    pub datacenter: Option<String>,
    /// As whom.
    pub token: Option<Token>,
    /// Any server may answer.
    pub stale: bool,
}

impl Plan {
    /// The watch that these keys describe; keys are lower case, as in configuration files.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn parse(keys: Map<String, Value>) -> Result<Plan, PlanError> {
        parse::plan(keys)
    }
}

/// What a watch looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One key: the pair, or `null`.
    Key(String),
    /// All pairs below a prefix, or `null` if there are none.
    KeyPrefix(String),
    /// The names of services with their tags.
    Services { filter: String },
    /// The nodes.
    Nodes { filter: String },
    /// The instances of a service that have all the tags, with their checks.
    Service { name: String, tags: Vec<String>, passing_only: bool, filter: String },
    /// Checks of one service, or in one state; `state` is empty for the first.
    Checks { service: String, state: String, filter: String },
    /// Events, all if the name is empty; of each only what is new.
    Event { name: String },
    /// A service as the agent itself knows it.
    AgentService(String),
    /// The roots of the mesh's certificate authority.
    ConnectRoots,
    /// The certificate of a service in the mesh.
    ConnectLeaf(String),
}

/// What is told of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handler {
    /// A program is run.
    Exec(Exec),
    /// A request is sent.
    Http(HttpHandler),
}

/// The request that tells of a change; its body is the new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpHandler {
    /// An `http` or `https` URL.
    pub url: String,
    /// `POST` unless said otherwise.
    pub method: String,
    /// How long the whole exchange may take.
    pub timeout: Duration,
    /// Headers beside the content type and the index.
    pub headers: BTreeMap<String, Vec<String>>,
    /// Certificates are taken as they come.
    pub tls_skip_verify: bool,
}

/// How long a request of an [`HttpHandler`] may take where nothing is said.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// A plan with what is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    /// What is watched.
    pub plan: Plan,
    /// What is told.
    pub handler: Handler,
}

impl Watching {
    /// The watch and its handler, as a block `watches` of the configuration has them. The case of
    /// its keys is free.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn parse(block: &Value) -> Result<Watching, PlanError> {
        parse::watching(block)
    }
}

/// Why a description is no watch. The texts are Consul's where a recording has them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing says what to watch.
    #[error("Watch type must be specified")]
    NoType,
    /// There is no such kind.
    #[error("Unsupported watch type: {0}")]
    UnknownType(String),
    /// The kind needs one value, which is not there.
    #[error("Must specify a single {0} to watch")]
    Missing(&'static str),
    /// Checks are of a service or in a state.
    #[error("Cannot specify service and state")]
    ServiceAndState,
    /// A value has the wrong type.
    #[error("Invalid {key}: expected {expected}")]
    Invalid { key: &'static str, expected: &'static str },
    /// A boolean that is none.
    #[error("Failed to parse {key} flag: {text:?} is no boolean")]
    NoBool { key: &'static str, text: String },
    /// Keys that this kind does not know.
    #[error("Invalid parameters: [{0}]")]
    Unknown(String),
    /// Nothing is told.
    #[error("Must specify a handler: args, or handler_type = \"http\" with http_handler_config")]
    NoHandler,
    /// There is no such handler.
    #[error("Unsupported handler type: {0}")]
    UnknownHandler(String),
    /// A span of time that is none.
    #[error("Invalid {key}: {cause}")]
    Duration { key: &'static str, cause: String },
}
