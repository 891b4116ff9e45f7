//! One running program: what it prints, with the time of each line, and how it ends.
//! Invariant: the process ends with the value that holds it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::workspace;

pub struct Program {
    name: &'static str,
    process: Child,
    lines: Receiver<(Instant, String)>,
}

impl Program {
    pub fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("CONSUL_") {
                command.env_remove(variable);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("start {name}"))?;
        let (sender, lines) = channel();
        if let Some(out) = process.stdout.take() {
            read_aside(out, sender.clone());
        }
        if let Some(err) = process.stderr.take() {
            read_aside(err, sender);
        }
        Ok(Self { name, process, lines })
    }

    /// When it printed the first further line that contains `text`.
    pub fn printed(&mut self, text: &str) -> Result<Instant> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = Vec::new();
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((at, line)) if line.contains(text) => return Ok(at),
                Ok((_, line)) => said.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    let name = self.name;
                    bail!("{name} did not print {text:?} but: {}", said.join(" | "));
                }
            }
        }
    }

    /// Waits until it ends by itself; an error unless it ended well. Returns what it printed.
    pub fn finish(mut self) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("{} did not end within {PATIENCE:?}", self.name);
            }
            thread::sleep(POLL);
        };
        // Both readers end with the process, so the channel closes.
        let said: Vec<String> = self.lines.iter().map(|(_, line)| line).collect();
        if !status.success() {
            bail!("{} ended with {status}: {}", self.name, said.join(" | "));
        }
        Ok(said.join("\n"))
    }

    /// Interrupts it, as Ctrl-C does, and waits until it has ended well.
    pub fn interrupt(self) -> Result<()> {
        let mut kill = Command::new("sh");
        kill.args(["-c", &format!("kill -INT {}", self.process.id())]);
        workspace::output(&mut kill).with_context(|| format!("interrupt {}", self.name))?;
        self.finish().map(drop)
    }

    /// Kills it with no chance to say good-bye.
    pub fn kill(mut self) -> Result<Instant> {
        let at = Instant::now();
        self.process.kill()?;
        self.process.wait()?;
        Ok(at)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell if it cannot be ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks again and again until the answer is yes, and returns when that was.
pub fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<Instant> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if holds()? {
            return Ok(Instant::now());
        }
        if Instant::now() > deadline {
            bail!("not within {PATIENCE:?}: {what}");
        }
        thread::sleep(POLL);
    }
}

fn read_aside(source: impl Read + Send + 'static, sink: Sender<(Instant, String)>) {
    thread::spawn(move || {
        for line in BufReader::new(source).lines().map_while(Result::ok) {
            if sink.send((Instant::now(), line)).is_err() {
                return;
            }
        }
    });
}

/// Longer than anything that is measured may take; a hang ends here.
const PATIENCE: Duration = Duration::from_secs(45);
/// Fine enough for times that are promised in seconds, and leaves the machine alone.
const POLL: Duration = Duration::from_millis(10);
