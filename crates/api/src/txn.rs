//! Transactions on the wire: operations in, results and errors out. No verb is judged here.
//! Invariant: an operation of several nouns keeps the first of KV, Node, Service, Check.

use serde::{Deserialize, Serialize};

use crate::catalog::{Node, NodeService};
use crate::health::HealthCheck;
use crate::json::Base64;
use crate::kv::KvPair;

/// One operation of `PUT /v1/txn`; one with no noun does nothing.
///
/// Source: transcripts/txn/more.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TxnOp {
    #[serde(rename = "KV", skip_serializing_if = "Option::is_none")]
    pub kv: Option<KvOp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeOp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceOp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckOp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct KvOp {
    pub verb: String,
    pub key: String,
    pub value: Base64,
    pub flags: u64,
    pub index: u64,
    pub session: String,
    /// Enterprise; sent empty by the official client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub partition: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeOp {
    pub verb: String,
    pub node: Node,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceOp {
    pub verb: String,
    pub node: String,
    pub service: NodeService,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CheckOp {
    pub verb: String,
    pub check: HealthCheck,
}

/// One result; exactly one noun is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TxnResult {
    #[serde(rename = "KV")]
    Kv(KvPair),
    Node(Node),
    Service(Box<NodeService>),
    Check(Box<HealthCheck>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TxnError {
    pub op_index: u64,
    pub what: String,
}

/// The answer to a transaction that writes, or part of the one that only reads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct TxnAnswer {
    /// `null` when refused.
    pub results: Option<Vec<TxnResult>>,
    /// `null` when accepted.
    pub errors: Option<Vec<TxnError>>,
    /// Only of a transaction that reads and writes nothing.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub meta: Option<QueryMeta>,
}

/// What Consul adds to a few bodies about the read itself.
///
/// Source: transcripts/txn/basic.txt, transcripts/status/paths.txt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct QueryMeta {
    pub index: u64,
    pub last_contact: u64,
    pub known_leader: bool,
    pub consistency_level: String,
    pub not_modified: bool,
    pub backend: u64,
    #[serde(rename = "ResultsFilteredByACLs")]
    pub results_filtered_by_acls: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decode::{Unknown, decode};
    use crate::json::{Layout, to_json};

    fn ops(body: &str) -> Result<Vec<TxnOp>, String> {
        decode(body.as_bytes(), Unknown::Refuse).map_err(|error| error.to_string())
    }

    #[test]
    fn operations_decode_as_consul_decodes_them() {
        assert_eq!(ops("null"), Ok(vec![]));
        assert_eq!(ops("[{}]"), Ok(vec![TxnOp::default()]));
        let lower = ops(r#"[{"KV":{"verb":"set","key":"lower","value":"MQ=="}}]"#).unwrap();
        let kv = lower[0].kv.clone().unwrap();
        assert_eq!((kv.verb.as_str(), kv.value.0.as_ref()), ("set", b"1".as_slice()));
        for body in [
            "{}",
            "nonsense",
            "",
            r#"[{"Nope":{}}]"#,
            r#"[{"KV":{"Nope":1}}]"#,
            r#"[{"KV":{"Flags":"7"}}]"#,
            r#"[{"KV":{"Value":"not base64!"}}]"#,
        ] {
            assert!(ops(body).is_err(), "{body}");
        }
    }

    #[test]
    fn an_answer_carries_the_meta_of_a_read_only_transaction() {
        let plain = TxnAnswer { results: Some(vec![]), ..TxnAnswer::default() };
        assert_eq!(to_json(&plain, Layout::Compact), br#"{"Results":[],"Errors":null}"#);
        let read = TxnAnswer {
            errors: Some(vec![TxnError { op_index: 1, what: "w".into() }]),
            meta: Some(QueryMeta { index: 1, known_leader: true, ..QueryMeta::default() }),
            ..TxnAnswer::default()
        };
        let expected = concat!(
            r#"{"Results":null,"Errors":[{"OpIndex":1,"What":"w"}],"Index":1,"LastContact":0,"#,
            r#""KnownLeader":true,"ConsistencyLevel":"","NotModified":false,"Backend":0,"#,
            r#""ResultsFilteredByACLs":false}"#
        );
        assert_eq!(String::from_utf8_lossy(&to_json(&read, Layout::Compact)), expected);
    }

    #[test]
    fn a_result_is_an_object_of_its_noun() {
        let result = TxnResult::Kv(KvPair { key: "a".into(), ..KvPair::default() });
        let text = to_json(&result, Layout::Compact);
        assert!(text.starts_with(br#"{"KV":{"LockIndex":0,"Key":"a","#));
    }

    proptest! {
        #[test]
        fn no_body_makes_the_decoder_panic(bytes: Vec<u8>) {
            let _ = decode::<Vec<TxnOp>>(&bytes, Unknown::Refuse);
        }

        #[test]
        fn no_body_like_operations_makes_the_decoder_panic(
            nouns in r#"("(KV|Node|Check)":(\{("(Verb|Key|Value)":("x"|1|null),?)*\}|null))*"#
        ) {
            let body = format!("[{{{nouns}}}]");
            let _ = decode::<Vec<TxnOp>>(body.as_bytes(), Unknown::Refuse);
        }
    }
}
