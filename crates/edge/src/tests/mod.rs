//! A world for one brain: a clock that jumps from deadline to deadline, a catalog that is the real
//! state, a disk that is a vector, and a server that listens at given times.

mod article;
mod checks;
mod declare;
mod flap;
mod journal;
mod probes;
mod refusals;
mod sync;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tribune_api::agent::AgentService;
use tribune_api::health::HealthCheck;
use tribune_state::catalog::{CatalogCommand, CheckRow, CheckStatus, NodeRow, ServiceRow};
use tribune_state::codec::command_bytes;
use tribune_state::ids::{Index, LogIndex, NodeName};
use tribune_state::{Command, Entry, Stamp, Store, View};

use crate::wire::{CheckRegistration, ServiceDefinition};
use crate::{
    Ask, CatalogSnapshot, Change, CheckFacts, Declared, Edge, EdgeError, Effect, Follow, Followed,
    FollowedNode, Input, Note, ProbeRequest, ProbeResult, Renewed, RequestId, Save, SeenIndexes,
    Settings, Taken, TtlUpdate,
};

/// What the cluster does with a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cluster {
    Takes,
    Refuses,
    /// It takes the write, and the answer is lost.
    TakesInSilence,
}

/// What else can be wrong with it.
#[derive(Default)]
struct Faults {
    /// How long a read of the catalog is under way, with what it held when it began.
    reads_take: Duration,
    /// A write that registers this service is not taken, nor anything else of it.
    poison: Option<String>,
}

struct World {
    edge: Edge,
    now: Duration,
    store: Store,
    agenda: BTreeMap<(Duration, u64), Input>,
    /// Counts requests, then events.
    counts: (u64, u64),
    cluster: Cluster,
    faults: Faults,
    target: Target,
    probes: Vec<(Duration, ProbeRequest)>,
    file: Vec<u8>,
    answers: BTreeMap<u64, Result<(), EdgeError>>,
    services: BTreeMap<String, Arc<AgentService>>,
    checks: BTreeMap<String, Arc<HealthCheck>>,
    notes: Vec<(Duration, Note)>,
    proposals: usize,
}

/// The server that checks look at.
struct Target {
    /// When it listens.
    listens: Vec<Range<Duration>>,
    /// How long a probe takes that finds nobody.
    fails_in: Duration,
}

const CLUSTER_TAKES: Duration = Duration::from_millis(2);
const SUCCEEDS_IN: Duration = Duration::from_millis(1);

fn secs(span: f64) -> Duration {
    Duration::from_secs_f64(span)
}

fn node() -> NodeRow {
    NodeRow {
        id: "a".into(),
        node: "node1".into(),
        address: "127.0.0.1".into(),
        datacenter: "dc1".into(),
        tagged_addresses: None,
        meta: None,
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    }
}

fn settings(seed: u8) -> Settings {
    Settings { persist: true, ..Settings::for_node(node(), [seed; 32]) }
}

/// What an entry of the log can have.
const LOG_ENTRY_BYTES_MAX: usize = 1 << 20;

impl World {
    fn new() -> World {
        World::with(settings(7), Vec::new())
    }

    fn with(settings: Settings, file: Vec<u8>) -> World {
        let mut world = World {
            edge: Edge::new(settings, &file).unwrap(),
            now: Duration::ZERO,
            store: Store::default(),
            agenda: BTreeMap::new(),
            counts: (0, 0),
            cluster: Cluster::Takes,
            faults: Faults::default(),
            target: Target { listens: Vec::new(), fails_in: Duration::from_millis(1) },
            probes: Vec::new(),
            file,
            answers: BTreeMap::new(),
            services: BTreeMap::new(),
            checks: BTreeMap::new(),
            notes: Vec::new(),
            proposals: 0,
        };
        world.step(Input::Tick);
        world
    }

    /// Lets everything happen until then.
    fn run_to(&mut self, until: Duration) {
        loop {
            let planned = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.edge.next_deadline().map(|at| at.max(self.now));
            let next = planned.into_iter().chain(deadline).min();
            let Some(next) = next.filter(|next| *next <= until) else { break };
            self.now = next;
            let input = match planned {
                Some(at) if at == next => self.agenda.pop_first().unwrap().1,
                _ => Input::Tick,
            };
            self.step(input);
        }
        self.now = until;
    }

