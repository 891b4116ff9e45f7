//! The naive agent: what should be registered, and how each check should stand, written from the
//! documented behaviour. It is told of what happens and never decides when; the rules judge times.

mod check;
mod restart;
mod run;

pub use check::{Check, Kept, Removal};
pub use restart::{Shown, came_back_as, restarted, shows_check, shows_service};
pub use run::{Found, Heard, expired, found, probing};

use super::machine::Mark;
use super::wish::{CheckWish, Kind, ServiceWish, Wish};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tribune_state::catalog::CheckStatus;

/// What can be registered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    Service(String),
    Check(String),
}

/// A registered service.
#[derive(Clone, Debug)]
pub struct Service {
    pub wish: ServiceWish,
    /// True if a file declares it, so that it is not kept on disk.
    pub declared: bool,
    /// When it last changed, as the model counts.
    pub changed: u64,
}

/// The naive agent.
#[derive(Debug, Default)]
pub struct Model {
    pub services: BTreeMap<String, Service>,
    pub checks: BTreeMap<String, Check>,
    /// Counts what happens.
    pub seq: u64,
    /// Everything up to here is on the disk for sure.
    pub saved: u64,
    /// What changed since, so that a restart may have fallen back to before it.
    undo: VecDeque<Undo>,
    /// States of declared checks that the disk may remember.
    remembered: BTreeMap<String, VecDeque<Kept>>,
    incarnations: u64,
    /// When what is gone went.
    pub gone: BTreeMap<Item, u64>,
    /// What the last input concerned.
    pub touched: BTreeSet<Item>,
}

/// What an item was before a change.
#[derive(Debug)]
struct Undo {
    seq: u64,
    item: Item,
    service: Option<Service>,
    check: Option<Box<Check>>,
}

/// What the agent should answer to a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Done,
    Refused,
}

/// The moment, and the wall clock's time when the agent's own was zero.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub mark: Mark,
    pub wall_ms_at_zero: u64,
}

pub const NODE_MAINTENANCE: &str = "_node_maintenance";

/// The check that holds a service, or the node, in maintenance.
pub fn maintenance_id(service: Option<&str>) -> String {
    match service {
        Some(service) => format!("_service_maintenance:{service}"),
        None => NODE_MAINTENANCE.to_owned(),
    }
}

impl Model {
    /// A wish arrives. Returns what should be answered.
    pub fn wished(&mut self, wish: &Wish, now: Moment) -> Expected {
        self.seq += 1;
        let known = match wish {
            Wish::Register { service, replace } => {
                self.register(service, *replace, false, now);
                true
            }
            Wish::Declare(services) => {
                for service in services {
                    self.register(service, false, true, now);
                }
                true
            }
            Wish::Deregister(id) => self.remove_service(id),
            Wish::RegisterCheck(check) => {
                let known = check.service.is_empty() || self.services.contains_key(&check.service);
                if known {
                    self.put_check(check, false, now);
                }
                known
            }
            Wish::DeregisterCheck(id) => {
                let known = self.checks.contains_key(id);
                self.remove_check(id);
                known
            }
            Wish::Ttl { check, status, output } => run::told(self, check, status, output, now),
            Wish::Maintain { service, enable, reason: _ } => {
                let known = service.as_ref().is_none_or(|id| self.services.contains_key(id));
                if known {
                    self.maintain(service.as_deref(), *enable, now);
                }
                known
            }
            Wish::SyncNow => true,
        };
        if known { Expected::Done } else { Expected::Refused }
    }

    fn register(&mut self, wish: &ServiceWish, replace: bool, declared: bool, now: Moment) {
        self.note_service(&wish.id);
        let changed = self.seq;
        let service = Service { wish: wish.clone(), declared, changed };
        self.services.insert(wish.id.clone(), service);
        self.touched.insert(Item::Service(wish.id.clone()));
        self.move_eager(&wish.id, wish.port, now);
        for check in &wish.checks {
            self.put_check(check, declared, now);
        }
        if replace {
            let keeps = |check: &Check| {
                check.wish.kind == Kind::Maintenance
                    || wish.checks.iter().any(|own| own.id == check.wish.id)
            };
            let dropped: Vec<String> =
                self.checks_of(&wish.id).filter(|check| !keeps(check)).map(Check::id).collect();
            for id in dropped {
                self.remove_check(&id);
            }
        }
    }

    /// A check without a target of its own goes where its service is now.
    fn move_eager(&mut self, service: &str, port: u16, now: Moment) {
        let ids: Vec<String> = self.checks_of(service).map(Check::id).collect();
        for id in ids {
            self.incarnations += 1;
            let (seq, incarnation) = (self.seq, self.incarnations);
            if let Some(check) = self.checks.get_mut(&id)
                && let Kind::Eager(probe) = &mut check.wish.kind
                && probe.port != port
            {
                probe.port = port;
                check.begin(incarnation, seq, now);
            }
        }
    }

