//! Counts requests: how long each kind takes, how often catalog endpoints are asked and answer,
//! and for which services. A series is made at the first request of its kind.
//! Invariant: labels come from the table of routes, services apart, of which there is an end.
//!
//! Source: Consul 1.22 documentation, "Agent telemetry reference".

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hyper::{Method, StatusCode};
use tribune_node::metrics::{Counter, CounterFamily, Registry, Sample};

use super::routes::ROUTES;
use super::wire::reply::Reply;

/// The methods that routes have.
const METHODS: [Method; 5] =
    [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS];

/// See the module.
#[derive(Debug)]
pub struct HttpMetrics {
    registry: Registry,
    routes: Vec<RouteMetrics>,
    cache_fetches: Counter,
    making: Mutex<()>,
}

#[derive(Debug, Default)]
struct RouteMetrics {
    times: [OnceLock<Sample>; METHODS.len()],
    endpoint: Option<Endpoint>,
    services: Option<Services>,
}

/// What a catalog endpoint is asked, answers, and fails to answer.
#[derive(Debug)]
struct Endpoint {
    asked: Counter,
    answered: Counter,
    failed: Counter,
}

/// What is asked of services by name.
#[derive(Debug)]
struct Services {
    asked: CounterFamily,
    not_found: CounterFamily,
}

impl HttpMetrics {
    /// The counters of a node's HTTP door.
    pub fn new(registry: &Registry, node: &str) -> HttpMetrics {
        let labels = || vec![("node", node.to_owned())];
        let endpoint = |pattern: &str| {
            let row = ENDPOINTS.iter().find(|(of, ..)| *of == pattern)?;
            Some(Endpoint {
                asked: registry.counter(row.1, labels()),
                answered: registry.counter(row.2, labels()),
                failed: registry.counter(row.3, labels()),
            })
        };
        let services = |pattern: &str| {
            let row = SERVICES.iter().find(|(of, ..)| *of == pattern)?;
            Some(Services {
                asked: CounterFamily::new(registry, row.1, "service"),
                not_found: CounterFamily::new(registry, row.2, "service"),
            })
        };
        let routes = ROUTES.iter().map(|route| RouteMetrics {
            times: Default::default(),
            endpoint: endpoint(route.pattern),
            services: services(route.pattern),
        });
        HttpMetrics {
            routes: routes.collect(),
            registry: registry.clone(),
            cache_fetches: registry
                .counter("cache.fetch_success", vec![("result_not_modified", "false".to_owned())]),
            making: Mutex::new(()),
        }
    }

    /// A request to a route was answered after so long.
    pub fn answered(&self, route: usize, method: &Method, reply: &Reply, took: Duration) {
        let Some(metrics) = self.routes.get(route) else { return };
        let at = METHODS.iter().position(|known| known == method);
        if let Some(cell) = at.and_then(|at| metrics.times.get(at)) {
            self.time(cell, route, method).record_time(took);
        }
        if let Some(endpoint) = &metrics.endpoint {
            endpoint.asked.incr();
            match reply.status {
                status if status.is_success() => endpoint.answered.incr(),
                status if status.is_server_error() => endpoint.failed.incr(),
                _ => {}
            }
        }
        if reply.headers.get("x-cache").is_some_and(|value| value == "MISS") {
            self.cache_fetches.incr();
        }
    }

    /// A service was asked for by name; an empty list says that there is none.
    pub fn service_asked(&self, route: usize, service: &str, reply: &Reply) {
        let services = self.routes.get(route).and_then(|metrics| metrics.services.as_ref());
        if let Some(services) = services
            && reply.status == StatusCode::OK
        {
            services.asked.incr(service);
            if reply.body.as_ref() == b"[]" {
                services.not_found.incr(service);
            }
        }
    }

    /// True if requests to this route name a service.
    pub fn names_service(&self, route: usize) -> bool {
        self.routes.get(route).is_some_and(|metrics| metrics.services.is_some())
    }

