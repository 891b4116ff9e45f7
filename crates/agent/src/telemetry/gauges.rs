//! Gauges that are worked out when somebody looks: what the state holds, who is in the pool, what
//! the process and the machine use.
//! Invariant: the state is counted at most once in an interval, however often somebody looks.
//!
//! Source: Consul 1.22 documentation, "Agent telemetry reference".

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tribune_node::Cluster;
use tribune_node::metrics::{Computed, INTERVAL, Labels, Registry, count_as_f64};
use tribune_state::View;
use tribune_state::catalog::ServiceRow;

use crate::about::CONSUL_VERSION;
use crate::config::rules::ENTRY_KINDS;
use crate::host;
use crate::host::process::Process;

/// What the gauges look at.
pub struct Watched {
    pub cluster: Arc<dyn Cluster>,
    pub datacenter: String,
    /// Also the machine's own numbers.
    pub host: bool,
    /// The folder whose file system is meant by the machine's disk.
    pub data_path: std::path::PathBuf,
    /// When the certificate that is shown to others ends, in seconds since 1970; none without one.
    pub certificate_ends: Arc<dyn Fn() -> Option<i64> + Send + Sync>,
}

/// Adds the gauges to a registry.
pub fn register(registry: &Registry, watched: Watched) {
    let counted = Mutex::new(None);
    let cpu = Mutex::new(host::CpuTimes::default());
    registry.compute(move |gauges| {
        let mut put = Put { gauges, datacenter: &watched.datacenter };
        of_pool(&mut put, watched.cluster.as_ref());
        of_runtime(&mut put);
        let counts = count_sometimes(&counted, &watched.cluster.view());
        of_state(&mut put, &counts);
        if let Some(ends) = (watched.certificate_ends)() {
            put.plain("agent.tls.cert.expiry", seconds_until(ends));
        }
        if watched.host {
            of_host(&mut put, &watched.data_path, &cpu);
        }
    });
}

struct Put<'a> {
    gauges: &'a mut Vec<Computed>,
    datacenter: &'a str,
}

impl Put<'_> {
    fn plain(&mut self, name: &'static str, value: f64) {
        self.gauges.push(Computed { name, labels: Labels::new(), value });
    }

    fn labelled(&mut self, name: &'static str, labels: Labels, value: f64) {
        self.gauges.push(Computed { name, labels, value });
    }

    /// Of the datacenter, perhaps of a kind in it.
    fn local(&mut self, name: &'static str, kind: Option<&'static str>, value: f64) {
        let mut labels = vec![("datacenter", self.datacenter.to_owned())];
        labels.extend(kind.map(|kind| ("kind", kind.to_owned())));
        self.labelled(name, labels, value);
    }
}

fn of_pool(put: &mut Put<'_>, cluster: &dyn Cluster) {
    let status = cluster.status();
    let members = cluster.members();
    let is_server = |role: Option<&String>| role.is_some_and(|role| role == "consul");
    let servers = members.iter().filter(|member| is_server(member.tags.get("role"))).count();
    put.local("members.servers", None, count(servers));
    put.local("members.clients", None, count(members.len() - servers));
    // A server that leads, or follows a leader, is all the health that a single one can have; how
    // many may fail follows from how many vote.
    put.plain("autopilot.healthy", if status.leader.is_some() { 1.0 } else { 0.0 });
    put.plain("autopilot.failure_tolerance", count(status.peers.len().saturating_sub(1) / 2));
    let (version, pre) = CONSUL_VERSION.split_once('-').unwrap_or((CONSUL_VERSION, ""));
    let labels = vec![("version", version.to_owned()), ("pre_release", pre.to_owned())];
    put.labelled("version", labels, 1.0);
}

/// The nearest to what Go's runtime tells: there is no collector here, and so no pause of it; and
/// nobody counts what is on the heap.
fn of_runtime(put: &mut Put<'_>) {
    if let Some(process) = Process::read() {
        put.plain("runtime.alloc_bytes", process.resident_bytes);
        put.plain("runtime.sys_bytes", process.virtual_bytes);
    }
    let tasks = tokio::runtime::Handle::try_current()
        .map_or(0, |handle| handle.metrics().num_alive_tasks());
    put.plain("runtime.num_goroutines", count(tasks));
    put.plain("runtime.heap_objects", 0.0);
    put.plain("runtime.total_gc_pause_ns", 0.0);
    put.plain("runtime.total_gc_runs", 0.0);
}

/// How many rows of each kind the state holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counts {
    nodes: usize,
    services: usize,
    instances: usize,
    keys: usize,
    sessions_with_ttl: usize,
    /// By the kind of the instance, in the order of [`KINDS`].
    mesh: [usize; KINDS.len()],
    root_ends_s: Option<i64>,
}

