//! What a query read and what a write touched: a waiter sleeps on topics, an event wakes them.
//!
//! A query's topics cover everything that can change its answer, so no change is missed; they
//! cover as little more as is cheap, so that a write wakes few.

use crate::feed::Event;
use crate::ids::{Key, NodeName, ServiceName};

/// Something a waiting query depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// One key.
    KvKey(Key),
    /// Every key that begins with this.
    KvPrefix(Key),
    /// The session table.
    Sessions,
    /// The node table (also touched by service registrations).
    Nodes,
    /// One node with its services.
    Node(NodeName),
    /// The checks of one node and of its services.
    NodeChecks(NodeName),
    /// The service table.
    Services,
    /// One service: its instances, their checks and nodes.
    Service(ServiceName),
    /// The mesh endpoints of a service: those instances, their checks and nodes.
    ServiceMesh(ServiceName),
    /// The check table.
    Checks,
    /// The certificate authority's roots.
    ConnectRoots,
    /// The cluster's own settings.
    System,
    /// The coordinates of nodes.
    Coordinates,
}

/// The topics an event touches, without the prefixes of a key: those are found from the key.
pub fn touched(event: &Event, mut wake: impl FnMut(Topic)) {
    match event {
        Event::Kv { key, .. } => wake(Topic::KvKey(key.clone())),
        Event::Session { .. } => wake(Topic::Sessions),
        Event::Node { node, .. } => {
            wake(Topic::Nodes);
            wake(Topic::Node(node.folded()));
        }
        Event::Service { node, service, .. } => {
            wake(Topic::Nodes);
            wake(Topic::Services);
            wake(Topic::Node(node.folded()));
            wake(Topic::Service(service.folded()));
        }
        Event::Check { node, service, .. } => {
            wake(Topic::Checks);
            wake(Topic::NodeChecks(node.folded()));
            if let Some(service) = service {
                wake(Topic::Service(service.folded()));
            }
        }
        Event::ServiceTouched { service } => wake(Topic::Service(service.folded())),
        Event::MeshTouched { service } => wake(Topic::ServiceMesh(service.folded())),
        Event::ConnectRoots => wake(Topic::ConnectRoots),
        Event::System => wake(Topic::System),
        Event::Coordinates => wake(Topic::Coordinates),
        Event::Reset => {}
    }
}
