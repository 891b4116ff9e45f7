//! The agent that is asked: itself, what is registered with it, and its checks.

use std::collections::BTreeMap;

use tribune_api::agent::{
    AgentService, CheckRegistration, CheckUpdate, Member, Self_, ServiceDefinition, Version,
};
use tribune_api::health::HealthCheck;
use tribune_api::why::Why;

use crate::call::{Call, Read, Write, json, list, nothing, optional};
use crate::client::Client;
use crate::error::Error;
use crate::monitor::LogStream;

/// See [`Client::agent`].
pub struct Agent<'a>(pub(crate) &'a Client);

/// What a TTL check can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    Pass,
    Warn,
    Fail,
}

impl Ttl {
    fn route(self) -> &'static str {
        match self {
            Ttl::Pass => "/v1/agent/check/pass/",
            Ttl::Warn => "/v1/agent/check/warn/",
            Ttl::Fail => "/v1/agent/check/fail/",
        }
    }

    fn status(self) -> &'static str {
        match self {
            Ttl::Pass => "passing",
            Ttl::Warn => "warning",
            Ttl::Fail => "critical",
        }
    }
}

impl Agent<'_> {
    /// Its configuration, its member and its numbers.
    pub fn itself(&self) -> Read<Self_> {
        Read::new(self.0, Call::new("GET", "/v1/agent/self", ""), json)
    }

    pub fn version(&self) -> Read<Version> {
        Read::new(self.0, Call::new("GET", "/v1/agent/version", ""), json)
    }

    /// The members of the pool as this agent sees them.
    pub fn members(&self) -> Read<Vec<Member>> {
        Read::new(self.0, Call::new("GET", "/v1/agent/members", ""), list)
    }

    /// The services registered with this agent, by id.
    pub fn services(&self) -> Read<BTreeMap<String, AgentService>> {
        Read::new(self.0, Call::new("GET", "/v1/agent/services", ""), json)
    }

    /// Why clients are given each instance of a service or not. Tribune's own route.
    pub fn why(&self, service: &str) -> Read<Why> {
        Read::new(self.0, Call::new("GET", "/v1/agent/why/service/", service), json)
    }

    /// One of them, or none.
    pub fn service(&self, id: &str) -> Read<Option<AgentService>> {
        Read::new(self.0, Call::new("GET", "/v1/agent/service/", id), optional)
    }

    /// The checks of this agent, by id.
    pub fn checks(&self) -> Read<BTreeMap<String, HealthCheck>> {
        Read::new(self.0, Call::new("GET", "/v1/agent/checks", ""), json)
    }

    /// Registers a service and its checks, or replaces it. Checks it had before and that are not
    /// named any more stay; see [`Agent::replace_service`].
    pub fn register_service(&self, service: &ServiceDefinition) -> Write<()> {
        let call = Call::new("PUT", "/v1/agent/service/register", "").with_json(service);
        Write::try_new(self.0, call, nothing)
    }

    /// As [`Agent::register_service`]; the checks named are all it has afterwards.
    pub fn replace_service(&self, service: &ServiceDefinition) -> Write<()> {
        self.register_service(service).option("replace-existing-checks", true)
    }

    pub fn deregister_service(&self, id: &str) -> Write<()> {
        Write::new(self.0, Call::new("PUT", "/v1/agent/service/deregister/", id), nothing)
    }

    pub fn register_check(&self, check: &CheckRegistration) -> Write<()> {
        let call = Call::new("PUT", "/v1/agent/check/register", "").with_json(check);
        Write::try_new(self.0, call, nothing)
    }

    pub fn deregister_check(&self, id: &str) -> Write<()> {
        Write::new(self.0, Call::new("PUT", "/v1/agent/check/deregister/", id), nothing)
    }

    /// Tells a TTL check how it is and starts its time anew. A service's only check has the id
    /// `service:<service id>`.
    pub fn ttl(&self, check_id: &str, ttl: Ttl, note: &str) -> Write<()> {
        let mut call = Call::new("PUT", ttl.route(), check_id);
        if !note.is_empty() {
            call = call.with("note", note);
        }
        Write::new(self.0, call, nothing)
    }

    /// As [`Agent::ttl`], with an output of any length the agent keeps.
    pub fn ttl_update(&self, check_id: &str, ttl: Ttl, output: &str) -> Write<()> {
        let update = CheckUpdate { status: ttl.status().to_string(), output: output.to_string() };
        let call = Call::new("PUT", "/v1/agent/check/update/", check_id).with_json(&update);
        Write::try_new(self.0, call, nothing)
    }

    /// Sets the node apart: with a reason, its services count as critical until `None` ends it.
    pub fn maintenance(&self, reason: Option<&str>) -> Write<()> {
        let call = Call::new("PUT", "/v1/agent/maintenance", "");
        Write::new(self.0, maintenance(call, reason), nothing)
    }

    /// The same for one service.
    pub fn service_maintenance(&self, id: &str, reason: Option<&str>) -> Write<()> {
        let call = Call::new("PUT", "/v1/agent/service/maintenance/", id);
        Write::new(self.0, maintenance(call, reason), nothing)
    }

    pub fn join(&self, address: &str) -> Write<()> {
        Write::new(self.0, Call::new("PUT", "/v1/agent/join/", address), nothing)
    }

    /// Leaves the pool and ends the agent.
    pub fn leave(&self) -> Write<()> {
        Write::new(self.0, Call::new("PUT", "/v1/agent/leave", ""), nothing)
    }

    /// Counts a failed member as one that left; with `prune` it is forgotten at once.
    pub fn force_leave(&self, node: &str, prune: bool) -> Write<()> {
        let call = Call::new("PUT", "/v1/agent/force-leave/", node);
        let call = if prune { call.with_bare("prune") } else { call };
        Write::new(self.0, call, nothing)
    }

    /// The lines that the agent logs from now on: those of this level (`trace` to `error`, or
    /// empty for `info`) and above it.
    ///
    /// # Errors
    /// The agent cannot be reached, or does not know the level.
    pub async fn monitor(&self, level: &str, as_json: bool) -> Result<LogStream, Error> {
        LogStream::open(self.0, level, as_json).await
    }

    /// Reads the configuration anew.
    pub fn reload(&self) -> Write<()> {
        Write::new(self.0, Call::new("PUT", "/v1/agent/reload", ""), nothing)
    }
}

fn maintenance(call: Call, reason: Option<&str>) -> Call {
    let call = call.with("enable", reason.is_some());
    match reason {
        Some(reason) if !reason.is_empty() => call.with("reason", reason),
        _ => call,
    }
}
