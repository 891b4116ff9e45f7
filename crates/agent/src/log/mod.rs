//! The agent's log: one subscriber for all of the process, lines in Consul's form, to the standard
//! output, a file and syslog on a thread of their own, and to whoever listens over HTTP.
//! Invariant: nobody who logs ever waits. A line that finds a queue full is dropped, counted, and
//! the count is told in the next line that gets through.
//!
//! Source: Consul 1.22 documentation, "Log parameters" and `agent/monitor`; transcripts/agent/node.

mod file;
mod format;
mod listener;
mod subscriber;
mod syslog;
mod writer;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::config::runtime::{LogConfig, LogLevel};
use format::Line;
use listener::Listener;
use subscriber::Logger;
use writer::{Sinks, Writer};

/// The log of this process. A clone is the same log.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    /// What the standard output, the file and syslog are told.
    level: AtomicU8,
    /// The most detailed level that anybody wants.
    most: AtomicU8,
    json: bool,
    writer: Writer,
    listeners: RwLock<Vec<Arc<Listener>>>,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened.
    #[error("Failed to setup logging: {path:?}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// There is no syslog to talk to, or no such facility.
    #[error("Failed to setup logging: syslog: {0}")]
    Syslog(String),
}

/// Somebody who reads the log as it is written; stops with the value that holds it.
pub struct Listening {
    log: Log,
    listener: Arc<Listener>,
    /// Lines, each with its line end.
    pub lines: mpsc::Receiver<Bytes>,
}

/// How many read the log over HTTP at a time; each costs a queue and a copy of each line.
pub const LISTENERS_MAX: usize = 64;

static INSTALLED: OnceLock<Log> = OnceLock::new();

impl fmt::Debug for Log {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Log")
    }
}

impl Log {
    /// Opens the log as the configuration says, and makes it the log of the process. A second
    /// agent in one process gets the first one's.
    ///
    /// # Errors
    /// If a file or syslog cannot be opened.
    pub fn install(config: &LogConfig) -> Result<Log, LogError> {
        if let Some(log) = INSTALLED.get() {
            return Ok(log.clone());
        }
        let log = Log::open(config)?;
        let log = INSTALLED.get_or_init(|| log).clone();
        // Fails only where another subscriber was there before, in tests.
        let _ = tracing::subscriber::set_global_default(Logger::new(log.clone()));
        let flushed = log.clone();
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            flushed.flush();
            before(panic);
        }));
        Ok(log)
    }

    fn open(config: &LogConfig) -> Result<Log, LogError> {
        let sinks = Sinks::open(config)?;
        let level = rank(config.level);
        Ok(Log {
            shared: Arc::new(Shared {
                level: AtomicU8::new(level),
                most: AtomicU8::new(level),
                json: config.json,
                writer: Writer::start(sinks),
                listeners: RwLock::default(),
            }),
        })
    }

    /// Changes what is written from now on; listeners keep their own levels.
    pub fn set_level(&self, level: LogLevel) {
        self.shared.level.store(rank(level), Ordering::Relaxed);
        self.levels_changed();
    }

    /// Begins to read the log at a level; nothing if too many do already.
    pub fn listen(&self, level: LogLevel, json: bool) -> Option<Listening> {
        let (listener, lines) = Listener::new(rank(level), json);
        let listener = Arc::new(listener);
        let mut listeners = self.shared.listeners.write().unwrap_or_else(PoisonError::into_inner);
        if listeners.len() >= LISTENERS_MAX {
            return None;
        }
        listeners.push(listener.clone());
        drop(listeners);
        self.levels_changed();
        Some(Listening { log: self.clone(), listener, lines })
    }

    /// Waits until what was logged so far is written, for a moment at most.
    pub fn flush(&self) {
        self.shared.writer.flush(FLUSH_TIME_MAX);
    }

    fn most(&self) -> u8 {
        self.shared.most.load(Ordering::Relaxed)
    }

    fn write(&self, line: &Line) {
        let shared = &self.shared;
        if line.rank <= shared.level.load(Ordering::Relaxed) {
            shared.writer.send(line, shared.json);
        }
        let listeners = shared.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter() {
            listener.send(line);
        }
    }

    fn levels_changed(&self) {
        let listeners = self.shared.listeners.read().unwrap_or_else(PoisonError::into_inner);
        let own = self.shared.level.load(Ordering::Relaxed);
        let most = listeners.iter().map(|listener| listener.rank()).max().unwrap_or(0).max(own);
        self.shared.most.store(most, Ordering::Relaxed);
        drop(listeners);
        // Places in the program that log remember whether anybody wants to hear them.
        tracing::callsite::rebuild_interest_cache();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners =
            self.log.shared.listeners.write().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|other| !Arc::ptr_eq(other, &self.listener));
        drop(listeners);
        self.log.levels_changed();
    }
}

/// How much a level lets through: 1 for errors alone, 5 for everything.
fn rank(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => 1,
        LogLevel::Warn => 2,
        LogLevel::Info => 3,
        LogLevel::Debug => 4,
        LogLevel::Trace => 5,
    }
}

/// A terminal that is stopped must not keep a process from ending.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
pub(crate) mod tests;
