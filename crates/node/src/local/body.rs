//! The task that owns the brain: it waits for what comes first, steps, and does the effects.
//! It takes no decision and keeps no state that a restart would miss.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use tribune_edge::{
    CatalogSnapshot, Edge, EdgeError, Effect, Input, Note, ProbeRequest, ProbeResult, RequestId,
    Save, Taken, Ticket,
};
use tribune_state::catalog::CheckStatus;
use tribune_state::{Command, Outcome, Source};

use super::follow::Looks;
use super::{Probed, Prober, Request, Shown, file};
use crate::cluster::{Cluster, Write};

/// What the brain acts on.
pub(super) struct Outside {
    pub cluster: Arc<dyn Cluster>,
    pub prober: Arc<dyn Prober>,
    pub file: Option<PathBuf>,
    pub shown: Arc<RwLock<Shown>>,
    pub changes: watch::Sender<u64>,
}

struct Body {
    edge: Edge,
    outside: Outside,
    began: Instant,
    /// Probes and writes under way, each of which ends with an input.
    running: JoinSet<Input>,
    /// At other nodes, for checks that follow them.
    looks: Looks,
    answers: BTreeMap<RequestId, oneshot::Sender<Result<(), EdgeError>>>,
    requests: u64,
}

/// A probe that overran its own limit by this much is given up.
const PROBE_GRACE: Duration = Duration::from_secs(2);

pub(super) fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(super) async fn run(
    edge: Edge,
    outside: Outside,
    mut inbox: mpsc::Receiver<Request>,
    shutdown: CancellationToken,
) {
    let mut body = Body {
        edge,
        outside,
        began: Instant::now(),
        running: JoinSet::new(),
        looks: Looks::default(),
        answers: BTreeMap::new(),
        requests: 0,
    };
    body.step(Input::Tick);
    loop {
        let deadline = body.edge.next_deadline().map(|at| body.began + at);
        let far = body.began + Duration::from_secs(u64::from(u32::MAX));
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = tokio::time::sleep_until(deadline.unwrap_or(far)), if deadline.is_some() => {
                body.step(Input::Tick);
            }
            Some(done) = body.running.join_next(), if !body.running.is_empty() => match done {
                Ok(input) => body.step(input),
                Err(error) => warn!(%error, "a task of the agent ended early"),
            },
            followed = body.looks.next(), if !body.looks.is_empty() => {
                followed.into_iter().for_each(|input| body.step(input));
            }
            request = inbox.recv() => match request {
                Some(request) => body.accept(request),
                None => break,
            },
        }
    }
    body.finish().await;
}

impl Body {
    fn accept(&mut self, request: Request) {
        // Whoever asked may have gone; that is no fault.
        match request {
            Request::Change(ask, answer) => {
                self.requests += 1;
                let id = RequestId(self.requests);
                self.answers.insert(id, answer);
                self.step(Input::Ask(id, Box::new(ask)));
            }
            Request::Facts(service, answer) => {
                let service = service.as_deref().map(Into::into);
                let _ = answer.send(self.edge.facts(self.began.elapsed(), service.as_ref()));
            }
            Request::Totals(answer) => {
                let _ = answer.send(self.edge.probe_totals());
            }
        }
    }

