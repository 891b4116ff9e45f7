//! One fresh agent for one transcript: its ports, its folder, its process, its command line.
//! Invariant: the process ends with the value that holds it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::compare::Answer;
use super::http;
use super::transcript::{Transcript, expand};

pub struct Agent {
    process: Child,
    pub ports: BTreeMap<String, u16>,
    /// Holds the log, the configuration, `bin` and `work`.
    folder: PathBuf,
}

impl Agent {
    /// Starts the program as `consul agent -dev` with the transcript's configuration and waits
    /// until it has a leader and knows itself.
    pub fn start(program: &Path, transcript: &Transcript, folder: &Path) -> Result<Self> {
        prepare(program, transcript, folder)?;
        let ports = free_ports()?;
        let config = folder.join("agent.hcl");
        fs::write(&config, configuration(transcript, &ports))?;
        let log = File::create(folder.join("agent.log"))?;
        let mut command = Command::new(folder.join("bin/consul"));
        command.args(["agent", "-dev", "-node=node1", "-datacenter=dc1"]);
        command.arg(format!("-config-file={}", config.display())).args(&transcript.args);
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        without_client_variables(&mut command);
        let process = command.spawn().context("start the agent")?;
        let mut agent = Self { process, ports, folder: folder.to_owned() };
        agent.wait_until_ready()?;
        Ok(agent)
    }

    pub fn http(&self) -> SocketAddr {
        self.address("http")
    }

    pub fn dns(&self) -> SocketAddr {
        self.address("dns")
    }

    /// The working directory of the command line.
    pub fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// Runs the command line of the same program against this agent.
    pub fn cli(&self, args: &[String], stdin: Option<&str>) -> Result<Answer> {
        let mut command = Command::new(self.folder.join("bin/consul"));
        without_client_variables(&mut command);
        command.args(args).current_dir(self.work());
        command.env("CONSUL_HTTP_ADDR", self.http().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start the command line")?;
        let out = child.stdout.take().map(read_aside);
        let err = child.stderr.take().map(read_aside);
        if let Some(mut sink) = child.stdin.take() {
            // A command that does not read its input closes the pipe; that is no error here.
            let _ = sink.write_all(stdin.unwrap_or_default().as_bytes());
        }
        let exit = wait(&mut child, CLI_TIMEOUT)?;
        let text = |reader: Option<thread::JoinHandle<String>>| {
            reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
        };
        Ok(Answer::Cli { exit, out: text(out), err: text(err) })
    }

    fn address(&self, port: &str) -> SocketAddr {
        let port = self.ports.get(port).copied().unwrap_or_default();
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        // The second path tells that the agent stands in its own catalog. Where the recording
        // denies it, the refusal is as good.
        for (path, wanted) in [("/v1/status/leader", ":"), ("/v1/catalog/node/node1", "\"consul\"")]
        {
            loop {
                if let Ok(answer) = http::request(self.http(), "GET", path, &[], None)
                    && (answer.status == FORBIDDEN
                        || String::from_utf8_lossy(&answer.body).contains(wanted))
                {
                    break;
                }
                if let Some(status) = self.process.try_wait()? {
                    bail!("the agent ended with {status}: {}", self.last_lines());
                }
                if Instant::now() > deadline {
                    bail!("the agent gave no good answer to {path}: {}", self.last_lines());
                }
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    fn last_lines(&self) -> String {
        let log = fs::read_to_string(self.folder.join("agent.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(LOG_LINES).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody to tell if it cannot be ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An empty folder with the program under the name `consul` and the transcript's files.
fn prepare(program: &Path, transcript: &Transcript, folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::create_dir_all(folder.join("bin"))?;
    fs::create_dir_all(folder.join("work"))?;
    std::os::unix::fs::symlink(program, folder.join("bin/consul"))?;
    for (name, text) in &transcript.files {
        let path = folder.join("work").join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, expand(text))?;
    }
    Ok(())
}

fn configuration(transcript: &Transcript, ports: &BTreeMap<String, u16>) -> String {
    let mut text =
        String::from("bind_addr = \"127.0.0.1\"\nclient_addr = \"127.0.0.1\"\nports {\n");
    for (name, port) in ports {
        // The names in a transcript have dashes, those of the configuration have not.
        let key = name.replace('-', "_");
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  {key} = {port}");
    }
    text.push_str("}\n");
    for line in &transcript.config {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Ports that nobody listens on now, below the range that outgoing connections take from.
fn free_ports() -> Result<BTreeMap<String, u16>> {
    let mut ports = BTreeMap::new();
    for name in PORT_NAMES {
        let port = (0..PORT_TRIES).find_map(|_| {
            let port = PORT_FROM + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % PORTS;
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
            (tcp.is_ok() && udp.is_ok()).then_some(port)
        });
        ports.insert((*name).to_owned(), port.context("no free port")?);
    }
    Ok(ports)
}

/// Another process that does the same starts elsewhere.
pub fn choose_port_base() {
    let base = u16::try_from(std::process::id() % u32::from(PORTS)).unwrap_or_default();
    NEXT_PORT.store(base, Ordering::Relaxed);
}

fn without_client_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CONSUL_") {
            command.env_remove(name);
        }
    }
}

fn read_aside(mut source: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is what there is.
        let _ = source.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The exit code, or an error when the process had to be ended.
fn wait(child: &mut Child, limit: Duration) -> Result<i32> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code().unwrap_or(EXIT_BY_SIGNAL));
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("the command line did not end within {limit:?}");
        }
        thread::sleep(POLL);
    }
}

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);
/// Names as `<port-NAME>` has them, and the configuration with underscores.
const PORT_NAMES: &[&str] = &["http", "dns", "server", "serf-lan", "serf-wan", "grpc", "grpc-tls"];
/// Linux hands out 32768 and above to outgoing connections.
const PORT_FROM: u16 = 20_000;
const PORTS: u16 = 12_000;
/// Tries for one port; a machine where so many in a row are taken is not one to test on.
const PORT_TRIES: usize = 200;
const FORBIDDEN: u16 = 403;
/// An agent is ready within milliseconds; a busy machine may need seconds.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest recorded command waits for five seconds.
const CLI_TIMEOUT: Duration = Duration::from_secs(20);
/// Short beside a start of 25 ms.
const POLL: Duration = Duration::from_millis(5);
const LOG_LINES: usize = 5;
/// What a shell adds to a signal's number; we need only tell it from a code.
const EXIT_BY_SIGNAL: i32 = 128;
