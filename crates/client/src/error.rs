//! What can go wrong between a program and an agent. Texts that Consul's command line shows to its
//! users are worded as there, since scripts match them; all others are ours.

/// Variants are what a caller does differently; see [`Error::is_transient`].
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The agent answered, but not with success.
    ///
    /// Source: transcripts/cli/kv.txt.
    #[error("Unexpected response code: {status} ({body})")]
    Status { status: u16, body: String },
    /// No answer: the agent could not be reached or the connection broke. Whether a write took
    /// place is unknown, unless `cause` says that no connection was made.
    ///
    /// Source: transcripts/cli/leave.txt.
    #[error("{method} \"{url}\": {cause}")]
    Transport { method: &'static str, url: String, cause: String },
    /// The answer is not what this route is known to give.
    #[error("cannot read the answer of {path}: {cause}")]
    Decode { path: String, cause: String },
    /// The request was not sent: an argument or a setting is not usable.
    #[error("{0}")]
    Invalid(String),
    /// The key of a lock is in use for something else.
    #[error("existing key {0:?} does not match lock use")]
    LockConflict(String),
    /// The session ended, or could not be confirmed within its TTL.
    #[error("session {0:?} is lost")]
    SessionLost(String),
}

impl Error {
    /// Whether the same request may succeed later: the agent was not reachable, had no leader or
    /// was overloaded. A caller that repeats a write must know that the first may have worked.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Transport { .. } => true,
            Error::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// The HTTP status, where there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// The system's text of an IO error without Rust's `(os error N)`, in lower case, as Go shows it.
pub fn io_text(error: &std::io::Error) -> String {
    let full = error.to_string();
    let text = full.split(" (os error").next().unwrap_or(&full);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_command_line() {
        let status = Error::Status { status: 500, body: "No path to datacenter".into() };
        assert_eq!(status.to_string(), "Unexpected response code: 500 (No path to datacenter)");
        let refused = std::io::Error::from_raw_os_error(111);
        assert_eq!(io_text(&refused), "connection refused");
    }

    #[test]
    fn only_what_may_pass_is_transient() {
        let status = |status| Error::Status { status, body: String::new() };
        assert!(status(500).is_transient() && status(429).is_transient());
        assert!(!status(403).is_transient() && !status(404).is_transient());
        assert!(!Error::Invalid("x".into()).is_transient());
    }
}
