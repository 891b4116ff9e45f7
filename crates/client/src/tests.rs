//! The client against an agent made of closures: what is sent, what is made of the answers, and
//! how watches, sessions and locks behave when answers are bad or late.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;
use tribune_api::health::CheckServiceNode;

use crate::agent::Ttl;
use crate::fake::{Asked, Fake, Told, told};
use crate::lock::LOCK_FLAGS;
use crate::session::SessionOptions;
use crate::txn::{self, TxnOutcome};
use crate::{Client, Config, Error, Token, health};

/// Nothing here takes a second; a test that waits longer hangs.
const DEADLINE: Duration = Duration::from_secs(20);

fn pair(value: &str, index: u64) -> String {
    let text = format!("[{{\"LockIndex\":0,\"Key\":\"a\",\"Flags\":0,\"Value\":{value},");
    format!("{text}\"CreateIndex\":1,\"ModifyIndex\":{index}}}]")
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.expect("in time")
}

#[tokio::test]
async fn a_key_is_read_and_an_absent_one_is_none() {
    let fake = Fake::script(vec![told(200, 7, pair("\"MQ==\"", 7)), told(404, 8, "")]).await;
    let client = fake.client();
    let answer = client.kv().get("a b/c").stale().datacenter("dc2").answer().await.unwrap();
    let found = answer.value.unwrap();
    assert_eq!((found.value.0.as_ref(), found.modify_index), (b"1".as_slice(), 7));
    assert_eq!(answer.meta.index, 7);
    assert!(client.kv().get("none").await.unwrap().is_none());
    assert_eq!(fake.lines(), ["GET /v1/kv/a%20b/c?stale&dc=dc2", "GET /v1/kv/none"]);
}

#[tokio::test]
async fn writes_say_what_they_depend_on() {
    let yes = || told(200, 0, "true");
    let fake = Fake::script(vec![yes(), told(200, 0, "false"), yes(), yes(), yes(), yes()]).await;
    let client = fake.client();
    client.kv().put("a", "1").await.unwrap();
    assert!(!client.kv().cas("a", crate::kv::Value::new("2").flags(3), 0).await.unwrap());
    assert!(client.kv().acquire("a", "3", "s").await.unwrap());
    assert!(client.kv().release("a", "", "s").await.unwrap());
    assert!(client.kv().delete_cas("a", 9).await.unwrap());
    client.kv().delete_tree("").await.unwrap();
    let expected = [
        "PUT /v1/kv/a",
        "PUT /v1/kv/a?flags=3&cas=0",
        "PUT /v1/kv/a?acquire=s",
        "PUT /v1/kv/a?release=s",
        "DELETE /v1/kv/a?cas=9",
        "DELETE /v1/kv/?recurse",
    ];
    assert_eq!(fake.lines(), expected);
    assert_eq!(fake.seen.lock().unwrap()[1].body.as_ref(), b"2");
}

#[tokio::test]
async fn a_refusal_carries_status_and_text() {
    let fake = Fake::script(vec![told(500, 0, "No path to datacenter\n")]).await;
    let error = fake.client().kv().get("a").await.unwrap_err();
    assert_eq!(error.to_string(), "Unexpected response code: 500 (No path to datacenter)");
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_named() {
    let client = Client::new(Config::new("127.0.0.1:1")).unwrap();
    let error = client.agent().reload().await.unwrap_err();
    let expected = "Put \"http://127.0.0.1:1/v1/agent/reload\": \
                    dial tcp 127.0.0.1:1: connect: connection refused";
    assert_eq!(error.to_string(), expected);
    assert!(error.is_transient());
}

#[tokio::test]
async fn the_token_is_sent_and_a_call_may_have_its_own() {
    let fake = Fake::script(vec![told(200, 0, "[]"), told(200, 0, "[]")]).await;
    let config = Config { token: Some(Token::new("one")), ..Config::new(&fake.address) };
    let client = Client::new(config).unwrap();
    client.session().list().await.unwrap();
    client.session().list().token(Token::new("two")).await.unwrap();
    let tokens: Vec<_> =
        fake.seen.lock().unwrap().iter().map(|asked| asked.token.clone()).collect();
    assert_eq!(tokens, ["one", "two"]);
}

#[tokio::test]
async fn a_unix_socket_serves_as_well() {
    let path = std::env::temp_dir().join(format!("tribune-client-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let fake = Fake::on_socket(&path, |_| async { told(200, 0, "\"127.0.0.1:8300\"") }).await;
    let leader = soon(fake.client().status().leader().into_future()).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(leader, "127.0.0.1:8300");
}

