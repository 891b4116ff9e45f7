//! Every route there is: its pattern, its methods, what answers them, and which capability it is
//! of. A route of a later capability answers as Consul does with that feature off, or 501.
//! Invariant: one row per pattern; adding a route is one row here and one function in its noun.

use std::fmt::Write as _;

use hyper::Method;

use super::error::HttpError;
use super::{
    Handler, agent, catalog, connect, coordinate, event, health, internal, kv, later, session,
    status, txn, why,
};

/// What of the whole a route belongs to, in the order in which the parts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    Engine,
    Registry,
    Cluster,
    Whole,
    Security,
    Mesh,
}

#[derive(Debug)]
pub struct Route {
    /// A pattern of Go's ServeMux; one that ends in a slash stands for all below it.
    pub pattern: &'static str,
    pub capability: Capability,
    handlers: &'static [(Method, Handler)],
}

impl Route {
    pub fn handler(&self, method: &Method) -> Option<Handler> {
        self.handlers.iter().find(|(own, _)| own == method).map(|(_, handler)| *handler)
    }

    /// The Allow header: OPTIONS first, the others as they stand in the table.
    pub fn allow(&self) -> String {
        let mut allow = "OPTIONS".to_owned();
        for (method, _) in self.handlers {
            let _ = write!(allow, ",{method}");
        }
        allow
    }
}

/// The row of the page for people; it is reached where `ui_config.content_path` says.
pub const UI_PATTERN: &str = "/ui/";

/// A handler is a function, or the name of a feature that is not there yet.
macro_rules! handler {
    ($feature:literal) => {
        |_, _| Box::pin(async { Err(HttpError::NotYet($feature)) })
    };
    ($function:path) => {
        |api, call| Box::pin($function(api, call))
    };
}

macro_rules! routes {
    ($(
        $capability:ident $pattern:literal
        [$($method:ident => $handler:tt $(:: $rest:ident)*),* $(,)?],
    )*) => {
        pub static ROUTES: &[Route] = &[$(Route {
            pattern: $pattern,
            capability: Capability::$capability,
            handlers: &[$((Method::$method, handler!($handler $(:: $rest)*))),*],
        }),*];
    };
}

