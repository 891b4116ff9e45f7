//! Checks, and the instances that can be called.

use tribune_api::health::{CheckServiceNode, HealthCheck};

use crate::call::{Call, Read, list};
use crate::client::Client;

/// See [`Client::health`].
pub struct Health<'a>(pub(crate) &'a Client);

impl Health<'_> {
    /// The instances of a service with all their checks, whatever their state.
    pub fn service(&self, name: &str) -> Read<Vec<CheckServiceNode>> {
        Read::new(self.0, Call::new("GET", "/v1/health/service/", name), list)
    }

    /// The instances of which no check, the node's included, is other than passing.
    pub fn passing(&self, name: &str) -> Read<Vec<CheckServiceNode>> {
        let call = Call::new("GET", "/v1/health/service/", name).with_bare("passing");
        Read::new(self.0, call, list)
    }

    /// The checks of a service.
    pub fn checks(&self, service: &str) -> Read<Vec<HealthCheck>> {
        Read::new(self.0, Call::new("GET", "/v1/health/checks/", service), list)
    }

    /// The checks of a node and of its services.
    pub fn node(&self, node: &str) -> Read<Vec<HealthCheck>> {
        Read::new(self.0, Call::new("GET", "/v1/health/node/", node), list)
    }

    /// All checks in a state: `passing`, `warning`, `critical` or `any`.
    pub fn state(&self, state: &str) -> Read<Vec<HealthCheck>> {
        Read::new(self.0, Call::new("GET", "/v1/health/state/", state), list)
    }
}

/// Where an instance is to be called: the service's address, or its node's where it has none.
pub fn address(instance: &CheckServiceNode) -> String {
    let host = match instance.service.address.as_str() {
        "" => &instance.node.address,
        address => address,
    };
    let port = instance.service.port;
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
