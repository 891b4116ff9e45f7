//! Checks that follow another service of this agent: the worst of its checks and the node's.
//! Source: consul-surface C; transcripts/agent/alias.txt.

use tribune_api::messages;
use tribune_state::catalog::CheckStatus;
use tribune_state::ids::{CheckId, ServiceId};

use crate::check::plan::Run;
use crate::check::{Check, run};
use crate::state::State;

/// A follower of a follower settles in the second round; circles are cut there.
const ROUNDS: usize = 2;

/// Looks again at what follows a service that has changed.
pub(crate) fn follow(state: &mut State) {
    for _ in 0..ROUNDS {
        let due = std::mem::take(&mut state.aliases.due);
        if state.aliases.of.is_empty() || due.is_empty() {
            return;
        }
        let is_of_node = due.iter().any(ServiceId::is_empty);
        let targets: Vec<ServiceId> = match is_of_node {
            true => state.aliases.of.keys().cloned().collect(),
            false => due.into_iter().collect(),
        };
        let followers: Vec<(ServiceId, CheckId)> = targets
            .into_iter()
            .flat_map(|target| {
                let all = state.aliases.of.get(&target).cloned().unwrap_or_default();
                all.into_iter().map(move |id| (target.clone(), id))
            })
            .collect();
        for (target, id) in followers {
            let (status, output) = look_at(state, &target);
            run::follow(state, &id, status, output);
        }
    }
    state.aliases.due.clear();
}

fn look_at(state: &State, target: &ServiceId) -> (CheckStatus, String) {
    if !state.services.contains_key(target) {
        let text = messages::alias_service_unknown(target.as_str(), "");
        return (CheckStatus::Critical, text);
    }
    let of_target = state.checks_of(target).into_iter();
    let of_node = state.checks_of(&ServiceId::default()).into_iter();
    let checks = |id: CheckId| state.checks.get(&id);
    // A check of the node that follows a service says nothing of the node. If it counted, it would
    // count for itself too, and once critical stay so.
    let follows = |check: &&Check| matches!(check.plan.run, Run::Alias(_) | Run::Follow(..));
    let of_node = of_node.filter_map(checks).filter(|check| !follows(check));
    let seen = of_target.filter_map(checks).chain(of_node).map(|check| Seen {
        status: &check.status,
        name: &check.plan.name,
        output: &check.output,
    });
    worst(seen)
}

/// What a follower sees of a check.
pub(crate) struct Seen<'a> {
    pub status: &'a CheckStatus,
    pub name: &'a str,
    pub output: &'a str,
}

/// The state of a follower of these checks: that of the first of the worst.
pub(crate) fn worst<'a>(checks: impl Iterator<Item = Seen<'a>>) -> (CheckStatus, String) {
    let checks: Vec<Seen<'_>> = checks.collect();
    if checks.is_empty() {
        return (CheckStatus::Passing, messages::ALIAS_NO_CHECKS.to_owned());
    }
    let first = |status: CheckStatus| checks.iter().find(|check| *check.status == status);
    match first(CheckStatus::Critical).or_else(|| first(CheckStatus::Warning)) {
        Some(check) => (check.status.clone(), messages::alias_failing(check.name, check.output)),
        None => (CheckStatus::Passing, messages::ALIAS_PASSING.to_owned()),
    }
}
