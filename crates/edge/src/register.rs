//! Registration and deregistration: of services, their checks and sidecars, and of maintenance.
//! It validates everything before it changes anything.
//! Source: consul-surface A.2, D.2, D.3; transcripts agent/*.

use std::collections::BTreeSet;
use std::sync::Arc;

use tribune_api::agent::{CheckDefinition, CheckRegistration, ServiceDefinition};
use tribune_api::health::HealthCheck;
use tribune_api::messages;
use tribune_state::catalog::CheckStatus;
use tribune_state::ids::{CheckId, ServiceId};

use crate::alarms::Alarm;
use crate::check::flap::Flap;
use crate::check::history::{History, Turn};
use crate::check::plan::{self, Allowed, Place, Plan, Run};
use crate::check::thresholds::Thresholds;
use crate::check::{Check, KeptCheck, Stage, run};
use crate::effect::{Effect, Note};
use crate::error::EdgeError;
use crate::journal::{KeptState, Line};
use crate::service::{KeptService, Service, sidecar, validate};
use crate::size;
use crate::state::State;

/// Where a definition comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A request: it is kept on disk.
    Request,
    /// A configuration file, which is read anew at each start.
    File,
    /// The disk: it is there already.
    Disk,
}

/// A check with its plan, ready to be put in place.
pub(crate) struct ReadyCheck {
    pub id: CheckId,
    pub kept: KeptCheck,
    plan: Plan,
    initial: Option<CheckStatus>,
}

/// A service with its checks, ready to be put in place.
pub(crate) struct ReadyService {
    pub service: Service,
    pub checks: Vec<ReadyCheck>,
}

/// Registers a service, its sidecar, and the checks of both.
pub(crate) fn service(
    state: &mut State,
    asked: ServiceDefinition,
    replace_existing_checks: bool,
) -> Result<(), EdgeError> {
    let ready = ready_service(state, asked, Origin::Request, &BTreeSet::new())?;
    for service in ready {
        put_ready(state, service, replace_existing_checks, Origin::Request);
    }
    Ok(())
}

/// Looks at a definition and changes nothing: its service, and its sidecar if it asks for one,
/// whose port is none of `ports_taken`.
pub(crate) fn ready_service(
    state: &State,
    asked: ServiceDefinition,
    origin: Origin,
    ports_taken: &BTreeSet<i64>,
) -> Result<Vec<ReadyService>, EdgeError> {
    validate::service(&asked)?;
    let mut ready = Vec::new();
    for (kept, checks) in sidecar::expand(state, asked, ports_taken)? {
        let mut service = Service::new(kept, &state.settings);
        service.is_declared = origin == Origin::File;
        size::refuse_service(&service.row, checks.len())?;
        let checks = ready_checks(state, &service, checks, origin)?;
        ready.push(ReadyService { service, checks });
    }
    Ok(ready)
}

/// Puts a service and its checks in place.
pub(crate) fn put_ready(
    state: &mut State,
    ready: ReadyService,
    replace_existing_checks: bool,
    origin: Origin,
) {
    let of = ready.service.row.id.clone();
    put_service(state, ready.service, origin);
    let ids: BTreeSet<CheckId> = ready.checks.iter().map(|check| check.id.clone()).collect();
    for check in ready.checks {
        put_check(state, check, origin);
    }
    if replace_existing_checks {
        drop_others(state, &of, &ids);
    }
}

/// The checks of a definition with their ids, names and plans.
fn ready_checks(
    state: &State,
    service: &Service,
    checks: Vec<CheckDefinition>,
    origin: Origin,
) -> Result<Vec<ReadyCheck>, EdgeError> {
    let target = service.target(&state.settings);
    let (id, count) = (service.shown.id.as_str(), checks.len());
    let ready = checks.into_iter().enumerate().map(|(at, mut asked)| {
        if asked.check_id.is_empty() {
            asked.check_id = match (asked.id.as_str(), count) {
                ("", 1) => format!("service:{id}"),
                ("", _) => format!("service:{id}:{}", at + 1),
                (own, _) => own.to_owned(),
            };
        }
        asked.id.clear();
        if asked.name.is_empty() {
            asked.name = messages::service_check_name(&service.shown.service);
        }
        let initial = initial_status(&asked)?;
        let place = Place { target: target.as_deref(), within_service: true };
        let plan = plan_in(state, &asked, place, origin)?;
        size::refuse_check(&asked.check_id, &asked.name, &asked.notes)?;
        Ok(ReadyCheck {
            id: asked.check_id.as_str().into(),
            kept: KeptCheck {
                definition: asked,
                service: id.into(),
                within_service: true,
                maintenance: false,
            },
            plan,
            initial,
        })
    });
    ready.collect()
}

