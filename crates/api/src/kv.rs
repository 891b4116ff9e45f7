//! Key/value pairs on the wire. It does not know what a key may be; bytes that are not UTF-8
//! show as U+FFFD, as in Go.
//! Invariant: fields stand in the order Consul prints them.

use serde::{Deserialize, Serialize};

use crate::json::Base64;

/// One key. `Value` is `null` when empty, `Session` is absent when no session holds the key.
///
/// Source: transcripts/kv/basic.txt, transcripts/session/locks.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct KvPair {
    pub lock_index: u64,
    pub key: String,
    pub flags: u64,
    pub value: Base64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub session: String,
    pub create_index: u64,
    pub modify_index: u64,
}
