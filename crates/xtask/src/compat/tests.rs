//! Plants one difference of each kind and shows that the comparison reports it, and only it.
//! A comparison that lets a difference through would report compatibility that is not there.

use super::binding::Bindings;
use super::compare::{Answer, HttpAnswer, compare};
use super::transcript::Transcript;

const UUID: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_UUID: &str = "21111111-2222-3333-4444-555555555555";

const RECORDED: &str = r#"# kv__x: recorded

> GET /v1/first
< 200
< Content-Type: application/json
< X-Consul-Index: <i2>
<
< {
<   "ID": "<uuid-1>",
<   "CreateIndex": "<i1>",
<   "ModifyIndex": "<i2>",
<   "Nothing": null,
<   "Empty": [],
<   "List": [
<     1,
<     2
<   ],
<   "At": "<time>",
<   "Text": "on 127.0.0.1:<port-http>"
< }

> GET /v1/second
< 200
< Content-Type: application/json
<
< {
<   "ID": "<uuid-1>",
<   "Index": "<i3>",
<   "Same": "<i2>"
< }
"#;

fn first() -> String {
    format!(
        r#"{{"ID":"{UUID}","CreateIndex":12,"ModifyIndex":15,"Nothing":null,"Empty":[],
        "List":[1,2],"At":"2024-05-06T07:08:09Z","Text":"on 127.0.0.1:8500"}}"#
    )
}

