//! Keys: writes on the disk, reads, a list of a thousand, memory.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::run::SETTLE;
use crate::Options;
use crate::agent::{Mode, Server};
use crate::load::{self, Load, Request, Until};
use crate::report::Report;

/// A value as other harnesses use it.
const VALUE_BYTES: usize = 256;
const KEYS: usize = 10_000;
const LISTED: usize = 1_000;

pub async fn put(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    for connections in [1, 64] {
        let load = measured(&server, connections, options, put_request("k")).await?;
        let name = format!("durable put, {connections} clients");
        report.note(&name, "/s", load.load.rate);
        report.note(format!("{name}, p50"), "µs", load.load.quantile_us(0.5));
        report.note(format!("{name}, server CPU each"), "µs", load.cpu_us_each);
    }
    Ok(())
}

pub async fn get(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    fill(&server, "g", options.size(KEYS)).await?;
    let most = options.size(KEYS);
    let own = measured(&server, 64, options, get_request("g", most)).await?;
    drop(server);
    against_bare("get of a key, 64 clients", 64, own, options, report).await
}

pub async fn list(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    fill(&server, "l", options.size(LISTED)).await?;
    let request = |_| Request { method: "GET", path: "/v1/kv/l/?recurse".into(), body: Vec::new() };
    let own = measured(&server, 8, options, request).await?;
    drop(server);
    against_bare("list of 1,000 keys, 8 clients", 8, own, options, report).await
}

pub async fn memory(options: &Options, report: &mut Report) -> Result<()> {
    let server = Server::agent(&options.program, Mode::Durable).await?;
    tokio::time::sleep(SETTLE).await;
    let before = server.rss()?;
    let keys = options.size(10 * KEYS);
    fill(&server, "m", keys).await?;
    tokio::time::sleep(3 * SETTLE).await;
    #[expect(clippy::cast_precision_loss, reason = "far fewer keys than 2^52")]
    let each = (server.rss()? - before) / keys as f64;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred bytes")]
    let stored = (VALUE_BYTES + key("m", 0).len()) as f64;
    report.note("memory per key beyond key and value", "B", each - stored);
    Ok(())
}

/// A load with what it cost the server.
pub struct Measured {
    pub load: Load,
    pub cpu_us_each: f64,
}

pub async fn measured(
    server: &Server,
    connections: usize,
    options: &Options,
    request: impl Fn(usize) -> Request + Send + Sync + 'static,
) -> Result<Measured> {
    let before = server.cpu()?;
    let load = load::run(server.http, connections, Until::Elapsed(options.span()), request).await?;
    let cpu = server.cpu()?.saturating_sub(before).as_secs_f64() * 1e6;
    let answers = load.rate * load.took.as_secs_f64();
    Ok(Measured { cpu_us_each: cpu / answers, load })
}

/// Notes a load beside that of the bare server with bodies of the same size.
pub async fn against_bare(
    name: &str,
    connections: usize,
    own: Measured,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let bare = Server::bare(own.load.body_bytes).await?;
    let request = |_| Request { method: "GET", path: "/v1/kv/g".into(), body: Vec::new() };
    let floor = measured(&bare, connections, options, request).await?;
    report.note(name, "/s", own.load.rate);
    report.note(format!("{name}: bare server"), "/s", floor.load.rate);
    report.note(format!("{name}: ratio"), "x", own.load.rate / floor.load.rate);
    report.note(format!("{name}: server CPU each"), "µs", own.cpu_us_each);
    report.note(format!("{name}: CPU each of the bare server"), "µs", floor.cpu_us_each);
    Ok(())
}

async fn fill(server: &Server, folder: &'static str, keys: usize) -> Result<()> {
    load::run(server.http, 64, Until::Sent(keys), put_request(folder)).await?;
    Ok(())
}

fn put_request(folder: &'static str) -> impl Fn(usize) -> Request {
    |number| Request {
        method: "PUT",
        path: format!("/v1/kv/{}", key(folder, number)),
        body: value(number),
    }
}

fn get_request(folder: &'static str, keys: usize) -> impl Fn(usize) -> Request {
    move |number| Request {
        method: "GET",
        // A stride that is prime to the number of keys visits them all in a scattered order.
        path: format!("/v1/kv/{}", key(folder, number.wrapping_mul(7919) % keys)),
        body: Vec::new(),
    }
}

fn key(folder: &str, number: usize) -> String {
    format!("{folder}/{number:08}")
}

/// Bytes that differ from key to key and do not shrink.
fn value(number: usize) -> Vec<u8> {
    let mut text = STANDARD.encode(number.to_le_bytes());
    while text.len() < VALUE_BYTES {
        text.push_str(&format!("{:x}", number.wrapping_mul(0x9e37_79b9).wrapping_add(text.len())));
    }
    text.truncate(VALUE_BYTES);
    text.into_bytes()
}
