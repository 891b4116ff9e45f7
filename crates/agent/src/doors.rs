//! Opens the HTTP door on every address of the configuration: ports, ports with TLS, unix sockets.
//! Behind all of them stands one [`Front`], which a reload replaces for the requests that follow.
//! Invariant: a socket file is ours alone: one on which another process listens is not touched.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use hyper::body::Incoming;
use hyper::{Request, Response};
use rustix::fs::{Gid, Mode, Uid};
use rustls::ServerConfig;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::RuntimeConfig;
use crate::config::runtime::{ListenAddress, UnixSockets};
use crate::http::wire::reply::ReplyBody;
use crate::http::wire::{HangUp, Server, ServerLimits, Service};
use crate::http::{Api, Listener, Tls};
use crate::tls::{self, ServerTls, TlsError};

/// What stands behind every door. Requests under way go on with what they began with.
pub struct Front {
    api: ArcSwap<Api>,
}

impl Front {
    /// With what is to answer first.
    pub fn new(api: Api) -> Front {
        Front { api: ArcSwap::from_pointee(api) }
    }

    /// What answers now.
    pub fn api(&self) -> Arc<Api> {
        self.api.load_full()
    }

    /// From now on this answers.
    pub fn replace(&self, api: Api) {
        self.api.store(Arc::new(api));
    }
}

impl Service for Front {
    fn connections_per_client_max(&self) -> Option<usize> {
        Some(self.api.load().config.limits.connections_per_client_max)
    }

    async fn serve(
        self: Arc<Self>,
        client: IpAddr,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, HangUp> {
        Service::serve(self.api(), client, request).await
    }
}

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The address is in use, or not ours.
    #[error("cannot listen on {address} for {what}: {error}")]
    Listen {
        /// Which address.
        address: String,
        /// For what.
        what: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// HTTPS has no certificate that works.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A unix socket is to have an owner that there is not.
    #[error("unix_sockets.{key}: unknown {key} {name:?}")]
    Owner {
        /// `user` or `group`.
        key: &'static str,
        /// What the configuration says.
        name: String,
    },
}

/// The doors that are open; dropping it removes the socket files.
pub struct Doors {
    https: Option<watch::Sender<Arc<ServerConfig>>>,
    /// When the certificate ends, in seconds since 1970; 0 if that is not known.
    ends_unix_s: Arc<AtomicI64>,
    _sockets: Vec<SocketFile>,
}

impl Doors {
    /// Opens all of them. They answer until `shutdown`.
    ///
    /// # Errors
    /// At the first that cannot be opened.
    pub async fn open(
        config: &RuntimeConfig,
        front: &Arc<Front>,
        shutdown: &CancellationToken,
        tasks: &mut JoinSet<()>,
    ) -> Result<Doors, DoorError> {
        let limits = front.api().config.limits.clone();
        let network = &config.network;
        let https = match network.https.is_empty() {
            true => None,
            false => Some(tls::server(&config.tls.https, "https")?),
        };
        if https.is_some() && config.tls.https.cert_file.is_none() {
            tracing::warn!("HTTPS has no certificate: it refuses every client until it gets one");
        }
        let ends = https.as_ref().and_then(|https| https.ends_unix_s);
        let https = https.map(|https| watch::channel(https.config));
        let mut opening = Opening {
            front,
            limits,
            owner: &network.unix_sockets,
            shutdown,
            tasks,
            sockets: Vec::new(),
        };
        for address in &network.http {
            opening.open(address, "HTTP", None).await?;
        }
        let handshake_time_max = config.limits.https_handshake_timeout;
        for address in &network.https {
            if let Some((_, receiver)) = &https {
                let tls = Tls { config: receiver.clone(), handshake_time_max };
                opening.open(address, "HTTPS", Some(tls)).await?;
            }
        }
        let sockets = opening.sockets;
        Ok(Doors {
            https: https.map(|(sender, _)| sender),
            ends_unix_s: Arc::new(AtomicI64::new(ends.unwrap_or(0))),
            _sockets: sockets,
        })
    }

    /// When the certificate that is served ends, in seconds since 1970.
    pub fn certificate_ends(&self) -> Arc<dyn Fn() -> Option<i64> + Send + Sync> {
        let ends = self.ends_unix_s.clone();
        Arc::new(move || Some(ends.load(Ordering::Relaxed)).filter(|ends| *ends != 0))
    }

    /// Reads the certificate's files anew.
    ///
    /// # Errors
    /// If they do not do; the old certificate is still served.
    pub fn prepare(&self, config: &RuntimeConfig) -> Result<Option<ServerTls>, TlsError> {
        match &self.https {
            None => Ok(None),
            Some(_) => Ok(Some(tls::server(&config.tls.https, "https")?)),
        }
    }