fn plan_in(
    state: &State,
    asked: &CheckDefinition,
    place: Place<'_>,
    origin: Origin,
) -> Result<Plan, EdgeError> {
    let settings = &state.settings;
    let is_file = origin == Origin::File;
    // The text of the API names the one key that would do for it; for files there are two.
    let scripts_refused = match settings.scripts_by_api || (is_file && settings.scripts_by_file) {
        true => None,
        false if is_file => Some(messages::SCRIPTS_OF_FILES_DISABLED),
        false => Some(messages::SCRIPTS_DISABLED),
    };
    let allowed = Allowed { scripts_refused, output_bytes_max: settings.check_output_bytes_max };
    plan::plan(asked, place, allowed).map_err(|error| match error {
        EdgeError::Invalid(why) => EdgeError::Invalid(messages::invalid_check(&why)),
        other => other,
    })
}

fn initial_status(asked: &CheckDefinition) -> Result<Option<CheckStatus>, EdgeError> {
    match CheckStatus::from(asked.status.as_str()) {
        CheckStatus::Other(text) if text.is_empty() => Ok(None),
        CheckStatus::Other(_) => Err(EdgeError::Invalid(messages::BAD_CHECK_STATUS.to_owned())),
        status => Ok(Some(status)),
    }
}

fn put_service(state: &mut State, service: Service, origin: Origin) {
    let id = service.row.id.clone();
    match origin {
        Origin::Request => state.journal.put(&Line::Service(Box::new(service.kept.clone()))),
        // The file's definition wins over one of a request, for good.
        Origin::File if state.services.get(&id).is_some_and(|old| !old.is_declared) => {
            state.journal.put(&Line::ServiceGone(id.clone()));
        }
        Origin::File | Origin::Disk => {}
    }
    let target = service.target(&state.settings);
    state.services.insert(id.clone(), service);
    state.service_changed(&id);
    for check in state.checks_of(&id) {
        refresh(state, &check, target.as_deref());
    }
}

/// Shows a check with its service as that is now, and sends it to where the service is now.
fn refresh(state: &mut State, id: &CheckId, target: Option<&str>) {
    let Some(check) = state.checks.get_mut(id) else { return };
    let moved = match (&mut check.plan.run, target) {
        (Run::Probe(probe), Some(target)) if probe.eager => probe.go_to(target),
        _ => false,
    };
    let service = state.services.get(&check.kept.service);
    if check.show(service, &state.settings) {
        state.check_changed(id);
    }
    if moved {
        begin_elsewhere(state, id);
    }
}

/// A check looks at another place from now on: what a probe under way finds says nothing of it.
pub(crate) fn begin_elsewhere(state: &mut State, id: &CheckId) {
    state.generations += 1;
    if let Some(check) = state.checks.get_mut(id) {
        check.generation = state.generations;
        check.streak = check.plan.thresholds.begin();
        check.history.turn = Turn::Idle;
    }
    run::begin(state, id);
}

/// The catalog's tags have become a service's: its checks show them.
pub(crate) fn tags_taken(state: &mut State, id: &ServiceId) {
    let Some(service) = state.services.get(id) else { return };
    let line = Line::Service(Box::new(service.kept.clone()));
    let shown = service.shown.clone();
    if !service.is_declared {
        state.journal.put(&line);
    }
    state.changes.push(crate::effect::Change::Service(id.clone(), Some(shown)));
    for check in state.checks_of(id) {
        refresh(state, &check, None);
    }
}

