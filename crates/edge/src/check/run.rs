//! When checks run, what their results mean, and when a service is removed for them.
//! It runs nothing: it asks for probes and judges what comes back.
//! Invariants: a check has at most one probe under way; a result of an older registration is
//! dropped; a service is removed only after a run that failed at or after its deadline.
//! Source: consul-surface C; the quick start, the removal without a minimum and intervals from
//! start to start are our own.

use std::time::Duration;

use tribune_api::messages;
use tribune_state::catalog::CheckStatus;
use tribune_state::ids::CheckId;

use crate::alarms::Alarm;
use crate::check::Stage;
use crate::check::expose;
use crate::check::history::{LastRun, Turn};
use crate::check::lanes::{Lane, SLOW};
use crate::check::plan::Run;
use crate::check::probe::ProbeRequest;
use crate::effect::{Effect, Note};
use crate::error::EdgeError;
use crate::input::{ProbeResult, TtlUpdate};
use crate::register;
#[cfg(feature = "planted-bugs")]
use crate::settings::Bug;
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
        Run::Follow(..) => state.alarms.set(Alarm::Follow(id.clone()), state.now),
        Run::Ttl(_) => {}
        Run::Alias(target) => {
            state.aliases.due.insert(target.clone());
        }
        Run::Fixed => {}
    }
    renew(state, id);
}

