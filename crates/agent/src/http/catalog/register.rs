//! `PUT /v1/catalog/register` and `deregister`: nodes, services and checks of other programs. What
//! agents register goes another way.
//! Invariant: a registration that reaches the cluster names a node, and every service in it has a
//! name.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use tribune_api::catalog::{CatalogDeregistration, CatalogRegistration, NodeService};
use tribune_api::decode::{Unknown, decode};
use tribune_api::messages;
use tribune_state::catalog::{CatalogCommand, Deregister, Register};
use tribune_state::{Command, Outcome, Refusal};

use super::super::convert;
use super::super::error::HttpError;
use super::super::options::{self, tenancy_complaint};
use super::super::wire::reply::Reply;
use super::super::{Api, Call};

/// A registration is one node, one service and its checks.
const BODY_BYTES_MAX: usize = 1 << 20;

pub async fn register(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let mut write = options::write(&call, &api.config)?;
    let layout = api.layout(&call.params);
    let asked: CatalogRegistration = body(call).await?;
    // The body alone names the datacenter; the parameter is not looked at, as in Consul.
    write.datacenter = other_datacenter(&asked.datacenter, &api);
    let command = to_register(asked, &api.config.datacenter)?;
    let first_check = command.checks.iter().find(|check| !check.service_id.is_empty());
    let unknown = first_check.map(|check| {
        messages::unknown_service_for_check(check.service_id.as_str(), check.id.as_str())
    });
    let command = Command::Catalog(CatalogCommand::Register(Box::new(command)));
    match api.cluster.propose(command, write).await? {
        Outcome::Refused(Refusal::MissingService) => {
            Err(HttpError::internal(unknown.unwrap_or_default()))
        }
        Outcome::Refused(why @ Refusal::OtherNode { .. }) => {
            Err(HttpError::BadRequest(why.to_string()))
        }
        Outcome::Refused(why) => Err(HttpError::internal(why.to_string())),
        _ => Ok(Reply::json(&true, layout)),
    }
}

fn to_register(asked: CatalogRegistration, datacenter: &str) -> Result<Register, HttpError> {
    if asked.node.is_empty() {
        return Err(HttpError::internal(messages::MUST_PROVIDE_NODE));
    }
    if asked.address.is_empty() && !asked.skip_node_update {
        return Err(HttpError::internal(messages::MUST_PROVIDE_ADDRESS));
    }
    check_node_id(&asked.id)?;
    if asked.service.as_ref().is_some_and(|service| service.service.is_empty()) {
        return Err(HttpError::internal(messages::MUST_PROVIDE_SERVICE_NAME));
    }
    if let Some(complaint) = complaint(&asked) {
        return Err(HttpError::BadRequest(complaint));
    }
    let node = convert::node_row(&asked, datacenter);
    let name = asked.node.as_str();
    let service = asked.service.map(|service| convert::service_row(service, name));
    let checks = asked.check.into_iter().chain(asked.checks.unwrap_or_default());
    let checks = checks.map(|check| convert::check_row(check, name)).collect();
    Ok(Register { node, skip_node_update: asked.skip_node_update, service, checks })
}

/// Why a registration cannot be kept as it was sent, if it cannot.
fn complaint(asked: &CatalogRegistration) -> Option<String> {
    let checks = || asked.check.iter().chain(asked.checks.iter().flatten());
    let none = NodeService::default();
    let service = asked.service.as_ref().unwrap_or(&none);
    convert::service_complaint(service, checks().count()).or_else(|| {
        let mut peers = checks().map(|check| &check.peer_name).chain([&asked.peer_name]);
        peers.find_map(|peer| tenancy_complaint("", &asked.partition, peer))
    })
}

/// Source: transcripts/catalog/basic.txt.
fn check_node_id(id: &str) -> Result<(), HttpError> {
    const HYPHENATED_BYTES: usize = 36;
    if !id.is_empty() && id.len() != HYPHENATED_BYTES {
        return Err(HttpError::internal(messages::BAD_NODE_ID_LENGTH));
    }
    if !id.is_empty() && id.parse::<uuid::Uuid>().is_err() {
        return Err(HttpError::internal("Bad node ID: uuid is improperly formatted"));
    }
    Ok(())
}

pub async fn deregister(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let mut write = options::write(&call, &api.config)?;
    let layout = api.layout(&call.params);
    let asked: CatalogDeregistration = body(call).await?;
    write.datacenter = other_datacenter(&asked.datacenter, &api);
    if asked.node.is_empty() {
        return Err(HttpError::internal(messages::MUST_PROVIDE_NODE));
    }
    if let Some(complaint) = tenancy_complaint("", &asked.partition, &asked.peer_name) {
        return Err(HttpError::BadRequest(complaint));
    }
    let named = |text: String| (!text.is_empty()).then_some(text);
    let command = Deregister {
        node: asked.node.into(),
        service_id: named(asked.service_id).map(Into::into),
        check_id: named(asked.check_id).map(Into::into),
    };
    let command = Command::Catalog(CatalogCommand::Deregister(command));
    match api.cluster.propose(command, write).await? {
        Outcome::Refused(why) => Err(HttpError::internal(why.to_string())),
        _ => Ok(Reply::json(&true, layout)),
    }
}

fn other_datacenter(asked: &str, api: &Api) -> Option<String> {
    (!asked.is_empty() && asked != api.config.datacenter).then(|| asked.to_owned())
}

async fn body<T: DeserializeOwned + Default>(call: Call) -> Result<T, HttpError> {
    let bytes = call.body.read(BODY_BYTES_MAX).await.map_err(|error| {
        HttpError::body(error, |bytes| format!("request body of {bytes} bytes is too large"))
    })?;
    decode(&bytes, Unknown::Refuse).map_err(|error| HttpError::decode(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Option<HttpError> {
        to_register(decode(body.as_bytes(), Unknown::Refuse).unwrap(), "dc1").err()
    }

    #[test]
    fn mistakes_of_a_registration_have_consuls_texts() {
        for (body, text) in [
            (r#"{"Node":"x"}"#, messages::MUST_PROVIDE_ADDRESS),
            (r#"{"Address":"127.0.0.1"}"#, messages::MUST_PROVIDE_NODE),
            (r#"{"Node":"x","Address":"a","ID":"zzz"}"#, messages::BAD_NODE_ID_LENGTH),
            (
                r#"{"Node":"x","Address":"a","Service":{"ID":"a"}}"#,
                messages::MUST_PROVIDE_SERVICE_NAME,
            ),
        ] {
            assert_eq!(refused(body), Some(HttpError::internal(text)), "{body}");
        }
        assert_eq!(refused(r#"{"Node":"x","SkipNodeUpdate":true}"#), None);
    }

    #[test]
    fn one_check_and_several_are_registered_together() {
        let body = r#"{"Node":"x","Address":"a","Check":{"Name":"c"},"Checks":[{"Name":"d"}]}"#;
        let found = to_register(decode(body.as_bytes(), Unknown::Refuse).unwrap(), "dc1").unwrap();
        let ids: Vec<_> = found.checks.iter().map(|check| check.id.to_string()).collect();
        assert_eq!(ids, ["c", "d"]);
    }
}
