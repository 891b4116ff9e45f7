//! HTTP checks.

use super::*;

#[tokio::test]
async fn an_answers_status_decides_and_its_output_reads_as_consuls() {
    for (line, status) in
        [("200 OK", "passing"), ("429 Too Many Requests", "warning"), ("404 Not Found", "critical")]
    {
        let answer = format!("HTTP/1.1 {line}\r\nContent-Length: 2\r\n\r\n[]");
        let server = Canned::start(&answer).await;
        let (found, output) = server.probe(get("/x?keys")).await;
        let expected = format!("HTTP GET http://127.0.0.1:<port>/x?keys: {line} Output: []");
        assert_eq!((found.as_str(), server.without_port(&output)), (status, expected));
    }
}

#[tokio::test]
async fn a_probe_sends_what_its_check_says() {
    let server = Canned::start("HTTP/1.1 204 No Content\r\n\r\n").await;
    let probe = HttpProbe {
        method: "POST".into(),
        headers: [
            ("X-A".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
            ("Host".to_owned(), vec!["example.com".to_owned()]),
        ]
        .into(),
        body: "ping".into(),
        ..get("/health")
    };
    assert_eq!(server.probe(probe).await.0, "passing");
    let asked = server.asked().remove(0).to_lowercase();
    for part in [
        "post /health http/1.1\r\n",
        "user-agent: consul health check\r\n",
        "accept: text/plain, text/*, */*\r\n",
        "host: example.com\r\n",
        "x-a: 1\r\nx-a: 2\r\n",
        "connection: close\r\n",
        "\r\n\r\nping",
    ] {
        assert!(asked.contains(part), "{part:?} not in {asked:?}");
    }
}

#[tokio::test]
async fn redirections_are_followed_unless_the_check_says_no() {
    let last = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{}/b\r\n\r\n", last.port);
    let first = Canned::start(&answer).await;
    assert_eq!(first.probe(get("/a")).await.0, "passing");
    assert!(last.asked()[0].starts_with("GET /b "));
    let stays = HttpProbe { follow_redirects: false, ..get("/a") };
    let (status, output) = first.probe(stays).await;
    assert_eq!(status, "critical");
    assert!(output.contains(": 302 Found Output: "), "{output}");
}

fn with_secrets() -> HttpProbe {
    let header = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    HttpProbe {
        headers: [
            header("Authorization", "Bearer s1"),
            header("cookie", "s2"),
            header("WWW-Authenticate", "s3"),
            header("Cookie2", "s4"),
            header("Proxy-Authorization", "s5"),
            header("Proxy-Authenticate", "s6"),
            header("X-Other", "kept"),
        ]
        .into(),
        ..get("/a")
    }
}

/// True if all of them came, false if none did.
fn has_secrets(asked: &str) -> bool {
    let asked = asked.to_lowercase();
    assert!(asked.contains("x-other: kept\r\n"), "{asked}");
    let count = (1..=6).filter(|number| asked.contains(&format!("s{number}\r\n"))).count();
    assert!(count == 0 || count == 6, "{asked}");
    count == 6
}

#[tokio::test]
async fn what_lets_in_at_one_host_is_not_told_to_another() {
    let last = Canned::start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let leads = |host: &str, port: u16| {
        format!("HTTP/1.1 307 Go\r\nLocation: http://{host}:{port}/b\r\n\r\n")
    };
    // To itself, if only at another port.
    let same = Canned::start(&leads("127.0.0.1", last.port)).await;
    assert_eq!(same.probe(with_secrets()).await.0, "passing");
    assert!(has_secrets(&same.asked()[0]) && has_secrets(&last.asked()[0]));
    // To another one.
    let other = Canned::start(&leads("localhost", last.port)).await;
    assert_eq!(other.probe(with_secrets()).await.0, "passing");
    assert!(has_secrets(&other.asked()[0]) && !has_secrets(&last.asked()[1]));
    // And back by the other one's word.
    let through = Canned::start(&leads("localhost", same.port)).await;
    assert_eq!(through.probe(with_secrets()).await.0, "passing");
    assert!(!has_secrets(&same.asked()[1]) && !has_secrets(&last.asked()[2]));
}

#[tokio::test]
async fn a_circle_of_redirections_ends() {
    let server = Canned::start("HTTP/1.1 307 Go\r\nLocation: /again\r\n\r\n").await;
    let (status, output) = server.probe(get("/")).await;
    let expected = "Get \"http://127.0.0.1:<port>/\": stopped after 10 redirects";
    assert_eq!((status.as_str(), server.without_port(&output).as_str()), ("critical", expected));
    assert_eq!(server.asked().len(), 11);
}

#[tokio::test]
async fn of_a_long_body_only_the_beginning_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        // Ends only when the probe hangs up.
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    });
    let (status, output) =
        run(ProbeSpec::Http(get(&format!("http://127.0.0.1:{port}/"))), LIMIT).await;
    assert_eq!(status, "passing");
    assert!(output.ends_with(&format!("Output: {}", "x".repeat(64))), "{output}");
    tokio::time::timeout(LIMIT, tasks.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_probe_ends_at_its_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let limit = Duration::from_millis(100);
    let (status, output) = run(ProbeSpec::Http(get(&url)), limit).await;
    assert_eq!(status, "critical");
    assert!(output.contains("context deadline exceeded"), "{output}");
}