/// A client has said again that it means this check: its clocks of absence start anew.
pub(crate) fn renew(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get(id) else { return };
    let remove = Alarm::Remove(id.clone());
    match check.remove_after().filter(|_| check.judged == CheckStatus::Critical) {
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

/// A check was due at `due`: ask for its probe, unless one is under way or too many others are.
pub(crate) fn on_due(state: &mut State, id: &CheckId, due: Duration) {
    let Some(check) = state.checks.get_mut(id) else { return };
    if check.history.turn != Turn::Idle || !matches!(check.plan.run, Run::Probe(_)) {
        return;
    }
    check.history.turn = Turn::Queued { due };
    start(state, id);
}

/// Starts checks that waited for a probe to end, as many as there is room for.
pub(crate) fn start_waiting(state: &mut State) {
    while let Some((id, generation)) = state.lanes.next() {
        if state.checks.get(&id).is_some_and(|check| check.generation == generation) {
            start(state, &id);
        }
    }
}

/// Asks for the probe of a check that is due, if there is room for it.
fn start(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get_mut(id) else { return };
    let (Turn::Queued { due }, Run::Probe(probe)) = (check.history.turn, &check.plan.run) else {
        return;
    };
    let was_slow = check.history.last.as_ref().is_some_and(|last| last.took >= SLOW);
    let lane = Lane { is_program: probe.spec.is_program(), is_slow: was_slow };
    state.alarms.clear(&Alarm::Run(id.clone()));
    if !state.lanes.enter((id.clone(), check.generation), lane) {
        return;
    }
    check.history.turn = Turn::Running { due, began: state.now };
    let request = ProbeRequest {
        check: id.clone(),
        generation: check.generation,
        spec: expose::through(&probe.spec, check.listener.as_ref()),
        timeout: probe.timeout,
        output_bytes_max: check.plan.output_bytes_max,
    };
    state.effects.push(Effect::Probe(Box::new(request)));
}

/// A probe has ended.
pub(crate) fn on_result(state: &mut State, result: ProbeResult) {
    let id = result.check;
    if !state.lanes.leave(&(id.clone(), result.generation)) {
        return;
    }
    let now = state.now;
    let Some(check) = state.checks.get_mut(&id) else { return };
    let Turn::Running { due, began } = check.history.turn else { return };
    let is_other = check.generation != result.generation;
    #[cfg(feature = "planted-bugs")]
    let is_other = is_other && state.settings.bug != Some(Bug::StaleResult);
    if is_other {
        return;
    }
    check.history.turn = Turn::Idle;
    let late = began.saturating_sub(due) + result.waited;
    state.lanes.late.count(late);
    let began = began + result.waited;
    let found = result.status.clone();
    check.history.last = Some(LastRun { began, late, took: result.took, found });
    let Run::Probe(probe) = &check.plan.run else { return };
    let every = probe.every;
    let has_failed = !matches!(result.status, CheckStatus::Passing | CheckStatus::Warning);
    let is_starting = match check.stage {
        Stage::Starting { until } => has_failed && began < until,
        Stage::Steady => false,
    };
    let next = match check.stage {
        Stage::Starting { until } if is_starting => (now + START_STEP).min(until).max(now),
        Stage::Starting { .. } => now + every,
        Stage::Steady => next_due(due, now, every),
    };
    if !is_starting {
        check.stage = Stage::Steady;
    }
    let (thresholds, last) = (check.plan.thresholds, check.is_last_chance);
    let judged = thresholds.judge(&mut check.streak, &result.status);
    let status = judged.unwrap_or_else(|| check.judged.clone());
    let limit = check.plan.output_bytes_max + PROBE_TEXT_BYTES;
    let output = cut(result.output, limit);
    let is_critical = status == CheckStatus::Critical;
    state.alarms.set(Alarm::Run(id.clone()), next);
    on_judged(state, &id, &result.status, status, output);
    if last && has_failed && is_critical {
        remove_service(state, &id);
    } else if has_failed && is_critical && !is_starting {
        arm_removal(state, &id);
    }
}

/// When a check is due next: an interval after it was due, so that it does not drift. If its run
/// took longer than that, at a later beat that leaves time to breathe.
fn next_due(due: Duration, now: Duration, every: Duration) -> Duration {
    if due + every > now {
        return due + every;
    }
    let earliest = (now + every / 2).saturating_sub(due).as_nanos();
    let beats = earliest.div_ceil(every.as_nanos().max(1));
    // A check that is further behind than this was slept through: the beat is lost, no matter.
    u32::try_from(beats).map_or(now + every, |beats| due + every * beats)
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
    spoken(state, &id, &update.status);
    on_judged(state, &id, &update.status, update.status.clone(), output);
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
    spoken(state, id, &CheckStatus::Critical);
    on_judged(state, id, &CheckStatus::Critical, CheckStatus::Critical, output);
    arm_removal(state, id);
}

/// What is said of a check, or its silence, counts as a run.
fn spoken(state: &mut State, id: &CheckId, found: &CheckStatus) {
    if let Some(check) = state.checks.get_mut(id) {
        let (late, took) = (Duration::ZERO, Duration::ZERO);
        check.history.last = Some(LastRun { began: state.now, late, took, found: found.clone() });
    }
}

/// A check has been critical for as long as its service may be. What can be tried is tried once
/// more: only a failure now removes the service.
pub(crate) fn on_removal_due(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get_mut(id) else { return };
    if check.judged != CheckStatus::Critical {
        return;
    }
    if matches!(check.plan.run, Run::Probe(_)) {
        check.is_last_chance = true;
        let now = state.now;
        on_due(state, id, now);
    } else {
        remove_service(state, id);
    }
}

/// The machine slept: what it slept counts neither for removal nor as a check's silence.
pub(crate) fn on_slept(state: &mut State, span: Duration) {
    state.alarms.postpone(span, Alarm::is_absence);
    for check in state.checks.values_mut() {
        if let Stage::Starting { until } = &mut check.stage {
            *until += span;
        }
    }
}

/// How long the machine may have slept, if it is so late for its next deadline: the whole time
/// since it was last awake, since it is better to remove a service late than early. Zero if it is
/// in time.
pub(crate) fn slept(state: &State, now: Duration) -> Duration {
    let Some(due) = state.alarms.next().map(|due| due.max(state.now)) else {
        return Duration::ZERO;
    };
    let is_late = now.checked_sub(due).is_some_and(|late| late > LATE);
    if is_late { now.saturating_sub(state.now) } else { Duration::ZERO }
}

/// While somebody's silence or absence is counted, there is always a deadline soon: without one,
/// sleep up to the next deadline would be taken for silence.
pub(crate) fn stay_awake(state: &mut State) {
    if state.alarms.has_absence() && state.alarms.time(&Alarm::Awake).is_none() {
        state.alarms.set(Alarm::Awake, state.now + LATE);
    }
}

/// Starts the clock of removal, unless it runs already.
fn arm_removal(state: &mut State, id: &CheckId) {
    let Some(check) = state.checks.get(id) else { return };
    let Some(after) = check.remove_after() else { return };
    #[cfg(feature = "planted-bugs")]
    let after = if state.settings.bug == Some(Bug::EarlyRemoval) { after * 2 / 3 } else { after };
    let alarm = Alarm::Remove(id.clone());
    if !check.is_last_chance && state.alarms.time(&alarm).is_none() {
        state.alarms.set(alarm, state.now + after);
    }
}

/// A check that follows others comes to this state.
pub(crate) fn follow(state: &mut State, id: &CheckId, status: CheckStatus, output: String) {
    let Some(check) = state.checks.get(id) else { return };
    if check.judged == status && check.output == output {
        return;
    }
    let is_critical = status == CheckStatus::Critical;
    spoken(state, id, &status);
    on_judged(state, id, &status.clone(), status, output);
    if is_critical {
        arm_removal(state, id);
    }
}

/// A result was found, and with the thresholds it means `status`: counts it, and holds the check
/// at the worse state if it changes too often.
fn on_judged(
    state: &mut State,
    id: &CheckId,
    found: &CheckStatus,
    status: CheckStatus,
    output: String,
) {
    let (now, flap) = (state.now, state.settings.flap);
    let Some(check) = state.checks.get_mut(id) else { return };
    let is_first = check.history.count(found);
    let has_turned = check.judged != status;
    check.judged = status.clone();
    let mut held = None;
    if has_turned && !is_first {
        check.history.turned(now);
        if let Some(settings) = &flap {
            let is_new = check.flap.changed(now, settings);
            let points = check.flap.points(now, settings);
            let reuse_at = now + check.flap.reuse_in(now, settings);
            held = check.flap.held_since.map(|_| (is_new, points, reuse_at));
        }
    }
    if let Some((is_new, points, reuse_at)) = held {
        state.alarms.set(Alarm::Reuse(id.clone()), reuse_at);
        if is_new {
            state.effects.push(Effect::Note(Note::Held { check: id.clone(), points }));
        }
    }
    show(state, id, status, output);
}

/// Shows what the results say, or while the check is held the worse of that and what is shown.
fn show(state: &mut State, id: &CheckId, status: CheckStatus, output: String) {
    let Some(check) = state.checks.get_mut(id) else { return };
    let is_held = check.flap.held_since.is_some();
    let shown = match is_held && badness(&check.status) > badness(&status) {
        true => check.status.clone(),
        false => status,
    };
    if check.judged != CheckStatus::Critical {
        check.is_last_chance = false;
        state.alarms.clear(&Alarm::Remove(id.clone()));
    }
    set_status(state, id, shown, output);
}

fn badness(status: &CheckStatus) -> u8 {
    match status {
        CheckStatus::Passing => 0,
        CheckStatus::Warning => 1,
        CheckStatus::Critical | CheckStatus::Other(_) => 2,
    }
}

/// A check that was held has been quiet: it shows what its results say.
pub(crate) fn on_reuse(state: &mut State, id: &CheckId) {
    let (now, flap) = (state.now, state.settings.flap);
    let (Some(check), Some(settings)) = (state.checks.get_mut(id), &flap) else { return };
    let wait = check.flap.reuse_in(now, settings);
    if !wait.is_zero() {
        state.alarms.set(Alarm::Reuse(id.clone()), now + wait);
        return;
    }
    check.flap.held_since = None;
    let (judged, output) = (check.judged.clone(), check.output.clone());
    state.effects.push(Effect::Note(Note::LetGo { check: id.clone() }));
    show(state, id, judged, output);
}

/// Gives a check the state and output that readers and the catalog see, and tells whoever must
/// know.
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