/// The kinds of instances that are counted apart.
const KINDS: [&str; 6] = [
    "api-gateway",
    "connect-native",
    "connect-proxy",
    "ingress-gateway",
    "mesh-gateway",
    "terminating-gateway",
];

/// A large catalog takes milliseconds to count.
fn count_sometimes(kept: &Mutex<Option<(Instant, Counts)>>, view: &View) -> Counts {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    match &*kept {
        Some((when, counts)) if when.elapsed() < INTERVAL / 2 => counts.clone(),
        _ => {
            let counts = Counts::of(view);
            *kept = Some((Instant::now(), counts.clone()));
            counts
        }
    }
}

impl Counts {
    fn of(view: &View) -> Counts {
        let mut counts = Counts {
            nodes: view.catalog().all_nodes().count(),
            keys: view.kv().len(),
            sessions_with_ttl: view.sessions().iter().filter(|row| row.ttl_ms > 0).count(),
            root_ends_s: root_ends_s(view),
            ..Counts::default()
        };
        let mut names = BTreeSet::new();
        for row in view.catalog().all_services() {
            counts.instances += 1;
            names.insert(row.service.folded());
            counts.count_mesh(row);
        }
        counts.services = names.len();
        counts
    }

    fn count_mesh(&mut self, row: &ServiceRow) {
        let native = KINDS.iter().position(|kind| *kind == "connect-native");
        let kind = KINDS.iter().position(|kind| *kind == row.kind);
        for at in [kind, native.filter(|_| row.connect_native)].into_iter().flatten() {
            if let Some(number) = self.mesh.get_mut(at) {
                *number += 1;
            }
        }
    }
}

fn root_ends_s(view: &View) -> Option<i64> {
    use tribune_state::connect::{ConnectBody, ConnectQuery};
    use tribune_state::{Body, Query, Visible};
    match view.answer(&Query::Connect(ConnectQuery::Roots), &Visible::All).body {
        Body::Connect(ConnectBody::Roots(roots)) => {
            roots.iter().find(|root| root.active).map(|root| root.not_after_s)
        }
        _ => None,
    }
}

fn of_state(put: &mut Put<'_>, counts: &Counts) {
    put.local("state.nodes", None, count(counts.nodes));
    put.local("state.services", None, count(counts.services));
    put.local("state.service_instances", None, count(counts.instances));
    put.local("state.kv_entries", None, count(counts.keys));
    for (kind, number) in KINDS.iter().zip(counts.mesh) {
        put.local("state.connect_instances", Some(kind), count(number));
    }
    // There is no way yet to write any of these.
    for kind in ENTRY_KINDS {
        put.local("state.config_entries", Some(kind), 0.0);
    }
    put.local("state.peerings", None, 0.0);
    put.plain("session_ttl.active", count(counts.sessions_with_ttl));
    if let Some(ends) = counts.root_ends_s {
        put.local("mesh.active-root-ca.expiry", None, seconds_until(ends));
        // It signs itself, without another certificate between.
        put.local("mesh.active-signing-ca.expiry", None, seconds_until(ends));
    }
}

fn of_host(put: &mut Put<'_>, data_path: &std::path::Path, cpu: &Mutex<host::CpuTimes>) {
    let (memory, disk) = (host::memory(), host::disk(data_path));
    if let Ok(memory) = memory {
        put.plain("host.memory.total", count(memory.total));
        put.plain("host.memory.available", count(memory.available));
        put.plain("host.memory.used", count(memory.used));
        put.plain("host.memory.used_percent", memory.used_percent);
        put.plain("host.memory.free", count(memory.free));
    }
    if let Ok(disk) = disk {
        let labels = || vec![("path", disk.path.clone())];
        put.labelled("host.disk.size", labels(), count(disk.total));
        put.labelled("host.disk.used", labels(), count(disk.used));
        put.labelled("host.disk.available", labels(), count(disk.free));
        put.labelled("host.disk.used_percent", labels(), disk.used_percent);
        put.labelled("host.disk.inodes_percent", labels(), disk.inodes_used_percent);
    }
    put.plain("host.uptime", count(host::uptime_s()));
    let mut times = cpu.lock().unwrap_or_else(PoisonError::into_inner);
    for (processor, share) in times.shares_since_last() {
        let labels = || vec![("cpu", processor.clone())];
        put.labelled("host.cpu.user", labels(), share.user);
        put.labelled("host.cpu.system", labels(), share.system);
        put.labelled("host.cpu.idle", labels(), share.idle);
        put.labelled("host.cpu.iowait", labels(), share.iowait);
        put.labelled("host.cpu.total", labels(), 100.0 - share.idle);
    }
}

fn seconds_until(unix_s: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let left = unix_s.saturating_sub(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    count(left.max(0))
}

/// A number as it is shown; beyond 2^53 it is rounded.
fn count<T: TryInto<u64>>(number: T) -> f64 {
    count_as_f64(number.try_into().unwrap_or(u64::MAX))
}