#[tokio::test]
async fn a_redirect_to_the_cleaned_path_is_followed() {
    let moved = Told {
        status: 307,
        headers: vec![("Location", "/v1/kv/a/b".to_string())],
        body: Bytes::new(),
    };
    let fake = Fake::script(vec![moved, told(200, 0, "true")]).await;
    fake.client().kv().put("a//b", "1").await.unwrap();
    assert_eq!(fake.lines(), ["PUT /v1/kv/a//b", "PUT /v1/kv/a/b"]);
    assert_eq!(fake.seen.lock().unwrap()[1].body.as_ref(), b"1");
}

#[tokio::test]
async fn null_lists_are_empty() {
    let fake = Fake::script(vec![told(200, 0, "null"), told(200, 0, "null")]).await;
    assert!(fake.client().catalog().nodes().await.unwrap().is_empty());
    assert!(fake.client().health().passing("web").await.unwrap().is_empty());
    assert_eq!(fake.lines()[1], "GET /v1/health/service/web?passing");
}

#[tokio::test]
async fn a_ttl_check_is_told_its_state() {
    let fake = Fake::script(vec![told(200, 0, ""), told(200, 0, "")]).await;
    let client = fake.client();
    client.agent().ttl("service:web", Ttl::Warn, "slow it is").await.unwrap();
    client.agent().ttl_update("service:web", Ttl::Fail, "down").await.unwrap();
    let expected = [
        "PUT /v1/agent/check/warn/service%3Aweb?note=slow%20it%20is",
        "PUT /v1/agent/check/update/service%3Aweb",
    ];
    assert_eq!(fake.lines(), expected);
    let body = fake.seen.lock().unwrap()[1].body.clone();
    assert_eq!(body.as_ref(), br#"{"Status":"critical","Output":"down"}"#);
}

#[tokio::test]
async fn a_refused_transaction_names_the_operation() {
    let body = r#"{"Results":null,"Errors":[{"OpIndex":1,"What":"key \"x\" doesn't exist"}]}"#;
    let fake = Fake::script(vec![told(409, 0, body)]).await;
    let outcome = fake.client().txn(&[txn::set("a", "1"), txn::get("x")]).await.unwrap();
    match outcome {
        TxnOutcome::Refused(errors) => assert_eq!(errors[0].op_index, 1),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connection_is_used_again_and_one_that_closed_is_replaced() {
    let fake = Fake::new(|_| async {
        let mut answer = told(200, 0, "[]");
        answer.headers.push(("Connection", "close".to_string()));
        answer
    })
    .await;
    let client = fake.client();
    for _ in 0..20 {
        soon(client.session().list().into_future()).await.unwrap();
    }
    assert_eq!(fake.lines().len(), 20);
}

#[tokio::test]
async fn a_watch_gives_each_change_once_and_starts_anew_when_the_index_falls() {
    let fake = Fake::script(vec![
        told(200, 5, pair("\"MQ==\"", 5)),
        // The index rose and nothing changed.
        told(200, 7, pair("\"MQ==\"", 5)),
        told(200, 9, pair("\"Mg==\"", 9)),
        // A restored cluster.
        told(200, 3, pair("\"Mg==\"", 9)),
        told(404, 4, ""),
    ])
    .await;
    let mut watch = fake.client().kv().get("a").watch();
    let mut values = Vec::new();
    for _ in 0..3 {
        let change = soon(watch.next()).await.unwrap();
        values.push(change.value.map(|pair| pair.value.0));
    }
    let expected = [Some(Bytes::from("1")), Some(Bytes::from("2")), None];
    assert_eq!(values, expected);
    let lines = fake.lines();
    let asked: Vec<_> = lines.iter().map(|line| line.split('?').nth(1).unwrap_or("")).collect();
    assert_eq!(asked[..5], ["", "index=5", "index=7", "index=9", ""]);
}

#[tokio::test]
async fn a_watch_tells_of_an_error_and_goes_on() {
    let fake = Fake::script(vec![
        told(200, 5, pair("\"MQ==\"", 5)),
        told(500, 0, "No cluster leader"),
        told(200, 5, pair("\"MQ==\"", 5)),
        told(200, 6, pair("\"Mg==\"", 6)),
    ])
    .await;
    let mut watch = fake.client().kv().get("a").watch();
    assert!(soon(watch.next()).await.unwrap().value.is_some());
    assert_eq!(soon(watch.next()).await.unwrap_err().status(), Some(500));
    let change = soon(watch.next()).await.unwrap();
    assert_eq!(change.meta.index, 6, "what was seen before the error is not given again");
}

#[tokio::test]
async fn a_session_that_is_gone_is_reported_lost() {
    let fake = Fake::script(vec![told(404, 0, "Session id 's' not found")]).await;
    let client = fake.client();
    let alive = client.session().keep_alive("s", Duration::from_millis(100));
    soon(alive.lost()).await;
    assert!(alive.is_lost());
    assert_eq!(fake.lines(), ["PUT /v1/session/renew/s"]);
}

#[tokio::test]
async fn a_silent_agent_costs_the_session_after_its_ttl() {
    let fake = Fake::script(vec![]).await;
    let client = fake.client();
    let alive = client.session().keep_alive("s", Duration::from_millis(100));
    soon(alive.lost()).await;
}

#[tokio::test]
async fn a_session_asks_for_what_was_set() {
    let fake = Fake::script(vec![told(200, 0, r#"{"ID":"s1"}"#)]).await;
    let options =
        SessionOptions::new().name("n").ttl(Duration::from_secs(15)).node_checks::<String>([]);
    assert_eq!(fake.client().session().create(options).await.unwrap(), "s1");
    let body: serde_json::Value =
        serde_json::from_slice(&fake.seen.lock().unwrap()[0].body).unwrap();
    assert_eq!((&body["TTL"], &body["Name"]), (&"15s".into(), &"n".into()));
    assert_eq!(body["NodeChecks"], serde_json::json!([]));
}

/// One lockable key and the sessions that may hold it, as a server keeps them.
struct LockServer {
    key: Mutex<LockKey>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct LockKey {
    holder: Option<String>,
    sessions: u64,
    exists: bool,
    flags: u64,
}

impl LockServer {
    fn new() -> Arc<Self> {
        let key = Mutex::new(LockKey { flags: LOCK_FLAGS, ..LockKey::default() });
        Arc::new(LockServer { key, changed: watch::channel(1).0 })
    }

    async fn fake(self: &Arc<Self>) -> Fake {
        let server = self.clone();
        Fake::new(move |asked| {
            let server = server.clone();
            async move { server.answer(asked).await }
        })
        .await
    }

    fn change(&self) {
        self.changed.send_modify(|index| *index += 1);
    }

    fn set_holder(&self, holder: Option<String>) {
        self.key.lock().unwrap().holder = holder;
        self.change();
    }

    async fn answer(&self, asked: Asked) -> Told {
        let option = |name: &str| {
            let query = asked.line.split('?').nth(1).unwrap_or("").to_string();
            let found = query.split('&').find_map(|part| part.strip_prefix(&format!("{name}=")));
            found.map(str::to_string)
        };
        if asked.line == "PUT /v1/session/create" {
            let mut key = self.key.lock().unwrap();
            key.sessions += 1;
            return told(200, 0, format!("{{\"ID\":\"s{}\"}}", key.sessions));
        }
        if asked.line.starts_with("PUT /v1/session/renew/") {
            return told(200, 0, r#"[{"ID":"s","Node":"n"}]"#);
        }
        if asked.line.starts_with("PUT /v1/session/destroy/") {
            return told(200, 0, "true");
        }
        if asked.line.starts_with("GET") {
            let index: u64 = option("index").map_or(0, |text| text.parse().unwrap());
            let wait = option("wait").map_or(DEADLINE, |text| {
                Duration::from_millis(text.trim_end_matches("ms").parse().unwrap())
            });
            let _ = timeout(wait, self.changed.subscribe().wait_for(|now| *now > index)).await;
            return self.show();
        }
        let (granted, holder) = {
            let key = self.key.lock().unwrap();
            match (option("acquire"), option("release")) {
                (Some(session), _) => (key.holder.is_none(), Some(session)),
                (_, Some(session)) => (key.holder == Some(session), None),
                _ => (false, key.holder.clone()),
            }
        };
        if granted {
            self.key.lock().unwrap().exists = true;
            self.set_holder(holder);
        }
        told(200, 0, granted.to_string())
    }

    fn show(&self) -> Told {
        let index = *self.changed.borrow();
        let key = self.key.lock().unwrap();
        if !key.exists {
            return told(404, index, "");
        }
        let holder = key.holder.clone().unwrap_or_default();
        let body = format!(
            r#"[{{"Key":"l","Flags":{},"Value":null,"Session":"{holder}","ModifyIndex":{index}}}]"#,
            key.flags
        );
        told(200, index, body)
    }
}

#[tokio::test]
async fn a_lock_is_held_by_one_and_passes_on_when_released() {
    let server = LockServer::new();
    let fake = server.fake().await;
    let first = soon(fake.client().lock("l").value("one").acquire()).await.unwrap();
    let waiting = fake.client().lock("l");
    let second = tokio::spawn(async move { waiting.acquire().await });
    let early = fake.client().lock("l").try_acquire(Duration::from_millis(50));
    assert!(soon(early).await.unwrap().is_none());
    assert!(!second.is_finished() && !first.is_lost());
    soon(first.release()).await.unwrap();
    let second = soon(second).await.unwrap().unwrap();
    assert_eq!(server.key.lock().unwrap().holder.as_deref(), Some(second.session_id()));
}

#[tokio::test]
async fn a_lock_taken_away_is_reported_lost() {
    let server = LockServer::new();
    let fake = server.fake().await;
    let guard = soon(fake.client().lock("l").acquire()).await.unwrap();
    server.set_holder(Some("other".to_string()));
    soon(guard.lost()).await;
    assert!(guard.is_lost());
    assert!(matches!(soon(guard.release()).await, Err(Error::SessionLost(_))));
}

#[tokio::test]
async fn a_key_in_other_use_is_not_locked() {
    let server = LockServer::new();
    *server.key.lock().unwrap() = LockKey { exists: true, flags: 42, ..LockKey::default() };
    let fake = server.fake().await;
    let refused = soon(fake.client().lock("l").acquire()).await;
    assert!(matches!(refused, Err(Error::LockConflict(key)) if key == "l"));
}

#[test]
fn an_instance_is_called_at_its_own_address_or_at_its_nodes() {
    let mut instance = CheckServiceNode::default();
    instance.node.address = "127.0.0.1".into();
    instance.service.port = 80;
    assert_eq!(health::address(&instance), "127.0.0.1:80");
    instance.service.address = "::1".into();
    assert_eq!(health::address(&instance), "[::1]:80");
}

proptest::proptest! {
    // Each case is a server of its own.
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]

    #[test]
    fn any_answer_is_read_or_refused(
        bytes: Vec<u8>,
        text in r#"[\[\]{}:,"a-zKVN0-9.\\-]{0,60}"#,
        status in proptest::sample::select(vec![200_u16, 400, 404, 409, 500, 503]),
        is_text: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let body = if is_text { text.into_bytes() } else { bytes };
            let answers = (0..8).map(|_| told(status, 7, body.clone())).collect();
            let fake = Fake::script(answers).await;
            let client = fake.client();
            let _ = client.kv().get("a").await;
            let _ = client.kv().put("a", "1").await;
            let _ = client.catalog().nodes().await;
            let _ = client.coordinate().nodes().await;
            let _ = client.agent().itself().await;
            let refused = client.health().service("web").await.err();
            if let Some(error) = refused {
                proptest::prop_assert!(error.to_string().len() < 1024 + 8 * body.len());
            }
            Ok(())
        })?;
    }
}
