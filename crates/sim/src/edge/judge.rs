//! What the agent shows after each step, held against the naive agent. The rules themselves are
//! in `invariants`; here is only what is asked of which.

use super::agent::{self, Probing};
use super::invariants::{Verdict, Violation, critical_time, removal_time, result};
use super::model::{self, Expected, Found, Item, Moment, shows_check, shows_service};
use super::wish::{Kind, Wish};
use super::world::World;
use std::collections::{BTreeMap, BTreeSet};
use tribune_edge::{Change, Effect, Input, Note};
use tribune_state::catalog::CheckStatus;

/// What an input was to the naive agent.
#[derive(Debug, Default)]
pub struct Taken {
    /// The check whose result counted and was a failure.
    failed: Option<String>,
}

/// The naive agent takes the input in first.
pub fn takes(world: &mut World, input: &Input, probing: Option<&Probing>, now: Moment) -> Taken {
    world.model.touched.clear();
    let mut taken = Taken::default();
    match (input, probing) {
        (Input::Ask(request, _), _) => {
            let Some(op) = world.clients.op_mut(*request) else { return taken };
            let expected = world.model.wished(&op.wish, now);
            op.arrived = Some(super::client::Arrived {
                seq: world.model.seq,
                expected,
                wrote: expected == Expected::Done
                    && !matches!(op.wish, Wish::Declare(_))
                    && world.model.wrote(),
                items: world.model.touched.clone(),
            });
            match &op.wish {
                Wish::Register { service, .. } => world.rules.zombie.registers(&service.id),
                Wish::Declare(services) => {
                    services.iter().for_each(|own| world.rules.zombie.registers(&own.id));
                }
                _ => {}
            }
        }
        (Input::Probed(result), Some(probing)) => {
            let found = Found {
                check: result.check.as_str(),
                incarnation: probing.incarnation,
                began: probing.began,
                status: &result.status,
                output: &result.output,
            };
            let counts = model::found(&mut world.model, &found, now);
            let failed = !matches!(result.status, CheckStatus::Passing | CheckStatus::Warning);
            if counts && failed {
                taken.failed = Some(result.check.to_string());
            }
            if counts {
                world.tally.done("result: of a probe");
            } else {
                world.tally.count("results of older registrations", 1);
            }
        }
        _ => {}
    }
    taken
}

/// What is shown has changed: all of it must be what the naive agent has, or what only time can
/// have done. Returns the other effects.
///
/// # Errors
/// The rule that does not hold.
pub fn shows(
    world: &mut World,
    effects: Vec<Effect>,
    taken: &Taken,
    now: Moment,
) -> Result<Vec<Effect>, Violation> {
    let mut changed = BTreeSet::new();
    let mut removed = BTreeMap::new();
    let mut rest = Vec::new();
    for effect in effects {
        match effect {
            Effect::Publish(changes) => {
                changes.into_iter().for_each(|change| show(world, change, &mut changed));
            }
            Effect::Note(Note::ServiceRemoved { service, check }) => {
                removed.insert(service.to_string(), check.to_string());
            }
            other => rest.push(other),
        }
    }
    agent::came_back(world, now)?;
    for item in &changed {
        if let Item::Service(id) = item {
            service(world, id, removed.get(id), taken, now)?;
        }
    }
    for item in &changed {
        if let Item::Check(id) = item {
            check(world, id, now)?;
        }
    }
    Ok(rest)
}

fn show(world: &mut World, change: Change, changed: &mut BTreeSet<Item>) {
    let now = world.queue.now();
    let Some(agent) = &mut world.agent else { return };
    match change {
        Change::Service(id, row) => {
            match row {
                Some(row) => agent.services.insert(id.to_string(), row),
                None => agent.services.remove(id.as_str()),
            };
            changed.insert(Item::Service(id.to_string()));
        }
        Change::Check(id, row) => {
            match row {
                Some(row) => {
                    agent.says(id.as_str(), &row.output, now);
                    agent.checks.insert(id.to_string(), row)
                }
                None => agent.checks.remove(id.as_str()),
            };
            changed.insert(Item::Check(id.to_string()));
        }
    }
}

fn service(
    world: &mut World,
    id: &str,
    removed_for: Option<&String>,
    taken: &Taken,
    now: Moment,
) -> Verdict {
    let Some(agent) = &world.agent else { return Ok(()) };
    match (agent.services.get(id), world.model.services.get(id)) {
        (None, None) => Ok(()),
        (None, Some(_)) => {
            let check = removed_for.and_then(|check| world.model.checks.get(check));
            let failed = check.is_some_and(|own| taken.failed.as_ref() == Some(&own.wish.id));
            removal_time::removed(id, check, failed, now.mark)?;
            world.model.seq += 1;
            world.model.remove_service(id);
            world.tally.done("removal: for a critical check");
            world.rules.zombie.removed(id, world.model.seq);
            Ok(())
        }
        (Some(_), None) => Err(super::invariants::zombie::shown(id)),
        (Some(row), Some(own)) if shows_service(own, row) => Ok(()),
        (Some(row), Some(own)) => {
            let tags = row.tags.clone();
            let mut with_tags = own.clone();
            with_tags.wish.tags.clone_from(&tags);
            let taken = own.wish.tag_override
                && shows_service(&with_tags, row)
                && world.cluster.had_tags(id, &tags);
            if !taken {
                return Err(result::invented(&format!(
                    "service {id} is shown as {row:?}, not {own:?}"
                )));
            }
            world.model.take_tags(id, tags);
            world.tally.count("tags taken from the catalog", 1);
            Ok(())
        }
    }
}

