//! One agent's brain: its services and checks, when checks run, and what the catalog must hear.
//!
//! [`Edge::step`] takes what has happened and the time, and returns what is to be done. It has no
//! clock, socket, file or thread; the same inputs give the same effects.
//! Invariants: what the catalog holds of this node becomes what is registered here; nothing of
//! others is touched; a result of an older registration is dropped.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod alarms;
mod check;
mod declare;
mod effect;
mod error;
pub mod facts;
mod input;
mod journal;
mod register;
mod service;
pub mod settings;
mod size;
mod state;
mod sync;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use tribune_state::ids::{NodeName, ServiceId};

pub use check::flap::FlapSettings;
pub use check::lanes::ProbesMax;
pub use check::probe::{
    DockerProbe, GrpcProbe, HttpProbe, ProbeRequest, ProbeSpec, TcpProbe, TlsProbe,
};
pub use effect::{Change, Effect, Follow, Note, Save};
pub use error::EdgeError;
pub use facts::{CheckFacts, ProbeTotals};
pub use input::{
    Ask, CatalogSnapshot, Declared, Followed, FollowedNode, Input, ProbeResult, Renewed, RequestId,
    SeenIndexes, Taken, Ticket, TtlUpdate,
};
pub use journal::RestoreError;
pub use service::content_hash::content_hash;
pub use settings::{ProxyPorts, Settings};

/// The wire types in inputs and effects, for those who may not name the api crate.
pub mod wire {
    pub use tribune_api::agent::{
        AgentService, CheckDefinition, CheckRegistration, CheckUpdate, ServiceDefinition,
    };
    pub use tribune_api::health::HealthCheck;
}

use alarms::Alarm;
use check::{alias, expose, follow, run};
use state::State;

/// One agent's brain.
#[derive(Debug)]
pub struct Edge {
    state: State,
    waiting: BTreeMap<RequestId, Waiting>,
}

/// What must come before a request is answered.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// The catalog has been told of everything up to this place, or it has been tried.
    told: Option<sync::Place>,
    /// This much of the journal is on disk.
    saved: u64,
}

impl Edge {
    /// A brain that remembers what `file` holds; no bytes stand for no file.
    ///
    /// # Errors
    /// If the file is damaged elsewhere than in its last line, or of a newer format.
    pub fn new(settings: Settings, file: &[u8]) -> Result<Edge, RestoreError> {
        let kept = journal::read(file)?;
        let mut state = State::new(settings);
        state.journal.remembered = kept.states;
        for service in kept.services.into_values() {
            register::restored_service(&mut state, service);
        }
        for (id, check) in kept.checks {
            register::restored_check(&mut state, id, check);
        }
        state.journal.begin(file);
        sync::compare_soon(&mut state);
        Ok(Edge { state, waiting: BTreeMap::new() })
    }

    /// The node it speaks for.
    pub fn node_name(&self) -> &NodeName {
        &self.state.settings.node.node
    }