pub(crate) fn put_check(state: &mut State, ready: ReadyCheck, origin: Origin) {
    let ReadyCheck { id, kept, plan, initial } = ready;
    match origin {
        Origin::Request => state.journal.put(&Line::Check(id.clone(), Box::new(kept.clone()))),
        Origin::File if state.checks.get(&id).is_some_and(|old| !old.is_declared) => {
            state.journal.put(&Line::CheckGone(id.clone()));
        }
        Origin::File | Origin::Disk => {}
    }
    let remembered = state.journal.remembered.remove(&id);
    let old = state.checks.get(&id);
    let is_same = old
        .is_some_and(|old| old.plan == plan && old.kept.service == kept.service && !old.is_eager());
    if is_same {
        // Clients that register again every few seconds must not put off the next run.
        if let Some(check) = state.checks.get_mut(&id) {
            check.kept = kept;
            check.is_declared = origin == Origin::File;
        }
        run::renew(state, &id);
    } else {
        note_interval(&mut state.effects, &id, &plan, &kept.definition);
        let past = old.map(|old| (old.status.clone(), old.output.clone()));
        let past = past.or(remembered.as_ref().map(|own| (own.status.clone(), own.output.clone())));
        let (status, output) =
            past.unwrap_or((initial.unwrap_or(CheckStatus::Critical), String::new()));
        state.generations += 1;
        state.remove_check(&id);
        let check = Check {
            id: id.clone(),
            streak: plan.thresholds.begin(),
            kept,
            plan,
            generation: state.generations,
            judged: status.clone(),
            status,
            output,
            stage: Stage::Steady,
            history: History::default(),
            flap: Flap::default(),
            is_last_chance: false,
            is_declared: origin == Origin::File,
            listener: None,
            shown: Arc::new(HealthCheck::default()),
        };
        state.insert_check(check);
        run::begin(state, &id);
    }
    resume_ttl(state, &id, remembered);
    if let Some(check) = state.checks.get_mut(&id) {
        let service = state.services.get(&check.kept.service);
        check.show(service, &state.settings);
    }
    if origin != Origin::Disk {
        state.journal.put_state(&id);
    }
    state.check_changed(&id);
}

/// Says so if a check cannot run as often as it asks.
fn note_interval(
    effects: &mut Vec<Effect>,
    id: &CheckId,
    plan: &Plan,
    definition: &CheckDefinition,
) {
    let Run::Probe(probe) = &plan.run else { return };
    let (asked, every) = (definition.interval.to_std(), probe.every);
    if asked < every {
        effects.push(Effect::Note(Note::IntervalRaised { check: id.clone(), asked, every }));
    }
}

/// A TTL check that was restored keeps what is left of its time; past it, it has expired.
fn resume_ttl(state: &mut State, id: &CheckId, remembered: Option<KeptState>) {
    let Some(until) = remembered.and_then(|own| own.until_wall_ms) else { return };
    let alarm = Alarm::Ttl(id.clone());
    if state.alarms.time(&alarm).is_some() {
        let at = until.saturating_sub(state.settings.wall_ms_at_zero);
        let at = std::time::Duration::from_millis(at).max(state.now);
        let latest = state.alarms.time(&alarm).unwrap_or(at);
        state.alarms.set(alarm, at.min(latest));
    }
}

fn drop_others(state: &mut State, service: &ServiceId, ids: &BTreeSet<CheckId>) {
    for id in state.checks_of(service) {
        let held = state.checks.get(&id).is_some_and(|check| check.kept.maintenance);
        if !ids.contains(&id) && !held {
            drop_check(state, &id);
        }
    }
}

pub(crate) fn drop_check(state: &mut State, id: &CheckId) {
    if state.remove_check(id).is_some() {
        state.journal.put(&Line::CheckGone(id.clone()));
        state.check_changed(id);
    }
}

/// Registers a check of a service or of the node.
pub(crate) fn check(state: &mut State, asked: CheckRegistration) -> Result<(), EdgeError> {
    let of = state.services.get(asked.service_id.as_str());
    let ready = ready_check(state, asked, of, Origin::Request)?;
    put_check(state, ready, Origin::Request);
    Ok(())
}

/// Looks at a check of `registered`, which is its service if there is one, and changes nothing.
pub(crate) fn ready_check(
    state: &State,
    asked: CheckRegistration,
    registered: Option<&Service>,
    origin: Origin,
) -> Result<ReadyCheck, EdgeError> {
    if asked.name.is_empty() {
        return Err(EdgeError::Invalid(messages::MISSING_CHECK_NAME.to_owned()));
    }
    let service: ServiceId = asked.service_id.as_str().into();
    let mut definition = asked.into_definition();
    if definition.check_id.is_empty() {
        definition.check_id.clone_from(&definition.name);
    }
    let initial = initial_status(&definition)?;
    let target = registered.and_then(|own| own.target(&state.settings));
    let place = Place { target: target.as_deref(), within_service: false };
    let plan = plan_in(state, &definition, place, origin)?;
    if !service.is_empty() && registered.is_none() {
        let text = messages::check_service_unknown(service.as_str());
        return Err(EdgeError::NotFound(text));
    }
    size::refuse_check(&definition.check_id, &definition.name, &definition.notes)?;
    let id = definition.check_id.as_str().into();
    let kept = KeptCheck { definition, service, within_service: false, maintenance: false };
    Ok(ReadyCheck { id, kept, plan, initial })
}

/// Puts back a service that was read from the disk.
pub(crate) fn restored_service(state: &mut State, kept: KeptService) {
    let service = Service::new(kept, &state.settings);
    put_service(state, service, Origin::Disk);
}

