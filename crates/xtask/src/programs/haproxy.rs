//! HAProxy fills a backend from SRV answers, and follows instances without a reload.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::guests::Prepared;
use super::page;
use super::sample::Sample;
use super::stage::{Agent, Stage, local, unless, until};
use crate::compat::http;
use crate::workspace;

/// It is a package of the system; nothing is installed here.
pub fn prepare(_folder: &Path) -> Result<Prepared> {
    let mut haproxy = Command::new("haproxy");
    Ok(match workspace::output(haproxy.arg("-v")) {
        Ok(_) => Prepared::Ready,
        Err(error) => Prepared::Absent(format!("no haproxy (Debian's package haproxy): {error:#}")),
    })
}

pub fn attempt(stage: &Stage) -> Result<String> {
    let mut haproxy = Command::new("haproxy");
    let version = workspace::output(haproxy.arg("-v"))?;
    let version = version.split(' ').nth(2).unwrap_or_default().to_owned();
    let agent = stage.agent(&[])?;
    let [a, b, c] = samples()?;
    agent.put(REGISTER, &a.registration("web", &[]))?;
    agent.put(REGISTER, &b.registration("web", &[]))?;
    register_many(&agent)?;
    let socket = stage.folder.join("stats");
    let config = page::block("haproxy.cfg")? + &more(&socket);
    let config = stage.write("haproxy.cfg", &config)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(&config);
    let mut haproxy = stage.start("haproxy", &mut command)?;
    let mut served = |what: &str, wanted: &[&str]| {
        let wanted: BTreeSet<String> = wanted.iter().map(|id| (*id).to_owned()).collect();
        until(what, || {
            haproxy.must_run()?;
            Ok(match answering() {
                Ok(found) => unless(&found, &wanted),
                Err(error) => Some(format!("{error:#}")),
            })
        })
    };

    let filled = served("two instances fill the backend", &["a", "b"])?;
    b.set_healthy(false);
    let failed = served("an instance whose check fails leaves", &["a"])?;
    agent.put(REGISTER, &c.registration("web", &[]))?;
    let came = served("a new instance comes", &["a", "c"])?;
    b.set_healthy(true);
    served("an instance that recovers is back", &["a", "b", "c"])?;
    agent.put("/v1/agent/service/deregister/a", &Value::Null)?;
    agent.put("/v1/agent/service/deregister/c", &Value::Null)?;
    let went = served("a deregistered instance leaves", &["b"])?;
    agent.put("/v1/agent/service/deregister/b", &Value::Null)?;
    served("the last one leaves", &[NONE])?;
    for backend in ["many_by_udp", "many_by_tcp"] {
        until(&format!("{MANY} instances fill {backend}"), || {
            haproxy.must_run()?;
            Ok(unless(&usable_servers(&socket, backend)?, &usize::from(MANY)))
        })?;
    }
    Ok(format!(
        "HAProxy {version}: filled after {}, a failing instance left after {}, a new one came \
         after {}, a deregistered one left after {}, {MANY} instances by UDP and by TCP",
        seconds(filled),
        seconds(failed),
        seconds(came),
        seconds(went)
    ))
}

/// Instances on addresses of their own; the first on that of the node.
fn samples() -> Result<[Sample; 3]> {
    Ok([
        Sample::start("a", local(9001))?,
        Sample::start("b", SocketAddr::from(([127, 0, 0, 2], 9002)))?,
        Sample::start("c", SocketAddr::from(([127, 0, 0, 3], 9003)))?,
    ])
}

fn register_many(agent: &Agent) -> Result<()> {
    for last in 1..=MANY {
        let address = Ipv4Addr::new(127, 0, 1, last).to_string();
        let body = json!({
            "ID": format!("many{last}"), "Name": "many", "Address": address, "Port": 9000,
        });
        agent.put(REGISTER, &body)?;
    }
    Ok(())
}

/// What is tried beyond the users' page: a way to ask, and answers of some size.
fn more(socket: &Path) -> String {
    format!(
        "
global
    stats socket {} level user

resolvers tribune_by_tcp
    nameserver agent tcp@127.0.0.1:8600
    accepted_payload_size 65535
    timeout resolve 1s
    timeout retry 1s

backend many_by_udp
    server-template u {MANY} _many._tcp.service.consul resolvers tribune init-addr none

backend many_by_tcp
    server-template t {MANY} _many._tcp.service.consul resolvers tribune_by_tcp init-addr none
",
        socket.display()
    )
}

/// Who answers through the balancer, over more requests than there are instances.
fn answering() -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for _ in 0..REQUESTS {
        let answer = http::request(FRONTEND, "GET", "/", &[], None)?;
        found.insert(match answer.status {
            200 => String::from_utf8_lossy(&answer.body).into_owned(),
            503 => NONE.to_owned(),
            status => bail!("the balancer answers {status}"),
        });
    }
    Ok(found)
}

fn usable_servers(socket: &Path, backend: &str) -> Result<usize> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(STATS_TIMEOUT))?;
    stream.write_all(format!("show servers state {backend}\n").as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text.lines().filter(|line| is_usable(line)).count())
}

/// A line of `show servers state`: the fifth word is the address, the sixth whether it runs.
fn is_usable(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').collect();
    matches!(words[..], [_, _, _, _, address, "2", ..] if address != "-")
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

const REGISTER: &str = "/v1/agent/service/register";
/// The port of the users' page.
const FRONTEND: SocketAddr = local(8080);
/// Enough for every instance to have its turn.
const REQUESTS: usize = 6;
/// What is seen of a backend with nobody in it.
const NONE: &str = "nobody";
/// More than fit into a packet without EDNS; about 6 KB with it.
const MANY: u8 = 100;
const STATS_TIMEOUT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_with_an_address_that_run_are_usable() {
        for (line, wanted) in [
            ("1", false),
            ("# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state", false),
            ("4 many 1 u1 127.0.1.1 2 64 1 1 0", true),
            ("4 many 1 u1 127.0.1.1 0 64 1 1 0", false),
            ("4 many 2 u2 - 2 32 1 1 0", false),
        ] {
            assert_eq!(is_usable(line), wanted, "{line}");
        }
    }
}