    /// Connections that come from now on are served with this.
    pub fn replace(&self, prepared: Option<ServerTls>) {
        if let (Some(https), Some(prepared)) = (&self.https, prepared) {
            https.send_replace(prepared.config);
            self.ends_unix_s.store(prepared.ends_unix_s.unwrap_or(0), Ordering::Relaxed);
        }
    }
}

struct Opening<'a> {
    front: &'a Arc<Front>,
    limits: ServerLimits,
    owner: &'a UnixSockets,
    shutdown: &'a CancellationToken,
    tasks: &'a mut JoinSet<()>,
    sockets: Vec<SocketFile>,
}

impl Opening<'_> {
    async fn open(
        &mut self,
        address: &ListenAddress,
        what: &'static str,
        tls: Option<Tls>,
    ) -> Result<(), DoorError> {
        let failed = |error| DoorError::Listen { address: address.to_string(), what, error };
        let listener = match (address, tls) {
            (ListenAddress::Tcp(address), None) => {
                Listener::Tcp(TcpListener::bind(address).await.map_err(failed)?)
            }
            (ListenAddress::Tcp(address), Some(tls)) => {
                Listener::Tls(TcpListener::bind(address).await.map_err(failed)?, tls)
            }
            (ListenAddress::Unix(_), Some(_)) => {
                let error = io::Error::new(
                    io::ErrorKind::Unsupported,
                    "a unix socket speaks no TLS here: use addresses.http",
                );
                return Err(failed(error));
            }
            (ListenAddress::Unix(path), None) => {
                let file = SocketFile(path.clone());
                let listener = bind_unix(path).map_err(failed)?;
                self.sockets.push(file);
                own(path, self.owner)?;
                Listener::Unix(listener)
            }
        };
        let server = Server::new(self.front.clone(), self.limits.clone(), self.shutdown.clone());
        self.tasks.spawn(server.run(listener));
        Ok(())
    }
}

/// A socket's file, removed with this value.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens on a path. A socket that a process left behind when it was killed is replaced.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if let Ok(there) = std::fs::symlink_metadata(path) {
        if !there.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is no socket"));
        }
        if UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    UnixListener::bind(path)
}

/// Gives a socket's file its owner and its permissions.
fn own(path: &Path, owner: &UnixSockets) -> Result<(), DoorError> {
    let failed = |error: rustix::io::Errno| DoorError::Listen {
        address: format!("unix://{}", path.display()),
        what: "HTTP",
        error: error.into(),
    };
    let user = id_of("user", owner.user.as_deref(), "/etc/passwd")?.map(Uid::from_raw);
    let group = id_of("group", owner.group.as_deref(), "/etc/group")?.map(Gid::from_raw);
    if user.is_some() || group.is_some() {
        rustix::fs::chown(path, user, group).map_err(failed)?;
    }
    if let Some(mode) = owner.mode {
        rustix::fs::chmod(path, Mode::from_raw_mode(mode)).map_err(failed)?;
    }
    Ok(())
}

/// The number of a user or group: itself, or what the system's list says.
fn id_of(key: &'static str, name: Option<&str>, list: &str) -> Result<Option<u32>, DoorError> {
    let Some(name) = name else { return Ok(None) };
    let listed = || listed_id(&std::fs::read_to_string(list).unwrap_or_default(), name);
    match name.parse().ok().or_else(listed) {
        Some(id) => Ok(Some(id)),
        None => Err(DoorError::Owner { key, name: name.to_owned() }),
    }
}

/// Lines of names, a password's place, and numbers: passwd(5), group(5).
fn listed_id(list: &str, name: &str) -> Option<u32> {
    list.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("tribune-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
        let path = path("door");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = bind_unix(&path).unwrap();
        assert_eq!(bind_unix(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "data").unwrap();
        assert_eq!(bind_unix(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"data");
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test]
    async fn a_socket_has_the_permissions_it_is_given() {
        use std::os::unix::fs::PermissionsExt as _;
        let path = path("mode");
        let _listener = bind_unix(&path).unwrap();
        own(&path, &UnixSockets { user: None, group: None, mode: Some(0o712) }).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(mode & 0o777, 0o712);
        let nobody = UnixSockets { user: Some("no-such-user".into()), group: None, mode: None };
        let error = own(&path, &nobody).unwrap_err().to_string();
        assert_eq!(error, "unix_sockets.user: unknown user \"no-such-user\"");
    }

    #[test]
    fn names_are_looked_up_in_the_systems_lists() {
        let list = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/:/bin/false\nbroken\n";
        for (name, expected) in [("web", Some(33)), ("root", Some(0)), ("broken", None)] {
            assert_eq!(listed_id(list, name), expected, "{name}");
        }
    }
}
