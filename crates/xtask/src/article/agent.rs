//! The development agent on its usual ports, and the few questions the measurements ask it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::program::{Program, until};
use crate::compat::{dns, http};

pub struct Agent(Program);

/// What clients of a service see of its one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Passing,
    Critical,
    Other,
    /// Not in the catalog, and not on the agent.
    Gone,
}

impl Agent {
    pub fn start(program: &Path) -> Result<Self> {
        let agent = Self(Program::start("agent", Command::new(program).args(["agent", "-dev"]))?);
        until("the agent is ready", || Ok(agent.get("/v1/catalog/service/consul").is_ok()))?;
        Ok(agent)
    }

    pub fn stop(self) -> Result<()> {
        self.0.interrupt().context("stop the agent")
    }

    /// The instance as health and the agent tell it.
    pub fn sees(&self, service: &str) -> Result<Seen> {
        let instances = self.json(&format!("/v1/health/service/{service}"))?;
        let Some(instance) = instances.get(0) else {
            let local = self.json("/v1/agent/services")?;
            return Ok(if local.get(service).is_some() { Seen::Other } else { Seen::Gone });
        };
        let checks = instance.get("Checks").and_then(Value::as_array).context("no Checks")?;
        let state = |wanted: &str| {
            checks.iter().any(|check| check.get("Status").is_some_and(|s| s == wanted))
        };
        Ok(match (state("critical"), state("warning")) {
            (true, _) => Seen::Critical,
            (false, true) => Seen::Other,
            (false, false) => Seen::Passing,
        })
    }

    /// Whether a client that asks for passing instances gets one.
    pub fn offers(&self, service: &str) -> Result<bool> {
        let instances = self.json(&format!("/v1/health/service/{service}?passing"))?;
        Ok(instances.as_array().is_some_and(|list| !list.is_empty()))
    }

    /// Whether DNS names an instance of the service.
    pub fn resolves(&self, service: &str) -> Result<bool> {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, DNS_PORT));
        let lines = dns::dig(to, &format!("{service}.service.consul. SRV"))?;
        Ok(lines.iter().any(|line| line.starts_with("answer ") && line != "answer 0"))
    }

    pub fn put(&self, path: &str, body: &str) -> Result<()> {
        let answer = http::request(agent(), "PUT", path, &[], Some(body))?;
        if answer.status != OK {
            bail!("PUT {path}: {}", answer.status);
        }
        Ok(())
    }

    fn json(&self, path: &str) -> Result<Value> {
        serde_json::from_slice(&self.get(path)?).with_context(|| path.to_owned())
    }

    fn get(&self, path: &str) -> Result<Vec<u8>> {
        get(agent(), path)
    }
}

/// What a web server answers; an error unless it answers well.
pub fn get(to: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let answer = http::request(to, "GET", path, &[], None)?;
    if answer.status != OK {
        bail!("GET {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body).trim());
    }
    Ok(answer.body)
}

fn agent() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, HTTP_PORT))
}

/// Where every client looks for an agent unless told otherwise.
const HTTP_PORT: u16 = 8500;
const DNS_PORT: u16 = 8600;
const OK: u16 = 200;