    fn run_for(&mut self, span: f64) {
        self.run_to(self.now + secs(span));
    }

    fn later(&mut self, span: Duration, input: Input) {
        self.counts.1 += 1;
        self.agenda.insert((self.now + span, self.counts.1), input);
    }

    fn step(&mut self, input: Input) {
        let effects = self.edge.step(self.now, input);
        let mut read = false;
        for effect in effects {
            match effect {
                Effect::Publish(changes) => self.publish(changes),
                Effect::Probe(request) => self.probe(*request),
                Effect::Propose(ticket, command) => {
                    self.proposals += 1;
                    let is_refused = self.cluster == Cluster::Refuses
                        || self.has_poison(&command)
                        || command_bytes(&command) > LOG_ENTRY_BYTES_MAX;
                    if !is_refused {
                        self.apply(*command);
                    }
                    let taken = match self.cluster {
                        Cluster::Takes if !is_refused => Taken::Yes,
                        _ => Taken::No,
                    };
                    self.later(CLUSTER_TAKES, Input::Proposed(ticket, taken));
                }
                Effect::ReadCatalog => read = true,
                Effect::Follow(follow) => self.follow(*follow),
                Effect::Persist(ticket, save) => {
                    match save {
                        Save::Append(bytes) => self.file.extend(bytes),
                        Save::Replace(bytes) => self.file = bytes,
                    }
                    self.later(CLUSTER_TAKES, Input::Persisted(ticket, Ok(())));
                }
                Effect::Reply(request, result) => {
                    assert!(self.answers.insert(request.0, result).is_none(), "answered twice");
                }
                Effect::Note(note) => self.notes.push((self.now, note)),
            }
        }
        if read {
            let snapshot = Input::Catalog(Box::new(self.snapshot()));
            match self.faults.reads_take.is_zero() {
                true => self.step(snapshot),
                false => self.later(self.faults.reads_take, snapshot),
            }
        }
    }

    fn has_poison(&self, command: &Command) -> bool {
        let Command::Catalog(CatalogCommand::Batch(all)) = command else { return false };
        all.iter().any(|command| match command {
            CatalogCommand::Register(register) => {
                let id = register.service.as_ref().map(|service| service.id.as_str());
                id.is_some_and(|id| self.faults.poison.as_deref() == Some(id))
            }
            _ => false,
        })
    }

