//! `/v1/event/`: user events of this agent, a ring in memory. Other agents are not told yet:
//! gossip will carry them.
//! Invariant: the ring holds at most `EVENTS_MAX` events, oldest first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::HeaderValue;
use regex::Regex;
use tokio::sync::Notify;
use tokio::time::Instant;
use tribune_api::event::UserEvent;
use tribune_api::json::Base64;
use tribune_api::messages;
use tribune_state::catalog::{Catalog, CatalogBody, ServiceRow};
use tribune_state::{Body, NodeName, Query, Visible};

use super::error::HttpError;
use super::meta::INDEX;
use super::options::{self, Options};
use super::wire::reply::Reply;
use super::{Api, Call};

/// Source: consul-surface D.7.
const EVENTS_MAX: usize = 256;
/// Source: transcripts/event/more.txt.
const PAYLOAD_BYTES_MAX: usize = 300;
/// The pool's event clock has counted to one before the first event of a user.
const LTIME_FIRST: u64 = 2;
/// The version of the event's encoding.
const VERSION: u64 = 1;
/// The index of a list without events.
const INDEX_NONE: u64 = 1;

/// The last events that concern this agent.
#[derive(Debug, Default)]
pub struct EventRing {
    inner: Mutex<Ring>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<UserEvent>,
    fired: u64,
}

impl EventRing {
    /// Takes an event in, at the pool's next logical time; keeps it if it concerns this agent.
    fn push(&self, mut event: UserEvent, concerns_us: bool) {
        let mut ring = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        event.ltime = LTIME_FIRST + ring.fired;
        ring.fired += 1;
        if !concerns_us {
            return;
        }
        if ring.events.len() == EVENTS_MAX {
            ring.events.pop_front();
        }
        ring.events.push_back(event);
        drop(ring);
        self.changed.notify_waiters();
    }

    fn list(&self, name: &str) -> Vec<UserEvent> {
        let ring = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |event: &&UserEvent| name.is_empty() || event.name == name;
        ring.events.iter().filter(wanted).cloned().collect()
    }
}

pub async fn fire(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let name = call.rest_or(messages::MISSING_EVENT_NAME)?;
    let layout = api.layout(&call.params);
    let filter = |name: &str| call.params.get(name).to_owned();
    let mut event = UserEvent {
        name,
        node_filter: filter("node"),
        service_filter: filter("service"),
        tag_filter: filter("tag"),
        version: VERSION,
        ..UserEvent::default()
    };
    let own = options::own_datacenter(&call.params, &api.config);
    event.payload = Base64(call.body.read(PAYLOAD_BYTES_MAX).await.map_err(|error| {
        HttpError::body(error, |bytes| messages::event_too_large(bytes, PAYLOAD_BYTES_MAX))
    })?);
    let filters = Filters::of(&event)?;
    own?;
    event.id = uuid::Uuid::new_v4().to_string();
    let concerns_us = filters.match_agent(&api.config.node_name, &own_services(&api));
    api.events.push(event.clone(), concerns_us);
    Ok(Reply::json(&event, layout))
}

fn own_services(api: &Api) -> Vec<Arc<ServiceRow>> {
    let node = NodeName::from(api.config.node_name.as_str());
    let query = Query::Catalog(Catalog::Node(node).into());
    match api.cluster.view().answer(&query, &Visible::All).body {
        Body::Catalog(CatalogBody::Node(Some((_, services)))) => services,
        _ => Vec::new(),
    }
}

/// Whom an event is for: regular expressions, none of which means everybody.
struct Filters {
    node: Option<Regex>,
    service: Option<Regex>,
    tag: Option<Regex>,
}

impl Filters {
    fn of(event: &UserEvent) -> Result<Filters, HttpError> {
        if !event.tag_filter.is_empty() && event.service_filter.is_empty() {
            return Err(HttpError::internal(messages::TAG_WITHOUT_SERVICE));
        }
        Ok(Filters {
            node: expression("node", &event.node_filter)?,
            service: expression("service", &event.service_filter)?,
            tag: expression("tag", &event.tag_filter)?,
        })
    }

