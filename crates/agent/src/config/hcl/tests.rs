//! HCL against the same documents as JSON, its complaints, and texts no parser should fall over.

use super::*;
use crate::config::value::testing::unplaced;
use proptest::prelude::*;

fn check(hcl: &str, json: &str) {
    let tree = parse(hcl).unwrap_or_else(|error| panic!("{hcl}: {error:?}"));
    assert_eq!(unplaced(&tree), unplaced(&json::parse(json).unwrap()), "{hcl}");
}

#[test]
fn documents_say_the_same_as_their_json() {
    let cases = [
        ("", "{}"),
        ("a = 1 b = true", r#"{"a":1,"b":true}"#),
        ("\"a b\" = \"c\"", r#"{"a b":"c"}"#),
        ("a { b = 1, c = -2 }", r#"{"a":{"b":1,"c":-2}}"#),
        ("a = { b { } }", r#"{"a":{"b":{}}}"#),
        ("a \"x\" \"y\" { b = 1 }", r#"{"a":{"x":{"y":{"b":1}}}}"#),
        ("a = [1, \"two\", { c = 3 },]", r#"{"a":[1,"two",{"c":3}]}"#),
        ("a = []\n", r#"{"a":[]}"#),
        ("# one\na = 1 // two\n/* three\n */ b = 2", r#"{"a":1,"b":2}"#),
        ("a = 0x1F b = 017 c = 1.5 d = 1e3 e = -0", r#"{"a":31,"b":15,"c":1.5,"d":1e3,"e":0}"#),
        (r#"a = "q\"\n\t\\ \u00e9 \x41 \101""#, r#"{"a":"q\"\n\t\\ é A A"}"#),
        (r#"a = "${ f("x\n") } {y}""#, r#"{"a":"${ f(\"x\\n\") } {y}"}"#),
        ("a = <<EOF\n  one\n\n two\nEOF\nb = 1", r#"{"a":"  one\n\n two\n","b":1}"#),
        ("a = <<-EOF\n    one\n      two\n    EOF\n", r#"{"a":"one\n  two\n"}"#),
        ("a = <<-EOF\n  one\n    EOF\n", r#"{"a":"one\n"}"#),
        ("a = <<-EOF\n b\n\u{a0}\n EOF\n", r#"{"a":"b\n\n"}"#),
        ("dotted.key-1_x = 1", r#"{"dotted.key-1_x":1}"#),
        ("{\"a\": [null]}", r#"{"a":[null]}"#),
        ("\u{feff}a = 1", r#"{"a":1}"#),
    ];
    for (hcl, json) in cases {
        check(hcl, json);
    }
}

#[test]
fn repeated_blocks_stay_repeated() {
    check("s { a = 1 }\ns { a = 2 }", r#"{"s":{"a":1},"s":{"a":2}}"#);
}

#[test]
fn every_part_knows_its_place() {
    let tree = parse("a = 1\n  b \"l\" {\n\tc = [2,\n 3] }").unwrap();
    insta::assert_debug_snapshot!(places(&tree, ""), @r#"
    [
        "a key 1:1 value 1:5",
        "b key 2:3 value 2:5",
        "b.l key 2:5 value 2:9",
        "b.l.c key 3:2 value 3:6",
        "b.l.c[0] 3:7",
        "b.l.c[1] 4:2",
    ]
    "#);
}

fn places(value: &Value, path: &str) -> Vec<String> {
    match &value.data {
        Data::Object(members) => members
            .iter()
            .flat_map(|m| {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{}", m.key);
                let own = format!("{path} key {} value {}", m.position, m.value.position);
                [own].into_iter().chain(places(&m.value, &path)).collect::<Vec<_>>()
            })
            .collect(),
        Data::List(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| format!("{path}[{at}] {}", item.position))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn complaints_name_the_place() {
    let cases = [
        ("data_dir = \"data\n", "1:17 literal not terminated"),
        (
            "this is not read\n",
            "2:1 key 'this is not read' expected start of object ('{') or assignment ('=')",
        ),
        ("a = b", "1:5 Unknown token: 1:5 IDENT b"),
        ("a =", "1:4 Unknown token: 1:4 EOF"),
        ("a = 10s", "1:5 illegal number \"10s\""),
        ("a = 0xg", "1:5 illegal number \"0xg\""),
        ("a = 0x-1", "1:5 illegal number \"0x-1\""),
        ("a {", "1:4 object expected closing RBRACE got: EOF"),
        ("a = [1 2]", "1:8 error parsing list, expected comma or list end, got: 2"),
        ("a = [1,", "1:8 error parsing list, expected comma or list end, got: EOF"),
        ("a \"b\" = 1", "1:7 nested object expected: LBRACE got: ASSIGN"),
        ("= 1", "1:1 expected: IDENT | STRING got: ="),
        ("a = 1 }", "1:7 expected: IDENT | STRING got: }"),
        ("a = \"\\q\"", "1:7 illegal char escape"),
        ("a = \"${ x", "1:10 literal not terminated"),
        ("/* a", "1:1 comment not terminated"),
        ("a = <<EOF\nx", "2:2 heredoc not terminated"),
        ("a = <<\nx", "1:7 invalid characters in heredoc anchor"),
    ];
    for (text, complaint) in cases {
        let error = parse(text).unwrap_err();
        assert_eq!(format!("{} {}", error.position, error.message), complaint, "{text}");
    }
}

#[test]
fn nesting_has_a_limit() {
    for deep in ["a {".repeat(100_000), "a ".repeat(100_000), "a=[".repeat(100_000)] {
        assert!(parse(&deep).is_err());
    }
    assert!(parse(&format!("a={}", "[".repeat(100_000))).is_err());
}

fn documents() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        (-1e12f64..1e12).prop_map(serde_json::Value::from),
        "\\PC{0,8}|[\"\\\\${}\n\t]{0,8}".prop_map(serde_json::Value::from),
    ];
    let tree = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-z ${\"]{0,4}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<serde_json::Value>()),
        ]
    });
    prop::collection::btree_map("[a-z_]{1,5}", tree, 0..5)
        .prop_map(|map| map.into_iter().collect::<serde_json::Value>())
}

fn to_hcl(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(to_hcl).collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Object(map) => format!("{{ {} }}", members_to_hcl(map)),
        plain => plain.to_string().replace('$', "\\u0024"),
    }
}

fn members_to_hcl(map: &serde_json::Map<String, serde_json::Value>) -> String {
    let quoted = |key: &str| to_hcl(&serde_json::Value::from(key));
    map.iter().map(|(k, v)| format!("{} = {}\n", quoted(k), to_hcl(v))).collect()
}

proptest! {
    #[test]
    fn json_rendered_as_hcl_parses_to_the_same_tree(document in documents()) {
        let hcl = members_to_hcl(document.as_object().unwrap());
        let from_hcl = parse(&hcl).map_err(|e| TestCaseError::fail(format!("{hcl}: {e:?}")))?;
        let from_json = json::parse(&document.to_string()).unwrap();
        prop_assert_eq!(unplaced(&from_hcl), unplaced(&from_json));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn no_text_of_its_own_signs_makes_it_panic(
        text in "[a-c0-9x\"\\\\{}\\[\\]=,<\\-#/*$\n .]{0,60}"
    ) {
        let _ = parse(&text);
    }
}