    fn publish(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Service(id, Some(row)) => {
                    self.services.insert(id.to_string(), row);
                }
                Change::Service(id, None) => {
                    self.services.remove(id.as_str());
                }
                Change::Check(id, Some(row)) => {
                    self.checks.insert(id.to_string(), row);
                }
                Change::Check(id, None) => {
                    self.checks.remove(id.as_str());
                }
            }
        }
    }

    fn probe(&mut self, request: ProbeRequest) {
        let up = self.target.listens.iter().any(|when| when.contains(&self.now));
        let (status, output, takes) = match up {
            true => (CheckStatus::Passing, "Success", SUCCEEDS_IN),
            false => (CheckStatus::Critical, "connection refused", self.target.fails_in),
        };
        self.probes.push((self.now, request.clone()));
        let result = ProbeResult {
            check: request.check,
            generation: request.generation,
            status,
            output: output.into(),
            waited: Duration::ZERO,
            took: takes,
        };
        self.later(takes, Input::Probed(Box::new(result)));
    }

    /// Reads a node for a check that follows it; looks again a little later, as if woken.
    fn follow(&mut self, follow: Follow) {
        let view = self.view();
        let catalog = view.catalog();
        let found = match self.cluster {
            Cluster::Refuses => Err("no leader".to_owned()),
            _ => Ok(FollowedNode {
                at: SeenIndexes { node: Index(self.store.at().0), checks: Index(1) },
                services: catalog.services_on(&follow.node).map(|row| row.id.clone()).collect(),
                checks: catalog.checks_on(&follow.node).cloned().collect(),
            }),
        };
        let (check, generation) = (follow.check, follow.generation);
        let wait = if follow.after == SeenIndexes::default() { 0.001 } else { 1.0 };
        self.later(secs(wait), Input::Followed(Box::new(Followed { check, generation, found })));
    }

    /// Writes to the catalog as anybody might.
    fn apply(&mut self, command: Command) {
        let at = LogIndex(self.store.at().0 + 1);
        self.store.apply(&Entry { at, stamp: Stamp::default(), command });
    }

    fn meddle(&mut self, command: CatalogCommand) {
        self.apply(Command::Catalog(command));
    }

    fn view(&self) -> View {
        self.store.view()
    }

    fn snapshot(&self) -> CatalogSnapshot {
        let (view, name) = (self.view(), NodeName::from("node1"));
        CatalogSnapshot {
            node: view.catalog().node(&name).cloned(),
            services: view.catalog().services_on(&name).cloned().collect(),
            checks: view.catalog().checks_on(&name).cloned().collect(),
        }
    }

    fn told_service(&self, id: &str) -> Option<Arc<ServiceRow>> {
        self.view().catalog().service(&"node1".into(), &id.into()).cloned()
    }

    fn told_check(&self, id: &str) -> Option<Arc<CheckRow>> {
        self.view().catalog().check(&"node1".into(), &id.into()).cloned()
    }

    fn told_status(&self, id: &str) -> String {
        self.told_check(id).map_or("gone".into(), |row| row.status.as_str().to_owned())
    }

    /// Asks, and waits for the answer.
    fn ask(&mut self, ask: Ask) -> Result<(), EdgeError> {
        self.counts.0 += 1;
        let request = self.counts.0;
        self.step(Input::Ask(RequestId(request), Box::new(ask)));
        for _ in 0..1000 {
            if let Some(answer) = self.answers.get(&request) {
                return answer.clone();
            }
            let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
            self.run_to(next.expect("an answer comes from something under way"));
        }
        panic!("no answer to request {request}");
    }

    fn register(&mut self, body: &str) -> Result<(), EdgeError> {
        self.register_replacing(body, false)
    }

    fn register_replacing(&mut self, body: &str, replace: bool) -> Result<(), EdgeError> {
        let definition: ServiceDefinition = serde_json::from_str(body).unwrap();
        let definition = Box::new(definition);
        self.ask(Ask::RegisterService { definition, replace_existing_checks: replace })
    }

    fn register_check(&mut self, body: &str) -> Result<(), EdgeError> {
        let asked: CheckRegistration = serde_json::from_str(body).unwrap();
        self.ask(Ask::RegisterCheck(Box::new(asked)))
    }

    /// Declares these, as the configuration's files would.
    fn declare(&mut self, services: &[&str], checks: &[&str]) -> Result<(), EdgeError> {
        let services = services.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        let checks = checks.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        self.ask(Ask::Declare(Declared { services, checks }))
    }

    fn facts(&self, id: &str) -> CheckFacts {
        let all = self.edge.facts(self.now, None);
        all.into_iter().find(|own| own.check.as_str() == id).unwrap()
    }

    fn deregister(&mut self, id: &str) -> Result<(), EdgeError> {
        self.ask(Ask::DeregisterService(id.into()))
    }

    fn ttl(&mut self, id: &str, status: &str, output: &str) -> Result<(), EdgeError> {
        let (status, output) = (status.into(), output.to_owned());
        self.ask(Ask::UpdateTtl(TtlUpdate { check: id.into(), status, output }))
    }

    fn maintain(&mut self, service: Option<&str>, enable: bool, reason: &str) {
        let (service, reason) = (service.map(Into::into), reason.to_owned());
        self.ask(Ask::Maintain { service, enable, reason }).unwrap();
    }

    fn status(&self, id: &str) -> (String, String) {
        let check = &self.checks[id];
        (check.status.clone(), check.output.clone())
    }

    fn removed_at(&self) -> Option<Duration> {
        let is_removal = |note: &Note| matches!(note, Note::ServiceRemoved { .. });
        self.notes.iter().find(|(_, note)| is_removal(note)).map(|(at, _)| *at)
    }
}
