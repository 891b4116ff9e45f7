//! `/v1/agent/`: this agent's own services and checks. Their rules are the edge's; here they are
//! read, passed on and printed.
//! Invariant: nothing here asks the cluster: an agent answers for itself without a leader.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tribune_api::agent::{
    AgentCheck, AgentService, AgentServiceHealth, CheckRegistration, CheckUpdate, ServiceDefinition,
};
use tribune_api::decode::{Unknown, decode};
use tribune_api::duration::GoDuration;
use tribune_api::health::{
    HealthCheck, STATUS_CRITICAL, STATUS_MAINTENANCE, STATUS_PASSING, STATUS_WARNING,
};
use tribune_api::messages;
use tribune_node::local::Local;
use tribune_state::catalog::CheckStatus;

use super::filter::Narrowed;
use crate::http::error::HttpError;
use crate::http::options::{self, parse_bool};
use crate::http::wire::reply::{Reply, TYPE_PLAIN};
use crate::http::{Api, Call};

/// A service with its checks is a few KiB; scripts and proxy settings may make it more.
const BODY_BYTES_MAX: usize = 2 << 20;

const CONTENT_HASH: HeaderName = HeaderName::from_static("x-consul-contenthash");
const REASON: HeaderName = HeaderName::from_static("x-consul-reason");

fn local(api: &Api) -> Result<&Local, HttpError> {
    api.local.as_ref().ok_or(HttpError::NotYet("the agent's own services and checks"))
}

async fn body<T: DeserializeOwned + Default>(call: Call) -> Result<T, HttpError> {
    let bytes = call.body.read(BODY_BYTES_MAX).await.map_err(|error| {
        HttpError::body(error, |bytes| format!("request body of {bytes} bytes is too large"))
    })?;
    decode(&bytes, Unknown::Refuse).map_err(|error| HttpError::decode(&error))
}

pub async fn services(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let narrowed = Narrowed::services(&call)?;
    let mut services = local(&api)?.services();
    services.retain(|_, service| narrowed.wants(service));
    Ok(Reply::json(&services, api.layout(&call.params)))
}

pub async fn checks(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let narrowed = Narrowed::checks(&call)?;
    let mut checks = local(&api)?.checks();
    checks.retain(|_, check| narrowed.wants(check));
    Ok(Reply::json(&checks, api.layout(&call.params)))
}

/// One service; with `hash`, as soon as its content is another.
pub async fn service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let local = local(&api)?;
    let id = call.rest_text();
    let wait = match call.params.get("wait") {
        "" => GoDuration::ZERO,
        text => text.parse().map_err(|_| HttpError::bad(messages::INVALID_WAIT))?,
    };
    let wait = match wait.to_std() {
        std::time::Duration::ZERO => api.config.wait_max,
        asked => asked.min(api.config.wait_max),
    };
    let deadline = Instant::now() + wait;
    let mut changed = local.changed();
    loop {
        changed.mark_unchanged();
        let found = local.service(&id);
        let found =
            found.ok_or_else(|| HttpError::NotFound(messages::unknown_local_service(&id)))?;
        let is_known = found.content_hash == call.params.get("hash");
        let change = async {
            if changed.changed().await.is_err() {
                // There will be none.
                std::future::pending().await
            }
        };
        if !is_known || !api.operation.changed(deadline, change).await {
            let reply = Reply::json(&found, api.layout(&call.params));
            return Ok(reply.with_text(CONTENT_HASH, &found.content_hash));
        }
    }
}

pub async fn register_service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let replace = matches!(call.params.find("replace-existing-checks"), Some("" | "true"));
    let definition: ServiceDefinition = body(call).await?;
    local(&api)?.register_service(definition, replace).await?;
    Ok(Reply::done())
}

pub async fn deregister_service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    local(&api)?.deregister_service(&call.rest_text()).await?;
    Ok(Reply::done())
}

pub async fn register_check(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let asked: CheckRegistration = body(call).await?;
    local(&api)?.register_check(asked).await?;
    Ok(Reply::done())
}

pub async fn deregister_check(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    local(&api)?.deregister_check(&call.rest_text()).await?;
    Ok(Reply::done())
}

pub async fn pass(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    note(&api, &call, CheckStatus::Passing).await
}

pub async fn warn(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    note(&api, &call, CheckStatus::Warning).await
}

pub async fn fail(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    note(&api, &call, CheckStatus::Critical).await
}

async fn note(api: &Api, call: &Call, status: CheckStatus) -> Result<Reply, HttpError> {
    options::refuse_tenancy(call)?;
    let output = call.params.get("note").to_owned();
    local(api)?.update_ttl(&call.rest_text(), status, output).await?;
    Ok(Reply::done())
}

pub async fn update(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let id = call.rest_text();
    let asked: CheckUpdate = body(call).await?;
    local(&api)?.update_check(&id, asked).await?;
    Ok(Reply::done())
}

