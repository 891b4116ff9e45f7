//! Tests of the language against what the public library does, and of our models.

use super::eval::{Fields, Value};
use super::model::{Kind, Member, Model};
use super::proxy::JsonFields;
use super::*;
use crate::catalog::{
    Address, CheckRow, CheckStatus, Instance, Locality, NamedPort, NodeRow, ServiceRow,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const ADDRESS: &[Member] = &[Member::new("Address", Kind::Text), Member::new("Port", Kind::Int)];
const PART: &[Member] = &[Member::new("Name", Kind::Text), Member::new("Port", Kind::Int)];
const SUB: &[Member] = &[Member::new("Mode", Kind::Text), Member::new("Ups", Kind::Structs(PART))];

static ITEM: Model = Model {
    name: "item",
    members: &[
        Member::new("Text", Kind::Text),
        Member::new("Int", Kind::Int),
        Member::new("Flag", Kind::Bool),
        Member::new("Tags", Kind::Texts),
        Member::new("Meta", Kind::TextMap),
        Member::new("Addrs", Kind::StructMap(ADDRESS)),
        Member::new("Sub", Kind::Struct(SUB)),
        Member::new("PUps", Kind::Structs(PART)),
        Member::new("Uint", Kind::Uint(16)),
        Member::new("Kind", Kind::Text),
    ],
};

/// The rows that the answers in testdata/filter.jsonl were made with.
fn items() -> [JsonFields<Json>; 2] {
    let full = json!({
        "Text": "web", "Int": 80, "Flag": true, "Tags": ["a", "Prod"],
        "Meta": {"k": "v", "x-y": "z"},
        "Addrs": {
            "lan": {"Address": "1.2.3.4", "Port": 80},
            "wan": {"Address": "5.6.7.8", "Port": 81},
        },
        "Sub": {"Mode": "direct", "Ups": [{"Name": "db", "Port": 1}, {"Name": "cache", "Port": 2}]},
        "PUps": [{"Name": "db", "Port": 1}, {"Name": "cache", "Port": 2}],
        "Uint": 7, "Kind": "k",
    });
    [Json::Null, full].map(|json| JsonFields::new(ITEM.members, json))
}

/// What the public library (bexpr 0.1.2) answers to each expression: an error's text, or whether
/// each item matches.
#[test]
fn every_recorded_expression_gives_the_recorded_answer() {
    let recorded = include_str!("testdata/filter.jsonl");
    let mut count = 0;
    for line in recorded.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let text = line["expr"].as_str().unwrap();
        let found = match Filter::new(text, &ITEM) {
            // The words about a regular expression come from another library.
            Err(FilterError::Regex { .. }) => json!("regex"),
            Err(error) => json!(error.to_string()),
            Ok(filter) => json!(items().map(|item| filter.matches(&item))),
        };
        let expected = match &line["error"] {
            Json::Null => line["match"].clone(),
            Json::String(text) if text.contains("error parsing regexp") => json!("regex"),
            error => error.clone(),
        };
        assert_eq!(found, expected, "{text:?}");
        count += 1;
    }
    assert!(count > 300);
}

fn refused(text: &str, model: &'static Model) -> String {
    Filter::new(text, model).unwrap_err().to_string()
}

#[test]
fn a_filter_bomb_is_refused_quickly() {
    let deep = format!("{}Flag == true{}", "(".repeat(8_000), ")".repeat(8_000));
    assert_eq!(refused(&deep, &ITEM), "filter has more than 64 levels");
    let nots = format!("{}Flag == true", "not ".repeat(4_000));
    assert_eq!(refused(&nots, &ITEM), "filter has more than 64 levels");
    let open = "(".repeat(60);
    assert!(refused(&open, &ITEM).starts_with("1:61 (60): no match found"));
    let many = vec!["Int == 1"; 1_300].join(" or ");
    assert_eq!(refused(&many, &ITEM), "filter has more than 512 tests");
    let long = format!("Text == \"{}\"", "x".repeat(FILTER_BYTES_MAX));
    assert_eq!(refused(&long, &ITEM), "filter has more than 16384 bytes");
    let regexes = vec!["Text matches a"; 33].join(" or ");
    assert_eq!(refused(&regexes, &ITEM), "filter has more than 32 regular expressions");
    let huge = "Text matches \"((((a{100}){100}){100}){100})\"";
    assert!(refused(huge, &ITEM).starts_with("Failed to compile regular expression"));
}

#[test]
fn a_huge_number_is_out_of_range_and_not_cut() {
    let digits = "9".repeat(400);
    let text = refused(&format!("Int == {digits}"), &ITEM);
    assert!(text.ends_with("value out of range"), "{text}");
    let text = refused("Uint == 65536", &ITEM);
    let expected = "Failed to coerce value \"65536\" for selector \"Uint\": \
                    strconv.ParseUint: parsing \"65536\": value out of range";
    assert_eq!(text, expected);
}

#[test]
fn filters_are_equal_by_text_and_model() {
    let one = Filter::new("Node == a", &NODE).unwrap();
    assert_eq!(one, Filter::new("Node == a", &NODE).unwrap());
    assert_ne!(one, Filter::new("Node == b", &NODE).unwrap());
    assert_ne!(one, Filter::new("Node == a", &CHECK).unwrap());
}

