//! `/v1/agent/`: what an operator tells an agent: to read its configuration anew, to leave, to
//! join others or to give one up. What each comes to is decided where the agent is run.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tribune_api::messages;

use crate::http::error::HttpError;
use crate::http::options::parse_bool;
use crate::http::wire::reply::Reply;
use crate::http::{Api, Call};

/// The answer goes out first; whoever runs the agent ends it then.
pub async fn leave(api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    api.info.leave.cancel();
    Ok(Reply::done())
}

/// Answers when the new configuration is in force, or why the old one still is.
pub async fn reload(api: Arc<Api>, _call: Call) -> Result<Reply, HttpError> {
    let reload = api.operation.reload.as_ref().ok_or(HttpError::NotYet("reloading"))?;
    reload.ask().await.map_err(HttpError::Internal)?;
    Ok(Reply::done())
}

/// Tries to reach the agent that is named. There is nothing to join it with yet, so that all this
/// can tell is what went wrong.
///
/// Source: transcripts/agent/node.txt.
pub async fn join(_api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let name = call.rest_text();
    let why = match reach(&name).await {
        Ok(address) => messages::join_failed(&address.to_string(), "joining: not implemented yet"),
        Err(why) => why,
    };
    Err(HttpError::Internal(messages::one_error(&why)))
}

async fn reach(name: &str) -> Result<SocketAddr, String> {
    let with_port = match name.parse::<SocketAddr>().is_ok() || has_port(name) {
        true => name.to_owned(),
        false => format!("{name}:{SERF_PORT}"),
    };
    let host = with_port.rsplit_once(':').map_or("", |(host, _)| host);
    let unresolved = || messages::join_unresolved(name, host);
    if host.is_empty() {
        return Err(unresolved());
    }
    let found = timeout(REACH_TIME_MAX, lookup_host(with_port.clone())).await;
    let address = match found {
        Ok(Ok(mut addresses)) => addresses.next().ok_or_else(unresolved)?,
        _ => return Err(unresolved()),
    };
    let why = match timeout(REACH_TIME_MAX, TcpStream::connect(address)).await {
        Ok(Ok(_)) => return Ok(address),
        Ok(Err(error)) => format!("connect: {}", tribune_client::io_text(&error)),
        Err(_) => "i/o timeout".to_owned(),
    };
    Err(messages::join_failed(&address.to_string(), &format!("dial tcp {address}: {why}")))
}

fn has_port(name: &str) -> bool {
    name.rsplit_once(':').is_some_and(|(host, port)| !host.contains(':') && is_number(port))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Of a pool of one there is nobody to give up: oneself is alive, and others are not known.
///
/// Source: transcripts/agent/node.txt.
pub async fn force_leave(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let wan = call.params.find("wan").is_some_and(|text| parse_bool(text) != Some(false));
    let name = call.rest_text();
    let is_member = api.cluster.members().iter().any(|member| member.name == name);
    if is_member && !wan {
        return Ok(Reply::done());
    }
    // Consul looks for a name of the pool of all datacenters, and does not find the part of it.
    let shown = if wan { "" } else { name.as_str() };
    Err(HttpError::Internal(messages::no_such_member(shown)))
}

/// Where agents gossip unless told otherwise.
const SERF_PORT: u16 = 8301;
/// As long as Consul tries.
const REACH_TIME_MAX: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_cannot_be_joined_is_told_why() {
        assert_eq!(reach("").await, Err("Failed to resolve : lookup : no such host".to_owned()));
        let refused = "dial tcp 127.0.0.1:1: connect: connection refused";
        let refused = messages::join_failed("127.0.0.1:1", refused);
        assert_eq!(reach("127.0.0.1:1").await, Err(refused));
    }
}
