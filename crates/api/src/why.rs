//! Why clients are given an instance or not: the answer of `agent/why/service/<name>`. It is ours;
//! Consul has no such route. Reasons are kinds that programs may go by, with what belongs to each.
//! Invariant: an instance is `In` at a door if and only if there is no reason against it.

use serde::{Deserialize, Serialize};

use crate::duration::GoDuration;
use crate::duration::json::as_text;
use crate::null::is_default;

/// The instances of a service and why each is given to clients or not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Why {
    pub service: String,
    /// False if the catalog and the agent that was asked know no such service.
    pub known: bool,
    /// The known names that are most like it, if it is not known.
    pub nearest: Vec<String>,
    /// The setting `dns_config.only_passing`: whether DNS leaves out warnings.
    pub dns_only_passing: bool,
    pub instances: Vec<WhyInstance>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WhyInstance {
    pub node: String,
    #[serde(rename = "ID")]
    pub id: String,
    /// Where clients are sent: its own address or its node's.
    pub address: String,
    pub port: i64,
    pub tags: Vec<String>,
    /// The weight DNS gives it now; at 0 it is named, but clients that honour weights avoid it.
    pub weight: i64,
    /// `passing` of the health reads.
    pub passing: WhyDoor,
    #[serde(rename = "DNS")]
    pub dns: WhyDoor,
    pub checks: Vec<WhyCheck>,
}

/// One way in which clients are given instances.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WhyDoor {
    pub r#in: bool,
    pub reasons: Vec<Reason>,
}

/// Why an instance is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "Kind", rename_all = "kebab-case")]
pub enum Reason {
    /// Its node is set apart.
    #[serde(rename_all = "PascalCase")]
    NodeMaintenance { notes: String },
    /// It is set apart.
    #[serde(rename_all = "PascalCase")]
    ServiceMaintenance { notes: String },
    /// A check of its node is in this state.
    #[serde(rename_all = "PascalCase")]
    NodeCheck {
        #[serde(rename = "CheckID")]
        check_id: String,
        status: String,
    },
    /// A check of its own is in this state.
    #[serde(rename_all = "PascalCase")]
    ServiceCheck {
        #[serde(rename = "CheckID")]
        check_id: String,
        status: String,
    },
    /// It has not this tag, which was asked for.
    #[serde(rename_all = "PascalCase")]
    MissingTag { tag: String },
    /// It is registered with the agent, which has not told the catalog yet.
    NotInCatalog,
}

/// A check that concerns an instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WhyCheck {
    #[serde(rename = "CheckID")]
    pub check_id: String,
    pub name: String,
    #[serde(rename = "Type")]
    pub kind: String,
    /// Empty for a check of the node.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    pub status: String,
    pub output: String,
    pub notes: String,
    /// What its own agent knows of its runs; only the agent that is asked knows its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<WhyRuns>,
}

/// The runs of a check, as its agent knows them. Spans count from the moment of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WhyRuns {
    pub results: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<WhyLastRun>,
    /// It runs now, since so long.
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub running_for: GoDuration,
    /// Until its next run.
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub next_due_in: GoDuration,
    /// Until a TTL check expires.
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub expires_in: GoDuration,
    pub successes_in_a_row: u32,
    pub failures_in_a_row: u32,
    /// How often its results have changed its state.
    pub transitions: u64,
    /// It is held at its worse state for so long still, since it changes too often.
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub damped_for: GoDuration,
    /// Until its service is removed, if it stays critical.
    #[serde(serialize_with = "as_text", skip_serializing_if = "is_default")]
    pub removal_in: GoDuration,
    /// The catalog has not been told of its state yet.
    pub untold: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WhyLastRun {
    #[serde(serialize_with = "as_text")]
    pub ago: GoDuration,
    #[serde(serialize_with = "as_text")]
    pub took: GoDuration,
    /// How long after it was due it began.
    #[serde(serialize_with = "as_text")]
    pub late: GoDuration,
    /// What it found, before thresholds and damping.
    pub found: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Layout, to_json};

    #[test]
    fn reasons_print_their_kind_and_what_belongs_to_it() {
        let reasons = [
            Reason::NodeMaintenance { notes: "disk".into() },
            Reason::ServiceCheck { check_id: "c".into(), status: "critical".into() },
            Reason::MissingTag { tag: "v2".into() },
            Reason::NotInCatalog,
        ];
        let expected = concat!(
            r#"[{"Kind":"node-maintenance","Notes":"disk"},"#,
            r#"{"Kind":"service-check","CheckID":"c","Status":"critical"},"#,
            r#"{"Kind":"missing-tag","Tag":"v2"},{"Kind":"not-in-catalog"}]"#
        );
        let text = to_json(&reasons, Layout::Compact);
        assert_eq!(String::from_utf8_lossy(&text), expected);
        let read: Vec<Reason> = serde_json::from_slice(&text).unwrap();
        assert_eq!(read, reasons);
    }
}
