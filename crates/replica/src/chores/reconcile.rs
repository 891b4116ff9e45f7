//! Keeps this server's own node, its `consul` service and its health in the catalog.
//!
//! Source: transcripts catalog/basic, health/basic. Gossip will bring the other members.

use tribune_state::catalog::{CatalogCommand, Register};
use tribune_state::{Command, View};

/// The command that brings the catalog in line with what this server is; none if it is so.
pub(crate) fn own_registration(view: &View, own: &Register) -> Option<Command> {
    let catalog = view.catalog();
    let node = catalog.node(&own.node.node);
    let node_same = node.is_some_and(|row| {
        row.address == own.node.address
            && row.id == own.node.id
            && row.meta == own.node.meta
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
        return None;
    }
    Some(Command::Catalog(CatalogCommand::Register(Box::new(own.clone()))))
}