    fn time<'a>(&self, cell: &'a OnceLock<Sample>, route: usize, method: &Method) -> &'a Sample {
        if let Some(sample) = cell.get() {
            return sample;
        }
        // One at a time, so that no series is made twice.
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        cell.get_or_init(|| {
            let path = ROUTES.get(route).map_or_else(String::new, |route| label(route.pattern));
            let labels = vec![("method", method.to_string()), ("path", path)];
            self.registry.sample("api.http", labels)
        })
    }
}

/// `/v1/kv/` as `v1.kv._`: a placeholder stands for what follows.
fn label(pattern: &str) -> String {
    let path = pattern.trim_start_matches('/').replace('/', ".");
    if path.ends_with('.') { format!("{path}_") } else { path }
}

/// Pattern, and the names of what it is asked, answers, and fails to answer.
type EndpointRow = (&'static str, &'static str, &'static str, &'static str);

macro_rules! endpoint {
    ($pattern:literal, $name:literal) => {
        (
            $pattern,
            concat!("client.api.", $name),
            concat!("client.api.success.", $name),
            concat!("client.rpc.error.", $name),
        )
    };
}

const ENDPOINTS: [EndpointRow; 8] = [
    endpoint!("/v1/catalog/register", "catalog_register"),
    endpoint!("/v1/catalog/deregister", "catalog_deregister"),
    endpoint!("/v1/catalog/datacenters", "catalog_datacenters"),
    endpoint!("/v1/catalog/nodes", "catalog_nodes"),
    endpoint!("/v1/catalog/services", "catalog_services"),
    endpoint!("/v1/catalog/service/", "catalog_service_nodes"),
    endpoint!("/v1/catalog/node/", "catalog_node_services"),
    endpoint!("/v1/catalog/node-services/", "catalog_node_service_list"),
];

const SERVICES: [(&str, &str, &str); 4] = [
    ("/v1/catalog/service/", "catalog.service.query", "catalog.service.not-found"),
    ("/v1/catalog/connect/", "catalog.connect.query", "catalog.connect.not-found"),
    ("/v1/health/service/", "health.service.query", "health.service.not-found"),
    ("/v1/health/connect/", "health.connect.query", "health.connect.not-found"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_as_consul_names_them() {
        for (pattern, expected) in [
            ("/v1/kv/", "v1.kv._"),
            ("/v1/agent/metrics", "v1.agent.metrics"),
            ("/v1/health/service/", "v1.health.service._"),
        ] {
            assert_eq!(label(pattern), expected);
        }
    }

    #[test]
    fn every_pattern_counted_is_one_of_the_routes() {
        let counted = ENDPOINTS.iter().map(|row| row.0).chain(SERVICES.iter().map(|row| row.0));
        for pattern in counted {
            assert!(ROUTES.iter().any(|route| route.pattern == pattern), "{pattern}");
        }
    }

    #[test]
    fn a_request_is_timed_and_a_service_that_is_not_there_is_counted() {
        let registry = Registry::new();
        let metrics = HttpMetrics::new(&registry, "node1");
        let route = ROUTES.iter().position(|r| r.pattern == "/v1/catalog/service/").unwrap();
        let reply = Reply::encoded(bytes::Bytes::from_static(b"[]"));
        metrics.answered(route, &Method::GET, &reply, Duration::from_millis(3));
        metrics.service_asked(route, "web", &reply);
        let snapshot = registry.snapshot();
        let sample = &snapshot.samples[0];
        assert_eq!((sample.name, sample.total_sum), ("api.http", 3.0));
        assert_eq!(sample.labels[1].1, "v1.catalog.service._");
        let moved: Vec<_> =
            snapshot.counters.iter().filter(|c| c.total_sum > 0.0).map(|c| c.name).collect();
        assert_eq!(
            moved,
            [
                "catalog.service.not-found",
                "catalog.service.query",
                "client.api.catalog_service_nodes",
                "client.api.success.catalog_service_nodes",
            ]
        );
    }
}
