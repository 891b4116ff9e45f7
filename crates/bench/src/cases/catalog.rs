//! Services: reads of their health while one changes, registering many, memory, a restart.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::kv::{against_bare, measured};
use super::run::{SETTLE, millis};
use crate::Options;
use crate::agent::{Mode, Server};
use crate::load::{self, Request, Until};
use crate::report::Report;

const REGISTERED: usize = 10_000;
const HELD: usize = 50_000;
const SERVICES: usize = 100;

pub async fn health_10(options: &Options, report: &mut Report) -> Result<()> {
    health(10, options, report).await
}

pub async fn health_100(options: &Options, report: &mut Report) -> Result<()> {
    health(100, options, report).await
}

/// Reads of a hundred services in turn, while ten times a second one instance changes.
async fn health(instances: usize, options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    bulk_register(&server, SERVICES, instances).await?;
    let mut changer = server.connect().await?;
    let changing = tokio::spawn(async move {
        for round in 0.. {
            let status = if (round / SERVICES).is_multiple_of(2) { "warning" } else { "passing" };
            let body = instance(round % SERVICES, 0, status);
            if changer.ask("PUT", "/v1/catalog/register", &body).await.is_err() {
                return;
            }
            tokio::time::sleep(CHANGE_EVERY).await;
        }
    });
    let request = |number| Request {
        method: "GET",
        path: format!("/v1/health/service/s{}?passing", number % SERVICES),
        body: Vec::new(),
    };
    let own = measured(&server, 64, options, request).await;
    changing.abort();
    drop(server);
    let name = format!("health of {instances} instances of one of 100 services, 64 clients");
    against_bare(&name, 64, own?, options, report).await
}

pub async fn register(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    let most = options.size(REGISTERED);
    let before = server.cpu()?;
    let load = load::run(server.http, 64, Until::Sent(most), |number| Request {
        method: "PUT",
        path: "/v1/catalog/register".into(),
        body: instance(number / 10, number % 10, "passing"),
    })
    .await?;
    let cpu = millis(server.cpu()?.saturating_sub(before));
    report.note("register by catalog, durable, 64 clients", "/s", load.rate);
    report.note("register by catalog, server CPU of all", "ms", cpu);
    Ok(())
}

/// Registers services at one agent, each with a TTL check, until all are in the catalog.
pub async fn register_at_agent(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    let most = options.size(REGISTERED);
    let started = Instant::now();
    load::run(server.http, 64, Until::Sent(most), |number| Request {
        method: "PUT",
        path: "/v1/agent/service/register".into(),
        body: format!(
            r#"{{"ID":"a{number}","Name":"a{}","Port":80,"Check":{{"TTL":"60s"}}}}"#,
            number / 10
        )
        .into_bytes(),
    })
    .await?;
    report.note(format!("{most} services by one agent, answered"), "s", seconds(started));
    let mut asker = server.connect().await?;
    loop {
        let answer = asker.ask("GET", "/v1/catalog/node-services/node1", b"").await?.good()?;
        let found = String::from_utf8_lossy(&answer.body).matches("\"Service\":\"a").count();
        if found >= most || started.elapsed() > VISIBLE_MAX {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    report.note(format!("{most} services by one agent, all in the catalog"), "s", seconds(started));
    Ok(())
}

/// Memory of many instances with a check each, and the time to restart with them.
pub async fn memory(options: &Options, report: &mut Report) -> Result<()> {
    let mut server = Server::agent(&options.program, Mode::Durable).await?;
    tokio::time::sleep(SETTLE).await;
    let before = server.rss()?;
    let held = options.size(HELD);
    bulk_register(&server, held / 10, 10).await?;
    tokio::time::sleep(3 * SETTLE).await;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let each = (server.rss()? - before) / held as f64;
    report.note("memory per instance with its check", "B", each);
    server.kill()?;
    let again = Server::again(&options.program, server).await?;
    let name = format!("restart after kill -9 with {held} instances, to first write");
    report.note(name, "ms", millis(again.ready));
    Ok(())
}

/// Registers services `s0`, `s1`, ... with so many instances each.
pub async fn bulk_register(server: &Server, services: usize, instances: usize) -> Result<()> {
    load::run(server.http, 64, Until::Sent(services * instances), move |number| Request {
        method: "PUT",
        path: "/v1/catalog/register".into(),
        body: instance(number / instances, number % instances, "passing"),
    })
    .await?;
    Ok(())
}

/// An instance of a service with a check, on one of a thousand nodes.
pub fn instance(service: usize, number: usize, status: &str) -> Vec<u8> {
    let node = (service * 31 + number) % NODES;
    let (high, low) = (node / 250, node % 250);
    let id = format!("s{service}-{number}");
    format!(
        "{{\"Node\":\"n{node}\",\"Address\":\"10.1.{high}.{low}\",\"SkipNodeUpdate\":true,\
         \"Service\":{{\"ID\":\"{id}\",\"Service\":\"s{service}\",\"Tags\":[\"v1\",\"zone-a\"],\
         \"Port\":8080,\"Meta\":{{\"version\":\"1.2.3\"}}}},\
         \"Check\":{{\"CheckID\":\"c-{id}\",\"Name\":\"alive\",\"Status\":\"{status}\",\
         \"ServiceID\":\"{id}\",\"Output\":\"HTTP GET: 200 OK\"}}}}"
    )
    .into_bytes()
}

fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}

const NODES: usize = 1_000;
const CHANGE_EVERY: Duration = Duration::from_millis(100);
const VISIBLE_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
