//! Runs a program for a change: the value as JSON on its input, the index in `CONSUL_INDEX`, in a
//! process group of its own that ends when the time is up or nobody waits any more.
//! Invariant: no more than `OUTPUT_BYTES_MAX` of its output is held, however much it writes.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Change;

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// The program, then its arguments; no shell is between.
    pub args: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit.
    pub status: ExitStatus,
    /// The beginning of what it wrote, to both its outputs.
    pub output: Bytes,
    /// How much it wrote in all.
    pub written_bytes: u64,
}

/// Why a program did not end by itself.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// There is no program.
    #[error("no program is named")]
    Empty,
    /// It could not be started or waited for.
    #[error("cannot run {program:?}: {cause}")]
    Io {
        /// Which.
        program: String,
        /// Why not.
        cause: io::Error,
    },
    /// It ran for too long; its process group was ended.
    #[error("{program:?} did not end within {limit:?}")]
    TimedOut {
        /// Which.
        program: String,
        /// How long it had.
        limit: Duration,
    },
}

impl Exec {
    /// How long a handler may run where nothing is said: long enough for a reload of whatever is
    /// configured, short enough that a stuck one is noticed.
    pub const TIMEOUT: Duration = Duration::from_secs(300);

    /// The arguments that run a line in a shell.
    pub fn in_shell(line: &str) -> Vec<String> {
        ["/bin/sh", "-c", line].map(str::to_owned).to_vec()
    }

    /// Runs it for a change, and gives how it ended. Dropping the future ends its process group.
    ///
    /// # Errors
    /// If it cannot be started, or does not end in time.
    pub async fn run(&self, change: &Change) -> Result<Ran, ExecError> {
        let (program, args) = self.args.split_first().ok_or(ExecError::Empty)?;
        let failed = |cause| ExecError::Io { program: program.clone(), cause };
        let mut command = Command::new(program);
        command.args(args).env("CONSUL_INDEX", &change.index).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::of(command.kill_on_drop(true).spawn().map_err(failed)?);
        let ended = timeout(self.timeout, group.finish(change.json())).await;
        match ended {
            Ok(ran) => ran.map_err(failed),
            Err(_) => Err(ExecError::TimedOut { program: program.clone(), limit: self.timeout }),
        }
    }

    /// Runs it for a change as a part of this program: in its group, with its streams, for as
    /// long as it takes. Dropping the future kills the program.
    ///
    /// # Errors
    /// If it cannot be started or waited for.
    pub async fn run_in_front(&self, change: &Change) -> Result<ExitStatus, ExecError> {
        let (program, args) = self.args.split_first().ok_or(ExecError::Empty)?;
        let failed = |cause| ExecError::Io { program: program.clone(), cause };
        let mut command = Command::new(program);
        command.args(args).env("CONSUL_INDEX", &change.index);
        let mut child = command.stdin(Stdio::piped()).kill_on_drop(true).spawn().map_err(failed)?;
        let stdin = child.stdin.take();
        let input = change.json();
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read its input closes the pipe: no error.
                let _ = stdin.write_all(&input).await;
                let _ = stdin.write_all(b"\n").await;
            }
        };
        let (status, ()) = tokio::join!(child.wait(), write);
        status.map_err(failed)
    }
}

/// A child and its process group, which ends with this value unless the child has ended first.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn of(child: Child) -> Group {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Group { child, id }
    }

    async fn finish(&mut self, input: Bytes) -> io::Result<Ran> {
        let stdin = self.child.stdin.take();
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let write = async {
            if let Some(mut stdin) = stdin {
                // A program that does not read its input closes the pipe: no error.
                let _ = stdin.write_all(&input).await;
            }
        };
        let mut out = Kept::default();
        let mut err = Kept::default();
        let status = {
            let mut piping =
                pin!(async { tokio::join!(write, out.read(stdout), err.read(stderr)) });
            let mut piped = false;
            let status = loop {
                tokio::select! {
                    status = self.child.wait() => break status?,
                    _ = &mut piping, if !piped => piped = true,
                }
            };
            if !piped {
                let _ = timeout(PIPES_TIME_MAX, piping).await;
            }
            status
        };
        // It has ended by itself: what it left running is meant to run.
        self.id = None;
        let mut output = out.kept;
        let room = OUTPUT_BYTES_MAX.saturating_sub(output.len());
        output.extend_from_slice(err.kept.get(..room.min(err.kept.len())).unwrap_or_default());
        let written_bytes = out.written_bytes + err.written_bytes;
        Ok(Ran { status, output: Bytes::from(output), written_bytes })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The child is not waited for yet, so its id still names this group and no other.
        if let Some(id) = self.id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// The beginning of a stream.
#[derive(Default)]
struct Kept {
    kept: Vec<u8>,
    written_bytes: u64,
}

impl Kept {
    async fn read(&mut self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0; 1024];
        loop {
            let Ok(bytes) = stream.read(&mut buffer).await else { return };
            if bytes == 0 {
                return;
            }
            let room = OUTPUT_BYTES_MAX.saturating_sub(self.kept.len()).min(bytes);
            self.kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
            self.written_bytes += u64::try_from(bytes).unwrap_or(0);
        }
    }
}

/// What is kept of a program's output; more is counted and thrown away.
///
/// Source: consul-surface D.8.
pub const OUTPUT_BYTES_MAX: usize = 4096;

/// How long the pipes of a program that has ended are read on: another one that it started may
/// hold them open for ever.
const PIPES_TIME_MAX: Duration = Duration::from_secs(1);
