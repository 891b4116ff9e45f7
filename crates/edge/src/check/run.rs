//! When checks run, what their results mean, and when a service is removed for them.
//! It runs nothing: it asks for probes and judges what comes back.
//! Invariants: a check has at most one probe under way; a result of an older registration is
//! dropped; a service is removed only after a run that failed at or after its deadline.
//! Source: consul-surface C; the quick start and the removal without a minimum are our own.

use std::time::Duration;

use tribune_api::messages;
use tribune_state::catalog::CheckStatus;
use tribune_state::ids::CheckId;

use crate::alarms::Alarm;
use crate::check::Stage;
use crate::check::plan::Run;
use crate::check::probe::ProbeRequest;
use crate::effect::{Effect, Note};
use crate::error::EdgeError;
use crate::input::{ProbeResult, TtlUpdate};
use crate::register;
use crate::state::State;

/// Between two runs of a check whose server may not listen yet: quick enough to see it within a
/// second of its start, slow enough to cost nothing.
const START_STEP: Duration = Duration::from_millis(250);
/// What a probe may say beside the part of its output that is limited by the check.
const PROBE_TEXT_BYTES: usize = 4096;
/// A deadline that is met later than this was slept through by the machine.
const LATE: Duration = Duration::from_secs(1);

/// Starts the life of a check that has just been put in place.
pub(crate) fn begin(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get_mut(id) else { return };
    check.is_last_chance = false;
    match &check.plan.run {
        Run::Probe(probe) if probe.eager => {
            check.stage = Stage::Starting { until: state.now + probe.every };
            state.alarms.clear(&Alarm::Remove(id.clone()));
            state.alarms.set(Alarm::Run(id.clone()), state.now);
            return;
        }
        Run::Probe(probe) => {
            // Spread, so that a thousand checks of one file do not run in the same moment.
            let every = probe.every;
            let wait = state.random(every);
            state.alarms.set(Alarm::Run(id.clone()), state.now + wait);
        }
        Run::Ttl(_) => {}
        Run::Alias(target) => {
            state.aliases_due.insert(target.clone());
        }
        Run::Fixed => {}
    }
    renew(state, id);
}

/// A client has said again that it means this check: its clocks of absence start anew.
pub(crate) fn renew(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get(id) else { return };
    let remove = Alarm::Remove(id.clone());
    match check.remove_after().filter(|_| check.status == CheckStatus::Critical) {
        Some(after) => state.alarms.set(remove, state.now + after),
        None => state.alarms.clear(&remove),
    }
    if let Run::Ttl(ttl) = check.plan.run {
        state.alarms.set(Alarm::Ttl(id.clone()), state.now + ttl);
    }
    if let Some(check) = state.checks.get_mut(id) {
        check.is_last_chance = false;
    }
}

/// A check is due: ask for its probe, unless one is under way.
pub(crate) fn on_due(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get_mut(id) else { return };
    let Run::Probe(probe) = &check.plan.run else { return };
    if check.probing.is_some() {
        return;
    }
    let request = ProbeRequest {
        check: id.clone(),
        generation: check.generation,
        spec: probe.spec.clone(),
        timeout: probe.timeout,
        output_bytes_max: check.plan.output_bytes_max,
    };
    check.probing = Some(state.now);
    state.alarms.clear(&Alarm::Run(id.clone()));
    state.effects.push(Effect::Probe(Box::new(request)));
}

/// A probe has ended.
pub(crate) fn on_result(state: &mut State, result: ProbeResult) {
    let id = result.check;
    let now = state.now;
    let Some(check) = state.checks.get_mut(&id) else { return };
    if check.generation != result.generation {
        return;
    }
    let Some(began) = check.probing.take() else { return };
    let Run::Probe(probe) = &check.plan.run else { return };
    let every = probe.every;
    let has_failed = !matches!(result.status, CheckStatus::Passing | CheckStatus::Warning);
    let is_starting = match check.stage {
        Stage::Starting { until } => has_failed && began < until,
        Stage::Steady => false,
    };
    let next = match check.stage {
        Stage::Starting { until } if is_starting => (now + START_STEP).min(until).max(now),
        _ => {
            check.stage = Stage::Steady;
            now + every
        }
    };
    let (thresholds, last) = (check.plan.thresholds, check.is_last_chance);
    let judged = thresholds.judge(&mut check.streak, &result.status);
    let status = judged.unwrap_or_else(|| check.status.clone());
    let limit = check.plan.output_bytes_max + PROBE_TEXT_BYTES;
    let output = cut(result.output, limit);
    let is_critical = status == CheckStatus::Critical;
    state.alarms.set(Alarm::Run(id.clone()), next);
    set_status(state, &id, status, output);
    if last && has_failed && is_critical {
        remove_service(state, &id);
    } else if has_failed && is_critical && !is_starting {
        arm_removal(state, &id);
    }
}