/// Every field of a model exists in its rows, with the type the model says.
fn agree(members: &[Member], row: &dyn Fields, path: &str) {
    for member in members {
        let path = format!("{path}.{}", member.name);
        match (member.kind, row.field(member.name)) {
            (Kind::Text, Value::Text(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Int | Kind::Uint(_), Value::Int(_))
            | (Kind::Texts, Value::Texts(_))
            | (Kind::TextMap, Value::TextMap(_)) => {}
            (Kind::Struct(members), Value::Struct(inner)) => agree(members, inner.fields(), &path),
            (Kind::Structs(members), Value::Structs(list)) => {
                let first = list.first().unwrap_or_else(|| panic!("{path} is empty"));
                agree(members, first.fields(), &path);
            }
            (Kind::StructMap(members), Value::StructMap(map)) => {
                let (_, first) = map.first().unwrap_or_else(|| panic!("{path} is empty"));
                agree(members, first.fields(), &path);
            }
            _ => panic!("the model and the row disagree about {path}"),
        }
    }
    assert!(matches!(row.field("no such field"), Value::Missing), "{path}");
}

fn full_rows() -> (NodeRow, ServiceRow, CheckRow) {
    let locality = Some(Box::new(Locality { region: "r".into(), zone: "z".into() }));
    let proxy = json!({
        "Upstreams": [{"DestinationName": "db", "LocalBindPort": 81}],
        "Expose": {"Paths": [{"Path": "/x", "ListenerPort": 82, "ParsedFromCheck": false}]},
    });
    let node = NodeRow { node: "n".into(), locality: locality.clone(), ..NodeRow::default() };
    let service = ServiceRow {
        service: "web".into(),
        tagged_addresses: Some([("lan".to_owned(), Address::default())].into()),
        ports: Some(vec![NamedPort { name: "http".into(), port: 83, default: true }]),
        locality,
        proxy: proxy.to_string().into(),
        connect_native: true,
        ..ServiceRow::default()
    };
    let check = CheckRow { status: CheckStatus::Warning, ..CheckRow::default() };
    (node, service, check)
}

#[test]
fn every_model_agrees_with_its_rows() {
    let (node, service, check) = full_rows();
    agree(NODE.members, &node, "Node");
    agree(NODE_SERVICE.members, &service, "Service");
    agree(CHECK.members, &check, "Check");
    agree(SERVICE_NODE.members, &ServiceNode { node: &node, service: &service }, "ServiceNode");
    let (node, service, check) = (Arc::new(node), Arc::new(service), Arc::new(check));
    let info = NodeInfo {
        node: node.clone(),
        services: vec![service.clone()],
        checks: vec![check.clone()],
    };
    agree(NODE_INFO.members, &info, "NodeInfo");
    agree(INSTANCE.members, &Instance { node, service, checks: vec![check] }, "Instance");
}

#[test]
fn the_fields_of_a_service_are_found_where_the_model_says() {
    let (node, service, check) = full_rows();
    let instance =
        Instance { node: node.into(), service: service.into(), checks: vec![check.into()] };
    for (text, expected) in [
        ("Service.Proxy.Upstreams.DestinationName == db", true),
        ("Service.Proxy.Upstreams.LocalBindPort == 80", false),
        ("Service.Proxy.Upstreams is empty", false),
        ("Service.Proxy.Expose.Paths.ListenerPort == 82", true),
        ("Service.Proxy.Mode == \"\"", true),
        ("Service.Ports.Name == http and Service.Ports.Default == true", true),
        ("Service.TaggedAddresses.lan.Port == 0", true),
        ("Service.TaggedAddresses.wan.Port == 0", false),
        ("lan in Service.TaggedAddresses", true),
        ("Service.Connect.Native == true", true),
        ("Service.Locality.Zone == z and Node.Locality.Region == r", true),
        ("Service.Weights.Passing == 1", true),
        ("Checks.Status == warning", true),
    ] {
        let filter = Filter::new(text, &INSTANCE).unwrap();
        assert_eq!(filter.matches(&instance), expected, "{text}");
    }
    let bare = Instance { service: Arc::new(ServiceRow::default()), ..instance };
    let filter = Filter::new("Service.Locality.Zone == z", &INSTANCE).unwrap();
    assert!(!filter.matches(&bare), "what has no locality is in no zone");
}

fn noise() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "Text",
        "Int",
        "Meta.k",
        "Tags",
        "PUps.Name",
        "==",
        "!=",
        "in",
        "not",
        "is",
        "empty",
        "and",
        "or",
        "matches",
        "contains",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "`",
        "\"web\"",
        "80",
        "-",
        "0",
        ".",
        " ",
        "\n",
        "é",
        "\\",
        "(?i",
        "a{9999}",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_fail_otherwise_than_with_an_error(text in any::<String>()) {
        if let Ok(filter) = Filter::new(&text, &ITEM) {
            let _ = items().map(|item| filter.matches(&item));
        }
    }

    #[test]
    fn nothing_that_looks_like_a_filter_makes_it_fail_either(text in noise()) {
        if let Ok(filter) = Filter::new(&text, &ITEM) {
            prop_assert_eq!(filter.text(), text.as_str());
            let _ = items().map(|item| filter.matches(&item));
        }
    }

    #[test]
    fn a_filter_and_its_negation_never_agree(left in 0..100_i64, port in 0..100_i64) {
        let row = JsonFields::new(ITEM.members, json!({"Int": port}));
        let text = format!("Int == {left} or Int == {}", left + 1);
        let filter = Filter::new(&text, &ITEM).unwrap();
        let opposite = Filter::new(&format!("not ({text})"), &ITEM).unwrap();
        prop_assert_eq!(filter.matches(&row), port == left || port == left + 1);
        prop_assert_ne!(filter.matches(&row), opposite.matches(&row));
    }
}