fn second() -> String {
    format!(r#"{{"Same":15,"ID":"{UUID}","Index":16}}"#)
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers = headers.iter().map(own).collect();
    Answer::Http(HttpAnswer { status, headers, body: body.as_bytes().to_vec() })
}

const HEADERS: &[(&str, &str)] =
    &[("content-type", "application/json"), ("x-consul-index", "15"), ("Date", "now")];

fn bindings() -> Bindings {
    let mut bindings = Bindings::default();
    bindings.ports.insert("http".into(), 8500);
    bindings
}

/// The differences of each exchange of a recording against these answers.
fn play(recorded: &str, answers: &[Answer]) -> Vec<Vec<String>> {
    let transcript = Transcript::parse("kv/x", recorded).unwrap();
    assert_eq!(transcript.exchanges.len(), answers.len());
    let mut bindings = bindings();
    let pairs = transcript.exchanges.iter().zip(answers);
    pairs.map(|(exchange, answer)| compare(exchange, answer, &mut bindings)).collect()
}

/// One planted difference in the first answer is reported in these words, and nothing else is.
fn planted(first: Answer, expected: &str) {
    let found = play(RECORDED, &[first, answer(200, HEADERS, &second())]);
    assert_eq!(found[0], [expected]);
    assert_eq!(found[1], [""; 0], "the second answer is right");
}

fn planted_in_body(from: &str, to: &str, expected: &str) {
    let body = first();
    assert!(body.contains(from), "{from}");
    planted(answer(200, HEADERS, &body.replace(from, to)), expected);
}

#[test]
fn an_identical_answer_passes_whatever_the_order_of_keys_and_the_values_of_indexes() {
    let found = play(RECORDED, &[answer(200, HEADERS, &first()), answer(200, HEADERS, &second())]);
    assert_eq!(found, [[""; 0], [""; 0]]);
}

#[test]
fn a_status_is_reported() {
    let found = play(RECORDED, &[answer(404, HEADERS, &first()), answer(200, HEADERS, &second())]);
    assert_eq!(found[0].len(), 1);
    assert!(found[0][0].starts_with("status: expected 200, got 404"), "{found:?}");
}

#[test]
fn a_missing_header_is_reported() {
    planted(
        answer(200, &HEADERS[1..], &first()),
        "header Content-Type: missing, expected application/json",
    );
}

#[test]
fn a_header_with_another_value_is_reported() {
    let headers = [("Content-Type", "text/plain"), HEADERS[1]];
    planted(
        answer(200, &headers, &first()),
        "header Content-Type: expected \"application/json\", got \"text/plain\"",
    );
}

#[test]
fn an_index_header_that_is_not_the_rows_index_is_reported() {
    let headers = [HEADERS[0], ("X-Consul-Index", "17")];
    let found = play(RECORDED, &[answer(200, &headers, &first()), answer(200, HEADERS, &second())]);
    assert_eq!(found[0], ["body.ModifyIndex: <i2> was 17, now 15"]);
}

#[test]
fn null_is_not_an_empty_list_nor_the_other_way_round() {
    planted_in_body("null", "[]", "body.Nothing: expected null, got []");
    planted_in_body("\"Empty\":[]", "\"Empty\":null", "body.Empty: expected [], got null");
    planted_in_body("null", "\"\"", "body.Nothing: expected null, got \"\"");
}

#[test]
fn a_missing_and_an_extra_key_are_reported() {
    planted_in_body("\"Nothing\":null,", "", "body.Nothing: missing");
    planted_in_body("\"Empty\"", "\"More\":1,\"Empty\"", "body.More: not recorded, got 1");
}

#[test]
fn the_order_and_the_length_of_a_list_count() {
    let swapped = answer(200, HEADERS, &first().replace("[1,2]", "[2,1]"));
    let found = play(RECORDED, &[swapped, answer(200, HEADERS, &second())]);
    assert_eq!(found[0], ["body.List[0]: expected 1, got 2", "body.List[1]: expected 2, got 1"]);
    planted_in_body("[1,2]", "[1,2,3]", "body.List: expected 2 elements, got 3");
}

#[test]
fn a_number_is_not_its_text() {
    planted_in_body("[1,2]", "[\"1\",2]", "body.List[0]: expected 1, got \"1\"");
    planted_in_body(
        "Index\":12",
        "Index\":\"12\"",
        "body.CreateIndex: expected \"<i1>\", got \"12\"",
    );
}

#[test]
fn a_text_and_what_its_placeholders_may_be_count() {
    planted_in_body(
        "on 127",
        "at 127",
        "body.Text: expected \"on 127.0.0.1:<port-http>\", got \"at 127.0.0.1:8500\"",
    );
    planted_in_body("2024-05-06T", "soon", "body.At: expected <time>, got \"soon07:08:09Z\"");
}

#[test]
fn an_index_relation_that_is_broken_is_reported() {
    planted_in_body(
        "Index\":12",
        "Index\":16",
        "body.CreateIndex: <i1> = 16 must be below <i2> = 15",
    );
    planted_in_body("Index\":12", "Index\":1", "body.CreateIndex: expected <i1>, got 1");
}

#[test]
fn an_index_that_was_another_before_is_reported() {
    let second = second().replace("15", "14").replace("16", "18");
    let found = play(RECORDED, &[answer(200, HEADERS, &first()), answer(200, HEADERS, &second)]);
    assert_eq!(found[1], ["body.Same: <i2> was 15, now 14"]);
}

#[test]
fn a_uuid_that_was_another_before_is_reported() {
    let second = second().replace(UUID, OTHER_UUID);
    let found = play(RECORDED, &[answer(200, HEADERS, &first()), answer(200, HEADERS, &second)]);
    assert_eq!(found[1], [format!("body.ID: <uuid-1> was {UUID}, now {OTHER_UUID}")]);
}

#[test]
fn what_is_no_json_is_reported() {
    let found = play(RECORDED, &[answer(200, HEADERS, "true!"), answer(200, HEADERS, &second())]);
    assert_eq!(found[0], ["body: expected JSON, got \"true!\""]);
}

#[test]
fn a_value_from_a_wrong_answer_does_not_condemn_the_next() {
    let wrong = first().replace(UUID, OTHER_UUID).replace("null", "[]");
    let found = play(RECORDED, &[answer(200, HEADERS, &wrong), answer(200, HEADERS, &second())]);
    assert_eq!((found[0].len(), found[1].len()), (1, 0));
}

#[test]
fn a_plain_text_differs_by_a_character_but_not_by_its_last_line_end() {
    let recorded = "> GET /a\n< 400\n<\n< Missing key name\n";
    assert_eq!(play(recorded, &[answer(400, &[], "Missing key name\n")])[0], [""; 0]);
    assert_eq!(play(recorded, &[answer(400, &[], "Missing key")])[0].len(), 1);
    assert_eq!(play(recorded, &[answer(400, &[], "")])[0].len(), 1);
    let empty = "> GET /a\n< 404\n";
    assert_eq!(play(empty, &[answer(404, &[], "x")])[0], ["body: expected nothing, got \"x\""]);
}

#[test]
fn of_a_foreign_decoders_text_only_the_status_counts() {
    let recorded = "> GET /a\n< 500\n< A: b\n<\n< strconv.ParseUint: parsing \"abc\"\n";
    assert_eq!(play(recorded, &[answer(500, &[], "not a number")])[0], [""; 0]);
    assert_eq!(play(recorded, &[answer(400, &[], "not a number")])[0].len(), 1);
}

#[test]
fn a_shape_counts_types_and_keys_and_not_values() {
    let recorded = "! shape\n> GET /a\n< 200\n< Content-Type: application/json\n<\n< {\n\
                    <   \"A\": \"<int>\",\n<   \"B\": [\n<     \"<string>\"\n<   ],\n\
                    <   \"C\": \"<float>\",\n<   \"D\": []\n< }\n";
    for (body, expected) in [
        (r#"{"A":5,"B":["x","y"],"C":1,"D":[]}"#, None),
        (r#"{"A":"5","B":["x"],"C":1,"D":[]}"#, Some("body.A: expected <int>, got \"5\"")),
        (r#"{"A":5.5,"B":["x"],"C":1,"D":[]}"#, Some("body.A: expected <int>, got 5.5")),
        (r#"{"A":5,"B":[],"C":1,"D":[]}"#, Some("body.B: expected elements, got []")),
        (r#"{"A":5,"B":["x"],"C":1,"D":null}"#, Some("body.D: expected [], got null")),
        (r#"{"A":5,"B":["x"],"C":1}"#, Some("body.D: missing")),
    ] {
        let found = play(recorded, &[answer(200, HEADERS, body)]);
        assert_eq!(found[0].first().map(String::as_str), expected, "{body}");
    }
}

#[test]
fn a_sorted_list_may_have_any_order_but_the_same_elements() {
    let recorded = "! sorted\n> GET /a\n< 200\n< Content-Type: application/json\n<\n\
                    < [\n<   \"a\",\n<   \"b\"\n< ]\n";
    assert_eq!(play(recorded, &[answer(200, HEADERS, r#"["b","a"]"#)])[0], [""; 0]);
    assert_eq!(play(recorded, &[answer(200, HEADERS, r#"["b","b"]"#)])[0].len(), 1);
}

#[test]
fn an_index_that_is_not_fixed_must_still_be_one() {
    let recorded = "! noindex\n> GET /a\n< 200\n< X-Consul-Index: <index>\n";
    assert_eq!(play(recorded, &[answer(200, &[("X-Consul-Index", "9")], "")])[0], [""; 0]);
    assert_eq!(play(recorded, &[answer(200, &[("X-Consul-Index", "1")], "")])[0].len(), 1);
}

fn cli(exit: i32, out: &str, err: &str) -> Answer {
    Answer::Cli { exit, out: out.to_owned(), err: err.to_owned() }
}

#[test]
fn a_command_lines_exit_code_and_lines_are_compared() {
    let recorded = "> CLI kv get a\n< exit 1\n< out: Key   Value\n< out: a     1\n\
                    < err: Usage: x\n< err: ...\n";
    let good = "Key  Value\na    1\n\n";
    let usage = "Usage: x\n  more\n  of it\n";
    for (answer, expected) in [
        (cli(1, good, usage), None),
        (cli(0, good, usage), Some("expected exit 1, got exit 0")),
        (cli(1, "Key  Value\na    2\n", usage), Some("out line 2: expected \"a 1\", got \"a 2\"")),
        (cli(1, "Key  Value\n", usage), Some("out line 2: missing, \"a 1\"")),
        (cli(1, "Key  Value\na 1\nb 2", usage), Some("out line 3: not recorded, \"b 2\"")),
        (cli(1, good, "Usage: y\n"), Some("err line 1: expected \"Usage: x\"")),
        (cli(1, good, ""), Some("err line 1: missing, \"Usage: x\"")),
    ] {
        let found = play(recorded, std::slice::from_ref(&answer));
        match (found[0].first(), expected) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(found.starts_with(expected), "{found}"),
            (found, expected) => panic!("{answer:?}: {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn a_dns_answers_status_flags_counts_and_records_are_compared() {
    let lines = "status NOERROR\nflags qr aa rd\nquestion\n  a. IN A\nanswer 2\n  \
                 a. 0 IN A 1.1.1.1\n  a. 0 IN A 2.2.2.2\nauthority 0\nadditional 0";
    let marked: String = lines.lines().map(|line| format!("< {line}\n")).collect();
    let recorded = format!("> DIG a. A\n{marked}");
    let shape = format!("! shape\n{recorded}");
    let dns = |text: &str| [Answer::Dns(text.lines().map(str::to_owned).collect())];
    let swapped =
        lines.replace("1.1.1.1", "x").replace("2.2.2.2", "1.1.1.1").replace('x', "2.2.2.2");
    assert_eq!(play(&recorded, &dns(lines))[0], [""; 0]);
    assert_eq!(play(&recorded, &dns(&swapped))[0], [""; 0], "a section is a set");
    for (from, to, expected) in [
        ("NOERROR", "NXDOMAIN", "\"status NOERROR\" is missing"),
        (" aa", "", "\"flags qr aa rd\" is missing"),
        ("\n  a. 0 IN A 2.2.2.2", "", "answer: missing \"a. 0 IN A 2.2.2.2\""),
        ("2.2.2.2", "3.3.3.3", "answer: missing \"a. 0 IN A 2.2.2.2\""),
        ("0 IN A 2", "5 IN A 2", "answer: missing \"a. 0 IN A 2.2.2.2\""),
        ("authority 0", "authority 1\n  x", "expected \"authority 0\", got \"authority 1\""),
        ("rd\n", "rd\nedns udp 1232\n", "\"edns udp 1232\" is not recorded"),
    ] {
        let found = play(&recorded, &dns(&lines.replace(from, to)));
        let first = found[0].first().cloned().unwrap_or_default();
        assert!(first.starts_with(expected), "{from} {to}: {first}");
    }
    assert_eq!(play(&shape, &dns(&lines.replace("2.2.2.2", "3.3.3.3")))[0], [""; 0]);
    assert_eq!(play(&shape, &dns(&lines.replace("answer 2", "answer 3")))[0].len(), 1);
}

#[test]
fn a_connection_that_is_closed_is_an_answer_only_where_it_was_recorded() {
    let closed = || Answer::NoConnection("reset".into());
    assert_eq!(play("> GET /a\n< no connection\n", &[closed()])[0], [""; 0]);
    assert_eq!(play("> GET /a\n< 200\n", &[closed()])[0], ["no answer: reset"]);
    assert_eq!(play("> GET /a\n< no connection\n", &[answer(200, &[], "")])[0].len(), 1);
}