routes! {
    Engine "/robots.txt" [GET => later::robots],
    Whole "/debug/pprof/" [GET => later::no_profile],
    Engine "/ui/" [GET => crate::ui::page],
    Engine "/v1/kv/" [GET => kv::read, PUT => kv::put, DELETE => kv::delete],
    Engine "/v1/txn" [PUT => txn::run],
    Engine "/v1/session/create" [PUT => session::create],
    Engine "/v1/session/destroy/" [PUT => session::destroy],
    Engine "/v1/session/renew/" [PUT => session::renew],
    Engine "/v1/session/info/" [GET => session::info],
    Engine "/v1/session/node/" [GET => session::of_node],
    Engine "/v1/session/list" [GET => session::list],
    Engine "/v1/status/leader" [GET => status::leader],
    Engine "/v1/status/peers" [GET => status::peers],
    Engine "/v1/event/fire/" [PUT => event::fire],
    Engine "/v1/event/list" [GET => event::list],
    Engine "/v1/catalog/register" [PUT => catalog::register],
    Engine "/v1/catalog/deregister" [PUT => catalog::deregister],
    Engine "/v1/catalog/datacenters" [GET => catalog::datacenters],
    Engine "/v1/catalog/nodes" [GET => catalog::nodes],
    Engine "/v1/catalog/services" [GET => catalog::services],
    Engine "/v1/catalog/service/" [GET => catalog::service],
    Engine "/v1/catalog/connect/" [GET => catalog::connect],
    Engine "/v1/catalog/node/" [GET => catalog::node],
    Engine "/v1/catalog/node-services/" [GET => catalog::node_services],
    Registry "/v1/catalog/gateway-services/" [GET => catalog::gateway_services],
    Engine "/v1/health/node/" [GET => health::node],
    Engine "/v1/health/checks/" [GET => health::checks_of],
    Engine "/v1/health/state/" [GET => health::state],
    Engine "/v1/health/service/" [GET => health::service],
    Engine "/v1/health/connect/" [GET => health::connect],
    Registry "/v1/health/ingress/" [GET => health::ingress],
    Engine "/v1/connect/ca/roots" [GET => connect::roots],
    Mesh "/v1/connect/ca/configuration" [GET => "CA configuration", PUT => "CA configuration"],
    Mesh "/v1/connect/intentions" [GET => "intentions", POST => "intentions"],
    Mesh "/v1/connect/intentions/" [
        GET => "intentions",
        PUT => "intentions",
        DELETE => "intentions",
    ],
    Mesh "/v1/connect/intentions/check" [GET => "intentions"],
    Mesh "/v1/connect/intentions/exact" [
        GET => "intentions",
        PUT => "intentions",
        DELETE => "intentions",
    ],
    Mesh "/v1/connect/intentions/match" [GET => "intentions"],
    Mesh "/v1/config" [PUT => "config entries"],
    Mesh "/v1/config/" [GET => "config entries", DELETE => "config entries"],
    Mesh "/v1/discovery-chain/" [GET => "discovery chains", POST => "discovery chains"],
    Mesh "/v1/exported-services" [GET => "exported services"],
    Mesh "/v1/peering/token" [POST => "peering"],
    Mesh "/v1/peering/establish" [POST => "peering"],
    Mesh "/v1/peering/" [GET => "peering", DELETE => "peering"],
    Mesh "/v1/peerings" [GET => "peering"],
    Whole "/v1/query" [GET => "prepared queries", POST => "prepared queries"],
    Whole "/v1/query/" [
        GET => "prepared queries",
        PUT => "prepared queries",
        DELETE => "prepared queries",
    ],
    Registry "/v1/coordinate/datacenters" [GET => coordinate::datacenters],
    Registry "/v1/coordinate/nodes" [GET => coordinate::nodes],
    Registry "/v1/coordinate/node/" [GET => coordinate::node],
    Registry "/v1/coordinate/update" [PUT => coordinate::update],
    Cluster "/v1/operator/raft/configuration" [GET => "Raft operations"],
    Cluster "/v1/operator/raft/peer" [DELETE => "Raft operations"],
    Cluster "/v1/operator/raft/transfer-leader" [POST => "Raft operations"],
    Cluster "/v1/operator/keyring" [
        GET => "the keyring",
        POST => "the keyring",
        PUT => "the keyring",
        DELETE => "the keyring",
    ],
    Cluster "/v1/operator/autopilot/configuration" [GET => "autopilot", PUT => "autopilot"],
    Cluster "/v1/operator/autopilot/health" [GET => "autopilot"],
    Cluster "/v1/operator/autopilot/state" [GET => "autopilot"],
    Whole "/v1/operator/usage" [GET => "usage"],
    Engine "/v1/operator/utilization" [GET => later::utilization],
    Whole "/v1/snapshot" [GET => "snapshots", PUT => "snapshots"],
    Mesh "/v1/internal/federation-states" [GET => "federation states"],
    Mesh "/v1/internal/federation-states/mesh-gateways" [GET => "federation states"],
    Mesh "/v1/internal/federation-state/" [GET => "federation states"],
    Mesh "/v1/internal/service-virtual-ip" [PUT => "virtual addresses"],
    Registry "/v1/internal/ui/nodes" [GET => internal::nodes],
    Registry "/v1/internal/ui/node/" [GET => internal::node],
    Registry "/v1/internal/ui/services" [GET => internal::services],
    Registry "/v1/internal/ui/catalog-overview" [GET => internal::catalog_overview],
    Registry "/v1/internal/ui/exported-services" [GET => internal::exported_services],
    Registry "/v1/internal/ui/gateway-services-nodes/" [GET => internal::of_gateway],
    Registry "/v1/internal/ui/gateway-intentions/" [GET => internal::of_gateway],
    Registry "/v1/internal/ui/service-topology/" [GET => internal::service_topology],
    Registry "/v1/internal/ui/metrics-proxy/" [GET => internal::metrics_proxy],
    Security "/v1/acl/bootstrap" [PUT => later::acl_off],
    Security "/v1/acl/replication" [GET => later::acl_off],
    Security "/v1/acl/login" [POST => later::acl_off],
    Security "/v1/acl/logout" [POST => later::acl_off],
    Security "/v1/acl/tokens" [GET => later::acl_off],
    Security "/v1/acl/token" [PUT => later::acl_off],
    Security "/v1/acl/token/self" [GET => later::acl_off],
    Security "/v1/acl/token/" [
        GET => later::acl_off,
        PUT => later::acl_off,
        DELETE => later::acl_off,
    ],
    Security "/v1/acl/policies" [GET => later::acl_off],
    Security "/v1/acl/policy" [PUT => later::acl_off],
    Security "/v1/acl/policy/" [
        GET => later::acl_off,
        PUT => later::acl_off,
        DELETE => later::acl_off,
    ],
    Security "/v1/acl/policy/name/" [GET => later::acl_off],
    Security "/v1/acl/roles" [GET => later::acl_off],
    Security "/v1/acl/role" [PUT => later::acl_off],
    Security "/v1/acl/role/" [
        GET => later::acl_off,
        PUT => later::acl_off,
        DELETE => later::acl_off,
    ],
    Security "/v1/acl/role/name/" [GET => later::acl_off],
    Security "/v1/acl/binding-rules" [GET => later::acl_off],
    Security "/v1/acl/binding-rule" [PUT => later::acl_off],
    Security "/v1/acl/binding-rule/" [
        GET => later::acl_off,
        PUT => later::acl_off,
        DELETE => later::acl_off,
    ],
    Security "/v1/acl/auth-methods" [GET => later::acl_off],
    Security "/v1/acl/auth-method" [PUT => later::acl_off],
    Security "/v1/acl/auth-method/" [
        GET => later::acl_off,
        PUT => later::acl_off,
        DELETE => later::acl_off,
    ],
    Security "/v1/acl/templated-policies" [GET => later::acl_off],
    Security "/v1/acl/templated-policy/name/" [GET => later::acl_off],
    Security "/v1/acl/templated-policy/preview/" [POST => later::acl_off],
    Security "/v1/internal/acl/authorize" [POST => later::acl_off],
    Security "/v1/agent/token/" [PUT => later::acl_off],
    Engine "/v1/agent/self" [GET => agent::self_],
    Registry "/v1/agent/host" [GET => agent::host::read],
    Engine "/v1/agent/version" [GET => agent::version],
    Engine "/v1/agent/members" [GET => agent::members],
    Registry "/v1/agent/join/" [PUT => agent::control::join],
    Engine "/v1/agent/leave" [PUT => agent::control::leave],
    Registry "/v1/agent/reload" [PUT => agent::control::reload],
    Registry "/v1/agent/force-leave/" [PUT => agent::control::force_leave],
    Engine "/v1/agent/maintenance" [PUT => agent::local::maintain_node],
    Registry "/v1/agent/metrics" [GET => agent::metrics::read],
    Registry "/v1/agent/metrics/stream" [GET => agent::metrics::stream],
    Registry "/v1/agent/monitor" [GET => agent::monitor::stream],
    Registry "/v1/agent/why/service/" [GET => why::service],
    Engine "/v1/agent/services" [GET => agent::local::services],
    Engine "/v1/agent/service/" [GET => agent::local::service],
    Engine "/v1/agent/checks" [GET => agent::local::checks],
    Engine "/v1/agent/health/service/id/" [GET => agent::local::health_by_id],
    Engine "/v1/agent/health/service/name/" [GET => agent::local::health_by_name],
    Engine "/v1/agent/service/register" [PUT => agent::local::register_service],
    Engine "/v1/agent/service/deregister/" [PUT => agent::local::deregister_service],
    Engine "/v1/agent/service/maintenance/" [PUT => agent::local::maintain_service],
    Engine "/v1/agent/check/register" [PUT => agent::local::register_check],
    Engine "/v1/agent/check/deregister/" [PUT => agent::local::deregister_check],
    Engine "/v1/agent/check/pass/" [PUT => agent::local::pass],
    Engine "/v1/agent/check/warn/" [PUT => agent::local::warn],
    Engine "/v1/agent/check/fail/" [PUT => agent::local::fail],
    Engine "/v1/agent/check/update/" [PUT => agent::local::update],
    Mesh "/v1/agent/connect/authorize" [POST => "mesh authorisation"],
    Engine "/v1/agent/connect/ca/roots" [GET => agent::ca_roots],
    Mesh "/v1/agent/connect/ca/leaf/" [GET => "leaf certificates"],
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_pattern_stands_twice_in_the_table() {
        let patterns: BTreeSet<_> = ROUTES.iter().map(|route| route.pattern).collect();
        assert_eq!(patterns.len(), ROUTES.len());
    }

    #[test]
    fn every_route_has_its_row_in_the_list_of_what_is_compatible() {
        let listed = include_str!("../../../../docs/compat.md");
        for route in ROUTES {
            assert!(listed.contains(&format!("| `{}` |", route.pattern)), "{}", route.pattern);
        }
    }

    #[test]
    fn methods_are_allowed_in_the_order_consul_lists_them() {
        for (pattern, expected) in [
            ("/v1/kv/", "OPTIONS,GET,PUT,DELETE"),
            ("/v1/txn", "OPTIONS,PUT"),
            ("/v1/discovery-chain/", "OPTIONS,GET,POST"),
            ("/v1/connect/intentions/exact", "OPTIONS,GET,PUT,DELETE"),
            ("/v1/snapshot", "OPTIONS,GET,PUT"),
        ] {
            let route = ROUTES.iter().find(|route| route.pattern == pattern);
            assert_eq!(route.map(Route::allow).as_deref(), Some(expected), "{pattern}");
        }
    }
}
