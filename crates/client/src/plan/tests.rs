//! Plans against an agent of a few lines, and programs that misbehave.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fake::{Fake, told};

fn plan(keys: Value) -> Result<Plan, PlanError> {
    Plan::parse(keys.as_object().cloned().unwrap_or_default())
}

fn change(value: Value) -> Change {
    Change { index: "7".into(), value }
}

fn shell(line: &str) -> Exec {
    Exec { args: Exec::in_shell(line), timeout: Duration::from_secs(20) }
}

#[test]
fn mistakes_have_the_texts_of_the_command_line() {
    for (keys, text) in [
        (json!({}), "Watch type must be specified"),
        (json!({"type": "bogus"}), "Unsupported watch type: bogus"),
        (json!({"type": "key"}), "Must specify a single key to watch"),
        (json!({"type": "service"}), "Must specify a single service to watch"),
        (
            json!({"type": "checks", "service": "a", "state": "b"}),
            "Cannot specify service and state",
        ),
        (json!({"type": "key", "key": 1}), "Invalid key: expected a text"),
        (json!({"type": "nodes", "key": "a"}), "Invalid parameters: [key]"),
    ] {
        assert_eq!(plan(keys.clone()).unwrap_err().to_string(), text, "{keys}");
    }
}

#[test]
fn a_block_names_what_to_watch_and_what_to_tell() {
    let watching = Watching::parse(&json!({
        "Type": "service", "service": "web", "tag": ["a", "b"], "passingonly": true,
        "args": ["/bin/true"],
    }))
    .unwrap();
    let tags = vec!["a".to_owned(), "b".to_owned()];
    let kind =
        Kind::Service { name: "web".into(), tags, passing_only: true, filter: String::new() };
    assert_eq!(watching.plan.kind, kind);
    let Handler::Exec(exec) = watching.handler else { panic!("not a program") };
    assert_eq!((exec.args, exec.timeout), (vec!["/bin/true".to_owned()], Exec::TIMEOUT));
}

#[test]
fn a_handler_may_be_a_url() {
    let watching = Watching::parse(&json!({
        "type": "keyprefix", "prefix": "a/", "handler_type": "http",
        "http_handler_config": [{
            "path": "https://localhost:1/x", "method": "PUT", "timeout": "3s",
            "header": {"X-Foo": ["bar", "baz"]}, "tls_skip_verify": true,
        }],
    }))
    .unwrap();
    let Handler::Http(http) = watching.handler else { panic!("not a URL") };
    assert_eq!((http.method.as_str(), http.timeout.as_secs()), ("PUT", 3));
    assert_eq!(http.headers["X-Foo"], ["bar", "baz"]);
    for (block, text) in [
        (json!({"type": "nodes"}), "Must specify a handler"),
        (json!({"type": "nodes", "handler_type": "mail"}), "Unsupported handler type: mail"),
        (json!({"type": "nodes", "args": [], "handler": ""}), "Must specify a handler"),
        (
            json!({"type": "nodes", "handler_type": "http", "http_handler_config": {"path": "x"}}),
            "Invalid path: expected an http:// or https:// URL",
        ),
    ] {
        let error = Watching::parse(&block).unwrap_err().to_string();
        assert!(error.starts_with(text), "{block}: {error}");
    }
}

#[tokio::test]
async fn each_change_of_a_key_is_given_once_with_all_its_fields() {
    let pair = |value: &str, at: u64| {
        let row = json!([{
            "LockIndex": 0, "Key": "w", "Flags": 0, "Value": value,
            "CreateIndex": 2, "ModifyIndex": at,
        }]);
        told(200, at, row.to_string())
    };
    let agent =
        Fake::script(vec![told(404, 2, ""), pair("MQ==", 3), pair("MQ==", 3), pair("Mg==", 4)])
            .await;
    let client = agent.client();
    let mut runner = Runner::new(plan(json!({"type": "key", "key": "w"})).unwrap());
    assert_eq!(runner.next(&client).await.unwrap().value, Value::Null);
    let second = runner.next(&client).await.unwrap();
    assert_eq!(second.index, "3");
    let expected = concat!(
        r#"{"Key":"w","CreateIndex":2,"ModifyIndex":3,"LockIndex":0,"#,
        r#""Flags":0,"Value":"MQ==","Session":""}"#,
    );
    assert_eq!(String::from_utf8_lossy(&second.json()), expected);
    assert_eq!(runner.next(&client).await.unwrap().value["Value"], "Mg==");
    let lines = agent.lines();
    assert_eq!(lines[0], "GET /v1/kv/w");
    assert_eq!(lines[1], "GET /v1/kv/w?index=2&wait=300s");
    assert_eq!(lines.len(), 4);
}

