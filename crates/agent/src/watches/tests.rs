//! Watches of an agent in memory, told to a prober that remembers.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tribune_edge::{ProbeRequest, ProbeSpec};
use tribune_node::local::Probed;
use tribune_state::catalog::CheckStatus;

use super::*;
use crate::http::HttpConfig;
use crate::http::tests::memory;

/// Passes on what it was asked to send.
struct Remembers(Mutex<mpsc::UnboundedSender<ProbeRequest>>);

impl Prober for Remembers {
    fn probe(&self, request: ProbeRequest) -> BoxFuture<'static, Probed> {
        self.0.lock().unwrap().send(request).unwrap();
        Box::pin(async { Probed { status: CheckStatus::Passing, output: String::new() } })
    }
}

fn watching(block: Value) -> Watching {
    Watching::parse(&block).unwrap()
}

fn called(url: &str) -> Watching {
    watching(json!({
        "type": "key", "key": "w", "handler_type": "http",
        "http_handler_config": {"path": url, "header": {"X-Own": ["1"]}},
    }))
}

async fn told(told: &mut mpsc::UnboundedReceiver<ProbeRequest>) -> (String, Value, String) {
    let limit = Duration::from_secs(20);
    let request = tokio::time::timeout(limit, told.recv()).await.unwrap().unwrap();
    let ProbeSpec::Http(http) = request.spec.as_ref() else { panic!("not a request") };
    assert_eq!((http.method.as_str(), &http.headers["X-Own"][0]), ("POST", &"1".to_owned()));
    assert_eq!(http.headers["Content-Type"], ["application/json"]);
    let value = serde_json::from_str(&http.body).unwrap();
    (http.url.clone(), value, http.headers["X-Consul-Index"][0].clone())
}

#[tokio::test]
async fn each_change_is_told_with_its_index_until_the_watch_is_replaced() {
    let api = memory::api(HttpConfig::default());
    let front = Arc::new(Front::new(api.as_ref().clone()));
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut watches = Watches::new(front, Arc::new(Remembers(Mutex::new(sender))));
    watches.replace(vec![called("http://a/")]).await;
    assert_eq!(told(&mut receiver).await.1, Value::Null);
    memory::send(&api, Method::PUT, "/v1/kv/w", b"1").await;
    let (_, value, index) = told(&mut receiver).await;
    assert_eq!((&value["Value"], &value["Session"]), (&json!("MQ=="), &json!("")));
    assert_eq!(value["ModifyIndex"].to_string(), index);
    watches.replace(vec![called("http://b/")]).await;
    let (url, value, _) = told(&mut receiver).await;
    assert_eq!((url.as_str(), &value["Value"]), ("http://b/", &json!("MQ==")));
    watches.replace(Vec::new()).await;
    memory::send(&api, Method::PUT, "/v1/kv/w", b"2").await;
    assert!(receiver.try_recv().is_err());
}
