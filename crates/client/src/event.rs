//! User events: small messages to every agent, delivered by gossip and kept by nobody.

use bytes::Bytes;
use tribune_api::event::UserEvent;

use crate::call::{Call, Read, Write, json, list};
use crate::client::Client;

/// See [`Client::event`].
pub struct Events<'a>(pub(crate) &'a Client);

/// Who handles an event: regular expressions; an empty one is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub node: String,
    pub service: String,
    /// Only together with `service`.
    pub tag: String,
}

impl Events<'_> {
    /// The event as it was sent, with its id.
    pub fn fire(
        &self,
        name: &str,
        payload: impl Into<Bytes>,
        filter: &EventFilter,
    ) -> Write<UserEvent> {
        let mut call = Call::new("PUT", "/v1/event/fire/", name).with_body(payload);
        let filters = [("node", &filter.node), ("service", &filter.service), ("tag", &filter.tag)];
        for (option, expression) in filters {
            if !expression.is_empty() {
                call = call.with(option, expression);
            }
        }
        Write::new(self.0, call, json)
    }

    /// The last events this agent saw, oldest first; `name` may be empty for all.
    pub fn list(&self, name: &str) -> Read<Vec<UserEvent>> {
        let mut call = Call::new("GET", "/v1/event/list", "");
        if !name.is_empty() {
            call = call.with("name", name);
        }
        Read::new(self.0, call, list)
    }
}