#[tokio::test]
async fn an_index_that_goes_backwards_starts_anew() {
    let nodes = |index, name: &str| told(200, index, format!(r#"[{{"Node":"{name}"}}]"#));
    let agent = Fake::script(vec![nodes(9, "a"), nodes(4, "b"), nodes(4, "c")]).await;
    let client = agent.client();
    let mut runner = Runner::new(plan(json!({"type": "nodes"})).unwrap());
    for _ in 0..3 {
        runner.next(&client).await.unwrap();
    }
    let lines = agent.lines();
    assert_eq!(lines[1], "GET /v1/catalog/nodes?index=9&wait=300s");
    assert_eq!(lines[2], "GET /v1/catalog/nodes");
}

#[tokio::test]
async fn of_events_only_the_new_ones_are_told() {
    let id = |n: u64| format!("00000000-0000-0000-0000-{n:012}");
    let events = |ids: &[u64]| {
        let rows: Vec<String> =
            ids.iter().map(|n| format!(r#"{{"ID":"{}","Name":"e"}}"#, id(*n))).collect();
        let last = ids.last().map_or(1, |n| value::event_index(&id(*n)));
        told(200, last, format!("[{}]", rows.join(",")))
    };
    let agent = Fake::script(vec![events(&[1, 2]), events(&[1, 2, 3])]).await;
    let client = agent.client();
    let mut runner = Runner::new(plan(json!({"type": "event", "name": "e"})).unwrap());
    assert_eq!(runner.next(&client).await.unwrap().value.as_array().unwrap().len(), 2);
    let second = runner.next(&client).await.unwrap();
    assert_eq!(second.value.as_array().unwrap().len(), 1);
    assert_eq!(second.value[0]["ID"], id(3));
}

#[tokio::test]
async fn a_service_of_the_agent_is_followed_by_its_hash() {
    let service = |hash: &str| {
        told(200, 0, format!(r#"{{"ID":"web","Service":"web","ContentHash":"{hash}"}}"#))
    };
    let agent = Fake::script(vec![service("aa"), service("bb")]).await;
    let client = agent.client();
    let mut runner =
        Runner::new(plan(json!({"type": "agent_service", "service_id": "web"})).unwrap());
    assert_eq!(runner.next(&client).await.unwrap().index, "aa");
    assert_eq!(runner.next(&client).await.unwrap().index, "bb");
    assert_eq!(agent.lines()[1], "GET /v1/agent/service/web?hash=aa&wait=300s");
}

#[test]
fn pauses_after_errors_grow_with_the_square_of_their_number() {
    let seconds: Vec<u64> = [1, 2, 3, 6, 7, u32::MAX].iter().map(|n| pause(*n).as_secs()).collect();
    assert_eq!(seconds, [5, 20, 45, 180, 180, 180]);
}

#[tokio::test]
async fn a_program_reads_the_value_and_knows_the_index() {
    let ran = shell("cat; printf ' %s' \"$CONSUL_INDEX\"; echo no >&2; exit 3")
        .run(&change(json!({"a": [1]})))
        .await
        .unwrap();
    assert_eq!(ran.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&ran.output), "{\"a\":[1]} 7no\n");
}

#[tokio::test]
async fn of_much_output_the_beginning_is_kept() {
    let ran = shell("head -c 100000 /dev/zero").run(&change(json!(1))).await.unwrap();
    assert_eq!((ran.output.len(), ran.written_bytes), (exec::OUTPUT_BYTES_MAX, 100_000));
}

#[tokio::test]
async fn a_program_that_does_not_read_its_input_is_fine() {
    let large = json!("x".repeat(1 << 20));
    assert!(shell("exec true").run(&change(large)).await.unwrap().status.success());
}

#[tokio::test]
async fn a_program_that_hangs_ends_with_all_it_started() {
    let dir = std::env::temp_dir().join(format!("tribune-watch-{}", std::process::id()));
    let line = format!("sleep 600 & echo $! > {}; wait", dir.display());
    let exec = Exec { args: Exec::in_shell(&line), timeout: Duration::from_millis(500) };
    let error = exec.run(&change(json!(1))).await.unwrap_err();
    assert!(matches!(error, ExecError::TimedOut { .. }), "{error}");
    let pid = std::fs::read_to_string(&dir).unwrap();
    let _ = std::fs::remove_file(&dir);
    // It is gone, or about to be: a zombie until its new parent looks.
    let gone = async {
        loop {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            if stat.map_or(true, |stat| stat.contains(") Z ")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn what_a_program_leaves_running_does_not_hold_it_up() {
    let ran = shell("sleep 5 & echo done").run(&change(json!(1))).await.unwrap();
    assert_eq!(ran.output.as_ref(), b"done\n");
}

#[tokio::test]
async fn a_program_in_front_of_its_user_is_given_the_change_and_its_exit_told() {
    let path = std::env::temp_dir().join(format!("tribune-front-{}", std::process::id()));
    let line = format!("cat > {}; exit 4", path.display());
    let exec = Exec { args: Exec::in_shell(&line), timeout: Exec::TIMEOUT };
    let status = exec.run_in_front(&change(json!({"a": 1}))).await.unwrap();
    let read = std::fs::read_to_string(&path).unwrap();
    let _ = std::fs::remove_file(&path);
    assert_eq!((status.code(), read.as_str()), (Some(4), "{\"a\":1}\n"));
    let missing = Exec { args: vec!["/nosuch/program".into()], timeout: Exec::TIMEOUT };
    assert!(missing.run_in_front(&change(json!(1))).await.is_err());
}

proptest! {
    #[test]
    fn any_block_is_a_watch_or_an_error(
        kind in "key|keyprefix|service|services|nodes|checks|event|agent_service|[a-z]{0,9}",
        names in prop::collection::vec("[a-z_]{1,12}", 0..6),
        texts in prop::collection::vec(".{0,8}", 6),
    ) {
        let mut block = serde_json::Map::new();
        block.insert("type".into(), kind.into());
        for (name, text) in names.into_iter().zip(texts) {
            block.insert(name, text.into());
        }
        let _ = Watching::parse(&Value::Object(block.clone()));
        let _ = Plan::parse(block);
    }
}
