//! A registered check: what it is, its state, and how it looks to readers and to the catalog.
//! It does not decide when it runs.

pub(crate) mod alias;
pub(crate) mod expose;
pub(crate) mod flap;
pub(crate) mod follow;
pub(crate) mod history;
pub(crate) mod lanes;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod run;
pub(crate) mod thresholds;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tribune_api::agent::CheckDefinition;
use tribune_api::health::HealthCheck;
use tribune_state::catalog::{CheckRow, CheckStatus};
use tribune_state::ids::{CheckId, Index, ServiceId};

use crate::check::expose::Listener;
use crate::check::flap::Flap;
use crate::check::history::History;
use crate::check::plan::{Plan, Run};
use crate::check::thresholds::Streak;
use crate::service::Service;
use crate::settings::Settings;

/// A registered check.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub id: CheckId,
    /// As it is kept on disk.
    pub kept: KeptCheck,
    pub plan: Plan,
    /// Counts registrations: a result of an older one is dropped.
    pub generation: u64,
    /// As readers and the catalog see it.
    pub status: CheckStatus,
    /// What its results say: another state only while the check is held for flapping.
    pub judged: CheckStatus,
    pub output: String,
    pub streak: Streak,
    pub stage: Stage,
    pub history: History,
    pub flap: Flap,
    /// True once its time is up: if the next run fails, its service goes.
    pub is_last_chance: bool,
    /// True if a configuration file declares it, so that it is not kept on disk.
    pub is_declared: bool,
    /// The listener of a proxy that it goes through, if one exposes it.
    pub listener: Option<Listener>,
    /// As readers see it.
    pub shown: Arc<HealthCheck>,
}

/// A check's definition with its place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeptCheck {
    pub definition: CheckDefinition,
    /// The service it is of, empty for the node.
    pub service: ServiceId,
    /// True if it came within its service's definition.
    pub within_service: bool,
    /// True for a check that holds its service or node in maintenance.
    pub maintenance: bool,
}

/// Where a check that named no target stands. Others are always steady.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its server may not listen yet: quick steps, and failures do not count for removal.
    Starting {
        /// Until then.
        until: Duration,
    },
    /// At its interval.
    Steady,
}

impl Check {
    /// True if it names no target, so that it starts in quick steps.
    pub fn is_eager(&self) -> bool {
        matches!(&self.plan.run, Run::Probe(probe) if probe.eager)
    }

    /// What it may still be critical for, if its service is to be removed then.
    pub fn remove_after(&self) -> Option<Duration> {
        self.plan.remove_after.filter(|_| !self.kept.service.is_empty())
    }

    /// Renews what readers see; true if that changed.
    pub fn show(&mut self, service: Option<&Service>, settings: &Settings) -> bool {
        let tags = service.map(|own| own.shown.tags.clone()).unwrap_or_default();
        let shown = HealthCheck {
            node: settings.node.node.to_string(),
            check_id: self.id.to_string(),
            name: self.plan.name.clone(),
            status: self.status.as_str().to_owned(),
            notes: self.plan.notes.clone(),
            output: self.output.clone(),
            service_id: self.kept.service.to_string(),
            service_name: service.map(|own| own.shown.service.clone()).unwrap_or_default(),
            service_tags: Some(tags),
            kind: self.plan.kind.to_owned(),
            interval: self.plan.interval.clone(),
            timeout: self.plan.timeout.clone(),
            exposed_port: self.listener.as_ref().map_or(0, |own| i64::from(own.port)),
            ..HealthCheck::default()
        };
        let differs = *self.shown != shown;
        if differs {
            self.shown = Arc::new(shown);
        }
        differs
    }

    /// The row for the catalog.
    pub fn row(&self, settings: &Settings) -> CheckRow {
        let shown = &self.shown;
        CheckRow {
            node: settings.node.node.clone(),
            id: self.id.clone(),
            name: shown.name.clone(),
            status: self.status.clone(),
            notes: shown.notes.clone(),
            output: self.output.clone(),
            service_id: self.kept.service.clone(),
            service_name: shown.service_name.as_str().into(),
            service_tags: shown.service_tags.clone().map(Into::into),
            kind: shown.kind.clone(),
            interval: shown.interval.clone(),
            timeout: shown.timeout.clone(),
            exposed_port: shown.exposed_port,
            definition: Arc::from(""),
            create_index: Index::default(),
            modify_index: Index::default(),
        }
    }

    /// True if the catalog's row says what ours says. What it copies from the service counts
    /// not; nor does the output while a change of it may still wait.
    pub fn is_told(&self, told: &CheckRow, output_waits: bool, settings: &Settings) -> bool {
        let mut wish = self.row(settings);
        wish.node = told.node.clone();
        wish.create_index = told.create_index;
        wish.modify_index = told.modify_index;
        wish.service_name = told.service_name.clone();
        wish.service_tags.clone_from(&told.service_tags);
        if output_waits {
            wish.output.clone_from(&told.output);
        }
        wish == *told
    }
}
