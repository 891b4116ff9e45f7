//! The log of an agent while it is written.
//! Invariant: an agent that logs faster than it is read loses lines, never memory here.

use bytes::Bytes;

use crate::call::Call;
use crate::client::Client;
use crate::connection::Opened;
use crate::error::Error;

/// What an agent logs; see [`crate::agent::Agent::monitor`]. Dropping it ends the request.
pub struct LogStream(Opened);

impl LogStream {
    pub(crate) async fn open(
        client: &Client,
        level: &str,
        as_json: bool,
    ) -> Result<LogStream, Error> {
        let mut call = Call::new("GET", "/v1/agent/monitor", "");
        if !level.is_empty() {
            call = call.with("loglevel", level);
        }
        if as_json {
            call = call.with("logjson", true);
        }
        let mut opened = client.open(&call).await?;
        if opened.status == OK {
            return Ok(LogStream(opened));
        }
        let mut body = Vec::new();
        while let Ok(Some(part)) = opened.next().await {
            body.extend_from_slice(&part);
            if body.len() > REFUSAL_BYTES_MAX {
                break;
            }
        }
        let body = String::from_utf8_lossy(&body).trim().to_owned();
        Err(Error::Status { status: opened.status, body })
    }

    /// Some more of the log: whole lines or parts of lines. None when the agent ends it.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.0.next().await.map_err(|cause| Error::Transport {
            method: "Get",
            url: "/v1/agent/monitor".to_owned(),
            cause,
        })
    }
}

const OK: u16 = 200;
/// A refusal is one line.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;