fn check(world: &mut World, id: &str, now: Moment) -> Verdict {
    let Some(agent) = &world.agent else { return Ok(()) };
    let (row, own) = match (agent.checks.get(id), world.model.checks.get_mut(id)) {
        (None, None) => return Ok(()),
        (None, Some(own)) => return Err(result::lost(&format!("{own:?} is not shown any more"))),
        (Some(_), None) => return Err(super::invariants::zombie::shown(id)),
        (Some(row), Some(own)) => (row, own),
    };
    let status = CheckStatus::from(row.status.as_str());
    if !shows_check(own, row) {
        return Err(result::invented(&format!("{row:?} is shown, not {own:?}")));
    }
    if matches!(own.wish.kind, Kind::Alias(_)) {
        return Ok(());
    }
    let expired = critical_time::says_expired(&status, &row.output);
    if !own.unsure.is_empty() {
        let anew = expired.then(|| {
            world.model.seq += 1;
            world.model.seq
        });
        if model::came_back_as(own, &status, &row.output, anew, now) {
            return Ok(());
        }
    }
    if own.unsure.is_empty() && (&own.status, &own.output) == (&status, &row.output) {
        return Ok(());
    }
    if !matches!(own.wish.kind, Kind::Ttl(_)) || !expired {
        return Err(result::invented(&format!("{row:?} is shown, not {own:?}")));
    }
    critical_time::expired(own, now.mark)?;
    own.states.extend(std::mem::take(&mut own.unsure));
    let output = row.output.clone();
    model::expired(&mut world.model, id, &output, now);
    world.tally.count("checks not heard of in their time", 1);
    Ok(())
}

/// After the step: what the input concerned is shown, checks that follow others follow, and what
/// is due has happened.
pub fn after(world: &mut World, taken: &Taken, now: Moment) -> Verdict {
    let Some(agent) = &world.agent else { return Ok(()) };
    for item in &world.model.touched {
        match item {
            Item::Service(id) => {
                let (row, own) = (agent.services.get(id), world.model.services.get(id));
                let same = match (row, own) {
                    (Some(row), Some(own)) => shows_service(own, row),
                    (row, own) => row.is_some() == own.is_some(),
                };
                result::shown(same, || format!("{own:?} is shown as {row:?}"))?;
            }
            Item::Check(id) => {
                let (row, own) = (agent.checks.get(id), world.model.checks.get(id));
                let same = match (row, own) {
                    (Some(row), Some(own)) => {
                        let follows = matches!(own.wish.kind, Kind::Alias(_));
                        shows_check(own, row)
                            && (follows
                                || row.status == own.status.as_str() && row.output == own.output)
                    }
                    (row, own) => row.is_some() == own.is_some(),
                };
                result::shown(same, || format!("{own:?} is shown as {row:?}"))?;
            }
        }
    }
    followers(world, now)?;
    match taken.failed.as_ref().and_then(|id| world.model.checks.get(id)) {
        Some(own) => removal_time::failed(own, now.mark),
        None => Ok(()),
    }
}

/// Checks that follow a service stand as its worst check does.
fn followers(world: &mut World, now: Moment) -> Verdict {
    let Some(agent) = &world.agent else { return Ok(()) };
    let follows = |kind: &Kind| match kind {
        Kind::Alias(target) => Some(target.clone()),
        _ => None,
    };
    let all = world.model.checks.iter();
    let all: Vec<(String, String)> =
        all.filter_map(|(id, own)| Some((id.clone(), follows(&own.wish.kind)?))).collect();
    for (id, target) in all {
        let expected = world.model.alias_status(&target);
        let row = agent.checks.get(&id);
        let same = row.is_some_and(|row| row.status == expected.as_str());
        result::shown(same, || format!("{id} follows {target}, {expected:?}: {row:?}"))?;
        let seq = world.model.seq;
        if let Some(own) = world.model.checks.get_mut(&id) {
            own.unsure.clear();
            let output = row.map(|row| row.output.clone()).unwrap_or_default();
            if own.set(expected, &output) {
                own.keep(seq, now);
                own.changed = seq;
            }
        }
    }
    Ok(())
}