    fn put_check(&mut self, wish: &CheckWish, declared: bool, now: Moment) {
        self.note_check(&wish.id);
        self.touched.insert(Item::Check(wish.id.clone()));
        let mut wish = wish.clone();
        let port = self.services.get(&wish.service).map(|service| service.wish.port);
        if let (Kind::Eager(probe), Some(port)) = (&mut wish.kind, port) {
            probe.port = port;
        }
        let remembered = self.remembered.remove(&wish.id);
        let eager = matches!(wish.kind, Kind::Eager(_));
        let seq = self.seq;
        match self.checks.get_mut(&wish.id) {
            Some(old) if old.wish.is_same(&wish) && !eager => {
                old.wish = wish;
                old.declared = declared;
                old.renew(now);
                old.keep(seq, now);
                old.changed = seq;
            }
            old => {
                let past =
                    old.map(|old| (old.status.clone(), old.output.clone(), old.states.clone()));
                self.incarnations += 1;
                let mut check = Check::new(wish, declared);
                if let Some((status, output, states)) = past {
                    (check.status, check.output, check.states) = (status, output, states);
                }
                check.begin(self.incarnations, seq, now);
                if let Some(states) = remembered {
                    // What it begins with, if its state was never saved.
                    check.keep(seq, now);
                    check.unsure = states.into();
                    check.unsure.extend(check.states.iter().cloned());
                    restart::heard_before(&mut check, now);
                }
                check.keep(seq, now);
                self.checks.insert(check.id(), check);
            }
        }
    }

    fn maintain(&mut self, service: Option<&str>, enable: bool, now: Moment) {
        let id = maintenance_id(service);
        match (enable, self.checks.contains_key(&id)) {
            (true, false) => {
                let wish = CheckWish {
                    id,
                    service: service.unwrap_or_default().to_owned(),
                    version: 0,
                    kind: Kind::Maintenance,
                    remove_after: None,
                    initial: None,
                };
                self.put_check(&wish, false, now);
            }
            (false, true) => self.remove_check(&id),
            _ => {}
        }
    }

    /// A service goes, with its checks. True if it was there.
    pub fn remove_service(&mut self, id: &str) -> bool {
        if !self.services.contains_key(id) {
            return false;
        }
        self.note_service(id);
        self.services.remove(id);
        self.touched.insert(Item::Service(id.to_owned()));
        self.gone.insert(Item::Service(id.to_owned()), self.seq);
        let checks: Vec<String> = self.checks_of(id).map(Check::id).collect();
        for check in checks {
            self.remove_check(&check);
        }
        true
    }

    fn remove_check(&mut self, id: &str) {
        self.note_check(id);
        if self.checks.remove(id).is_some() {
            self.touched.insert(Item::Check(id.to_owned()));
            self.gone.insert(Item::Check(id.to_owned()), self.seq);
        }
    }

    /// The checks of a service; those of the node for the empty id.
    pub fn checks_of<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Check> {
        self.checks.values().filter(move |check| check.wish.service == service)
    }

    /// The catalog's tags have become a service's.
    pub fn take_tags(&mut self, id: &str, tags: Vec<String>) {
        self.seq += 1;
        self.note_service(id);
        let seq = self.seq;
        if let Some(service) = self.services.get_mut(id) {
            service.wish.tags = tags;
            service.changed = seq;
        }
    }

    /// How a check that follows a service should stand: the worst of its checks and the node's.
    pub fn alias_status(&self, target: &str) -> CheckStatus {
        if !self.services.contains_key(target) {
            return CheckStatus::Critical;
        }
        let mut worst = CheckStatus::Passing;
        for check in self.checks_of(target).chain(self.checks_of("")) {
            match check.status {
                CheckStatus::Critical => return CheckStatus::Critical,
                CheckStatus::Warning => worst = CheckStatus::Warning,
                _ => {}
            }
        }
        worst
    }

    fn note_service(&mut self, id: &str) {
        let item = Item::Service(id.to_owned());
        let service = self.services.get(id).cloned();
        self.undo.push_back(Undo { seq: self.seq, item, service, check: None });
    }

    fn note_check(&mut self, id: &str) {
        let item = Item::Check(id.to_owned());
        let check = self.checks.get(id).cloned().map(Box::new);
        self.undo.push_back(Undo { seq: self.seq, item, service: None, check });
    }

    /// True if the last wish changed what is kept on disk.
    pub fn wrote(&self) -> bool {
        self.undo.back().is_some_and(|undo| undo.seq == self.seq)
    }

    /// Everything up to `seq` is on the disk.
    pub fn is_saved(&mut self, seq: u64) {
        self.saved = self.saved.max(seq);
        while self.undo.front().is_some_and(|undo| undo.seq <= seq) {
            self.undo.pop_front();
        }
        for check in self.checks.values_mut() {
            check.forget_states(seq);
        }
    }
}
