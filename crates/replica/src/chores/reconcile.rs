//! Keeps this server's own node, its `consul` service and its health in the catalog.
//!
//! Source: transcripts catalog/basic, health/basic. Gossip will bring the other members.

use tribune_state::catalog::{CatalogCommand, Register};
use tribune_state::{Command, View};

/// The commands that bring the catalog in line with what this server is; none if it is so.
///
/// A new node is registered by its name first, then with all it says of itself, as a server of
/// Consul's and its agent do one after the other: clients see its modify index past its create
/// index (transcript catalog/basic).
pub(crate) fn own_registration(view: &View, own: &Register) -> Vec<Command> {
    let catalog = view.catalog();
    let node = catalog.node(&own.node.node);
    let node_same = node.is_some_and(|row| {
        row.address == own.node.address
            && row.id == own.node.id
            && row.meta == own.node.meta
            && row.locality == own.node.locality
            && row.tagged_addresses == own.node.tagged_addresses
    });
    let service_same = own.service.as_ref().is_none_or(|service| {
        catalog.service(&own.node.node, &service.id).is_some_and(|row| {
            row.port == service.port && row.meta == service.meta && row.tags == service.tags
        })
    });
    let checks_same = own.checks.iter().all(|check| {
        catalog.check(&own.node.node, &check.id).is_some_and(|row| row.status == check.status)
    });
    if node_same && service_same && checks_same {
        return Vec::new();
    }
    if node.is_some() {
        return vec![register(own.clone())];
    }
    let mut bare = own.clone();
    bare.node.meta = None;
    bare.node.tagged_addresses = None;
    let full = Register { service: None, checks: Vec::new(), ..own.clone() };
    vec![register(bare), register(full)]
}

fn register(register: Register) -> Command {
    Command::Catalog(CatalogCommand::Register(Box::new(register)))
}
