//! `filter=` over what the agent itself knows: its services, its checks, the members of its pool.
//! The language is the state's; here nouns of the wire are shown to it.

use serde::Serialize;
use tribune_state::filter::{CHECK, Filter, JsonFields, Kind, Member, Model, NODE_SERVICE};

use crate::http::Call;
use crate::http::catalog::narrow::filter;
use crate::http::error::HttpError;

/// A filter over nouns of the wire; without one everything passes.
pub struct Narrowed(Option<(Filter, &'static Model)>);

impl Narrowed {
    /// # Errors
    /// 500 if the filter is refused.
    pub fn services(call: &Call) -> Result<Narrowed, HttpError> {
        Narrowed::over(call, &NODE_SERVICE)
    }

    /// # Errors
    /// 500 if the filter is refused, in other words than elsewhere.
    ///
    /// Source: transcripts agent/types.
    pub fn checks(call: &Call) -> Result<Narrowed, HttpError> {
        let text = call.params.get("filter");
        if text.is_empty() {
            return Ok(Narrowed(None));
        }
        let filter =
            Filter::new(text, &CHECK).map_err(|error| HttpError::internal(error.to_string()))?;
        Ok(Narrowed(Some((filter, &CHECK))))
    }

    /// # Errors
    /// 500 if the filter is refused.
    pub fn members(call: &Call) -> Result<Narrowed, HttpError> {
        Narrowed::over(call, &MEMBER)
    }

    fn over(call: &Call, model: &'static Model) -> Result<Narrowed, HttpError> {
        let filter = filter(call.params.find("filter"), model)?;
        Ok(Narrowed(filter.map(|filter| (filter, model))))
    }

    /// True if a noun passes.
    pub fn wants(&self, noun: &impl Serialize) -> bool {
        let Some((filter, model)) = &self.0 else { return true };
        let json = serde_json::to_value(noun).unwrap_or_default();
        filter.matches(&JsonFields::new(model.members, json))
    }
}

/// A member of the pool.
static MEMBER: Model = Model {
    name: "member",
    members: &[
        Member::new("Name", Kind::Text),
        Member::new("Addr", Kind::Text),
        Member::new("Port", Kind::Uint(16)),
        Member::new("Tags", Kind::TextMap),
        Member::new("Status", Kind::Int),
        Member::new("ProtocolMin", Kind::Uint(8)),
        Member::new("ProtocolMax", Kind::Uint(8)),
        Member::new("ProtocolCur", Kind::Uint(8)),
        Member::new("DelegateMin", Kind::Uint(8)),
        Member::new("DelegateMax", Kind::Uint(8)),
        Member::new("DelegateCur", Kind::Uint(8)),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use tribune_api::agent::{self as wire, AgentService};

    fn narrowed(text: &str, model: &'static Model) -> Narrowed {
        Narrowed(Some((Filter::new(text, model).unwrap(), model)))
    }

    #[test]
    fn members_are_found_by_what_they_say_of_themselves() {
        let member = wire::Member {
            name: "node1".into(),
            port: 8301,
            tags: [("role".to_owned(), "consul".to_owned())].into(),
            ..wire::Member::default()
        };
        for (text, expected) in [
            ("Name == node1", true),
            ("Tags.role == consul and Port == 8301", true),
            ("Status == 1", false),
            ("role in Tags", true),
        ] {
            assert_eq!(narrowed(text, &MEMBER).wants(&member), expected, "{text}");
        }
    }

    #[test]
    fn a_service_of_the_agent_has_the_fields_of_one_in_the_catalog() {
        let service = AgentService {
            service: "web".into(),
            tags: vec!["a".into()],
            port: 80,
            ..AgentService::default()
        };
        for (text, expected) in [
            ("Service == web and a in Tags and Port == 80", true),
            ("Meta is empty and Proxy.Upstreams is empty", true),
            ("Kind == \"\"", true),
            ("Connect.Native == true", false),
        ] {
            assert_eq!(narrowed(text, &NODE_SERVICE).wants(&service), expected, "{text}");
        }
        assert!(Narrowed(None).wants(&service));
    }
}
