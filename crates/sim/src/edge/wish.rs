//! What a client wishes of an agent, in few words, and the requests that they become.

use std::time::Duration;
use tribune_edge::wire::{CheckRegistration, ServiceDefinition};
use tribune_edge::{Ask, Declared, TtlUpdate};
use tribune_state::catalog::CheckStatus;

/// Where every service of the agent listens.
pub const HOST: &str = "10.0.0.1";

/// What a client wishes.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Register {
        service: ServiceWish,
        replace: bool,
    },
    /// As the files of the configuration do at each start.
    Declare(Vec<ServiceWish>),
    Deregister(String),
    RegisterCheck(CheckWish),
    DeregisterCheck(String),
    Ttl {
        check: String,
        status: CheckStatus,
        output: String,
    },
    Maintain {
        service: Option<String>,
        enable: bool,
        reason: String,
    },
    SyncNow,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceWish {
    pub id: String,
    pub name: String,
    pub port: u16,
    pub tags: Vec<String>,
    /// The catalog's tags win.
    pub tag_override: bool,
    /// Two wishes of one version are the same.
    pub version: u64,
    pub checks: Vec<CheckWish>,
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckWish {
    pub id: String,
    /// Empty for the node.
    pub service: String,
    pub version: u64,
    pub kind: Kind,
    pub remove_after: Option<Duration>,
    pub initial: Option<CheckStatus>,
}

/// The kinds of checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Ttl(Duration),
    Http(Probe),
    Tcp(Probe),
    /// It names no target, and goes where its service's clients go.
    Eager(Probe),
    /// It follows another service.
    Alias(String),
    /// It holds a service or the node in maintenance.
    Maintenance,
}

/// How a check tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub port: u16,
    pub every: Duration,
    pub timeout: Duration,
    /// Successes before passing; failures before warning, and before critical.
    pub thresholds: [u32; 3],
}

impl Kind {
    /// How it tries, if it does.
    pub fn probe(&self) -> Option<&Probe> {
        match self {
            Kind::Http(probe) | Kind::Tcp(probe) | Kind::Eager(probe) => Some(probe),
            _ => None,
        }
    }

    /// As readers are shown it.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Ttl(_) => "ttl",
            Kind::Http(_) => "http",
            Kind::Tcp(_) | Kind::Eager(_) => "tcp",
            Kind::Alias(_) => "alias",
            Kind::Maintenance => "maintenance",
        }
    }
}

impl CheckWish {
    /// True if a check of the other wish is the same check: only what it begins with may differ.
    pub fn is_same(&self, other: &CheckWish) -> bool {
        CheckWish { initial: other.initial.clone(), ..self.clone() } == *other
    }

    /// The notes that tell its versions apart.
    pub fn notes(&self) -> String {
        format!("v{}", self.version)
    }

    fn registration(&self) -> CheckRegistration {
        let mut check = CheckRegistration {
            id: self.id.clone(),
            service_id: self.service.clone(),
            name: format!("check {}", self.id),
            notes: self.notes(),
            status: self.initial.as_ref().map(|own| own.as_str().to_owned()).unwrap_or_default(),
            ..CheckRegistration::default()
        };
        if let Some(after) = self.remove_after {
            check.deregister_critical_service_after = span(after);
        }
        if let Some(probe) = self.kind.probe() {
            check.interval = span(probe.every);
            check.timeout = span(probe.timeout);
            let [success, warning, critical] = probe.thresholds.map(i64::from);
            check.success_before_passing = success;
            check.failures_before_warning = warning;
            check.failures_before_critical = critical;
        }
        match &self.kind {
            Kind::Ttl(ttl) => check.ttl = span(*ttl),
            Kind::Http(probe) => check.http = format!("http://{HOST}:{}/", probe.port),
            Kind::Tcp(probe) => check.tcp = format!("{HOST}:{}", probe.port),
            Kind::Alias(service) => check.alias_service.clone_from(service),
            Kind::Eager(_) | Kind::Maintenance => {}
        }
        check
    }
}

/// A span as the wire has it.
fn span<T: std::str::FromStr + Default>(span: Duration) -> T {
    format!("{}ms", span.as_millis()).parse().unwrap_or_default()
}

impl ServiceWish {
    fn definition(&self) -> ServiceDefinition {
        let checks = self.checks.iter().map(|check| check.registration().into_definition());
        let mut definition = ServiceDefinition {
            id: self.id.clone(),
            name: self.name.clone(),
            port: i64::from(self.port),
            tags: Some(self.tags.clone()),
            enable_tag_override: self.tag_override,
            ..ServiceDefinition::default()
        };
        definition.address = HOST.to_owned();
        definition.meta = Some([("v".to_owned(), self.version.to_string())].into());
        definition.checks = Some(checks.collect());
        definition
    }
}

impl Wish {
    /// The request that it becomes.
    pub fn ask(&self) -> Ask {
        match self {
            Wish::Register { service, replace } => Ask::RegisterService {
                definition: Box::new(service.definition()),
                replace_existing_checks: *replace,
            },
            Wish::Declare(services) => Ask::Declare(Declared {
                services: services.iter().map(ServiceWish::definition).collect(),
                checks: Vec::new(),
            }),
            Wish::Deregister(id) => Ask::DeregisterService(id.as_str().into()),
            Wish::RegisterCheck(check) => Ask::RegisterCheck(Box::new(check.registration())),
            Wish::DeregisterCheck(id) => Ask::DeregisterCheck(id.as_str().into()),
            Wish::Ttl { check, status, output } => Ask::UpdateTtl(TtlUpdate {
                check: check.as_str().into(),
                status: status.clone(),
                output: output.clone(),
            }),
            Wish::Maintain { service, enable, reason } => Ask::Maintain {
                service: service.as_deref().map(Into::into),
                enable: *enable,
                reason: reason.clone(),
            },
            Wish::SyncNow => Ask::SyncNow,
        }
    }
}
