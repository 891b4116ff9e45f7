//! Operating a real agent: reload, the log as a stream, HTTPS and unix sockets.

use crate::agent::{Agent, Client};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long something may take that is a matter of milliseconds on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder of one test's own, with a configuration file in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tribune-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("agent.hcl")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).expect("the configuration");
    }

    fn start(&self) -> Agent {
        let mut agent = Agent::start_configured(&self.0.join("data"), &self.file());
        agent.first_write();
        agent
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn get(agent: &Agent, path: &str) -> (u16, String) {
    ask(agent, "GET", path)
}

fn ask(agent: &Agent, method: &str, path: &str) -> (u16, String) {
    let mut client = Client::connect(agent.http).expect("a connection");
    let (status, _, body) = client.send(method, path, b"").expect("an answer");
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// Asks until the answer is as wanted, or fails with the last one.
fn eventually(agent: &Agent, path: &str, wanted: impl Fn(&str) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, body) = get(agent, path);
        if wanted(&body) {
            return;
        }
        assert!(Instant::now() < deadline, "{path}: {body}");
        std::thread::yield_now();
    }
}

#[test]
fn a_reload_takes_up_a_good_file_and_keeps_the_old_one_for_a_bad() {
    let folder = Folder::new("reload");
    folder.write("service { name = \"early\" port = 1 }");
    let agent = folder.start();
    eventually(&agent, "/v1/agent/services", |body| body.contains("\"early\""));

    folder.write("service { name = \"late\" port = 2 }");
    assert_eq!(ask(&agent, "PUT", "/v1/agent/reload"), (200, String::new()));
    let (_, services) = get(&agent, "/v1/agent/services");
    assert!(services.contains("\"late\"") && !services.contains("\"early\""), "{services}");

    folder.write("service { name = \"never\" port = 3 }\nnonsense = true");
    let (status, why) = ask(&agent, "PUT", "/v1/agent/reload");
    assert!(status == 500 && why.contains("invalid config key nonsense"), "{status} {why}");
    let (_, services) = get(&agent, "/v1/agent/services");
    assert!(services.contains("\"late\"") && !services.contains("\"never\""), "{services}");

    folder.write("service { name = \"by_signal\" port = 4 }");
    agent.signal(rustix::process::Signal::HUP);
    eventually(&agent, "/v1/agent/services", |body| body.contains("\"by_signal\""));
}

#[test]
fn a_reload_takes_up_what_describes_the_node_and_how_health_is_shown() {
    let folder = Folder::new("renew");
    let service =
        "service { name = \"web\" port = 1 check = { ttl = \"60s\" status = \"warning\" } }";
    folder.write(&format!("{service}\nnode_meta {{ rack = \"a\" }}"));
    let agent = folder.start();
    eventually(&agent, "/v1/catalog/service/web", |body| body.contains("\"rack\":\"a\""));
    let (_, why) = get(&agent, "/v1/agent/why/service/web");
    assert!(why.contains("\"DnsOnlyPassing\":false"), "{why}");

    folder.write(&format!(
        "{service}\nnode_meta {{ rack = \"b\" }}\ndns_config {{ only_passing = true }}\n\
         discard_check_output = true"
    ));
    assert_eq!(ask(&agent, "PUT", "/v1/agent/reload"), (200, String::new()));
    let (_, found) = get(&agent, "/v1/catalog/nodes?node-meta=rack:b");
    assert!(found.contains("\"rack\":\"b\""), "{found}");
    let (_, own) = get(&agent, "/v1/agent/self");
    assert!(own.contains("\"rack\":\"b\""), "{own}");
    let (_, why) = get(&agent, "/v1/agent/why/service/web");
    assert!(why.contains("\"DnsOnlyPassing\":true"), "{why}");
    assert_eq!(ask(&agent, "PUT", "/v1/agent/check/warn/service:web?note=words").0, 200);
    let (_, checks) = get(&agent, "/v1/agent/checks");
    assert!(!checks.contains("words"), "{checks}");
}

#[test]
fn the_command_line_filters_the_catalog() {
    let folder = Folder::new("filter");
    folder.write("service { name = \"web\" port = 1 tags = [\"v2\"] meta = { version = \"2\" } }");
    let agent = folder.start();
    eventually(&agent, "/v1/catalog/service/web", |body| body.contains("\"ServiceName\":\"web\""));
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tribune"));
        command.args(words).env("CONSUL_HTTP_ADDR", agent.http.to_string());
        let done = command.output().expect("the program runs");
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
    };
    assert_eq!(run(&["catalog", "services", "-filter=ServiceMeta.version == 2"]), "web\n");
    assert_eq!(run(&["catalog", "services", "-tags", "-filter=v2 in ServiceTags"]), "web  v2\n");
    let nothing = "No services match the given query - try expanding your search.\n";
    assert_eq!(run(&["catalog", "services", "-filter=ServiceMeta.version == 3"]), nothing);
    let of_node = ["catalog", "services", "-node=", "-filter=Meta.version == 2"];
    let node = get(&agent, "/v1/agent/self").1;
    let node: serde_json::Value = serde_json::from_str(&node).expect("JSON");
    let name = format!("-node={}", node["Config"]["NodeName"].as_str().expect("a name"));
    let of_node = of_node.map(|word| if word == "-node=" { name.as_str() } else { word });
    assert_eq!(run(&of_node), "web\n");
    assert!(run(&["catalog", "services", "-filter=Nope==1"]).contains("Selector \"Nope\""));
    let nodes = run(&["catalog", "nodes", "-service=web", "-filter=ServicePort == 1"]);
    assert_eq!(nodes.lines().count(), 2, "{nodes}");
    assert!(run(&["catalog", "nodes", "-filter=Meta.x == 1"]).starts_with("No nodes match"));
}

