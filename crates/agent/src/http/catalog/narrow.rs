//! How reads of the catalog and of health are narrowed and ordered by parameters.
//! It runs no filter and sorts nothing: the state does.

use tribune_api::messages;
use tribune_state::NodeName;
use tribune_state::catalog::{Catalog, CatalogQuery};
use tribune_state::filter::{Filter, Model};

use super::super::convert;
use super::super::error::HttpError;
use super::super::options::Options;
use super::super::{Api, Call};

/// Which parameters an endpoint looks at; it ignores the others, as Consul's does.
#[derive(Clone, Copy)]
pub struct Takes {
    /// What `filter` may select.
    pub filter: &'static Model,
    pub node_meta: bool,
    pub near: bool,
}

/// `near` with this value is the agent that is asked.
const OWN_NODE: &str = "_agent";

/// A read of `what`, narrowed as the parameters say.
///
/// # Errors
/// 500 if the datacenter is unknown or the filter is refused.
pub fn query(
    api: &Api,
    call: &Call,
    options: &Options,
    what: Catalog,
    takes: Takes,
) -> Result<CatalogQuery, HttpError> {
    if options.datacenter.is_some() {
        return Err(HttpError::internal(messages::NO_PATH_TO_DATACENTER));
    }
    let filter = filter(options.filter.as_deref(), takes.filter)?;
    // What another cluster exports: there is none.
    let elsewhere = !call.params.get("peer").is_empty();
    let mut query = CatalogQuery::from(if elsewhere { Catalog::Nothing } else { what });
    query.filter = filter;
    if takes.node_meta {
        query.node_meta = convert::node_meta(call.params.all("node-meta"));
    }
    if takes.near {
        query.near = match call.params.get("near") {
            "" => None,
            OWN_NODE => Some(NodeName::from(api.config.node_name.as_str())),
            name => Some(NodeName::from(name)),
        };
    }
    Ok(query)
}

/// Reads a filter; an empty one is none.
///
/// # Errors
/// 500 with Consul's text.
pub fn filter(text: Option<&str>, model: &'static Model) -> Result<Option<Filter>, HttpError> {
    let text = text.filter(|text| !text.is_empty());
    let read = |text| {
        Filter::new(text, model)
            .map_err(|error| HttpError::internal(messages::filter_refused(&error)))
    };
    text.map(read).transpose()
}
