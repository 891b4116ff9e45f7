//! An agent as a process, and the plainest HTTP client there is.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long an agent may take to answer before a test gives up: generous, since CI is busy.
const START_TIME_MAX: Duration = Duration::from_secs(60);

/// A running agent; it is killed when dropped.
pub struct Agent {
    child: Child,
    pub http: SocketAddr,
    /// When it was started.
    pub started: Instant,
    /// Where it says that it is ready, by systemd's protocol.
    ready: UnixDatagram,
    ready_path: PathBuf,
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The program with these words, its output at hand, and no say of the environment in it.
pub fn program(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tribune"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CONSUL_") {
            command.env_remove(name);
        }
    }
    command
}

impl Agent {
    /// Starts a durable server in a directory.
    pub fn start(dir: &Path) -> Agent {
        Agent::start_program(Path::new(env!("CARGO_BIN_EXE_tribune")), dir)
    }

    /// Starts it with a line of configuration.
    pub fn start_with(dir: &Path, hcl: &str) -> Agent {
        Agent::launch(Path::new(env!("CARGO_BIN_EXE_tribune")), dir, hcl, &[])
    }

    /// Starts one that reads a configuration file too.
    pub fn start_configured(dir: &Path, file: &Path) -> Agent {
        let program = Path::new(env!("CARGO_BIN_EXE_tribune"));
        Agent::launch(program, dir, "", &[format!("-config-file={}", file.display())])
    }

    /// Starts another build of it.
    pub fn start_program(program: &Path, dir: &Path) -> Agent {
        Agent::launch(program, dir, "", &[])
    }

    fn launch(program: &Path, dir: &Path, hcl: &str, more: &[String]) -> Agent {
        let (http, dns, server) = (free_port(), free_port(), free_port());
        let ports =
            format!("ports {{ http = {http} dns = {dns} server = {server} grpc_tls = -1 }}");
        let ready_path = std::env::temp_dir().join(format!("tribune-ready-{http}"));
        let _ = std::fs::remove_file(&ready_path);
        let ready = UnixDatagram::bind(&ready_path).expect("a socket");
        ready.set_read_timeout(Some(START_TIME_MAX)).expect("a time-out");
        let started = Instant::now();
        let child = Command::new(program)
            .args(["agent", "-server", "-bootstrap-expect=1", "-bind=127.0.0.1", "-node=node1"])
            .arg(format!("-data-dir={}", dir.display()))
            .args(more)
            .args(["-hcl", &format!("{ports}\n{hcl}")])
            .env("NOTIFY_SOCKET", &ready_path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the agent starts");
        let http = SocketAddr::from(([127, 0, 0, 1], http));
        Agent { child, http, started, ready, ready_path }
    }

    /// Waits until it says that it is ready.
    pub fn ready(&mut self) {
        let mut said = [0; 64];
        if let Err(error) = self.ready.recv(&mut said) {
            panic!("the agent did not say that it is ready ({error}): {:?}", self.child.try_wait());
        }
    }

    /// Waits until a write is acknowledged; how long that took since the start.
    pub fn first_write(&mut self) -> Duration {
        self.ready();
        let mut client = Client::connect(self.http).expect("a connection");
        let answer = client.send("PUT", "/v1/kv/first", b"1");
        assert!(matches!(answer, Some((200, _, _))), "the first write: {answer:?}");
        self.started.elapsed()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        let sent = rustix::process::kill_process(pid.expect("a process"), signal);
        sent.expect("the signal is sent");
    }

    /// A number of KiB that the kernel says of its memory, such as `VmRSS`.
    pub fn memory_kib(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a status");
        let line = status.lines().find(|line| line.starts_with(what)).expect("a line");
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    }

    /// Waits until it ends by itself, for so long at most; its exit code.
    pub fn ended(mut self, most: Duration) -> Option<i32> {
        let deadline = Instant::now() + most;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the agent did not end within {most:?}");
            std::thread::yield_now();
        }
    }

    /// Kills it as hard as there is.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.ready_path);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
    }
}

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Option<Client> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        stream.set_nodelay(true).ok()?;
        Some(Client { stream: BufReader::new(stream) })
    }

    /// Sends a request; gives status, `X-Consul-Index` (0 if absent) and body, or nothing if the
    /// connection broke before the whole answer was there.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> Option<(u16, u64, Vec<u8>)> {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request).ok()?;
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let (mut length, mut index) = (0, 0);
        loop {
            line.clear();
            self.stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().ok()?,
                "x-consul-index" => index = value.trim().parse().ok()?,
                _ => {}
            }
        }
        if !line.trim_end().is_empty() {
            return None;
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some((status, index, body))
    }
}
