//! What the configuration's files declare: taken whole or not at all, and whatever they declared
//! before and do not any more is dropped. Registrations by requests stay as they are.
//! Invariant: an error leaves everything as it was.

use std::collections::{BTreeMap, BTreeSet};

use tribune_state::ids::{CheckId, ServiceId};

use crate::error::EdgeError;
use crate::input::Declared;
use crate::register::{self, Origin, ReadyCheck, ReadyService};
use crate::state::State;

/// Makes what is declared exactly this.
///
/// # Errors
/// At the first definition that is refused, with its name.
pub(crate) fn declare(state: &mut State, declared: Declared) -> Result<(), EdgeError> {
    let services = ready_services(state, &declared)?;
    let checks = ready_checks(state, &declared, &services)?;
    let kept_services: BTreeSet<ServiceId> = services.keys().cloned().collect();
    let of_services = services.values().flat_map(|ready| ready.checks.iter());
    let kept_checks: BTreeSet<CheckId> =
        of_services.chain(&checks).map(|ready| ready.id.clone()).collect();
    drop_others(state, &kept_services, &kept_checks);
    for ready in services.into_values() {
        register::put_ready(state, ready, false, Origin::File);
    }
    for ready in checks {
        register::put_check(state, ready, Origin::File);
    }
    Ok(())
}

fn ready_services(
    state: &State,
    declared: &Declared,
) -> Result<BTreeMap<ServiceId, ReadyService>, EdgeError> {
    let mut all: BTreeMap<ServiceId, ReadyService> = BTreeMap::new();
    let mut ports_taken = BTreeSet::new();
    for definition in &declared.services {
        let refused = |error| refused("service", &definition.name, error);
        let ready = register::ready_service(state, definition.clone(), Origin::File, &ports_taken)
            .map_err(refused)?;
        for one in ready {
            ports_taken.insert(one.service.shown.port);
            let id = one.service.row.id.clone();
            if all.insert(id.clone(), one).is_some() {
                let text = format!("service ID \"{id}\" is declared twice");
                return Err(refused(EdgeError::Invalid(text)));
            }
        }
    }
    Ok(all)
}

fn ready_checks(
    state: &State,
    declared: &Declared,
    services: &BTreeMap<ServiceId, ReadyService>,
) -> Result<Vec<ReadyCheck>, EdgeError> {
    let of_services = services.values().flat_map(|ready| ready.checks.iter());
    let mut ids: BTreeSet<CheckId> = of_services.map(|ready| ready.id.clone()).collect();
    let mut all = Vec::new();
    for asked in &declared.checks {
        let refused = |error| refused("check", &asked.name, error);
        let of = ServiceId::from(asked.service_id.as_str());
        let here = services.get(&of).map(|ready| &ready.service);
        // A service that the files no longer declare is about to go.
        let registered = here.or(state.services.get(&of).filter(|own| !own.is_declared));
        let ready = register::ready_check(state, asked.clone(), registered, Origin::File)
            .map_err(refused)?;
        if !ids.insert(ready.id.clone()) {
            let text = format!("check ID \"{}\" is declared twice", ready.id);
            return Err(refused(EdgeError::Invalid(text)));
        }
        all.push(ready);
    }
    Ok(all)
}

/// Drops what was declared and is not any more.
fn drop_others(state: &mut State, services: &BTreeSet<ServiceId>, checks: &BTreeSet<CheckId>) {
    let declared = state.services.iter().filter(|(_, own)| own.is_declared);
    let gone: Vec<ServiceId> =
        declared.map(|(id, _)| id.clone()).filter(|id| !services.contains(id)).collect();
    for id in gone {
        // A sidecar goes with its service, so that it may be gone already.
        let _ = register::remove_service(state, &id);
    }
    let declared = state.checks.iter().filter(|(_, own)| own.is_declared);
    let gone: Vec<CheckId> =
        declared.map(|(id, _)| id.clone()).filter(|id| !checks.contains(id)).collect();
    for id in gone {
        register::drop_check(state, &id);
    }
}

fn refused(what: &str, name: &str, error: EdgeError) -> EdgeError {
    let text = format!("{what} {name:?} of the configuration is refused: {error}");
    match error {
        EdgeError::Invalid(_) => EdgeError::Invalid(text),
        EdgeError::NotFound(_) => EdgeError::NotFound(text),
        EdgeError::Refused(_) | EdgeError::Stopping => EdgeError::Refused(text),
    }
}