/// Puts back what was read from the disk. What this version cannot run any more is left out.
pub(crate) fn restored_check(state: &mut State, id: CheckId, kept: KeptCheck) {
    let service = state.services.get(&kept.service);
    if service.is_none() && !kept.service.is_empty() {
        // A power cut between the lines of a removal: its state goes as well, or a later check
        // of this id would begin with it.
        state.journal.remembered.remove(&id);
        return;
    }
    let target = service.and_then(|own| own.target(&state.settings));
    let place = Place { target: target.as_deref(), within_service: kept.within_service };
    let plan = match kept.maintenance {
        true => Ok(maintenance_plan(&kept.definition)),
        false => plan_in(state, &kept.definition, place, Origin::Disk),
    };
    let ready = plan.and_then(|plan| Ok((plan, initial_status(&kept.definition)?)));
    match ready {
        Ok((plan, initial)) => {
            put_check(state, ReadyCheck { id, kept, plan, initial }, Origin::Disk);
        }
        Err(error) => {
            let note = Note::NotRestored { check: id, why: error.to_string() };
            state.effects.push(Effect::Note(note));
        }
    }
}

/// Deregisters a service, its checks and its sidecar.
pub(crate) fn remove_service(state: &mut State, id: &ServiceId) -> Result<(), EdgeError> {
    if state.services.remove(id).is_none() {
        return Err(EdgeError::NotFound(messages::unknown_service_id(id.as_str())));
    }
    state.journal.put(&Line::ServiceGone(id.clone()));
    state.service_changed(id);
    for check in state.checks_of(id) {
        drop_check(state, &check);
    }
    let sidecar = sidecar::id_of(id);
    let is_ours = |own: &Service| own.kept.sidecar_of.as_ref() == Some(id);
    if state.services.get(&sidecar).is_some_and(is_ours) {
        remove_service(state, &sidecar)?;
    }
    Ok(())
}

/// Deregisters a check.
pub(crate) fn remove_check(state: &mut State, id: &CheckId) -> Result<(), EdgeError> {
    if !state.checks.contains_key(id) {
        return Err(EdgeError::NotFound(messages::unknown_check_id(id.as_str())));
    }
    drop_check(state, id);
    Ok(())
}

/// Puts a service, or with none the node, into maintenance or takes it out.
pub(crate) fn maintain(
    state: &mut State,
    service: Option<ServiceId>,
    enable: bool,
    reason: String,
) -> Result<(), EdgeError> {
    if service.as_ref().is_some_and(ServiceId::is_empty) {
        return Err(EdgeError::Invalid(messages::MISSING_SERVICE_ID.to_owned()));
    }
    if let Some(unknown) = service.as_ref().filter(|id| !state.services.contains_key(*id)) {
        return Err(EdgeError::NotFound(messages::unknown_service_id(unknown.as_str())));
    }
    let (id, name, default_reason) = match &service {
        Some(service) => (
            format!("{}{service}", messages::SERVICE_MAINTENANCE_CHECK),
            messages::SERVICE_MAINTENANCE_NAME,
            messages::SERVICE_MAINTENANCE_REASON,
        ),
        None => (
            messages::NODE_MAINTENANCE_CHECK.to_owned(),
            messages::NODE_MAINTENANCE_NAME,
            messages::NODE_MAINTENANCE_REASON,
        ),
    };
    let check: CheckId = id.as_str().into();
    if !enable {
        drop_check(state, &check);
        return Ok(());
    }
    // Whoever was first gave the reason. Source: transcripts/agent/maintenance.txt.
    if state.checks.contains_key(&check) {
        return Ok(());
    }
    let definition = CheckDefinition {
        check_id: id,
        name: name.to_owned(),
        notes: if reason.is_empty() { default_reason.to_owned() } else { reason },
        ..CheckDefinition::default()
    };
    size::refuse_check(&definition.check_id, &definition.name, &definition.notes)?;
    let plan = maintenance_plan(&definition);
    let kept = KeptCheck {
        definition,
        service: service.unwrap_or_default(),
        within_service: false,
        maintenance: true,
    };
    put_check(state, ReadyCheck { id: check, kept, plan, initial: None }, Origin::Request);
    Ok(())
}

fn maintenance_plan(definition: &CheckDefinition) -> Plan {
    Plan {
        name: definition.name.clone(),
        notes: definition.notes.clone(),
        kind: "maintenance",
        run: Run::Fixed,
        interval: String::new(),
        timeout: String::new(),
        thresholds: Thresholds::default(),
        output_bytes_max: 0,
        remove_after: None,
    }
}