    fn match_agent(&self, node: &str, services: &[Arc<ServiceRow>]) -> bool {
        if self.node.as_ref().is_some_and(|own| !own.is_match(node)) {
            return false;
        }
        let Some(wanted) = &self.service else { return true };
        services.iter().any(|row| {
            let tags = row.tags.as_deref().unwrap_or_default();
            let tagged = |own: &Regex| tags.iter().any(|tag| own.is_match(tag));
            wanted.is_match(row.service.as_str()) && self.tag.as_ref().is_none_or(tagged)
        })
    }
}

/// Source: transcripts/event/more.txt for the text.
fn expression(kind: &str, text: &str) -> Result<Option<Regex>, HttpError> {
    if text.is_empty() {
        return Ok(None);
    }
    Regex::new(text).map(Some).map_err(|error| {
        let error = error.to_string();
        let why = if error.contains("unclosed group") {
            format!("missing closing ): `{text}`")
        } else {
            error
        };
        HttpError::internal(format!("Invalid {kind} filter: error parsing regexp: {why}"))
    })
}

/// `GET /v1/event/list`: waits on an index of its own, which does not only rise.
pub async fn list(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let options = Options::parse(&call, &api.config)?;
    let name = call.params.get("name");
    let deadline = options.wait.map(|wait| (wait.index.0, Instant::now() + wait.max));
    let events = loop {
        // Registered before the look, so that no event falls between the two.
        let mut changed = std::pin::pin!(api.events.changed.notified());
        changed.as_mut().enable();
        let events = api.events.list(name);
        let Some((asked, deadline)) = deadline else { break events };
        if pseudo_index(&events) != asked || !api.operation.changed(deadline, changed).await {
            break events;
        }
    };
    let index = HeaderValue::from(pseudo_index(&events));
    Ok(Reply::json(&events, api.layout(&call.params)).with(INDEX, index))
}

/// The two halves of the newest event's id, xor-ed.
///
/// Source: consul-surface A.4.
fn pseudo_index(events: &[UserEvent]) -> u64 {
    let newest = events.last().and_then(|event| event.id.parse::<uuid::Uuid>().ok());
    newest.map_or(INDEX_NONE, |id| {
        let (high, low) = id.as_u64_pair();
        high ^ low
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> UserEvent {
        let id = uuid::Uuid::new_v4().to_string();
        UserEvent { id, name: name.into(), ..UserEvent::default() }
    }

    #[test]
    fn the_ring_forgets_the_oldest_and_counts_those_for_others() {
        let ring = EventRing::default();
        ring.push(event("other"), false);
        for _ in 0..=EVENTS_MAX {
            ring.push(event("a"), true);
        }
        let events = ring.list("");
        assert_eq!(events.len(), EVENTS_MAX);
        assert_eq!(events[0].ltime, LTIME_FIRST + 2);
        assert!(ring.list("other").is_empty());
    }

    #[test]
    fn the_index_of_a_list_is_the_halves_of_its_newest_id() {
        let id = "00000000-0000-0003-0000-000000000005";
        let event = UserEvent { id: id.into(), ..UserEvent::default() };
        assert_eq!(pseudo_index(&[event]), 3 ^ 5);
        assert_eq!(pseudo_index(&[]), INDEX_NONE);
    }

    #[test]
    fn filters_choose_by_node_service_and_tag() {
        let service = Arc::new(ServiceRow {
            service: "web".into(),
            tags: Some(["v1".into()].into()),
            ..ServiceRow::default()
        });
        for (node, name, tag, expected) in [
            ("", "", "", true),
            ("node", "", "", true),
            ("^x$", "", "", false),
            ("", "w.b", "", true),
            ("", "db", "", false),
            ("", "web", "v1", true),
            ("", "web", "v2", false),
        ] {
            let event = UserEvent {
                node_filter: node.into(),
                service_filter: name.into(),
                tag_filter: tag.into(),
                ..UserEvent::default()
            };
            let filters = Filters::of(&event).unwrap();
            let found = filters.match_agent("node1", std::slice::from_ref(&service));
            assert_eq!(found, expected, "{node} {name} {tag}");
        }
        let text = "Invalid node filter: error parsing regexp: missing closing ): `(`";
        assert_eq!(expression("node", "(").unwrap_err(), HttpError::internal(text));
    }
}
