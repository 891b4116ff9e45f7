//! User events on the wire. Delivery is not decided here.
//! Invariant: fields stand in the order Consul prints them.

use serde::{Deserialize, Serialize};

use crate::json::Base64;

/// A user event, as fired and as listed.
///
/// Source: transcripts/event/basic.txt, transcripts/event/more.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UserEvent {
    #[serde(rename = "ID")]
    pub id: String,
    pub name: String,
    pub payload: Base64,
    pub node_filter: String,
    pub service_filter: String,
    pub tag_filter: String,
    pub version: u64,
    /// Zero in the answer to firing, the pool's logical time in lists.
    #[serde(rename = "LTime")]
    pub ltime: u64,
}
