//! Why the agent refused. The text is the body of the answer; the variant decides its status.

use serde::{Deserialize, Serialize};

/// Why the agent refused. Statuses are the front door's: 400, 404, 500 and 503 in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum EdgeError {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// What it names is not registered here.
    #[error("{0}")]
    NotFound(String),
    /// It makes sense, but this agent does not do it; Consul answers 500 to these.
    #[error("{0}")]
    Refused(String),
    /// The agent is stopping.
    #[error("agent is stopping")]
    Stopping,
}
