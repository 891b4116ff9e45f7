//! The body with a cluster and a prober of its own, on a clock that stands still.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tribune_edge::{Follow, Input, SeenIndexes};
use tribune_state::catalog::NodeRow;
use tribune_state::ids::{Index, LogIndex};
use tribune_state::{Command, Entry, Outcome, Query, Stamp, Store, View};

use super::follow::Looks;
use super::*;
use crate::cluster::{
    ClusterError, ClusterSignal, Member, Pending, Read, SignalAnswer, Status, Write,
};
use crate::shared::SharedAnswer;

#[derive(Default)]
struct OneServer(Mutex<Store>);

impl Cluster for OneServer {
    fn propose(&self, command: Command, _: Write) -> Pending<'_, Result<Outcome, ClusterError>> {
        let mut store = self.0.lock().unwrap();
        let at = LogIndex(store.at().0 + 1);
        let applied = store.apply(&Entry { at, stamp: Stamp::default(), command });
        Box::pin(async move { Ok(applied.outcome) })
    }

    fn ask(&self, _: Query, _: Read) -> Pending<'_, Result<Arc<SharedAnswer>, ClusterError>> {
        Box::pin(async { Err(ClusterError::NoLeader) })
    }

    fn signal(&self, _: ClusterSignal) -> Pending<'_, Result<SignalAnswer, ClusterError>> {
        Box::pin(async { Err(ClusterError::NoLeader) })
    }

    fn view(&self) -> View {
        self.0.lock().unwrap().view()
    }

    fn members(&self) -> Vec<Member> {
        Vec::new()
    }

    fn status(&self) -> Status {
        Status::default()
    }
}

/// Finds everybody well, or never ends.
struct Fixed {
    ends: bool,
}

impl Prober for Fixed {
    fn probe(&self, _: ProbeRequest) -> BoxFuture<'static, Probed> {
        let ends = self.ends;
        Box::pin(async move {
            if !ends {
                std::future::pending::<()>().await;
            }
            Probed { status: CheckStatus::Passing, output: "well".into() }
        })
    }
}

fn settings() -> Settings {
    let node = NodeRow {
        id: String::new(),
        node: "node1".into(),
        address: "127.0.0.1".into(),
        datacenter: "dc1".into(),
        tagged_addresses: None,
        meta: None,
        locality: None,
        create_index: Index(0),
        modify_index: Index(0),
    };
    Settings::for_node(node, [3; 32])
}

struct Agent {
    local: Local,
    cluster: Arc<OneServer>,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Agent {
    fn start(file: Option<&Path>, ends: bool) -> Agent {
        let cluster = Arc::new(OneServer::default());
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let prober = Arc::new(Fixed { ends });
        let file = file.map(Path::to_path_buf);
        let stop = shutdown.clone();
        let local =
            Local::start(settings(), file, cluster.clone(), prober, stop, &mut tasks).unwrap();
        Agent { local, cluster, shutdown, tasks }
    }

    async fn register(&self, body: &str) {
        let definition = serde_json::from_str(body).unwrap();
        self.local.register_service(definition, false).await.unwrap();
    }

    /// Waits until the check says so to readers.
    async fn until(&self, check: &str, status: &str) {
        let mut changed = self.local.changed();
        while self.local.checks().get(check).is_none_or(|own| own.status != status) {
            changed.changed().await.unwrap();
        }
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

const BODY: &str = r#"{"Name":"s","Port":80,"Check":{"Interval":"10s"}}"#;

#[tokio::test(start_paused = true)]
async fn what_is_registered_is_readable_and_its_check_runs() {
    let agent = Agent::start(None, true);
    agent.register(BODY).await;
    let view = agent.cluster.view();
    assert!(view.catalog().service(&"node1".into(), &"s".into()).is_some());
    assert_eq!(agent.local.service("s").unwrap().content_hash.len(), 16);
    agent.until("service:s", "passing").await;
    assert_eq!(agent.local.checks_concerning("s").len(), 1);
    agent.local.deregister_service("s").await.unwrap();
    assert!(agent.local.services().is_empty() && agent.local.service("s").is_none());
    agent.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_ends_is_given_up() {
    let agent = Agent::start(None, false);
    agent.register(BODY).await;
    let probe_ends = async {
        let mut changed = agent.local.changed();
        while agent.local.checks()["service:s"].output.is_empty() {
            changed.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), probe_ends).await.unwrap();
    agent.stop().await;
}

#[tokio::test]
async fn checks_that_have_read_a_node_as_far_share_one_look() {
    let cluster: Arc<dyn Cluster> = Arc::new(OneServer::default());
    let mut looks = Looks::default();
    let after = |index| SeenIndexes { node: Index(index), checks: Index(index) };
    let at = [("a", "n", 0), ("b", "n", 0), ("c", "n", 7), ("d", "m", 0), ("e", "n", 0)];
    for (check, node, index) in at {
        let (check, node) = (check.into(), node.into());
        looks.begin(&cluster, Follow { check, generation: 3, node, after: after(index) });
    }
    let mut groups = Vec::new();
    while !looks.is_empty() {
        let mut group = Vec::new();
        for input in looks.next().await {
            let Input::Followed(followed) = input else { panic!("{input:?}") };
            assert!(followed.generation == 3 && followed.found.is_err());
            group.push(followed.check.to_string());
        }
        groups.push(group.concat());
    }
    groups.sort();
    assert_eq!(groups, ["abe", "c", "d"]);
    // And each may look again.
    let again = Follow { check: "a".into(), generation: 4, node: "n".into(), after: after(0) };
    looks.begin(&cluster, again);
    assert_eq!(looks.next().await.len(), 1);
}

#[tokio::test]
async fn registrations_survive_a_stop() {
    let path = std::env::temp_dir().join(format!("registrations-{}", std::process::id()));
    let agent = Agent::start(Some(&path), true);
    agent.register(r#"{"Name":"s","Check":{"TTL":"1h","CheckID":"t"}}"#).await;
    agent.local.update_ttl("t", CheckStatus::Warning, "so so".into()).await.unwrap();
    agent.stop().await;
    let again = Agent::start(Some(&path), true);
    again.until("t", "warning").await;
    assert_eq!(again.local.checks()["t"].output, "so so");
    again.stop().await;
    std::fs::remove_file(&path).unwrap();
}

#[tokio::test]
async fn whoever_asks_too_late_is_told() {
    let agent = Agent::start(None, true);
    let local = agent.local.clone();
    agent.stop().await;
    assert_eq!(local.deregister_service("s").await, Err(EdgeError::Stopping));
}
