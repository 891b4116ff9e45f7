//! Programs that find what they scrape by `consul_sd`: Prometheus, and vmagent with a client of
//! its own. Both tell their targets in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::golang::{self, GoProgram};
use super::guests::Prepared;
use super::page;
use super::sample::Sample;
use super::stage::{Stage, fetch, local, unless, until};

/// The newest that the toolchain builds.
const VMAGENT: GoProgram = GoProgram {
    package: "github.com/VictoriaMetrics/VictoriaMetrics/app/vmagent",
    version: "v1.140.0",
    main: None,
    tags: "",
};

/// The program itself, without the other kinds of discovery.
const PROMETHEUS: GoProgram = GoProgram {
    package: "github.com/prometheus/prometheus/cmd/prometheus",
    version: "v0.316.0",
    main: None,
    tags: "remove_all_sd,enable_consul_sd",
};

pub fn prepare_vmagent(folder: &Path) -> Result<Prepared> {
    VMAGENT.prepare(folder)
}

pub fn prepare_prometheus(folder: &Path) -> Result<Prepared> {
    PROMETHEUS.prepare(folder)
}

pub fn attempt_vmagent(stage: &Stage) -> Result<String> {
    attempt(stage, "vmagent", &VMAGENT, |command, config| {
        command.arg(format!("-promscrape.config={config}"));
        command.arg("-promscrape.consulSDCheckInterval=1s");
        command.arg("-httpListenAddr=127.0.0.1:9090");
        // What it scrapes goes nowhere; that it cannot be sent is of no interest.
        command.arg("-remoteWrite.url=http://127.0.0.1:9999/");
    })
}

pub fn attempt_prometheus(stage: &Stage) -> Result<String> {
    attempt(stage, "prometheus", &PROMETHEUS, |command, config| {
        command.arg(format!("--config.file={config}"));
        command.args(["--web.listen-address=127.0.0.1:9090", "--storage.tsdb.path=tsdb"]);
    })
}

fn attempt(
    stage: &Stage,
    name: &'static str,
    program: &GoProgram,
    arguments: impl Fn(&mut Command, &str),
) -> Result<String> {
    let agent = stage.agent(&["-node-meta=rack:r1"])?;
    let web1 = Sample::start("web1", SocketAddr::from(([127, 0, 0, 1], 9001)))?;
    let web2 = Sample::start("web2", SocketAddr::from(([127, 0, 0, 2], 9002)))?;
    let other = Sample::start("other", SocketAddr::from(([127, 0, 0, 3], 9003)))?;
    agent.put(REGISTER, &web1.registration("web", &["metrics", "v1"]))?;
    agent.put(REGISTER, &other.registration("other", &[]))?;
    let config = stage.write("scrape.yml", &configuration(name)?)?;
    let mut command = Command::new(golang::program(&stage.folder));
    arguments(&mut command, &config.display().to_string());
    let mut running = stage.start(name, &mut command)?;
    let mut scraped = |what: &str, wanted: &[(&str, &[&str])]| {
        let wanted: Targets = wanted
            .iter()
            .map(|(job, ids)| ((*job).to_owned(), ids.iter().map(|id| (*id).to_owned()).collect()))
            .collect();
        until(what, || {
            running.must_run()?;
            Ok(match targets() {
                Ok(found) => unless(&found, &wanted),
                Err(error) => Some(format!("{error:#}")),
            })
        })
    };

    let all = ["other", "web1", "web2"].as_slice();
    let one = [("services", ["web1"].as_slice()), ("rack", &["other", "web1"])];
    let two = [("services", ["web1", "web2"].as_slice()), ("rack", all)];
    scraped("an instance is found and scraped", &one)?;
    agent.put(REGISTER, &web2.registration("web", &["metrics"]))?;
    let came = scraped("an instance comes", &two)?;
    web2.set_healthy(false);
    let failed = [("services", ["web1"].as_slice()), ("rack", all)];
    let failed = scraped("an instance whose check fails is dropped", &failed)?;
    web2.set_healthy(true);
    scraped("an instance that recovers is back", &two)?;
    agent.put("/v1/agent/service/deregister/web2", &Value::Null)?;
    let went = scraped("an instance goes", &one)?;
    Ok(format!(
        "{name} {}: an instance came after {}, failed after {}, went after {}; by tag, node \
         metadata and health",
        program.version,
        seconds(came),
        seconds(failed),
        seconds(went)
    ))
}

/// That of the users' page and a job more. vmagent knows no `refresh_interval`.
fn configuration(name: &str) -> Result<String> {
    let whole = page::block("prometheus.yml")? + MORE;
    let known = |line: &&str| name != "vmagent" || !line.contains("refresh_interval");
    Ok(whole.lines().filter(known).collect::<Vec<_>>().join("\n") + "\n")
}

/// Jobs, and the instances of each that are scraped with success.
type Targets = BTreeMap<String, BTreeSet<String>>;

fn targets() -> Result<Targets> {
    let body = fetch(PROGRAM, "/api/v1/targets")?;
    let body: Value = serde_json::from_str(&body).context("targets")?;
    let active = body.pointer("/data/activeTargets").and_then(Value::as_array);
    let mut found = Targets::new();
    for target in active.context("no targets in the answer")? {
        let text = |path: &str| target.pointer(path).and_then(Value::as_str).unwrap_or_default();
        if text("/health") == "up" {
            let id = text("/discoveredLabels/__meta_consul_service_id").to_owned();
            found.entry(text("/scrapePool").to_owned()).or_default().insert(id);
        }
    }
    Ok(found)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

const REGISTER: &str = "/v1/agent/service/register";
const PROGRAM: SocketAddr = local(9090);
/// Beside the users' page: every service of the nodes with some metadata, whatever its health.
const MORE: &str = "
  - job_name: rack
    scrape_interval: 1s
    consul_sd_configs:
      - server: 127.0.0.1:8500
        node_meta: {rack: r1}
        services: [web, other]
        refresh_interval: 1s
";
