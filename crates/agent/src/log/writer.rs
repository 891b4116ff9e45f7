//! The thread that writes lines to the standard output, the file and syslog. Who logs hands a line
//! over and goes on; a queue that is full drops it.
//! Invariant: lines are written in the order in which they were handed over.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;

use super::LogError;
use super::file::{LogFile, Rotation};
use super::format::{Line, now_ms};
use super::syslog::Syslog;
use crate::config::runtime::LogConfig;

/// Lines that may wait for a slow terminal or disk.
const QUEUE_LINES_MAX: usize = 8192;

/// Where lines go.
pub(super) struct Sinks {
    file: Option<LogFile>,
    syslog: Option<Syslog>,
}

impl Sinks {
    pub fn open(config: &LogConfig) -> Result<Sinks, LogError> {
        let file = match &config.file {
            None => None,
            Some(path) => {
                let rotation = Rotation {
                    after: config.rotate_duration,
                    bytes_max: config.rotate_bytes,
                    kept: config.rotate_files_max,
                };
                let opened = LogFile::open(path, rotation, now_ms());
                let failed = |error| LogError::File { path: path.clone(), error };
                Some(opened.map_err(failed)?)
            }
        };
        let syslog = match config.syslog {
            false => None,
            true => Some(Syslog::open(&config.syslog_facility).map_err(LogError::Syslog)?),
        };
        Ok(Sinks { file, syslog })
    }

    fn write(&mut self, job: &Job) {
        let mut out = io::stdout().lock();
        // Nobody is left to tell when the log itself cannot be written.
        let _ = out.write_all(&job.bytes).and_then(|()| out.flush());
        if let Some(file) = &mut self.file {
            let _ = file.write(&job.bytes, now_ms());
        }
        if let (Some(syslog), Some(text)) = (&self.syslog, &job.syslog) {
            let _ = syslog.write(job.rank, text);
        }
    }
}

struct Job {
    rank: u8,
    bytes: Bytes,
    syslog: Option<String>,
}

enum Order {
    Write(Job),
    /// Say so when everything before this is written.
    Flush(SyncSender<()>),
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Order>,
    dropped: AtomicU64,
    wants_syslog: bool,
}

impl Writer {
    #[expect(clippy::print_stderr, reason = "there is no log to say it in")]
    pub fn start(sinks: Sinks) -> Writer {
        let wants_syslog = sinks.syslog.is_some();
        let (queue, orders) = sync_channel(QUEUE_LINES_MAX);
        let started =
            std::thread::Builder::new().name("log".to_owned()).spawn(move || run(sinks, &orders));
        if let Err(error) = started {
            eprintln!("==> no thread for the log: {error}");
        }
        Writer { queue, dropped: AtomicU64::new(0), wants_syslog }
    }

    pub fn send(&self, line: &Line, json: bool) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        let said = dropped == 0 || self.offer(&Line::dropped(dropped), json);
        let missing = match (said, self.offer(line, json)) {
            (true, true) => return,
            (true, false) => 1,
            (false, true) => dropped,
            (false, false) => dropped + 1,
        };
        self.dropped.fetch_add(missing, Ordering::Relaxed);
    }

    fn offer(&self, line: &Line, json: bool) -> bool {
        let syslog = self.wants_syslog.then(|| line.after_time());
        let job = Job { rank: line.rank, bytes: line.bytes(json), syslog };
        self.queue.try_send(Order::Write(job)).is_ok()
    }

    pub fn flush(&self, limit: Duration) {
        let (done, wait) = sync_channel(1);
        if self.queue.try_send(Order::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(limit);
        }
    }
}

fn run(mut sinks: Sinks, orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Write(job) => sinks.write(&job),
            Order::Flush(done) => {
                let _ = done.try_send(());
            }
        }
    }
}