/// A TTL check's owner has spoken.
pub(crate) fn on_ttl_update(state: &mut State, update: TtlUpdate) -> Result<(), EdgeError> {
    if let CheckStatus::Other(status) = &update.status {
        return Err(EdgeError::Invalid(messages::invalid_check_status(status)));
    }
    let id = update.check;
    let Some(check) = state.checks.get(&id) else {
        return Err(EdgeError::NotFound(messages::unknown_check_id(id.as_str())));
    };
    let Run::Ttl(ttl) = check.plan.run else {
        return Err(EdgeError::Refused(messages::check_has_no_ttl(id.as_str())));
    };
    let limit = check.plan.output_bytes_max;
    let (bytes, full) = (update.output.len(), update.output);
    let output = match bytes > limit {
        true => messages::ttl_output_cut(&cut(full, limit), limit, bytes),
        false => full,
    };
    state.alarms.set(Alarm::Ttl(id.clone()), state.now + ttl);
    state.journal.put_state(&id);
    set_status(state, &id, update.status.clone(), output);
    if update.status == CheckStatus::Critical {
        arm_removal(state, &id);
    }
    Ok(())
}

/// A TTL check has not been heard of in its time.
pub(crate) fn on_ttl_expired(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get(id) else { return };
    let output = match check.status {
        // It was critical already and nobody has spoken since: say so once.
        CheckStatus::Critical if check.output.starts_with(messages::TTL_EXPIRED) => {
            check.output.clone()
        }
        _ => cut(messages::ttl_expired(&check.output), check.plan.output_bytes_max),
    };
    state.journal.put_state(id);
    set_status(state, id, CheckStatus::Critical, output);
    arm_removal(state, id);
}

/// A check has been critical for as long as its service may be. What can be tried is tried once
/// more: only a failure now removes the service.
pub(crate) fn on_removal_due(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get_mut(id) else { return };
    if check.status != CheckStatus::Critical {
        return;
    }
    if matches!(check.plan.run, Run::Probe(_)) {
        check.is_last_chance = true;
        on_due(state, id);
    } else {
        remove_service(state, id);
    }
}

/// The machine slept: what it slept counts neither for removal nor as a check's silence.
pub(crate) fn on_slept(state: &mut State, span: Duration) {
    let counts = |alarm: &Alarm| matches!(alarm, Alarm::Remove(_) | Alarm::Ttl(_));
    state.alarms.postpone(span, counts);
    for check in state.checks.values_mut() {
        if let Stage::Starting { until } = &mut check.stage {
            *until += span;
        }
    }
}

/// How long the machine may have slept, if it is so late for its next deadline: the whole time
/// since it was last awake, since it is better to remove a service late than early.
pub(crate) fn slept(state: &State, now: Duration) -> Option<Duration> {
    let due = state.alarms.next()?.max(state.now);
    let is_late = now.checked_sub(due).is_some_and(|late| late > LATE);
    is_late.then(|| now.saturating_sub(state.now))
}

/// Starts the clock of removal, unless it runs already.
fn arm_removal(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get(id) else { return };
    let Some(after) = check.remove_after() else { return };
    let alarm = Alarm::Remove(id.clone());
    if !check.is_last_chance && state.alarms.time(&alarm).is_none() {
        state.alarms.set(alarm, state.now + after);
    }
}

/// Gives a check its state and output, and tells whoever must know.
pub(crate) fn set_status(state: &mut State, id: &CheckId, status: CheckStatus, output: String) {
    let discard = state.settings.discard_check_output;
    let Some(check) = state.checks.get_mut(id) else { return };
    let output = if discard { String::new() } else { output };
    let (is_other_status, is_other_output) = (check.status != status, check.output != output);
    if !is_other_status && !is_other_output {
        return;
    }
    let (from, to) = (check.status.as_str().to_owned(), status.as_str().to_owned());
    check.status = status;
    check.output = output;
    if check.status != CheckStatus::Critical {
        check.is_last_chance = false;
        state.alarms.clear(&Alarm::Remove(id.clone()));
    }
    let service = state.services.get(&check.kept.service);
    check.show(service, &state.settings);
    if is_other_status {
        state.journal.put_state(id);
        state.effects.push(Effect::Note(Note::CheckChanged { check: id.clone(), from, to }));
        state.check_changed(id);
    } else {
        state.output_changed(id);
    }
}

fn remove_service(state: &mut State, id: &CheckId) {
    let Some(service) = state.checks.get(id).map(|check| check.kept.service.clone()) else {
        return;
    };
    if register::remove_service(state, &service).is_ok() {
        let note = Note::ServiceRemoved { service, check: id.clone() };
        state.effects.push(Effect::Note(note));
    }
}

/// The first bytes of a text, up to the end of a character.
fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    text
}
