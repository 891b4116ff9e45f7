//! The rules of Go's decoder, one by one, and texts that no decoder should fall over.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::duration::GoDuration;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Sample {
    name: String,
    port: i32,
    flags: u64,
    tags: Option<Vec<String>>,
    meta: BTreeMap<String, String>,
    #[serde(alias = "socket_path")]
    socket_path: String,
    wait: GoDuration,
    inner: Option<Box<Sample>>,
}

fn strict(body: &str) -> Result<Sample, String> {
    decode(body.as_bytes(), Unknown::Refuse).map_err(|error| error.to_string())
}

#[test]
fn names_match_without_regard_to_case_and_by_alias() {
    let found = strict(r#"{"NAME":"a","port":1,"socket_path":"/s","Inner":{"nAmE":"b"}}"#);
    let inner = Sample { name: "b".into(), ..Sample::default() };
    let expected = Sample {
        name: "a".into(),
        port: 1,
        socket_path: "/s".into(),
        inner: Some(Box::new(inner)),
        ..Sample::default()
    };
    assert_eq!(found, Ok(expected));
}

#[test]
fn null_leaves_the_default_at_every_level() {
    let null = r#"{"Name":null,"Port":null,"Tags":null,"Meta":null,"Wait":null,"Inner":null}"#;
    assert_eq!(strict(null), Ok(Sample::default()));
    assert_eq!(strict("null"), Ok(Sample::default()));
    let found = strict(r#"{"Tags":[null,"x"],"Meta":{"k":null}}"#);
    let expected = Sample {
        tags: Some(vec![String::new(), "x".into()]),
        meta: BTreeMap::from([("k".into(), String::new())]),
        ..Sample::default()
    };
    assert_eq!(found, Ok(expected));
}

#[test]
fn durations_are_a_text_or_nanoseconds() {
    for (body, nanos) in [(r#"{"Wait":"10s"}"#, 10_000_000_000), (r#"{"Wait":-7}"#, -7)] {
        assert_eq!(strict(body).map(|sample| sample.wait.0), Ok(nanos), "{body}");
    }
    let refused = strict(r#"{"Wait":"abc"}"#);
    assert_eq!(refused, Err("time: invalid duration \"abc\"".into()));
}

#[test]
fn an_unknown_field_is_refused_at_every_level() {
    for body in [r#"{"Nope":1}"#, r#"{"Inner":{"Nope":1}}"#] {
        assert_eq!(strict(body), Err("json: unknown field \"Nope\"".to_owned()), "{body}");
    }
}

#[test]
fn a_value_of_another_type_is_named_by_its_field_and_its_place() {
    let duration = "a duration text or nanoseconds";
    for (body, expected) in [
        (r#"{"Port":"80"}"#, "string into Go struct field Sample.Port of type int32"),
        (r#"{"Port":1.5}"#, "number 1.5 into Go struct field Sample.Port of type int32"),
        (
            r#"{"Port":2147483648}"#,
            "number 2147483648 into Go struct field Sample.Port of type int32",
        ),
        (r#"{"Flags":-1}"#, "number -1 into Go struct field Sample.Flags of type uint64"),
        (r#"{"Tags":"x"}"#, "string into Go struct field Sample.Tags of type []string"),
        (
            r#"{"Inner":{"Tags":["a",1]}}"#,
            "number into Go struct field Sample.Inner.Tags of type string (at Inner.Tags[1])",
        ),
        (
            r#"{"Meta":{"a b":{}}}"#,
            r#"object into Go struct field Sample.Meta of type string (at Meta["a b"])"#,
        ),
        (r#"{"Wait":true}"#, &format!("bool into Go struct field Sample.Wait of type {duration}")),
        (
            r#"{"Wait":1e30}"#,
            &format!("number {} into Go struct field Sample.Wait of type {duration}", 1e30),
        ),
        ("[]", "array into Go value of type Sample"),
    ] {
        assert_eq!(strict(body), Err(format!("json: cannot unmarshal {expected}")), "{body}");
    }
}

/// Source: transcripts agent/registration.txt, agent/types.txt, txn/more.txt, txn/basic.txt.
#[test]
fn recorded_texts_are_consuls() {
    fn text<T: serde::de::DeserializeOwned + Default>(body: &str) -> String {
        let refused = decode::<T>(body.as_bytes(), Unknown::Refuse).err();
        refused.map(|error| error.to_string()).unwrap_or_default()
    }
    let service = text::<crate::agent::ServiceDefinition>;
    let check = text::<crate::agent::CheckRegistration>;
    let txn = text::<Vec<crate::txn::TxnOp>>;
    let start = "json: cannot unmarshal";
    for (found, expected) in [
        (service(r#"{"Port":"80"}"#), "string into Go struct field .Alias.Port of type int"),
        (service(r#"{"Port":1.5}"#), "number 1.5 into Go struct field .Alias.Port of type int"),
        (service(r#"{"Tags":"one"}"#), "string into Go struct field .Alias.Tags of type []string"),
        (
            service(r#"{"Checks":"x"}"#),
            "string into Go struct field .Alias.Checks of type structs.CheckTypes",
        ),
        (
            check(r#"{"Header":["a"]}"#),
            "array into Go struct field .Alias.Header of type map[string][]string",
        ),
        (
            txn(r#"[{"KV":{"Flags":"7"}}]"#),
            "string into Go struct field KVTxnOp.KV.Flags of type uint64 (at [0].KV.Flags)",
        ),
        (txn("{}"), "object into Go value of type api.TxnOps"),
        // Behind the recorded text, which ends at the type, stands the place.
        (
            service(r#"{"Meta":{"k":1}}"#),
            r#"number into Go struct field .Alias.Meta of type string (at Meta["k"])"#,
        ),
        (
            check(r#"{"Header":{"A":"not a list"}}"#),
            r#"string into Go struct field .Alias.Header of type []string (at Header["A"])"#,
        ),
        (
            service(r#"{"Checks":[{},{"Args":[1]}]}"#),
            "number into Go struct field .Alias.Args of type string (at Checks[1].Args[0])",
        ),
    ] {
        assert_eq!(found, format!("{start} {expected}"));
    }
    assert_eq!(service(r#"{"Check":{"Timeout":"x"}}"#), "time: invalid duration \"x\"");
    assert_eq!(txn(r#"[{"KV":{"Value":"not base64!"}}]"#), "illegal base64 data at input byte 3");
}

#[test]
fn of_two_names_of_one_field_the_last_wins() {
    let found = strict(r#"{"SocketPath":"a","socket_path":"b","SOCKETPATH":"c"}"#);
    assert_eq!(found.map(|sample| sample.socket_path), Ok("c".into()));
}

#[test]
fn a_list_of_more_than_memory_is_worth_is_refused() {
    let checks = vec!["{}"; 100_000].join(",");
    let body = format!(r#"{{"Name":"a","Checks":[{checks}]}}"#);
    let refused = decode::<crate::agent::ServiceDefinition>(body.as_bytes(), Unknown::Refuse);
    let text = refused.map(|_| ()).unwrap_err().to_string();
    assert!(text.starts_with("json: too many elements (at Checks["), "{text}");
    assert_eq!(
        strict(&format!(r#"{{"Tags":[{}]}}"#, vec!["\"\""; 500_000].join(","))).map(|_| ()),
        Ok(())
    );
}

#[test]
fn errors_are_short_however_long_the_body() {
    let long = "é".repeat(100_000);
    for body in [
        format!(r#"{{"{long}":1}}"#),
        format!(r#"{{"Meta":{{"{long}":1}}}}"#),
        format!(r#"{{"Wait":"{long}"}}"#),
        format!(r#"{{"Port":{}}}"#, "9".repeat(100_000)),
        format!("{}{{}}{}", r#"{"Inner":"#.repeat(200), "}".repeat(200)),
        format!(r#"{}{{"Port":""}}{}"#, r#"{"Inner":"#.repeat(200), "}".repeat(200)),
    ] {
        let text = strict(&body).map(|_| String::new()).unwrap_or_else(|error| error);
        assert!(text.len() < 6 * 1024, "{} bytes", text.len());
    }
}

#[test]
fn a_lenient_caller_ignores_unknown_fields() {
    let found: Result<Sample, _> = decode(br#"{"Nope":[1],"Name":"a"}"#, Unknown::Ignore);
    assert_eq!(found.map(|sample| sample.name), Ok("a".into()));
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
        let _ = decode::<Sample>(&bytes, Unknown::Refuse);
    }
}
