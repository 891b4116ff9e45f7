//! The typed events of an entry: one list that wakes watchers and feeds every follower.

use crate::ids::{CheckId, Key, NodeName, ServiceId, ServiceName, SessionId};

/// One thing that an entry changed. Blocking queries, streams and history all read these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A key was written, or removed.
    Kv {
        /// Which key.
        key: Key,
        /// True if it is gone.
        removed: bool,
    },
    /// A session began or ended.
    Session {
        /// Which session.
        id: SessionId,
        /// True if it is gone.
        removed: bool,
        /// The keys it held when it ended, which are now in lock-delay.
        released: Vec<Key>,
        /// How long those stay locked, in milliseconds.
        lock_delay_ms: u64,
    },
    /// A node was registered, changed or removed.
    Node {
        /// Which node.
        node: NodeName,
        /// True if it is gone.
        removed: bool,
    },
    /// A service instance was registered, changed or removed.
    Service {
        /// On which node.
        node: NodeName,
        /// Which instance.
        id: ServiceId,
        /// Of which service.
        service: ServiceName,
        /// True if it is gone.
        removed: bool,
    },
    /// A check was registered, changed or removed; node checks name no service.
    Check {
        /// On which node.
        node: NodeName,
        /// Which check.
        id: CheckId,
        /// Of which service, if any.
        service: Option<ServiceName>,
        /// True if it is gone.
        removed: bool,
    },
    /// The index of a service moved because its node or a check of its node changed.
    ServiceTouched {
        /// Which service.
        service: ServiceName,
    },
    /// A mesh endpoint of a service, its node or a check of it changed.
    MeshTouched {
        /// The service that the endpoint stands for.
        service: ServiceName,
    },
    /// The certificate authority's roots changed.
    ConnectRoots,
    /// The cluster's own settings changed.
    System,
    /// A node stands elsewhere in the network, or nowhere.
    Coordinates,
    /// Everything was replaced: every watcher must look again.
    Reset,
}
