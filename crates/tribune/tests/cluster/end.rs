//! The end of an agent: who waits is answered, streams end, and the ports are free at once. And an
//! agent that must not begin.

use super::agent::{Agent, Client, free_port, program};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long something may take that is a matter of milliseconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an end may take at most, however busy the machine is.
const END_TIME_MAX: Duration = Duration::from_secs(10);

/// Queries of each kind that wait.
const WAITING: usize = 20;

type Answer = Option<(u16, u64, Vec<u8>)>;

/// Asks on a connection of its own, in the background.
fn ask(agent: &Agent, path: String) -> JoinHandle<Answer> {
    let mut client = Client::connect(agent.http).expect("a connection");
    // A connection that has carried a request is one that the agent has taken.
    let first = client.send("GET", "/v1/status/leader", b"");
    assert!(matches!(first, Some((200, _, _))), "{first:?}");
    std::thread::spawn(move || client.send("GET", &path, b""))
}

/// The index and the body of an answer on a connection of its own.
fn get(agent: &Agent, path: &str) -> (u64, String) {
    let mut client = Client::connect(agent.http).expect("a connection");
    let (status, index, body) = client.send("GET", path, b"").expect("an answer");
    let body = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(status, 200, "{path}: {body}");
    (index, body)
}

fn queries_blocking(client: &mut Client) -> u64 {
    let (_, _, body) = client.send("GET", "/v1/agent/metrics", b"").expect("an answer");
    let body = String::from_utf8_lossy(&body).into_owned();
    let (_, rest) = body.split_once("rpc.queries_blocking\",\"Value\":").expect("the gauge");
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
}

#[test]
fn who_waits_is_answered_when_the_agent_ends_and_its_port_is_free() {
    let dir = std::env::temp_dir().join(format!("tribune-end-{}", std::process::id()));
    let mut agent = Agent::start(&dir);
    agent.first_write();
    let mut client = Client::connect(agent.http).expect("a connection");
    let registered = client.send("PUT", "/v1/agent/service/register", b"{\"Name\":\"s\"}");
    assert!(matches!(registered, Some((200, _, _))), "{registered:?}");
    let (key, _) = get(&agent, "/v1/kv/first");
    let (service, _) = get(&agent, "/v1/health/service/consul");
    let (event, _) = get(&agent, "/v1/event/list");
    let (_, own) = get(&agent, "/v1/agent/service/s");
    let (_, hash) = own.split_once("\"ContentHash\":\"").expect("its hash");
    let hash: String = hash.chars().take_while(|symbol| *symbol != '"').collect();
    let hashed = ask(&agent, format!("/v1/agent/service/s?hash={hash}&wait=5m"));
    let mut waiting = vec![ask(&agent, format!("/v1/event/list?index={event}&wait=5m"))];
    for _ in 0..WAITING {
        waiting.push(ask(&agent, format!("/v1/kv/first?index={key}&wait=5m")));
        let path = format!("/v1/health/service/consul?passing&index={service}&wait=5m");
        waiting.push(ask(&agent, path));
    }
    let deadline = Instant::now() + PATIENCE;
    while queries_blocking(&mut client) < 2 * WAITING as u64 {
        assert!(Instant::now() < deadline, "they do not wait");
        std::thread::yield_now();
    }

    let began = Instant::now();
    agent.signal(rustix::process::Signal::TERM);
    for (number, waiting) in waiting.into_iter().enumerate() {
        let answer = waiting.join().expect("an end");
        let (status, index, body) = answer.unwrap_or_else(|| panic!("{number} has no answer"));
        assert_eq!(status, 200, "{number}");
        // Nothing has changed.
        assert!([event, key, service].contains(&index), "{number}: {index}");
        assert!(!body.is_empty(), "{number}: an empty answer");
    }
    let same = hashed.join().expect("an end").map(|(status, _, body)| (status, body));
    assert_eq!(same, Some((200, own.into_bytes())));
    let address = agent.http;
    assert_eq!(agent.ended(END_TIME_MAX), Some(0));
    assert!(began.elapsed() < END_TIME_MAX, "it took {:?}", began.elapsed());
    TcpListener::bind(address).expect("its port is free");
    std::fs::remove_dir_all(&dir).expect("cleared");
}