#[test]
fn commands_reach_an_agent_by_https_if_they_trust_it() {
    let folder = Folder::new("https");
    // Connections of other tests take ports of 127.0.0.1, and might take this one.
    let address = "127.0.0.84";
    let names = [address.to_owned(), "agent".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (cert, key) = (folder.0.join("cert.pem"), folder.0.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let port = std::net::TcpListener::bind((address, 0)).and_then(|free| free.local_addr());
    let port = port.expect("a free port").port();
    folder.write(&format!(
        "ports {{ https = {port} }}\naddresses {{ https = \"{address}\" }}\n\
         tls {{ https {{ cert_file = {cert:?} key_file = {key:?} }} }}"
    ));
    let _agent = folder.start();
    let run = |variables: &[(&str, &str)], flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tribune"));
        command.args(["kv", "get"]).args(flags).arg("first");
        command.env("CONSUL_HTTP_ADDR", format!("https://{address}:{port}"));
        command.env("SSL_CERT_FILE", folder.0.join("none.pem")).envs(variables.iter().copied());
        let done = command.output().expect("the program runs");
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
    };
    let trusted = cert.to_str().expect("a path");
    assert_eq!(run(&[("CONSUL_CACERT", trusted)], &[]), "1\n");
    assert_eq!(run(&[], &["-ca-file", trusted, "-tls-server-name=agent"]), "1\n");
    assert_eq!(run(&[("CONSUL_HTTP_SSL_VERIFY", "false")], &[]), "1\n");
    let plain = [("CONSUL_HTTP_ADDR", &*format!("{address}:{port}"))];
    let switched = [plain[0], ("CONSUL_HTTP_SSL", "true"), ("CONSUL_CACERT", trusted)];
    assert_eq!(run(&switched, &[]), "1\n");
    let other_name = run(&[("CONSUL_CACERT", trusted)], &["-tls-server-name=elsewhere"]);
    assert!(other_name.contains("tls: invalid peer certificate"), "{other_name}");
    let doubted = run(&[], &[]);
    assert!(doubted.contains("https://127.0.0.84:") && doubted.contains("tls: "), "{doubted}");
    let no_file = run(&[], &["-ca-file=nosuch.pem"]);
    assert!(no_file.contains("nosuch.pem"), "{no_file}");
}

#[test]
fn a_watch_is_told_of_each_change_and_goes_with_its_file() {
    let folder = Folder::new("watch");
    let told = folder.0.join("told");
    folder.write(&format!(
        "watches = [{{ type = \"key\" key = \"w\" args = [\"/bin/sh\", \"-c\", \"cat >> {}\"] }}]",
        told.display()
    ));
    let agent = folder.start();
    let mut client = Client::connect(agent.http).expect("a connection");
    client.send("PUT", "/v1/kv/w", b"1").expect("an answer");
    let deadline = Instant::now() + PATIENCE;
    while !std::fs::read_to_string(&told).unwrap_or_default().contains("\"Value\":\"MQ==\"") {
        assert!(Instant::now() < deadline, "the watch was not told");
        std::thread::yield_now();
    }
}

#[test]
fn the_log_is_streamed_at_the_level_that_is_asked_for() {
    let folder = Folder::new("monitor");
    folder.write("log_level = \"ERROR\"");
    let agent = folder.start();
    let mut stream = TcpStream::connect(agent.http).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let request = "GET /v1/agent/monitor?loglevel=info HTTP/1.1\r\nHost: t\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let mut text = String::new();
    let mut read_until = |stream: &mut TcpStream, wanted: &str| {
        let mut buffer = [0; 4096];
        while !text.contains(wanted) {
            let bytes = stream.read(&mut buffer).expect("more of the log");
            assert!(bytes > 0, "the stream ended: {text}");
            text.push_str(&String::from_utf8_lossy(&buffer[..bytes]));
        }
    };
    read_until(&mut stream, "\r\n\r\n");
    assert_eq!(ask(&agent, "PUT", "/v1/agent/reload").0, 200);
    read_until(&mut stream, "[INFO]  agent.reload: configuration reloaded");
}

#[test]
fn a_unix_socket_answers_and_goes_with_its_agent() {
    let folder = Folder::new("unix");
    let socket = folder.0.join("http.sock");
    folder.write(&format!(
        "addresses {{ http = \"127.0.0.1 unix://{}\" }}\nunix_sockets {{ mode = \"700\" }}",
        socket.display()
    ));
    let agent = folder.start();
    let mut stream = UnixStream::connect(&socket).expect("a connection");
    let request = "GET /v1/kv/first?raw HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n1"), "{text}");
    agent.signal(rustix::process::Signal::TERM);
    let deadline = Instant::now() + PATIENCE;
    while socket.exists() {
        assert!(Instant::now() < deadline, "the socket was left behind");
        std::thread::yield_now();
    }
}
