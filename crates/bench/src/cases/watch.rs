//! Many who wait, and one change.

use std::time::Instant;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::catalog::{bulk_register, instance};
use super::run::{SETTLE, millis};
use crate::Options;
use crate::agent::{Mode, Server};
use crate::report::Report;
use crate::wire::Connection;

const WATCHERS: usize = 5_000;

pub async fn one_key(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    let change = Change { path: "/v1/kv/w".into(), bodies: [vec![b'a'; 256], vec![b'b'; 256]] };
    let watch = |_| "/v1/kv/w".to_owned();
    fan_out("key", &server, &watch, &change, options, report).await
}

pub async fn one_service(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    bulk_register(&server, 1, 10).await?;
    let bodies = [instance(0, 0, "passing"), instance(0, 0, "warning")];
    let change = Change { path: "/v1/catalog/register".into(), bodies };
    let watch = |_| "/v1/health/service/s0".to_owned();
    fan_out("service of 10 instances", &server, &watch, &change, options, report).await
}

/// As many services as watchers, each watching its own; one changes.
pub async fn each_its_service(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    let watchers = options.size(WATCHERS);
    bulk_register(&server, watchers, 1).await?;
    let parked = park(&server, watchers, &|number| format!("/v1/health/service/s{number}")).await?;
    let mut changer = server.connect().await?;
    let before = server.cpu()?;
    // The kernel counts in hundredths of a second: many changes make one figure.
    for round in 0..CHANGES {
        let status = if round % 2 == 0 { "warning" } else { "passing" };
        let body = instance(round % watchers, 0, status);
        changer.ask("PUT", "/v1/catalog/register", &body).await?.good()?;
    }
    let cpu = millis(server.cpu()?.saturating_sub(before));
    #[expect(clippy::cast_precision_loss, reason = "two hundred")]
    let each = cpu / CHANGES as f64;
    let name = format!("{watchers} watchers of as many services, one changes: server CPU");
    report.note(name, "ms", each);
    drop(parked);
    Ok(())
}

struct Change {
    path: String,
    /// Two contents that take turns.
    bodies: [Vec<u8>; 2],
}

async fn fan_out(
    what: &str,
    server: &Server,
    watch: &dyn Fn(usize) -> String,
    change: &Change,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let watchers = options.size(WATCHERS);
    let mut changer = server.connect().await?;
    let [first, second] = &change.bodies;
    changer.ask("PUT", &change.path, first).await?.good()?;
    let parked = park(server, watchers, watch).await?;
    let before = server.cpu()?;
    let (own, body_bytes) = wake(&mut changer, &change.path, second, parked).await?;
    let cpu = millis(server.cpu()?.saturating_sub(before));
    let bare = Server::bare(body_bytes).await?;
    let mut changer = bare.connect().await?;
    let parked = park(&bare, watchers, &|_| "/w".to_owned()).await?;
    let before = bare.cpu()?;
    let (floor, _) = wake(&mut changer, "/w", b"", parked).await?;
    let floor_cpu = millis(bare.cpu()?.saturating_sub(before));
    let name = format!("{watchers} watchers of one {what}");
    report.note(format!("{name}, last woken"), "ms", own);
    report.note(format!("{name}, last woken: bare fan-out"), "ms", floor);
    report.note(format!("{name}, last woken: ratio"), "x", own / floor);
    report.note(format!("{name}, server CPU"), "ms", cpu);
    report.note(format!("{name}, server CPU: ratio"), "x", cpu / floor_cpu.max(CPU_TICK_MS));
    Ok(())
}

/// Opens the watchers and lets each wait behind the index that it saw.
async fn park(
    server: &Server,
    watchers: usize,
    watch: &dyn Fn(usize) -> String,
) -> Result<Vec<Connection>> {
    let mut parked = Vec::new();
    for number in 0..watchers {
        let mut connection = server.connect().await?;
        let path = watch(number);
        let seen = connection.ask("GET", &path, b"").await?.good()?.index;
        connection.send("GET", &format!("{path}?index={seen}&wait=300s"), b"").await?;
        parked.push(connection);
    }
    tokio::time::sleep(SETTLE).await;
    Ok(parked)
}

/// Changes what all wait for; milliseconds until the last has its answer, and an answer's size.
async fn wake(
    changer: &mut Connection,
    path: &str,
    body: &[u8],
    parked: Vec<Connection>,
) -> Result<(f64, usize)> {
    let mut waiting = JoinSet::new();
    for mut connection in parked {
        waiting.spawn(async move {
            let answer = connection.receive().await?;
            anyhow::Ok((Instant::now(), answer.body.len()))
        });
    }
    tokio::time::sleep(SETTLE).await;
    let changed = Instant::now();
    changer.ask("PUT", path, body).await?.good()?;
    let (mut last, mut bytes) = (None, 0);
    while let Some(woken) = waiting.join_next().await {
        let (at, length) = woken??;
        (last, bytes) = (last.max(Some(at)), length);
    }
    let last = last.context("nobody waited")?;
    Ok((millis(last.saturating_duration_since(changed)), bytes))
}

/// Changes that make one figure of processor time.
const CHANGES: usize = 200;
/// What the kernel counts processor time in.
const CPU_TICK_MS: f64 = 10.0;
