//! The servers that are measured, as processes: started on free ports, asked of the kernel what
//! they used, ended by their id. Their data lies in a folder that goes with them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::wire::Connection;

/// A server that is measured; it ends with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it answers.
    pub http: SocketAddr,
    /// From its start to its first good answer.
    pub ready: Duration,
    folder: Option<PathBuf>,
}

/// Beside the builds: the folder for temporary files may be in memory, where no sync takes time.
fn data_folder() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).context("a program outside of a build")?;
    Ok(target.join("bench"))
}

/// How a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In memory.
    Dev,
    /// Alone, with its data on the disk.
    Durable,
}

impl Server {
    /// Starts the program as an agent and waits for its first write.
    pub async fn agent(program: &Path, mode: Mode) -> Result<Self> {
        let http = free_port()?;
        let folder = data_folder()?.join(format!("bench-{}-{http}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Self::on(program, mode, &folder, http).await
    }

    /// The same over the data of one that was killed.
    pub async fn again(program: &Path, mut killed: Server) -> Result<Self> {
        let folder = killed.folder.take().context("it kept no data")?;
        drop(killed);
        Self::on(program, Mode::Durable, &folder, free_port()?).await
    }

    async fn on(program: &Path, mode: Mode, folder: &Path, http: u16) -> Result<Self> {
        let [dns, server, lan, wan] = free_ports(http)?;
        let ports = format!(
            "ports {{ http = {http} dns = {dns} server = {server} serf_lan = {lan} \
             serf_wan = {wan} grpc = -1 grpc_tls = -1 }} \
             limits {{ http_max_conns_per_client = 20000 }}"
        );
        let mut command = Command::new(program);
        command.args(["agent", "-bind=127.0.0.1", "-node=node1", "-log-level=warn"]);
        command.args(["-hcl", &ports]);
        match mode {
            Mode::Dev => command.arg("-dev"),
            Mode::Durable => command
                .args(["-server", "-bootstrap-expect=1"])
                .arg(format!("-data-dir={}", folder.join("data").display())),
        };
        let mut server = Self::start(command, http, "/v1/kv/ready").await?;
        server.folder = Some(folder.to_owned());
        Ok(server)
    }

    /// Starts this program as the bare server, with bodies of so many bytes.
    pub async fn bare(bytes: usize) -> Result<Self> {
        let http = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", &format!("127.0.0.1:{http}"), "--bytes", &bytes.to_string()]);
        Self::start(command, http, "/").await
    }

    /// Starts this program as the server that HTTP checks look at, on every loopback address.
    pub async fn target() -> Result<Self> {
        let http = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["target", &format!("0.0.0.0:{http}")]);
        Self::start(command, http, "/").await
    }

    async fn start(mut command: Command, http: u16, first: &str) -> Result<Self> {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.with_context(|| format!("start {}", command.get_program().display()))?;
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, http));
        let mut server = Server { child, http, ready: Duration::ZERO, folder: None };
        while !answers(http, first).await {
            if let Some(status) = server.child.try_wait()? {
                bail!("the server ended with {status}");
            }
            if started.elapsed() > START_TIME_MAX {
                bail!("the server did not answer within {START_TIME_MAX:?}");
            }
            tokio::time::sleep(POLL).await;
        }
        server.ready = started.elapsed();
        Ok(server)
    }

    /// A kept connection to it.
    pub async fn connect(&self) -> Result<Connection> {
        Connection::open(self.http).await
    }

    /// Processor time it has used, user and system.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').context("a strange stat file")?.1;
        let field = |at: usize| {
            let text = after_name.split_whitespace().nth(at);
            text.and_then(|text| text.parse::<u32>().ok()).context("a strange stat file")
        };
        // The 14th and 15th field of the file, counted behind the name.
        let ticks = f64::from(field(11)?) + f64::from(field(12)?);
        Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
    }

    /// Memory it holds now, in bytes.
    pub fn rss(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: f64 = kib.context("no VmRSS")?.parse()?;
        Ok(kib * 1024.0)
    }

    /// Ends it at once, as kill -9 does; its data stays.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.kill();
        if let Some(folder) = &self.folder {
            // What is left in the folder for temporary files does no harm.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

async fn answers(to: SocketAddr, path: &str) -> bool {
    let Ok(mut connection) = Connection::open(to).await else { return false };
    connection.ask("PUT", path, b"1").await.is_ok_and(|answer| answer.status == 200)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Ports that differ from each other and from one that is taken: all are held until all are found.
fn free_ports<const N: usize>(taken: u16) -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        while *port == 0 || *port == taken {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            *port = listener.local_addr()?.port();
            held.push(listener);
        }
    }
    Ok(ports)
}

/// What Linux counts processor time in for programs, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;
const START_TIME_MAX: Duration = Duration::from_secs(60);
/// Short beside the shortest start.
const POLL: Duration = Duration::from_millis(1);
