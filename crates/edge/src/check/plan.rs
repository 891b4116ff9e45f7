//! From a check's definition to what is to be run when: the kinds, their limits, their refusals.
//! It keeps no state and starts nothing.
//! Source: consul-surface C; transcripts agent/check.txt, agent/types.txt.

use std::sync::Arc;
use std::time::Duration;

use tribune_api::agent::CheckDefinition;
use tribune_api::duration::GoDuration;
use tribune_api::messages;
use tribune_state::ids::{NodeName, ServiceId};

use crate::check::probe::{DockerProbe, GrpcProbe, HttpProbe, ProbeSpec, TcpProbe, TlsProbe};
use crate::check::thresholds::Thresholds;
use crate::error::EdgeError;

/// What a check is and how it runs. Two equal plans are the same check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub name: String,
    pub notes: String,
    /// The kind as Consul names it.
    pub kind: &'static str,
    pub run: Run,
    /// The interval as it is shown.
    pub interval: String,
    /// The time-out as it is shown.
    pub timeout: String,
    pub thresholds: Thresholds,
    pub output_bytes_max: usize,
    /// How long it may be critical before its service is removed.
    pub remove_after: Option<Duration>,
}

/// How a check comes to its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// By trying.
    Probe(ProbePlan),
    /// By being told, at least this often.
    Ttl(Duration),
    /// By the checks of another service.
    Alias(ServiceId),
    /// By the checks of another node in the catalog.
    Follow(NodeName, ServiceId),
    /// It stays as it is.
    Fixed,
}

/// What to try, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbePlan {
    pub spec: Arc<ProbeSpec>,
    pub every: Duration,
    pub timeout: Duration,
    /// True for a check that named no target: it starts at once and in quick steps.
    pub eager: bool,
}

impl ProbePlan {
    /// Sends a check without a target of its own elsewhere; true if that is another place.
    pub fn go_to(&mut self, target: &str) -> bool {
        let spec = ProbeSpec::Tcp(TcpProbe { address: target.to_owned(), tls: None });
        let differs = *self.spec != spec;
        if differs {
            self.spec = Arc::new(spec);
        }
        differs
    }
}

/// Where a check is registered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Host and port that clients of its service are given, if it has a port.
    pub target: Option<&'a str>,
    /// True if it came within a service's definition: absent durations print as nothing there.
    pub within_service: bool,
}

/// What the agent allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Why scripts do not run, where they do not.
    pub scripts_refused: Option<&'static str>,
    pub output_bytes_max: usize,
}

/// Smaller intervals are raised to this. Source: consul-surface C.
pub(crate) const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Of probes that name none. Source: consul-surface C.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Of programs that name none. Source: consul-surface C.
const PROGRAM_TIMEOUT: Duration = Duration::from_secs(30);

/// The kinds, in the order in which they win when several are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Grpc,
    Http,
    Ttl,
    Tcp,
    Udp,
    Alias,
    Docker,
    Script,
    H2ping,
    OsService,
}

impl Kind {
    fn of(asked: &CheckDefinition) -> Option<Kind> {
        let has_args = |args: &Option<Vec<String>>| args.as_ref().is_some_and(|a| !a.is_empty());
        let named = [
            (!asked.grpc.is_empty(), Kind::Grpc),
            (!asked.http.is_empty(), Kind::Http),
            (asked.ttl > GoDuration::ZERO, Kind::Ttl),
            (!asked.tcp.is_empty(), Kind::Tcp),
            (!asked.udp.is_empty(), Kind::Udp),
            (!asked.alias_node.is_empty() || !asked.alias_service.is_empty(), Kind::Alias),
            (!asked.docker_container_id.is_empty(), Kind::Docker),
            (has_args(&asked.args) || has_args(&asked.script_args), Kind::Script),
            (!asked.h2ping.is_empty(), Kind::H2ping),
            (!asked.os_service.is_empty(), Kind::OsService),
        ];
        named.into_iter().find_map(|(is, kind)| is.then_some(kind))
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Grpc => "grpc",
            Kind::Http => "http",
            Kind::Ttl => "ttl",
            Kind::Tcp => "tcp",
            Kind::Udp => "udp",
            Kind::Alias => "alias",
            Kind::Docker => "docker",
            Kind::Script => "script",
            Kind::H2ping => "h2ping",
            Kind::OsService => "os_service",
        }
    }
}

/// The plan of a definition. The texts of refusals come without `Invalid check: `.
///
/// # Errors
/// As Consul refuses, but for a check with an interval and no target: of a service with a port,
/// it is a TCP check of where that service's clients go.
pub(crate) fn plan(
    asked: &CheckDefinition,
    place: Place<'_>,
    allowed: Allowed,
) -> Result<Plan, EdgeError> {
    let kind = Kind::of(asked);
    let target = place.target.filter(|_| kind.is_none() && asked.interval > GoDuration::ZERO);
    refuse_contradictions(asked, kind, target.is_some())?;
    let (kind, run) = match (kind, target) {
        (None, Some(target)) => {
            let spec = ProbeSpec::Tcp(TcpProbe { address: target.to_owned(), tls: None });
            (Kind::Tcp, probe(asked, spec, true))
        }
        (Some(kind), _) => (kind, run(asked, kind, allowed)?),
        (None, None) => return Err(invalid(messages::CHECK_NEEDS_TTL)),
    };
    let shown = |span: GoDuration| match span {
        GoDuration::ZERO if place.within_service => String::new(),
        other => other.to_string(),
    };
    Ok(Plan {
        name: asked.name.clone(),
        notes: asked.notes.clone(),
        kind: kind.name(),
        run,
        interval: shown(asked.interval),
        timeout: shown(asked.timeout),
        thresholds: Thresholds {
            success_before_passing: count(asked.success_before_passing),
            failures_before_warning: count(asked.failures_before_warning),
            failures_before_critical: count(asked.failures_before_critical),
        },
        output_bytes_max: match usize::try_from(asked.output_max_size) {
            Ok(0) | Err(_) => allowed.output_bytes_max,
            Ok(own) => own.min(allowed.output_bytes_max),
        },
        remove_after: positive(asked.deregister_critical_service_after),
    })
}

