//! What routes need of the running agent beside its state: its log, its numbers, and whom to tell
//! that the configuration is to be read anew. Absent parts answer 501.
//! Invariant: at most `STREAMS_MAX` answers are streams that do not end by themselves.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tribune_api::messages;

use super::error::HttpError;
use super::measure::HttpMetrics;
use crate::log::Log;
use crate::telemetry::Telemetry;

/// Streams of logs and metrics at a time, of all clients together.
pub const STREAMS_MAX: usize = 64;

/// See the module.
#[derive(Clone, Debug)]
pub struct Operation {
    pub log: Option<Log>,
    pub telemetry: Option<Arc<Telemetry>>,
    pub reload: Option<ReloadHandle>,
    pub measure: Option<Arc<HttpMetrics>>,
    /// The folder whose file system `agent/host` shows.
    pub data_path: Option<PathBuf>,
    /// Owns the tasks of streams.
    pub streams: TaskTracker,
    /// Cancelled when the agent ends: streams end, and who waits is answered.
    pub ending: CancellationToken,
    slots: Arc<Semaphore>,
}

impl Default for Operation {
    fn default() -> Self {
        Operation {
            log: None,
            telemetry: None,
            reload: None,
            measure: None,
            data_path: None,
            streams: TaskTracker::new(),
            ending: CancellationToken::new(),
            slots: Arc::new(Semaphore::new(STREAMS_MAX)),
        }
    }
}

impl Operation {
    /// A place for one more stream, given back when it is dropped.
    ///
    /// # Errors
    /// 429 when all are taken.
    pub fn take_stream(&self) -> Result<OwnedSemaphorePermit, HttpError> {
        let full = |_| HttpError::Busy(messages::TOO_MANY_STREAMS);
        self.slots.clone().try_acquire_owned().map_err(full)
    }

    /// Waits for a change until the time is up or the agent ends; whether there was one.
    pub async fn changed(&self, deadline: Instant, change: impl Future<Output = ()>) -> bool {
        tokio::select! {
            () = change => true,
            () = tokio::time::sleep_until(deadline) => false,
            () = self.ending.cancelled() => false,
        }
    }
}

/// Whom to ask for the configuration to be read anew.
#[derive(Clone, Debug)]
pub struct ReloadHandle(mpsc::Sender<ReloadRequest>);

/// One such request; it is answered with nothing, or with why the old configuration still holds.
pub type ReloadRequest = oneshot::Sender<Result<(), String>>;

/// Requests that may wait; each reads the same files.
const RELOADS_MAX: usize = 16;

impl ReloadHandle {
    /// A handle, and where its requests arrive.
    pub fn new() -> (ReloadHandle, mpsc::Receiver<ReloadRequest>) {
        let (sender, requests) = mpsc::channel(RELOADS_MAX);
        (ReloadHandle(sender), requests)
    }

    /// Asks, and waits for the end of it.
    ///
    /// # Errors
    /// Why the old configuration still holds.
    pub async fn ask(&self) -> Result<(), String> {
        let stopping = || "agent is stopping".to_owned();
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.map_err(|_| stopping())?;
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }
}