    /// Steps, and steps again for what an effect answers at once.
    fn step(&mut self, input: Input) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            for effect in self.edge.step(self.began.elapsed(), input) {
                if let Some(answer) = self.perform(effect) {
                    next = Some(answer);
                }
            }
        }
    }

    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Publish(changes) => {
                let mut shown = self.outside.shown.write().unwrap_or_else(PoisonError::into_inner);
                shown.apply(changes);
                drop(shown);
                self.outside.changes.send_modify(|count| *count += 1);
            }
            Effect::Probe(request) => self.probe(*request),
            Effect::Follow(follow) => self.looks.begin(&self.outside.cluster, *follow),
            Effect::Propose(ticket, command) => self.propose(ticket, *command),
            Effect::ReadCatalog => return Some(Input::Catalog(Box::new(self.snapshot()))),
            Effect::Persist(ticket, save) => self.persist(ticket, save),
            Effect::Reply(request, result) => {
                if let Some(answer) = self.answers.remove(&request) {
                    // Whoever asked may have gone; that is no fault.
                    let _ = answer.send(result);
                }
            }
            Effect::Note(note) => say(note),
        }
        None
    }

    fn probe(&mut self, request: ProbeRequest) {
        let limit = request.timeout + PROBE_GRACE;
        let (check, generation) = (request.check.clone(), request.generation);
        let asked = Instant::now();
        let work = self.outside.prober.probe(request);
        self.running.spawn(async move {
            let began = Instant::now();
            let found = tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Probed {
                status: CheckStatus::Critical,
                output: "probe did not end in its time".to_owned(),
            });
            Input::Probed(Box::new(ProbeResult {
                check,
                generation,
                status: found.status,
                output: found.output,
                waited: began.saturating_duration_since(asked),
                took: began.elapsed(),
            }))
        });
    }

    fn propose(&mut self, ticket: Ticket, command: Command) {
        let cluster = self.outside.cluster.clone();
        self.running.spawn(async move {
            let write = Write { source: Source::Agent, ..Write::default() };
            let taken = match cluster.propose(command, write).await {
                Ok(Outcome::Refused(refusal)) => {
                    warn!(%refusal, "catalog refused what is registered here");
                    Taken::No
                }
                Ok(_) => Taken::Yes,
                Err(error) => {
                    debug!(%error, "catalog not reached");
                    Taken::No
                }
            };
            Input::Proposed(ticket, taken)
        });
    }

    fn persist(&mut self, ticket: Ticket, save: Save) {
        let Some(path) = self.outside.file.clone() else { return };
        self.running.spawn_blocking(move || {
            let saved = file::save(&path, &save).map_err(|error| error.to_string());
            Input::Persisted(ticket, saved)
        });
    }

    fn snapshot(&self) -> CatalogSnapshot {
        let view = self.outside.cluster.view();
        let name = self.edge.node_name();
        CatalogSnapshot {
            node: view.catalog().node(name).cloned(),
            services: view.catalog().services_on(name).cloned().collect(),
            checks: view.catalog().checks_on(name).cloned().collect(),
        }
    }

    /// Keeps what was not yet on disk. Writes to the catalog are given up: the next start
    /// compares with it anyway.
    async fn finish(mut self) {
        // A save that has begun cannot be stopped: what it wrote must come before what follows.
        self.running.abort_all();
        while let Some(ended) = self.running.join_next().await {
            if let Ok(input @ Input::Persisted(..)) = ended {
                self.edge.step(self.began.elapsed(), input);
            }
        }
        let Some(path) = self.outside.file.take() else { return };
        let Some(save) = self.edge.unsaved() else { return };
        if let Err(error) = file::save(&path, &save) {
            warn!(%error, ?path, "registrations not saved");
        }
    }
}

fn say(note: Note) {
    match note {
        Note::CheckChanged { check, from, to } => info!(%check, %from, %to, "check changed"),
        Note::Held { check, points } => {
            info!(%check, points, "check changes too often: held at its worse state");
        }
        Note::LetGo { check } => info!(%check, "check has been quiet: no longer held"),
        Note::IntervalRaised { check, asked, every } => {
            warn!(%check, ?asked, ?every, "the interval is shorter than there is: raised");
        }
        Note::NotExposed { check } => {
            warn!(%check, "no port is left to expose this check at: it is tried at its own");
        }
        Note::NotRestored { check, why } => {
            warn!(%check, why, "check of an earlier life is forgotten");
        }
        Note::ServiceRemoved { service, check } => {
            info!(%service, %check, "service removed: its check stayed critical");
        }
        Note::NotOurs { id } => info!(%id, "removed from the catalog: not registered here"),
        Note::SyncFailed { waiting } => warn!(waiting, "catalog not told; will be repeated"),
    }
}
