//! Others who write to the same catalog: they keep nodes and services of their own, and now and
//! then put something onto the agent's node, change it, or take it away.

use super::agent::{self, NODE};
use super::cluster::{self, Cluster};
use super::invariants::foreign::{GOSSIP_CHECK, SERVER_SERVICE};
use super::model::Item;
use super::wish::HOST;
use super::world::{Event, World};
use std::time::Duration;
use tribune_state::catalog::{
    CatalogCommand, CheckRow, CheckStatus, Deregister, NodeRow, Register, ServiceRow,
};
use tribune_state::{Tags, TextMap};

/// Nodes that are not the agent's.
const OTHERS: [&str; 3] = ["other1", "other2", "external"];

/// Until the server puts back what is its own on the agent's node.
const RECONCILE: Duration = Duration::from_secs(5);

/// Everybody else writes for the first time.
pub fn begin(world: &mut World) {
    server(world);
    for (number, node) in OTHERS.into_iter().enumerate() {
        let number = u64::try_from(number).unwrap_or(0);
        cluster::meddle(world, register(other(node), Some(service(number, "s1")), Some("c1")));
        cluster::meddle(world, register(other(node), Some(service(number, SERVER_SERVICE)), None));
    }
    next(world);
}

fn next(world: &mut World) {
    let delay = world.dice.strangers.around(world.setup.stranger_every);
    world.queue.after(delay, Event::Stranger);
}

/// The server puts its own on the agent's node, if it is not there.
pub fn server(world: &mut World) {
    if world.cluster.check(GOSSIP_CHECK).is_none() {
        cluster::meddle(world, register(agent::node(), None, Some(GOSSIP_CHECK)));
    }
    if world.setup.server && world.cluster.service(SERVER_SERVICE).is_none() {
        let own = Some(service(0, SERVER_SERVICE));
        cluster::meddle(world, register(agent::node(), own, None));
    }
    world.queue.after(RECONCILE, Event::Server);
}

/// A stranger does something.
pub fn step(world: &mut World) {
    next(world);
    if !world.host.faults_go_on {
        return;
    }
    let dice = &mut world.dice.strangers;
    let number = dice.below(1000);
    let id = format!("s{}", dice.below(14));
    let check = format!("c{}", dice.below(10));
    let (what, command) = match dice.below(12) {
        0..2 => {
            let node = dice.pick(&OTHERS).copied().unwrap_or("other1");
            let own = register(other(node), Some(service(number, &id)), Some(&check));
            ("strangers: own node", own)
        }
        2..4 => {
            let row = Some(service(number, &id));
            ("strangers: service on the agent's node", register(agent::node(), row, None))
        }
        4..6 => {
            let own = register(agent::node(), None, Some(&check));
            ("strangers: check on the agent's node", own)
        }
        6..8 => match tagged(&world.cluster, number, &id) {
            Some(row) => ("strangers: tags changed", register(agent::node(), Some(row), None)),
            None => return,
        },
        8 => {
            let mut node = agent::node();
            node.address = format!("10.9.9.{}", number % 250);
            let changed = Register { skip_node_update: false, ..bare(node) };
            ("strangers: node changed", CatalogCommand::Register(Box::new(changed)))
        }
        9 => ("strangers: service removed", gone(Some(&id), None)),
        10 => ("strangers: check removed", gone(None, Some(&check))),
        _ => ("strangers: node removed", gone(None, None)),
    };
    world.struck(what);
    cluster::meddle(world, command);
}

fn gone(service: Option<&str>, check: Option<&str>) -> CatalogCommand {
    CatalogCommand::Deregister(Deregister {
        node: NODE.into(),
        service_id: service.map(Into::into),
        check_id: check.map(Into::into),
    })
}

/// A service of the agent as it stands, with other tags.
fn tagged(cluster: &Cluster, number: u64, id: &str) -> Option<ServiceRow> {
    let mut row = cluster.service(id)?.as_ref().clone();
    row.tags = Some([format!("theirs-{number}")].into());
    Some(row)
}

fn other(node: &str) -> NodeRow {
    NodeRow { id: String::new(), node: node.into(), address: "10.1.1.1".into(), ..agent::node() }
}

fn bare(node: NodeRow) -> Register {
    Register { node, skip_node_update: true, service: None, checks: Vec::new() }
}

fn register(node: NodeRow, service: Option<ServiceRow>, check: Option<&str>) -> CatalogCommand {
    let of = service.as_ref().map(|row| row.id.clone()).unwrap_or_default();
    let checks = check.map(|id| CheckRow {
        node: node.node.clone(),
        id: id.into(),
        name: id.to_owned(),
        status: CheckStatus::Passing,
        notes: String::new(),
        output: "theirs".to_owned(),
        service_id: of,
        service_name: "".into(),
        service_tags: None,
        kind: String::new(),
        interval: String::new(),
        timeout: String::new(),
        exposed_port: 0,
        definition: "".into(),
        create_index: Default::default(),
        modify_index: Default::default(),
    });
    let checks = checks.into_iter().collect();
    CatalogCommand::Register(Box::new(Register { service, checks, ..bare(node) }))
}

fn service(number: u64, id: &str) -> ServiceRow {
    ServiceRow {
        id: id.into(),
        service: "theirs".into(),
        address: HOST.to_owned(),
        port: 7000 + i64::try_from(number).unwrap_or(0),
        tags: Some(Tags::default()),
        meta: Some(TextMap::default()),
        ..ServiceRow::default()
    }
}

/// What of the agent's node a stranger's write may change.
pub fn items_of(command: &CatalogCommand, cluster: &Cluster) -> Vec<Item> {
    let all = || {
        let services = cluster.services();
        let checks = cluster.checks();
        let services = services.iter().map(|row| Item::Service(row.id.to_string()));
        let checks = checks.iter().map(|row| Item::Check(row.id.to_string()));
        services.chain(checks).collect::<Vec<Item>>()
    };
    match command {
        CatalogCommand::Register(own) if own.node.node.as_str() == NODE => {
            let service = own.service.iter().map(|row| Item::Service(row.id.to_string()));
            let checks = own.checks.iter().map(|row| Item::Check(row.id.to_string()));
            service.chain(checks).collect()
        }
        CatalogCommand::Deregister(own) if own.node.as_str() == NODE => all(),
        _ => Vec::new(),
    }
}