#[test]
fn a_monitor_ends_well_with_its_agent() {
    for is_killed in [false, true] {
        let name = format!("tribune-monitor-end-{is_killed}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let mut agent = Agent::start(&dir);
        agent.first_write();
        let mut command = program(&["monitor", "-log-level=debug"]);
        command.env("CONSUL_HTTP_ADDR", agent.http.to_string());
        let mut monitor = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(monitor.stdout.take().expect("its output"));
        let mut line = String::new();
        // Something to read, so that it is known to listen.
        get_until(&agent, &mut lines, &mut line);
        match is_killed {
            true => agent.kill(),
            false => {
                agent.signal(rustix::process::Signal::TERM);
                assert_eq!(agent.ended(END_TIME_MAX), Some(0));
            }
        }
        let ended = monitor.wait_with_output().expect("its end");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        let expected = "Remote side ended the monitor! This usually means that the\n\
            remote side has exited or crashed.\n";
        assert_eq!((ended.status.code(), said.as_str()), (Some(0), expected));
        if !is_killed {
            let mut rest = String::new();
            lines.read_to_string(&mut rest).expect("the rest");
            assert!(rest.contains(" ending"), "the last line was lost: {rest}");
        }
        std::fs::remove_dir_all(&dir).expect("cleared");
    }
}

/// Reads the first line of a log, which a request causes that comes once it is listened to.
fn get_until(agent: &Agent, lines: &mut impl std::io::BufRead, line: &mut String) {
    let (address, (done, is_done)) = (agent.http, std::sync::mpsc::channel::<()>());
    let asking = std::thread::spawn(move || {
        let pause = Duration::from_millis(20);
        let over = std::sync::mpsc::RecvTimeoutError::Timeout;
        let mut client = Client::connect(address).expect("a connection");
        while is_done.recv_timeout(pause) == Err(over) {
            client.send("GET", "/v1/status/leader", b"").expect("an answer");
        }
    });
    lines.read_line(line).expect("a line");
    drop(done);
    asking.join().expect("its end");
    assert!(!line.is_empty(), "nothing was logged");
}

#[test]
fn an_agent_that_would_be_open_where_it_should_be_closed_does_not_start() {
    let deny = "acl { enabled = true default_policy = \"deny\" }";
    let said = program(&["agent", "-dev", "-hcl", deny]).stderr(Stdio::piped()).output();
    let said = said.expect("its end");
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1));
    assert!(text.contains("acl.default_policy = \"deny\": this release has no access"), "{text}");
}

/// A running demonstration, which ends with this.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demonstration_has_services_one_of_which_fails_now_and_then() {
    let (http, dns) = (free_port(), free_port());
    let ports = [format!("-http-port={http}"), format!("-dns-port={dns}")];
    let mut command = program(&["demo", &ports[0], &ports[1]]);
    let server = format!("ports {{ server = {} grpc_tls = -1 }}", free_port());
    let mut demo = Demo(command.args(["-hcl", &server]).spawn().expect("it starts"));
    let lines = BufReader::new(demo.0.stdout.take().expect("its output")).lines();
    let mut said = Vec::new();
    for line in lines {
        said.push(line.expect("a line"));
        if said.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
            break;
        }
    }
    let said = said.join("\n");
    assert!(said.contains(&format!("CONSUL_HTTP_ADDR=127.0.0.1:{http}")), "{said}");
    assert!(said.contains(&format!("dig @127.0.0.1 -p {dns} web.service.consul SRV")), "{said}");

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, http));
    let mut client = Client::connect(address).expect("a connection");
    for (service, is_in) in [("web", true), ("api", true), ("flaky", false), ("flaky", true)] {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        loop {
            let path = format!("/v1/health/service/{service}?passing&wait=2s&index={seen}");
            let (status, index, body) = client.send("GET", &path, b"").expect("an answer");
            assert_eq!(status, 200);
            if String::from_utf8_lossy(&body).contains("\"demo\"") == is_in {
                break;
            }
            assert!(Instant::now() < deadline, "{service} is not {is_in}");
            seen = index;
        }
    }
    let pid = i32::try_from(demo.0.id()).ok().and_then(rustix::process::Pid::from_raw);
    let pid = pid.expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("the signal is sent");
    assert_eq!(demo.0.wait().expect("its end").code(), Some(0));
    TcpListener::bind(address).expect("its port is free");
}
