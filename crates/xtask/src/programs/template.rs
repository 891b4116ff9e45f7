//! consul-template renders what it is asked for, and again whenever that changes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::golang::{self, GoProgram};
use super::guests::Prepared;
use super::page;
use super::sample::Sample;
use super::stage::{Stage, local, unless, until};

const CONSUL_TEMPLATE: GoProgram = GoProgram {
    package: "github.com/hashicorp/consul-template",
    version: "v0.41.1",
    main: None,
    tags: "",
};

pub fn prepare(folder: &Path) -> Result<Prepared> {
    CONSUL_TEMPLATE.prepare(folder)
}

pub fn attempt(stage: &Stage) -> Result<String> {
    let agent = stage.agent(&[])?;
    let a = Sample::start("a", local(9001))?;
    let b = Sample::start("b", local(9002))?;
    agent.put(REGISTER, &a.registration("web", &["blue"]))?;
    agent.set("web/title", "first")?;
    agent.set("web/flags/x", "1")?;
    agent.set("web/flags/deep/y", "2")?;
    let template = stage.write("web.tpl", &page::block("web.tpl")?)?;
    let out = stage.folder.join("web.conf");
    if out.exists() {
        fs::remove_file(&out)?;
    }
    let mut command = Command::new(golang::program(&stage.folder));
    command.arg("-consul-addr=127.0.0.1:8500").arg("-log-level=info");
    command.arg(format!("-template={}:{}", template.display(), out.display()));
    let mut running = stage.start("consul-template", &mut command)?;
    let mut rendered = |what: &str, wanted: &str| {
        until(what, || {
            running.must_run()?;
            let found = fs::read_to_string(&out).unwrap_or_default();
            let found: Vec<&str> = found.split_whitespace().collect();
            Ok(unless(&found, &wanted.split_whitespace().collect()))
        })
    };

    rendered(
        "the template is rendered",
        "services consul web title first server 127.0.0.1:9001 blue \
         ls x=1 tree deep/y=2 tree x=1",
    )?;
    agent.put(REGISTER, &b.registration("web", &[]))?;
    let came = rendered(
        "an instance comes",
        "services consul web title first server 127.0.0.1:9001 blue server 127.0.0.1:9002 \
         ls x=1 tree deep/y=2 tree x=1",
    )?;
    a.set_healthy(false);
    let failed = rendered(
        "an instance fails",
        "services consul web title first server 127.0.0.1:9002 ls x=1 tree deep/y=2 tree x=1",
    )?;
    agent.set("web/title", "second")?;
    let key = rendered(
        "a key changes",
        "services consul web title second server 127.0.0.1:9002 ls x=1 tree deep/y=2 tree x=1",
    )?;
    agent.set("web/flags/z", "3")?;
    agent.delete("web/flags/deep/y")?;
    rendered(
        "keys come and go",
        "services consul web title second server 127.0.0.1:9002 ls x=1 ls z=3 tree x=1 tree z=3",
    )?;
    agent.put("/v1/agent/service/deregister/a", &Value::Null)?;
    agent.put("/v1/agent/service/deregister/b", &Value::Null)?;
    rendered("the service goes", "services consul title second ls x=1 ls z=3 tree x=1 tree z=3")?;
    Ok(format!(
        "consul-template {}: rendered again {} after an instance came, {} after it failed, {} \
         after a key changed; services, service, key, ls and tree",
        CONSUL_TEMPLATE.version,
        seconds(came),
        seconds(failed),
        seconds(key)
    ))
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

const REGISTER: &str = "/v1/agent/service/register";