pub async fn maintain_node(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let enable = enable(&call)?;
    local(&api)?.maintain_node(enable, call.params.get("reason").to_owned()).await?;
    Ok(Reply::done())
}

pub async fn maintain_service(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let id = call.rest_or(messages::MISSING_SERVICE_ID)?;
    let enable = enable(&call)?;
    local(&api)?.maintain_service(&id, enable, call.params.get("reason").to_owned()).await?;
    Ok(Reply::done())
}

/// Source: transcripts/agent/maintenance.txt.
fn enable(call: &Call) -> Result<bool, HttpError> {
    let text = call.params.find("enable");
    let text = text.ok_or_else(|| HttpError::bad(messages::MISSING_ENABLE))?;
    parse_bool(text)
        .ok_or_else(|| HttpError::BadRequest(format!("Invalid value for enable: {text:?}")))
}

/// A service's health as a status, for load balancers.
pub async fn health_by_id(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let local = local(&api)?;
    let id = call.rest_text();
    let found = local.services().remove(&id).map(|service| health(local, service.as_ref().clone()));
    let Some(found) = found else {
        let missing = AgentServiceHealth {
            aggregated_status: STATUS_CRITICAL.to_owned(),
            ..AgentServiceHealth::default()
        };
        let reason = format!("ServiceId {id} not found");
        return Ok(print(&api, &call, StatusCode::NOT_FOUND, STATUS_CRITICAL, &reason, &missing));
    };
    let status = found.aggregated_status.clone();
    Ok(print(&api, &call, status_code(&status), &status, &status, &found))
}

/// The same of every instance of a name here; the worst decides.
pub async fn health_by_name(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    options::refuse_tenancy(&call)?;
    let local = local(&api)?;
    let name = call.rest_text();
    let services: BTreeMap<String, Arc<AgentService>> = local.services();
    let own = services.into_values().filter(|service| service.service == name);
    let found: Vec<_> = own.map(|service| health(local, service.as_ref().clone())).collect();
    let Some(worst) = found.iter().max_by_key(|own| badness(&own.aggregated_status)) else {
        let reason = format!("ServiceName {name} Not Found");
        return Ok(print(&api, &call, StatusCode::NOT_FOUND, STATUS_CRITICAL, &reason, &found));
    };
    let status = worst.aggregated_status.clone();
    Ok(print(&api, &call, status_code(&status), &status, &status, &found))
}

fn health(local: &Local, service: AgentService) -> AgentServiceHealth {
    let checks = local.checks_concerning(&service.id);
    let worst = checks.iter().map(|check| status_of(check)).max_by_key(|status| badness(status));
    AgentServiceHealth {
        aggregated_status: worst.unwrap_or(STATUS_PASSING).to_owned(),
        service: Some(service),
        checks: Some(checks.iter().map(|check| AgentCheck::from(check.as_ref())).collect()),
    }
}

/// A check's status; maintenance is a status of its own here.
fn status_of(check: &HealthCheck) -> &str {
    let id = check.check_id.as_str();
    if id == messages::NODE_MAINTENANCE_CHECK || id.starts_with(messages::SERVICE_MAINTENANCE_CHECK)
    {
        return STATUS_MAINTENANCE;
    }
    &check.status
}

fn badness(status: &str) -> u8 {
    match status {
        STATUS_PASSING => 0,
        STATUS_WARNING => 1,
        STATUS_MAINTENANCE => 3,
        _ => 2,
    }
}

/// Source: consul-surface A.2.
fn status_code(status: &str) -> StatusCode {
    match badness(status) {
        0 => StatusCode::OK,
        1 => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn print<T: serde::Serialize>(
    api: &Api,
    call: &Call,
    code: StatusCode,
    status: &str,
    reason: &str,
    found: &T,
) -> Reply {
    let accepts_text = call.headers.get(ACCEPT).is_some_and(|own| own == "text/plain");
    let mut reply = if call.params.get("format") == "text" || accepts_text {
        let plain: HeaderValue = TYPE_PLAIN;
        Reply::bytes(code, plain, status.to_owned().into())
    } else {
        Reply::json(found, api.layout(&call.params))
    };
    reply.status = code;
    reply.with_text(REASON, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintenance_is_worse_than_critical_and_a_warning_asks_to_slow_down() {
        let check = |id: &str, status: &str| HealthCheck {
            check_id: id.into(),
            status: status.into(),
            ..HealthCheck::default()
        };
        assert_eq!(status_of(&check("_service_maintenance:a", "critical")), STATUS_MAINTENANCE);
        assert_eq!(status_of(&check("a", "critical")), STATUS_CRITICAL);
        for (status, code) in [("passing", 200), ("warning", 429), ("critical", 503)] {
            assert_eq!(status_code(status).as_u16(), code);
        }
        assert!(badness(STATUS_MAINTENANCE) > badness(STATUS_CRITICAL));
    }
}