    /// When it wants to be woken with [`Input::Tick`] at the latest.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.state.alarms.next()
    }

    /// What is not on disk yet, for when the agent stops.
    pub fn unsaved(&self) -> Option<Save> {
        journal::unsaved(&self.state)
    }

    /// What is known of every check, or of those of one service and of the node.
    pub fn facts(&self, now: Duration, service: Option<&ServiceId>) -> Vec<CheckFacts> {
        facts::of(&self.state, now, service)
    }

    /// What is known of all probes together.
    pub fn probe_totals(&self) -> ProbeTotals {
        facts::totals(&self.state)
    }

    /// Takes in what has happened by `now`, which never goes back, and says what to do.
    pub fn step(&mut self, now: Duration, input: Input) -> Vec<Effect> {
        // What the machine says that it slept is a part of what we notice, if we do.
        let told = if let Input::Slept(span) = &input { *span } else { Duration::ZERO };
        let slept = told.max(run::slept(&self.state, now));
        if !slept.is_zero() {
            run::on_slept(&mut self.state, slept);
        }
        self.state.now = self.state.now.max(now);
        let asked = match input {
            Input::Tick | Input::Slept(_) => None,
            Input::Ask(request, ask) => Some((request, *ask)),
            Input::Probed(result) => {
                run::on_result(&mut self.state, *result);
                None
            }
            Input::Followed(followed) => {
                follow::on_followed(&mut self.state, *followed);
                None
            }
            Input::Proposed(ticket, taken) => {
                self.on_proposed(ticket, taken);
                None
            }
            Input::Catalog(snapshot) => {
                sync::on_catalog(&mut self.state, &snapshot);
                None
            }
            Input::Persisted(ticket, saved) => {
                self.on_persisted(ticket, saved);
                None
            }
        };
        if let Some((request, ask)) = asked {
            self.answer(request, ask);
        }
        while let Some((at, alarm)) = self.state.alarms.pop_due(self.state.now) {
            self.on_alarm(at, alarm);
        }
        expose::settle(&mut self.state);
        run::start_waiting(&mut self.state);
        run::stay_awake(&mut self.state);
        alias::follow(&mut self.state);
        sync::flush(&mut self.state);
        journal::flush(&mut self.state);
        self.take_effects()
    }

    /// Does what is asked; answers at once, or when the catalog and the disk know.
    fn answer(&mut self, request: RequestId, ask: Ask) {
        let state = &mut self.state;
        let (touches, put) = (state.sync.touches(), state.journal.put);
        let result = match ask {
            Ask::RegisterService { definition, replace_existing_checks } => {
                register::service(state, *definition, replace_existing_checks)
            }
            Ask::Declare(declared) => declare::declare(state, declared),
            Ask::DeregisterService(id) => register::remove_service(state, &id),
            Ask::RegisterCheck(asked) => register::check(state, *asked),
            Ask::DeregisterCheck(id) => register::remove_check(state, &id),
            Ask::UpdateTtl(update) => run::on_ttl_update(state, update),
            Ask::Maintain { service, enable, reason } => {
                register::maintain(state, service, enable, reason)
            }
            Ask::SyncNow => {
                sync::compare_soon(state);
                Ok(())
            }
            Ask::Renew(renewed) => {
                state.settings.discard_check_output = renewed.discard_check_output;
                sync::renew_node(state, renewed.node_meta);
                Ok(())
            }
        };
        if result.is_err() {
            state.effects.push(Effect::Reply(request, result));
            return;
        }
        let mut waiting = Waiting { told: None, saved: 0 };
        if state.sync.touches() != touches {
            // Who asks wants to read it back: try, even if the last write failed.
            sync::release(state);
            waiting.told = state.sync.last_queued();
        }
        let must_save = state.journal.put != put;
        #[cfg(feature = "planted-bugs")]
        let must_save = must_save && state.settings.bug != Some(settings::Bug::HastyAnswer);
        if must_save {
            waiting.saved = state.journal.put;
        }
        self.waiting.insert(request, waiting);
    }

    fn on_alarm(&mut self, at: Duration, alarm: Alarm) {
        let state = &mut self.state;
        match alarm {
            Alarm::Run(check) => run::on_due(state, &check, at),
            Alarm::Ttl(check) => run::on_ttl_expired(state, &check),
            Alarm::Remove(check) => run::on_removal_due(state, &check),
            Alarm::Output(check) => state.check_changed(&check),
            Alarm::Reuse(check) => run::on_reuse(state, &check),
            Alarm::Follow(check) => follow::on_due(state, &check),
            Alarm::Awake => {}
            Alarm::FullSync => sync::on_full_sync(state),
            Alarm::Persist => journal::save(state),
        }
    }

    fn on_proposed(&mut self, ticket: Ticket, taken: Taken) {
        sync::on_proposed(&mut self.state, ticket, taken);
        if taken == Taken::No {
            // It has been tried; whoever waits is not kept until it succeeds.
            for waiting in self.waiting.values_mut() {
                waiting.told = None;
            }
        }
    }

    fn on_persisted(&mut self, ticket: Ticket, saved: Result<(), String>) {
        journal::on_persisted(&mut self.state, ticket, saved.is_ok());
        let Err(why) = saved else { return };
        let failed: Vec<RequestId> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.saved > self.state.journal.saved)
            .map(|(request, _)| *request)
            .collect();
        for request in failed {
            self.waiting.remove(&request);
            let error = EdgeError::Refused(format!("registered, but not kept on disk: {why}"));
            self.state.effects.push(Effect::Reply(request, Err(error)));
        }
    }

    /// The effects of this step: readers first, then what is to be done, then the answers.
    fn take_effects(&mut self) -> Vec<Effect> {
        let state = &mut self.state;
        let mut effects = Vec::new();
        let changes = std::mem::take(&mut state.changes);
        if !changes.is_empty() {
            effects.push(Effect::Publish(changes));
        }
        effects.append(&mut state.effects);
        let (open, saved) = (state.sync.first_open(), state.journal.saved);
        self.waiting.retain(|request, waiting| {
            let is_told = waiting.told.is_none_or(|place| open.is_none_or(|open| open > place));
            let is_done = is_told && waiting.saved <= saved;
            if is_done {
                effects.push(Effect::Reply(*request, Ok(())));
            }
            !is_done
        });
        effects
    }
}
