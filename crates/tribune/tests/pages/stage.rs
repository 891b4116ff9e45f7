//! Where a page is played: a folder and a loopback address of its own, with the program on the
//! path, so that pages can use the usual ports side by side.
//! Invariant: the agent ends with the value that holds it.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::targets::ENGINE_SOCKET;

/// How long an agent may take to start, or to end: generous, since CI is busy.
const AGENT_TIME_MAX: Duration = Duration::from_secs(30);

/// How often is looked whether an agent that says nothing has ended.
const LOOK: Duration = Duration::from_millis(50);

/// What pages call this machine.
const HERE: &str = "127.0.0.1";

/// The usual ports of HTTP and DNS, and where servers speak to each other.
const PORTS: [u16; 3] = [8500, 8600, 8300];

/// Pages of one process, which have addresses next to each other.
const PAGES_MAX: u32 = 64;

pub struct Stage {
    pub folder: PathBuf,
    pub address: Ipv4Addr,
    /// What the shell and the agents are given.
    pub variables: Vec<(&'static str, String)>,
    ready: UnixDatagram,
    agent: Option<Child>,
}

impl Stage {
    /// A stage for the page of this number.
    pub fn new(number: usize) -> Stage {
        let folder = format!("tribune-page-{number}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = std::fs::remove_dir_all(&folder);
        let programs = folder.join(".bin");
        std::fs::create_dir_all(&programs).expect("a folder");
        for name in ["tribune", "consul"] {
            let program = env!("CARGO_BIN_EXE_tribune");
            std::os::unix::fs::symlink(program, programs.join(name)).expect("a link");
        }
        let address = free_address(number);
        let ready_path = folder.join(".ready");
        let ready = UnixDatagram::bind(&ready_path).expect("a socket");
        ready.set_read_timeout(Some(LOOK)).expect("a time-out");
        let path = std::env::var("PATH").unwrap_or_default();
        let variables = vec![
            ("PATH", format!("{}:{path}", programs.display())),
            ("CONSUL_HTTP_ADDR", format!("{address}:8500")),
            ("NOTIFY_SOCKET", ready_path.display().to_string()),
            // What the pages say of containers holds where there is no engine but ours.
            ("DOCKER_HOST", format!("unix://{}/{ENGINE_SOCKET}", folder.display())),
            ("LC_ALL", "C".to_owned()),
            ("SHELL", "/bin/sh".to_owned()),
        ];
        Stage { folder, address, variables, ready, agent: None }
    }

    /// A text of the page as it is on this stage.
    pub fn on_stage(&self, text: &str) -> String {
        text.replace("localhost", HERE).replace(HERE, &self.address.to_string())
    }

    /// What was said on this stage, as the page would have it.
    pub fn on_page(&self, text: &str) -> String {
        text.replace(&self.address.to_string(), HERE)
    }

    /// Starts an agent by the page's command, in place of the one that runs.
    pub fn start_agent(&mut self, command: &str) -> Result<(), String> {
        self.end_agent()?;
        // What the one before has said is no news.
        let mut said = [0; 64];
        while self.ready.recv(&mut said).is_ok() {}
        let address = self.address;
        let order = self.on_stage(command.trim());
        let log = std::fs::File::create(self.folder.join(".agent.log")).expect("a log");
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(format!("exec {order} -bind={address} -client={address}"));
        shell.current_dir(&self.folder).process_group(0).stdin(Stdio::null());
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        shell.stdout(log.try_clone().expect("a log")).stderr(log);
        let mut agent = shell.spawn().expect("bash starts");
        let deadline = Instant::now() + AGENT_TIME_MAX;
        loop {
            match self.ready.recv(&mut said) {
                Ok(bytes) if said[..bytes].starts_with(b"READY=1") => break,
                // It tells of its end too; only who starts is waited for here.
                Ok(_) => {}
                Err(error) if is_silence(&error) => {}
                Err(error) => panic!("the socket: {error}"),
            }
            let status = agent.try_wait().expect("its state");
            if status.is_some() || Instant::now() > deadline {
                let _ = agent.kill();
                return Err(format!("the agent is not ready: {status:?}\n{}", self.log()));
            }
        }
        self.agent = Some(agent);
        Ok(())
    }

    /// Ends the agent as Ctrl-C does, and waits for it.
    fn end_agent(&mut self) -> Result<(), String> {
        let Some(mut agent) = self.agent.take() else { return Ok(()) };
        let pid = i32::try_from(agent.id()).ok().and_then(rustix::process::Pid::from_raw);
        // It may have ended by itself.
        let _ =
            rustix::process::kill_process(pid.expect("a process"), rustix::process::Signal::INT);
        let (sender, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(agent.wait().map_err(|error| error.to_string())));
        match ended.recv_timeout(AGENT_TIME_MAX) {
            Ok(Ok(_)) => Ok(()),
            other => Err(format!("the agent does not end ({other:?}):\n{}", self.log())),
        }
    }

    /// The last that the agent said.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join(".agent.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(agent) = &mut self.agent {
            let _ = agent.kill();
            let _ = agent.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether a program of this name is on the path.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}

fn is_silence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// An address of this process and page alone, on which the usual ports are free.
fn free_address(page: usize) -> Ipv4Addr {
    let own = std::process::id().wrapping_mul(PAGES_MAX) | u32::try_from(page).unwrap_or(0);
    // 127.64.0.0/10, away from what people and other tests use.
    let address = Ipv4Addr::from(0x7f40_0000 | (own & 0x003f_ffff));
    for port in PORTS {
        let tcp = TcpListener::bind((address, port));
        let udp = UdpSocket::bind((address, port));
        if let Some(error) = tcp.err().or(udp.err()) {
            panic!("port {port} is taken on every address ({error}): end what listens on 0.0.0.0");
        }
    }
    address
}
