//! One script check: a program with its arguments, no shell, in a process group of its own. Its
//! exit code decides; of what it says the end is kept.
//! Invariant: past its time nothing of the group lives on, and neither when the probe is given up.
//! Source: consul-surface C; transcripts/agent/runs.txt.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tribune_api::duration::GoDuration;
use tribune_node::local::Probed;
use tribune_state::catalog::CheckStatus;

use super::critical;
use super::dial::system_text;
use super::output::Tail;

/// What a program that has ended may still have to say, through another that it left behind.
const REST: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 4096;

/// Runs the program; never longer than `limit`.
pub(super) async fn probe(args: &[String], limit: Duration, output_bytes_max: usize) -> Probed {
    let (mut group, output) = match start(args) {
        Ok(started) => started,
        Err(why) => return critical(why),
    };
    let mut tail = Tail::new(output_bytes_max);
    let run = run(&mut group, output, &mut tail);
    match tokio::time::timeout(limit, run).await {
        Ok(Ok(status)) => judge(status, &tail),
        Ok(Err(error)) => critical(system_text(&error)),
        Err(_) => {
            group.end().await;
            critical(format!("Timed out ({}) running check", GoDuration::from_std(limit)))
        }
    }
}

/// A program and everything it has started, which end with this.
struct Group {
    child: Child,
    /// None once the program has ended: its number may be another's.
    id: Option<Pid>,
}

impl Group {
    fn kill(&mut self) {
        if let Some(id) = self.id.take() {
            // Whoever is gone already needs no end.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }

    async fn end(&mut self) {
        self.kill();
        let _ = self.child.wait().await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn start(args: &[String]) -> Result<(Group, Receiver), String> {
    let (program, rest) = args.split_first().ok_or("no program to run")?;
    let failed = |error: io::Error| refused(program, &error);
    let (reader, writer) = io::pipe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let child = command.spawn().map_err(failed)?;
    let output = Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    Ok((Group { child, id }, output))
}

/// Source: transcripts/agent/runs.txt for a path; a name is looked for in PATH.
fn refused(program: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound if !program.contains('/') => {
            format!("exec: {program:?}: executable file not found in $PATH")
        }
        _ => format!("fork/exec {program}: {}", system_text(error)),
    }
}

async fn run(group: &mut Group, mut output: Receiver, tail: &mut Tail) -> io::Result<ExitStatus> {
    let mut part = [0; READ_BYTES];
    let mut is_open = true;
    let status = loop {
        tokio::select! {
            read = output.read(&mut part), if is_open => match read {
                Ok(0) | Err(_) => is_open = false,
                Ok(count) => tail.push(part.get(..count).unwrap_or_default()),
            },
            status = group.child.wait() => break status?,
        }
    };
    group.id = None;
    let rest = async {
        while let Ok(count) = output.read(&mut part).await {
            if count == 0 {
                break;
            }
            tail.push(part.get(..count).unwrap_or_default());
        }
    };
    // What it left behind may hold the pipe open for ever.
    let _ = tokio::time::timeout(REST, rest).await;
    Ok(status)
}

fn judge(status: ExitStatus, tail: &Tail) -> Probed {
    let mut output = tail.text();
    if let Some(signal) = status.signal().filter(|_| output.is_empty()) {
        output = format!("signal: {signal}");
    }
    Probed { status: of_exit_code(status.code()), output }
}

/// Source: consul-surface C.
pub(super) fn of_exit_code(code: Option<i32>) -> CheckStatus {
    match code {
        Some(0) => CheckStatus::Passing,
        Some(1) => CheckStatus::Warning,
        _ => CheckStatus::Critical,
    }
}
