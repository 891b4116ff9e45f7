//! Checks that follow another node in the catalog: the worst of its checks, or of one service's
//! and the node's own. The body reads and waits; here it is judged and asked for again.
//! Source: consul-surface C.

use std::time::Duration;

use tribune_api::messages;
use tribune_state::catalog::CheckStatus;
use tribune_state::ids::{CheckId, NodeName, ServiceId};

use crate::alarms::Alarm;
use crate::check::alias::{Seen, worst};
use crate::check::history::Turn;
use crate::check::plan::Run;
use crate::check::run;
use crate::effect::{Effect, Follow};
use crate::input::{Followed, FollowedNode, SeenIndexes};
use crate::state::State;

/// Between two looks at one node: where many checks change, each of them may end the wait.
const LOOK_STEP: Duration = Duration::from_secs(1);
/// After a failure. Source: consul-surface C, the age that an answer may have.
const RETRY: Duration = Duration::from_secs(15);

/// Looks at the node, unless it is being looked at.
pub(crate) fn on_due(state: &mut State, id: &CheckId) {
    let now = state.now;
    let Some(check) = state.checks.get_mut(id) else { return };
    let Run::Follow(node, _) = &check.plan.run else { return };
    if check.history.turn != Turn::Idle {
        return;
    }
    check.history.turn = Turn::Running { due: now, began: now };
    let follow = Follow {
        check: id.clone(),
        generation: check.generation,
        node: node.clone(),
        after: check.history.seen,
    };
    state.effects.push(Effect::Follow(Box::new(follow)));
}

/// The node has been read.
pub(crate) fn on_followed(state: &mut State, followed: Followed) {
    let id = followed.check;
    let now = state.now;
    let Some(check) = state.checks.get_mut(&id) else { return };
    let Turn::Running { began, .. } = check.history.turn else { return };
    if check.generation != followed.generation {
        return;
    }
    let Run::Follow(node, service) = check.plan.run.clone() else { return };
    check.history.turn = Turn::Idle;
    let (status, output, next) = match followed.found {
        Ok(found) => {
            check.history.seen = found.at;
            let (status, output) = judge(&found, &node, &service);
            (status, output, now.max(began + LOOK_STEP))
        }
        Err(why) => {
            check.history.seen = SeenIndexes::default();
            (CheckStatus::Critical, messages::alias_not_read(node.as_str(), &why), now + RETRY)
        }
    };
    state.alarms.set(Alarm::Follow(id.clone()), next);
    run::follow(state, &id, status, output);
}

fn judge(found: &FollowedNode, node: &NodeName, service: &ServiceId) -> (CheckStatus, String) {
    if !service.is_empty() && !found.services.contains(service) {
        let text = messages::alias_service_unknown(service.as_str(), node.as_str());
        return (CheckStatus::Critical, text);
    }
    let concerns = |of: &ServiceId| of.is_empty() || of == service;
    let checks = found.checks.iter().filter(|check| concerns(&check.service_id));
    worst(checks.map(|check| Seen {
        status: &check.status,
        name: &check.name,
        output: &check.output,
    }))
}
