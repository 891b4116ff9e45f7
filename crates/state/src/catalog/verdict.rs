//! Whether an instance is given to clients, and if not, why: `passing`, DNS and whoever explains
//! them all ask here. It knows the catalog's rows alone, not what an agent has yet to say.
//! Invariant: an instance is left out if and only if there is a bar for that door.

use super::query::Instance;
use super::rows::{CheckRow, CheckStatus, ServiceRow};
use std::sync::Arc;

/// A way in which clients are given instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `passing` of the health reads.
    Passing,
    /// DNS.
    Dns {
        /// True to leave out warnings too.
        only_passing: bool,
    },
}

impl Door {
    /// True if a check in this state keeps its instance, or those of its node, out.
    pub fn is_barred_by(self, status: &CheckStatus) -> bool {
        match self {
            Door::Passing | Door::Dns { only_passing: true } => *status != CheckStatus::Passing,
            Door::Dns { only_passing: false } => *status == CheckStatus::Critical,
        }
    }
}

/// Why an instance is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bar {
    /// Its node is set apart for maintenance.
    NodeMaintenance(Arc<CheckRow>),
    /// It is set apart for maintenance.
    ServiceMaintenance(Arc<CheckRow>),
    /// A check of its node is not in a good state.
    NodeCheck(Arc<CheckRow>),
    /// A check of its own is not in a good state.
    ServiceCheck(Arc<CheckRow>),
    /// It has not this tag, which was asked for.
    MissingTag(String),
}

/// An instance and why it is left out of each door; no reason means that it is given out.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The instance with its node and checks.
    pub instance: Instance,
    /// Why it is not among the passing.
    pub passing: Vec<Bar>,
    /// Why it is not in DNS.
    pub dns: Vec<Bar>,
}

impl Verdict {
    pub(crate) fn of(instance: Instance, tags: &[String], only_passing: bool) -> Verdict {
        let bars = |door: Door| {
            let missing = tags.iter().filter(|tag| !has_tag(&instance.service, tag));
            let missing = missing.cloned().map(Bar::MissingTag);
            let barring = instance.checks.iter().filter(|row| door.is_barred_by(&row.status));
            missing.chain(barring.map(bar)).collect()
        };
        let (passing, dns) = (bars(Door::Passing), bars(Door::Dns { only_passing }));
        Verdict { instance, passing, dns }
    }
}

fn bar(check: &Arc<CheckRow>) -> Bar {
    let check = check.clone();
    match check.id.as_str() {
        NODE_MAINTENANCE => Bar::NodeMaintenance(check),
        id if id.starts_with(SERVICE_MAINTENANCE) => Bar::ServiceMaintenance(check),
        _ if check.service_id.is_empty() => Bar::NodeCheck(check),
        _ => Bar::ServiceCheck(check),
    }
}

/// True if the instance has the tag, in any case.
pub fn has_tag(service: &ServiceRow, tag: &str) -> bool {
    let tag = tag.to_lowercase();
    service.tags.as_deref().unwrap_or_default().iter().any(|own| own.to_lowercase() == tag)
}

/// The checks by which agents set apart.
///
/// Source: transcripts/agent/maintenance.txt.
const NODE_MAINTENANCE: &str = "_node_maintenance";
const SERVICE_MAINTENANCE: &str = "_service_maintenance:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_door_leaves_out_what_it_must() {
        let other = CheckStatus::Other("purple".into());
        let states = [CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical, other];
        for (door, barred) in [
            (Door::Passing, [false, true, true, true]),
            (Door::Dns { only_passing: false }, [false, false, true, false]),
            (Door::Dns { only_passing: true }, [false, true, true, true]),
        ] {
            assert_eq!(states.each_ref().map(|status| door.is_barred_by(status)), barred);
        }
    }
}
