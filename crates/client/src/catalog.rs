//! The catalog: what is registered, healthy or not. For what can be called, see `health`.

use std::collections::BTreeMap;

use tribune_api::catalog::{
    CatalogDeregistration, CatalogRegistration, Node, NodeServiceList, ServiceNode,
};

use crate::call::{Call, Read, Write, json, list, nothing};
use crate::client::Client;

/// See [`Client::catalog`].
pub struct Catalog<'a>(pub(crate) &'a Client);

impl Catalog<'_> {
    /// Names, the local one first.
    pub fn datacenters(&self) -> Read<Vec<String>> {
        Read::new(self.0, Call::new("GET", "/v1/catalog/datacenters", ""), list)
    }

    pub fn nodes(&self) -> Read<Vec<Node>> {
        Read::new(self.0, Call::new("GET", "/v1/catalog/nodes", ""), list)
    }

    /// The tags of each service, in no order.
    pub fn services(&self) -> Read<BTreeMap<String, Vec<String>>> {
        Read::new(self.0, Call::new("GET", "/v1/catalog/services", ""), json)
    }

    /// The instances of a service.
    pub fn service(&self, name: &str) -> Read<Vec<ServiceNode>> {
        Read::new(self.0, Call::new("GET", "/v1/catalog/service/", name), list)
    }

    /// A node and its services; both are `None` for an unknown node.
    pub fn node(&self, name: &str) -> Read<NodeServiceList> {
        Read::new(self.0, Call::new("GET", "/v1/catalog/node-services/", name), json)
    }

    /// Writes to the catalog itself, for what no agent runs on. A service of a node with an agent
    /// is registered with that agent, which would undo this.
    pub fn register(&self, registration: &CatalogRegistration) -> Write<()> {
        let call = Call::new("PUT", "/v1/catalog/register", "").with_json(registration);
        Write::try_new(self.0, call, nothing)
    }

    pub fn deregister(&self, deregistration: &CatalogDeregistration) -> Write<()> {
        let call = Call::new("PUT", "/v1/catalog/deregister", "").with_json(deregistration);
        Write::try_new(self.0, call, nothing)
    }
}
