//! Everything an agent's brain remembers, and the few steps that every change of it takes.
//! The rules stand beside it, each in its file, as functions over this.
//! Invariant: whoever changes a row here tells readers, the catalog's queue and the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tribune_state::ids::{CheckId, ServiceId};

use crate::alarms::{Alarm, Alarms};
use crate::check::Check;
use crate::check::expose::Exposes;
use crate::check::lanes::Lanes;
use crate::check::plan::Run;
use crate::effect::{Change, Effect};
use crate::journal::Journal;
use crate::service::Service;
use crate::settings::Settings;
use crate::sync::{Item, Sync};

/// What an agent's brain remembers.
#[derive(Debug)]
pub(crate) struct State {
    pub settings: Settings,
    pub now: Duration,
    pub rng: ChaCha8Rng,
    pub services: BTreeMap<ServiceId, Service>,
    pub checks: BTreeMap<CheckId, Check>,
    /// Checks by service; those of the node stand under the empty id.
    pub checks_of: BTreeMap<ServiceId, BTreeSet<CheckId>>,
    pub aliases: Aliases,
    pub exposes: Exposes,
    pub alarms: Alarms,
    pub lanes: Lanes,
    pub sync: Sync,
    pub journal: Journal,
    pub generations: u64,
    pub changes: Vec<Change>,
    pub effects: Vec<Effect>,
}

/// The deadlines that a check may have.
const ALARMS_OF_CHECK: [fn(CheckId) -> Alarm; 6] =
    [Alarm::Run, Alarm::Ttl, Alarm::Remove, Alarm::Output, Alarm::Reuse, Alarm::Follow];

/// Who follows whom.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    /// Checks that follow a service, by that service.
    pub of: BTreeMap<ServiceId, BTreeSet<CheckId>>,
    /// Services whose followers are to be looked at again; the empty id stands for all.
    pub due: BTreeSet<ServiceId>,
}

impl State {
    pub fn new(settings: Settings) -> State {
        let rng = ChaCha8Rng::from_seed(settings.seed);
        let journal = Journal::new(settings.persist);
        let lanes = Lanes::new(settings.probes_max);
        State {
            settings,
            now: Duration::ZERO,
            rng,
            services: BTreeMap::new(),
            checks: BTreeMap::new(),
            checks_of: BTreeMap::new(),
            aliases: Aliases::default(),
            exposes: Exposes::default(),
            alarms: Alarms::default(),
            lanes,
            sync: Sync::default(),
            journal,
            generations: 0,
            changes: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// A random span in [0, `span`).
    pub fn random(&mut self, span: Duration) -> Duration {
        span.mul_f64(f64::from(self.rng.next_u32()) / (f64::from(u32::MAX) + 1.0))
    }

    /// Tells readers of a service, and the catalog's queue.
    pub fn service_changed(&mut self, id: &ServiceId) {
        let shown = self.services.get(id).map(|service| service.shown.clone());
        self.exposes.service_changed(id, self.services.get(id), &self.settings);
        self.changes.push(Change::Service(id.clone(), shown));
        self.sync.touch(Item::Service(id.clone()));
        self.aliases.due.insert(id.clone());
    }

    /// Tells readers of a check, and the catalog's queue.
    pub fn check_changed(&mut self, id: &CheckId) {
        self.publish_check(id);
        self.alarms.clear(&Alarm::Output(id.clone()));
        self.sync.touch(Item::Check(id.clone()));
    }

    /// Tells readers of a check whose output alone has changed; the catalog hears of it later.
    pub fn output_changed(&mut self, id: &CheckId) {
        let interval = self.settings.check_update_interval;
        if interval.is_zero() {
            self.check_changed(id);
            return;
        }
        self.publish_check(id);
        let alarm = Alarm::Output(id.clone());
        if self.alarms.time(&alarm).is_none() && !self.sync.is_queued(&Item::Check(id.clone())) {
            let wait = interval / 2 + self.random(interval);
            self.alarms.set(alarm, self.now + wait);
        }
    }

    fn publish_check(&mut self, id: &CheckId) {
        let check = self.checks.get(id);
        let service = check.map(|check| check.kept.service.clone());
        self.changes.push(Change::Check(id.clone(), check.map(|check| check.shown.clone())));
        // A check that is gone has been reported by whoever removed it.
        self.aliases.due.extend(service);
    }

    /// Puts a check in place, in every way to find it.
    pub fn insert_check(&mut self, check: Check) {
        if let Some(old) = self.checks.get(&check.id) {
            let (id, service) = (old.id.clone(), old.kept.service.clone());
            self.unlink(&id, &service);
        }
        let of = self.checks_of.entry(check.kept.service.clone()).or_default();
        of.insert(check.id.clone());
        if let Run::Alias(target) = &check.plan.run {
            self.aliases.of.entry(target.clone()).or_default().insert(check.id.clone());
        }
        self.exposes.check_moved(&check.kept.service);
        self.checks.insert(check.id.clone(), check);
    }

    /// Takes a check out, with its deadlines.
    pub fn remove_check(&mut self, id: &CheckId) -> Option<Check> {
        let check = self.checks.get(id)?;
        let service = check.kept.service.clone();
        self.unlink(id, &service);
        for alarm in ALARMS_OF_CHECK {
            self.alarms.clear(&alarm(id.clone()));
        }
        self.exposes.check_moved(&service);
        self.aliases.due.insert(service);
        self.checks.remove(id)
    }

    fn unlink(&mut self, id: &CheckId, service: &ServiceId) {
        if let Some(of) = self.checks_of.get_mut(service) {
            of.remove(id);
            if of.is_empty() {
                self.checks_of.remove(service);
            }
        }
        let Some(Run::Alias(target)) = self.checks.get(id).map(|check| &check.plan.run) else {
            return;
        };
        if let Some(followers) = self.aliases.of.get_mut(target) {
            followers.remove(id);
            if followers.is_empty() {
                let target = target.clone();
                self.aliases.of.remove(&target);
            }
        }
    }

    /// The checks of a service by id.
    pub fn checks_of(&self, service: &ServiceId) -> Vec<CheckId> {
        self.checks_of.get(service).map(|all| all.iter().cloned().collect()).unwrap_or_default()
    }
}
