//! A cluster of one, in memory, for tests of the front door: the real state, no log, no waiting.
//! Invariant: a write is applied before its answer.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_edge::{ProbeRequest, Settings};
use tribune_node::Cluster;
use tribune_node::cluster::{
    ClusterError, ClusterSignal, Member, Pending, Read, SignalAnswer, Status, Write,
};
use tribune_node::local::{Local, Probed, Prober};
use tribune_node::shared::SharedAnswer;
use tribune_state::catalog::{CheckStatus, NodeRow};
use tribune_state::coordinate::CoordinateCommand;
use tribune_state::session::SessionCommand;
use tribune_state::{
    Command, Entry, Index, LogIndex, Outcome, Query, SessionId, Stamp, Store, View,
};

use crate::http::operation::Operation;
use crate::http::wire::body::RequestBody;
use crate::http::wire::params::Params;
use crate::http::{AgentInfo, Api, Call, HttpConfig, Reply};

pub struct MemoryCluster(Mutex<(Store, u64)>);

impl MemoryCluster {
    pub fn new() -> Self {
        MemoryCluster(Mutex::new((Store::default(), 10)))
    }
}

fn known(datacenter: Option<&String>) -> Result<(), ClusterError> {
    if datacenter.is_some() { Err(ClusterError::NoPathToDatacenter) } else { Ok(()) }
}

impl Cluster for MemoryCluster {
    fn propose(
        &self,
        mut command: Command,
        write: Write,
    ) -> Pending<'_, Result<Outcome, ClusterError>> {
        Box::pin(async move {
            known(write.datacenter.as_ref())?;
            if let Command::Session(SessionCommand::Create(create)) = &mut command {
                create.id = SessionId(uuid::Uuid::new_v4());
            }
            let mut inner = self.0.lock().unwrap();
            inner.1 += 1;
            let at = LogIndex(inner.1);
            let entry = Entry { at, stamp: Stamp::default(), command };
            Ok(inner.0.apply(&entry).outcome)
        })
    }

    fn ask(
        &self,
        query: Query,
        read: Read,
    ) -> Pending<'_, Result<Arc<SharedAnswer>, ClusterError>> {
        Box::pin(async move {
            known(read.datacenter.as_ref())?;
            let answer = self.view().answer(&query, &read.visible);
            Ok(Arc::new(SharedAnswer::new(answer)))
        })
    }

    fn signal(&self, signal: ClusterSignal) -> Pending<'_, Result<SignalAnswer, ClusterError>> {
        Box::pin(async move {
            let found = match signal {
                ClusterSignal::SessionRenew(id) => self.view().sessions().get(id).is_some(),
                ClusterSignal::Coordinate(update) => {
                    let batch = CoordinateCommand::Batch(vec![update]);
                    self.propose(Command::Coordinate(batch), Write::default()).await?;
                    true
                }
            };
            Ok(if found { SignalAnswer::Done } else { SignalAnswer::NotFound })
        })
    }

    fn view(&self) -> View {
        self.0.lock().unwrap().0.view()
    }

    fn members(&self) -> Vec<Member> {
        Vec::new()
    }

    fn status(&self) -> Status {
        Status {
            leader: Some("127.0.0.1:8300".into()),
            peers: vec!["127.0.0.1:8300".into()],
            is_leader: true,
            ..Status::default()
        }
    }
}

pub fn api(config: HttpConfig) -> Arc<Api> {
    let config = HttpConfig { node_name: "node1".into(), ..config };
    Arc::new(Api::new(config, AgentInfo::default(), Arc::new(MemoryCluster::new())))
}

/// An agent that has a front door, a cluster in memory, and a TTL check `t` of its own. Its probes
/// find everybody well.
pub struct Agent {
    pub api: Arc<Api>,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

impl Agent {
    pub async fn start() -> Agent {
        Agent::start_with(Operation::default()).await
    }

    pub async fn start_with(operation: Operation) -> Agent {
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
        let cluster = Arc::new(MemoryCluster::new());
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let settings = Settings::for_node(node, [7; 32]);
        let stop = shutdown.clone();
        let local = Local::start(settings, None, cluster.clone(), Arc::new(Well), stop, &mut tasks);
        let config = HttpConfig { node_name: "node1".into(), ..HttpConfig::default() };
        let api = Api::new(config, AgentInfo::default(), cluster).with_local(local.unwrap());
        let api = api.with_operation(operation);
        let agent = Agent { api: Arc::new(api), shutdown, tasks };
        let check = r#"{"ID":"t","Name":"t","TTL":"10s"}"#;
        assert_eq!(ask(&agent.api, "PUT /v1/agent/check/register", check).await.0, 200);
        agent
    }

    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

struct Well;

impl Prober for Well {
    fn probe(&self, _: ProbeRequest) -> BoxFuture<'static, Probed> {
        Box::pin(async { Probed { status: CheckStatus::Passing, output: "well".into() } })
    }
}

/// Sends one request, with the path and query as they stand in the target.
pub async fn send(api: &Arc<Api>, method: Method, target: &str, body: &[u8]) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let call = Call {
        method,
        rest: Vec::new(),
        query: query.to_owned(),
        params: Params::parse(query),
        headers: HeaderMap::new(),
        body: RequestBody::Whole(Bytes::copy_from_slice(body)),
        client: Ipv4Addr::LOCALHOST.into(),
    };
    api.clone().answer(path, call).await
}

/// The same, as status and text.
pub async fn ask(api: &Arc<Api>, request: &str, body: &str) -> (u16, String) {
    let (method, target) = request.split_once(' ').unwrap();
    let reply = send(api, method.parse().unwrap(), target, body.as_bytes()).await;
    (reply.status.as_u16(), String::from_utf8_lossy(&reply.body).into_owned())
}

/// Sends requests one after the other and checks each answer's status and, unless it is `*`, text.
pub async fn script(api: &Arc<Api>, exchanges: &[(&str, &str, StatusCode, &str)]) {
    for (request, body, status, text) in exchanges {
        let (found_status, found_text) = ask(api, request, body).await;
        assert_eq!(found_status, status.as_u16(), "{request}: {found_text}");
        if *text != "*" {
            assert_eq!(found_text.trim_end(), *text, "{request}");
        }
    }
}
