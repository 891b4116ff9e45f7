//! What a restart may bring back: the agent as it was at some moment since the last save that
//! succeeded. A save that was cut off may have brought a part of the next change.

use super::{Check, Item, Kept, Model, Moment, Service};
use crate::edge::wish::Kind;
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_edge::wire::{AgentService, HealthCheck};
use tribune_state::catalog::CheckStatus;

/// What is shown after a restart.
pub struct Shown<'a> {
    pub services: &'a BTreeMap<String, std::sync::Arc<AgentService>>,
    pub checks: &'a BTreeMap<String, std::sync::Arc<HealthCheck>>,
}

/// An item as it was.
#[derive(Clone, Debug, Default)]
struct Was {
    service: Option<Service>,
    check: Option<Box<Check>>,
}

impl Was {
    /// True if this is what came back. What a file declares does not come back from the disk.
    fn is(&self, item: &Item, shown: &Shown<'_>) -> bool {
        match item {
            Item::Service(id) => {
                let own = self.service.as_ref().filter(|own| !own.declared);
                match (own, shown.services.get(id)) {
                    (None, None) => true,
                    (Some(own), Some(row)) => shows_service(own, row),
                    _ => false,
                }
            }
            Item::Check(id) => {
                let own = self.check.as_ref().filter(|own| !own.declared);
                match (own, shown.checks.get(id)) {
                    (None, None) => true,
                    (Some(own), Some(row)) => shows_check(own, row),
                    _ => false,
                }
            }
        }
    }
}

/// True if a row shows this registration.
pub fn shows_service(own: &Service, row: &AgentService) -> bool {
    row.meta.get("v").map(String::as_str) == Some(own.wish.version.to_string().as_str())
        && row.service == own.wish.name
        && row.port == i64::from(own.wish.port)
        && row.tags == own.wish.tags
}

/// True if a row shows this registration, whatever its state.
pub fn shows_check(own: &Check, row: &HealthCheck) -> bool {
    row.service_id == own.wish.service
        && row.kind == own.wish.kind.name()
        && (own.wish.kind == Kind::Maintenance || row.notes == own.wish.notes())
}

/// The agent has come back. Takes over what it came back with.
///
/// # Errors
/// If that is not the agent of any moment since the last save that succeeded.
pub fn restarted(
    model: &mut Model,
    shown: &Shown<'_>,
    now: Moment,
    parted: bool,
) -> Result<(), String> {
    let came_back = came_back(model, shown)?;
    for (item, was) in came_back {
        match item {
            Item::Service(id) => match was.service {
                Some(own) => drop(model.services.insert(id, own)),
                None => drop(model.services.remove(&id)),
            },
            Item::Check(id) => match was.check {
                Some(own) => drop(model.checks.insert(id, *own)),
                None => drop(model.checks.remove(&id)),
            },
        }
    }
    model.undo.clear();
    model.touched.clear();
    model.seq += 1;
    model.saved = model.seq;
    model.services.retain(|_, service| !service.declared);
    if parted {
        let remembered = model.remembered.values_mut().flatten();
        remembered.for_each(|kept| kept.until_ms = None);
    }
    let declared = model.checks.iter().filter(|(_, check)| check.declared);
    let declared: Vec<String> = declared.map(|(id, _)| id.clone()).collect();
    for id in declared {
        if let Some(mut check) = model.checks.remove(&id) {
            if parted {
                check.states.iter_mut().for_each(|kept| kept.until_ms = None);
            }
            model.remembered.insert(id, check.states);
        }
    }
    let seq = model.seq;
    for check in model.checks.values_mut() {
        let service = model.services.get(&check.wish.service);
        if let (Kind::Eager(probe), Some(service)) = (&mut check.wish.kind, service) {
            probe.port = service.wish.port;
        }
        if parted {
            // From now on nobody can say until when the disk says that they last.
            check.states.iter_mut().for_each(|kept| kept.until_ms = None);
        }
        model.incarnations += 1;
        check.begin(model.incarnations, seq, now);
        check.unsure = check.states.iter().cloned().collect();
        heard_before(check, now);
    }
    Ok(())
}

