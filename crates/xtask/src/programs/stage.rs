//! What a program is tried on: a fresh agent on its usual ports, within namespaces of its own.
//! Invariant: whatever is started here ends with the value that holds it.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::compat::http;

/// Where one program is tried.
pub struct Stage {
    /// Holds what was prepared, and the logs.
    pub folder: PathBuf,
    /// The agent's program.
    pub tribune: PathBuf,
}

impl Stage {
    /// Starts a development agent on its usual ports and waits until it knows itself.
    pub fn agent(&self, arguments: &[&str]) -> Result<Agent> {
        let mut command = Command::new(&self.tribune);
        command.args(["agent", "-dev", "-node=node1"]).args(arguments);
        let mut agent = Agent { process: self.start("agent", &mut command)? };
        agent.wait_until_ready()?;
        Ok(agent)
    }

    /// Starts a program whose output goes into a log.
    pub fn start(&self, name: &'static str, command: &mut Command) -> Result<Running> {
        let log = self.folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        Ok(Running { name, child, log })
    }

    /// Writes a file of this stage and says where it is.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

/// A program under way.
pub struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// An error if it has ended, with the last that it said.
    pub fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                bail!("{} ended with {status}: {}", self.name, last_lines(&self.log))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell if it cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The agent that is judged.
pub struct Agent {
    process: Running,
}

impl Agent {
    /// Registers with the agent, or changes something else there.
    pub fn put(&self, path: &str, body: &Value) -> Result<()> {
        self.send("PUT", path, &body.to_string())
    }

    /// Writes one key.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        self.send("PUT", &format!("/v1/kv/{key}"), value)
    }

    /// Deletes one key.
    pub fn delete(&self, key: &str) -> Result<()> {
        self.send("DELETE", &format!("/v1/kv/{key}"), "")
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Result<()> {
        let answer = http::request(HTTP, method, path, &[], Some(body))?;
        if answer.status != OK {
            bail!("{method} {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let process = &mut self.process;
        until("the agent knows itself", || {
            process.must_run()?;
            Ok(match http::request(HTTP, "GET", "/v1/catalog/node/node1", &[], None) {
                Ok(answer) if String::from_utf8_lossy(&answer.body).contains("\"consul\"") => None,
                Ok(answer) => Some(answer.status.to_string()),
                Err(error) => Some(format!("{error:#}")),
            })
        })?;
        Ok(())
    }
}

/// Looks until what is wanted is there, and says how long that took. `look` tells what it sees
/// instead, or nothing once it is content.
pub fn until(what: &str, mut look: impl FnMut() -> Result<Option<String>>) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let Some(seen) = look()? else { return Ok(started.elapsed()) };
        if started.elapsed() > PATIENCE {
            bail!("{what}: not within {} s; last seen: {seen}", PATIENCE.as_secs());
        }
        thread::sleep(POLL);
    }
}

/// What [`until`] wants to hear of a value that shall be another.
pub fn unless<T: PartialEq + std::fmt::Debug>(found: &T, wanted: &T) -> Option<String> {
    (found != wanted).then(|| format!("{found:?} instead of {wanted:?}"))
}

/// The body of an answer with 200; nothing else is one.
pub fn fetch(from: SocketAddr, path: &str) -> Result<String> {
    let answer = http::request(from, "GET", path, &[], None)?;
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    if answer.status != OK {
        bail!("{path}: {} {body}", answer.status);
    }
    Ok(body)
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(LOG_LINES).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}

/// An address on loopback.
pub const fn local(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// The agent's usual port.
const HTTP: SocketAddr = local(8500);
const OK: u16 = 200;
/// Far more than anything here takes; a busy machine may need some of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Short beside the second that checks and resolvers take.
const POLL: Duration = Duration::from_millis(20);
const LOG_LINES: usize = 8;
