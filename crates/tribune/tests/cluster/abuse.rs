//! Clients that send what they should not, or too much, or too slowly: each is told why, none costs
//! much memory, and the others hardly notice. `TRIBUNE_ABUSE=whole` asks for full sizes.

use super::agent::{Agent, Client};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How much memory all of it together may cost.
const GROWTH_MIB_MAX: u64 = 64;

/// How much slower others may become, where the machine does nothing else.
const SLOWER_MAX: u32 = 3;

/// Below this a slower answer shows the machine's noise; a busy one is far above.
const NOTICEABLE: Duration = Duration::from_millis(5);

/// What others may have to wait on a busy machine, in the small version.
const BUSY_MAX: Duration = Duration::from_secs(2);

/// How long anybody waits for an answer: longer than the agent's own limits.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

struct Sizes {
    whole: bool,
    upload_mib: usize,
    idle: usize,
    stalled: usize,
}

fn sizes() -> Sizes {
    match std::env::var("TRIBUNE_ABUSE").is_ok_and(|text| text == "whole") {
        true => Sizes { whole: true, upload_mib: 1024, idle: 10_000, stalled: 100 },
        false => Sizes { whole: false, upload_mib: 32, idle: 500, stalled: 20 },
    }
}

#[test]
fn bad_input_is_refused_clearly_and_others_hardly_notice() {
    let sizes = sizes();
    let files = raise_open_files();
    let idle = sizes.idle.min(usize::try_from(files - 1_000).expect("a number"));
    if idle < sizes.idle {
        println!("only {idle} idle connections: {files} files may be open (ulimit -n)");
    }
    let dir = std::env::temp_dir().join(format!("tribune-abuse-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let mut agent = Agent::start_with(&dir, "limits { http_max_conns_per_client = 12000 }");
    agent.first_write();
    let address = agent.http;
    let (before, _) = p99(address, &AtomicBool::new(false), 5_000);
    let resident = agent.memory_kib("VmRSS");
    let abused = AtomicBool::new(true);
    let mut during = Duration::ZERO;
    let mut requests = 0;
    std::thread::scope(|scope| {
        let others = scope.spawn(|| p99(address, &abused, 5_000));
        let idlers: Vec<TcpStream> = (0..idle).map(|_| connect(address)).collect();
        let mut slow = Vec::new();
        for n in 0..sizes.stalled {
            slow.push(scope.spawn(move || stalled(address, n)));
        }
        answered_at_once(address);
        upload_without_end(address, sizes.upload_mib);
        for thread in slow {
            thread.join().expect("a client that stalls is told");
        }
        let mut used = idlers.last().expect("a connection").try_clone().expect("a handle");
        assert_eq!(
            status(&exchange(&mut used, b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n")),
            200
        );
        abused.store(false, Ordering::Relaxed);
        (during, requests) = others.join().expect("the others");
    });
    let growth_mib = agent.memory_kib("VmHWM").saturating_sub(resident) / 1024;
    println!(
        "{idle} idle, {} stalled, {} MiB sent: memory + {growth_mib} MiB, \
         others' p99 {before:?} before and {during:?} during it ({requests} requests)",
        sizes.stalled, sizes.upload_mib
    );
    assert!(growth_mib <= GROWTH_MIB_MAX, "memory grew by {growth_mib} MiB");
    let most = if sizes.whole { (before * SLOWER_MAX).max(NOTICEABLE) } else { BUSY_MAX };
    assert!(during <= most, "others waited {during:?}, {before:?} before");
    agent.kill();
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn one_address_has_200_connections_and_the_next_is_told_429() {
    raise_open_files();
    let dir = std::env::temp_dir().join(format!("tribune-many-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let mut agent = Agent::start_with(&dir, "");
    agent.ready();
    let request = b"GET /v1/status/leader HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut connections: Vec<TcpStream> = (0..200).map(|_| connect(agent.http)).collect();
    for connection in &mut connections {
        assert_eq!(status(&exchange(connection, request)), 200);
    }
    let refused = exchange(&mut connect(agent.http), request);
    assert_eq!(status(&refused), 429, "{refused}");
    assert!(refused.contains("http_max_conns_per_client"), "{refused}");
    agent.kill();
    let _ = std::fs::remove_dir_all(&dir);
}

/// What is wrong in itself, with what its sender is told.
fn answered_at_once(address: SocketAddr) {
    let deep = "[".repeat(100_000);
    let long = "k".repeat(2 << 20);
    let bomb = format!("Long: {}\r\n", "x".repeat(2 << 20));
    let many: String = (0..300).map(|n| format!("H{n}: x\r\n")).collect();
    for (name, target, headers, body, expected) in [
        ("a key longer than a head", format!("PUT /v1/kv/{long}"), "", "", &[431, 414][..]),
        ("a key that is no text", "PUT /v1/kv/%ff%fe".into(), "", "1", &[200]),
        ("the same, read", "GET /v1/kv/%ff%fe".into(), "", "", &[200]),
        ("flags past 64 bits", format!("PUT /v1/kv/a?flags={}", "9".repeat(30)), "", "1", &[500]),
        ("an index past 64 bits", format!("GET /v1/kv/a?index={}", "9".repeat(30)), "", "", &[400]),
        (
            "a wait past any",
            format!("GET /v1/kv/a?index=1&wait={}h", "9".repeat(30)),
            "",
            "",
            &[400],
        ),
        ("deep JSON", "PUT /v1/txn".into(), "", deep.as_str(), &[400]),
        ("a long header", "GET /v1/kv/a".into(), bomb.as_str(), "", &[431]),
        ("many headers", "GET /v1/kv/a".into(), many.as_str(), "", &[431]),
    ] {
        let length = body.len();
        let request = format!(
            "{target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        let answer = exchange(&mut connect(address), request.as_bytes());
        assert!(expected.contains(&status(&answer)), "{name}: {answer}");
        println!("{name}: {}", status(&answer));
    }
}

/// A chunked body that goes on and on.
fn upload_without_end(address: SocketAddr, mib: usize) {
    let mut connection = connect(address);
    let mut reader = connection.try_clone().expect("a handle");
    let answer = std::thread::spawn(move || read_some(&mut reader));
    let head = b"PUT /v1/kv/big HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    connection.write_all(head).expect("sent");
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    for _ in 0..mib {
        if connection.write_all(&chunk).is_err() {
            break;
        }
    }
    let answer = answer.join().expect("an answer");
    assert_eq!(status(&answer), 413, "{answer}");
    println!("a chunked body of {mib} MiB: 413");
}

/// One that begins a head, a body, or a head behind a whole request, and sends no more.
fn stalled(address: SocketAddr, n: usize) {
    let (begun, expected) = match n % 3 {
        0 => ("GET /v1/kv/a HTT", 408),
        1 => ("PUT /v1/kv/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nxx", 408),
        _ => ("GET /v1/kv/first HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/kv/a HTT", 200),
    };
    let mut connection = connect(address);
    connection.write_all(begun.as_bytes()).expect("sent");
    let mut answers = Vec::new();
    let _ = connection.read_to_end(&mut answers);
    let answers = String::from_utf8_lossy(&answers);
    assert_eq!(status(&answers), expected, "{answers}");
    assert!(answers.contains("HTTP/1.1 408"), "{answers}");
}

/// The 99th percentile of one client's reads, and how many: at least so many, and as long as told.
fn p99(address: SocketAddr, go_on: &AtomicBool, least: usize) -> (Duration, usize) {
    let mut client = Client::connect(address).expect("a connection");
    let mut times = Vec::new();
    while times.len() < least || go_on.load(Ordering::Relaxed) {
        let started = Instant::now();
        let answer = client.send("GET", "/v1/kv/first", b"");
        assert!(matches!(answer, Some((200, _, _))), "others are served: {answer:?}");
        times.push(started.elapsed());
    }
    times.sort();
    (times.get(times.len() * 99 / 100).copied().unwrap_or_default(), times.len())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(ANSWER_TIME_MAX)).expect("a time-out");
    stream.set_write_timeout(Some(ANSWER_TIME_MAX)).expect("a time-out");
    stream
}

fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    // A server that refuses may close before it has read all.
    let _ = stream.write_all(request);
    read_some(stream)
}

fn read_some(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 4096];
    let bytes = stream.read(&mut buffer).unwrap_or_default();
    String::from_utf8_lossy(buffer.get(..bytes).unwrap_or_default()).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Lets this process open as many files as it may; how many those are.
fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(65_536);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(wanted)
}