fn refuse_contradictions(
    asked: &CheckDefinition,
    kind: Option<Kind>,
    has_target: bool,
) -> Result<(), EdgeError> {
    let (has_interval, has_ttl) = (asked.interval > GoDuration::ZERO, asked.ttl > GoDuration::ZERO);
    let without_ttl = CheckDefinition { ttl: GoDuration::ZERO, ..asked.clone() };
    let is_timed = !matches!(Kind::of(&without_ttl), None | Some(Kind::Alias));
    let text = if has_interval && has_ttl {
        messages::CHECK_INTERVAL_AND_TTL
    } else if is_timed && !has_interval {
        messages::CHECK_NEEDS_INTERVAL
    } else if kind.is_none() && !has_target {
        messages::CHECK_NEEDS_TTL
    } else if asked.output_max_size < 0 {
        messages::CHECK_OUTPUT_SIZE
    } else if asked.failures_before_warning > asked.failures_before_critical {
        messages::CHECK_WARNING_ABOVE_CRITICAL
    } else {
        return Ok(());
    };
    Err(invalid(text))
}

fn run(asked: &CheckDefinition, kind: Kind, allowed: Allowed) -> Result<Run, EdgeError> {
    if let (Kind::Docker | Kind::Script, Some(why)) = (kind, allowed.scripts_refused) {
        return Err(EdgeError::Refused(why.to_owned()));
    }
    let spec = match kind {
        Kind::Ttl => return Ok(Run::Ttl(asked.ttl.to_std())),
        Kind::Alias => return Ok(alias(asked)),
        Kind::OsService => {
            return Err(EdgeError::Refused(messages::OS_SERVICE_UNSUPPORTED.to_owned()));
        }
        Kind::Http => ProbeSpec::Http(http(asked)),
        Kind::Tcp => {
            let tls = asked.tcp_use_tls.then(|| tls(asked));
            ProbeSpec::Tcp(TcpProbe { address: asked.tcp.clone(), tls })
        }
        Kind::Udp => ProbeSpec::Udp(asked.udp.clone()),
        Kind::Grpc => ProbeSpec::Grpc(grpc(asked)),
        Kind::H2ping => {
            let tls = asked.h2ping_use_tls.unwrap_or(true).then(|| tls(asked));
            ProbeSpec::H2ping(TcpProbe { address: asked.h2ping.clone(), tls })
        }
        Kind::Script => ProbeSpec::Script(args(asked)),
        Kind::Docker if args(asked).is_empty() => {
            return Err(invalid(messages::DOCKER_NEEDS_ARGS));
        }
        Kind::Docker => ProbeSpec::Docker(DockerProbe {
            container: asked.docker_container_id.clone(),
            args: args(asked),
        }),
    };
    Ok(probe(asked, spec, false))
}

fn alias(asked: &CheckDefinition) -> Run {
    let service = asked.alias_service.as_str().into();
    match asked.alias_node.as_str() {
        "" => Run::Alias(service),
        node => Run::Follow(node.into(), service),
    }
}

/// The command of a script, by the newer of its two names.
fn args(asked: &CheckDefinition) -> Vec<String> {
    let named = asked.args.as_ref().filter(|args| !args.is_empty());
    named.or(asked.script_args.as_ref()).cloned().unwrap_or_default()
}

fn grpc(asked: &CheckDefinition) -> GrpcProbe {
    let (address, service) = asked.grpc.split_once('/').unwrap_or((&asked.grpc, ""));
    GrpcProbe {
        address: address.to_owned(),
        service: service.to_owned(),
        tls: asked.grpc_use_tls.then(|| tls(asked)),
    }
}

fn probe(asked: &CheckDefinition, spec: ProbeSpec, eager: bool) -> Run {
    let timeout = if spec.is_program() { PROGRAM_TIMEOUT } else { TIMEOUT };
    Run::Probe(ProbePlan {
        spec: Arc::new(spec),
        every: asked.interval.to_std().max(INTERVAL_MIN),
        timeout: positive(asked.timeout).unwrap_or(timeout),
        eager,
    })
}

fn http(asked: &CheckDefinition) -> HttpProbe {
    HttpProbe {
        url: asked.http.clone(),
        method: match asked.method.as_str() {
            "" => "GET".to_owned(),
            own => own.to_owned(),
        },
        headers: asked.header.clone().unwrap_or_default(),
        body: asked.body.clone(),
        follow_redirects: !asked.disable_redirects,
        tls: tls(asked),
    }
}

fn tls(asked: &CheckDefinition) -> TlsProbe {
    TlsProbe { server_name: asked.tls_server_name.clone(), skip_verify: asked.tls_skip_verify }
}

fn positive(span: GoDuration) -> Option<Duration> {
    (span > GoDuration::ZERO).then(|| span.to_std())
}

/// Negative thresholds are taken as none, huge ones as never.
fn count(asked: i64) -> u32 {
    u32::try_from(asked.max(0)).unwrap_or(u32::MAX)
}

fn invalid(text: &str) -> EdgeError {
    EdgeError::Invalid(text.to_owned())
}
