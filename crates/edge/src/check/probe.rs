//! What a probe is to do. The outer ring does it and reports; nothing here opens a socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tribune_state::ids::CheckId;

/// One probe to run, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeRequest {
    /// The check it is for.
    pub check: CheckId,
    /// That check's registration: a result of an older one is dropped.
    pub generation: u64,
    /// What to try.
    pub spec: Arc<ProbeSpec>,
    /// How long it may take.
    pub timeout: Duration,
    /// How much of what it hears is worth keeping.
    pub output_bytes_max: usize,
}

/// What to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeSpec {
    /// A request by HTTP or HTTPS.
    Http(HttpProbe),
    /// A connection by TCP, with TLS if asked for.
    Tcp(TcpProbe),
    /// A datagram by UDP to this host and port: silence is well, a refusal is not.
    Udp(String),
    /// A question of gRPC's health protocol.
    Grpc(GrpcProbe),
    /// A ping of HTTP/2.
    H2ping(TcpProbe),
    /// A program of this machine.
    Script(Vec<String>),
    /// A program within a container.
    Docker(DockerProbe),
}

impl ProbeSpec {
    /// True if it starts a program, of which only a few run at a time.
    pub(crate) fn is_program(&self) -> bool {
        matches!(self, ProbeSpec::Script(_) | ProbeSpec::Docker(_))
    }
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpProbe {
    /// Where to, as it was given.
    pub url: String,
    /// The method; never empty.
    pub method: String,
    /// Headers by name; `Host` names the host.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body.
    pub body: String,
    /// True to go where a redirection points.
    pub follow_redirects: bool,
    /// How to speak TLS.
    pub tls: TlsProbe,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpProbe {
    /// Host and port.
    pub address: String,
    /// How to speak TLS, if at all.
    pub tls: Option<TlsProbe>,
}

/// A question to a gRPC server about its health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrpcProbe {
    /// Host and port.
    pub address: String,
    /// The service to ask about; empty for the server as a whole.
    pub service: String,
    /// How to speak TLS, if at all.
    pub tls: Option<TlsProbe>,
}

/// A program within a container, started through the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerProbe {
    /// The container's id or name.
    pub container: String,
    /// The program and its arguments.
    pub args: Vec<String>,
}

/// How to speak TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsProbe {
    /// The name to ask for and to check; empty means the host's.
    pub server_name: String,
    /// True to take any certificate.
    pub skip_verify: bool,
}