/// The moment that came back: what each item of the last changes was then.
fn came_back(model: &Model, shown: &Shown<'_>) -> Result<BTreeMap<Item, Was>, String> {
    let mut then: BTreeMap<Item, Was> = BTreeMap::new();
    for undo in &model.undo {
        then.entry(undo.item.clone()).or_insert_with(|| as_now(model, &undo.item));
    }
    others_are_there(model, &then, shown)?;
    let mut after = then.clone();
    let mut undo = model.undo.iter().rev().peekable();
    loop {
        let pick = |item: &Item| {
            let (one, other) = (then.get(item)?, after.get(item)?);
            [one, other].into_iter().find(|was| was.is(item, shown)).cloned()
        };
        let picked: Option<BTreeMap<Item, Was>> =
            then.keys().map(|item| Some((item.clone(), pick(item)?))).collect();
        if let Some(picked) = picked {
            return Ok(picked);
        }
        let Some(seq) = undo.peek().map(|undo| undo.seq) else { break };
        after = then.clone();
        while let Some(one) = undo.next_if(|undo| undo.seq == seq) {
            let was = Was { service: one.service.clone(), check: one.check.clone() };
            then.insert(one.item.clone(), was);
        }
    }
    let items: Vec<&Item> = then.keys().collect();
    Err(format!("no moment since the last save had {items:?} as they came back"))
}

fn as_now(model: &Model, item: &Item) -> Was {
    match item {
        Item::Service(id) => Was { service: model.services.get(id).cloned(), check: None },
        Item::Check(id) => {
            Was { service: None, check: model.checks.get(id).cloned().map(Box::new) }
        }
    }
}

/// What has not changed since the last save is there as it was, and nothing else is.
fn others_are_there(
    model: &Model,
    changed: &BTreeMap<Item, Was>,
    shown: &Shown<'_>,
) -> Result<(), String> {
    let services = model.services.keys().chain(shown.services.keys());
    let checks = model.checks.keys().chain(shown.checks.keys());
    let items = services.cloned().map(Item::Service).chain(checks.cloned().map(Item::Check));
    for item in items.filter(|item| !changed.contains_key(item)) {
        let was = as_now(model, &item);
        if !was.is(&item, shown) {
            return Err(format!("{item:?} came back otherwise than {was:?}"));
        }
    }
    Ok(())
}

/// It is shown for the first time after a restart. False if that is no state it can have.
/// `anew` if it may have come to this state only just now, by a change that counts as this one.
pub fn came_back_as(
    check: &mut Check,
    status: &CheckStatus,
    output: &str,
    anew: Option<u64>,
    now: Moment,
) -> bool {
    if !check.unsure.iter().any(|kept| kept.status == *status) {
        return false;
    }
    // The disk has one of these, and nobody knows which: it lasts as long as the shortest.
    let candidates = std::mem::take(&mut check.unsure);
    if let Some(seq) = anew {
        check.states = candidates.into();
        check.states.push_back(Kept { seq, status: status.clone(), until_ms: None });
    } else {
        let one_of = candidates.into_iter().filter(|kept| kept.status == *status);
        let shortest = one_of.reduce(|one, other| {
            let until_ms = one.until_ms.zip(other.until_ms).map(|(one, other)| one.min(other));
            Kept { until_ms, ..one }
        });
        check.states = shortest.into_iter().collect();
    }
    check.set(status.clone(), output);
    check.removal = None;
    check.arm_if_critical(now);
    true
}

/// After a restart: a part of a TTL check's time may have passed, by the wall clock.
pub fn heard_before(check: &mut Check, now: Moment) {
    let Kind::Ttl(ttl) = check.wish.kind else { return };
    let untils: Option<Vec<u64>> = check.unsure.iter().map(|kept| kept.until_ms).collect();
    let earliest = untils.and_then(|untils| untils.into_iter().min());
    let left = earliest.map_or(Duration::ZERO, |until| {
        Duration::from_millis(until.saturating_sub(now.wall_ms_at_zero))
    });
    if let Some(heard) = &mut check.heard {
        heard.head_start = ttl.saturating_sub(left.saturating_sub(ROUNDING));
    }
}

/// Wall times are whole milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);
