//! TCP, UDP and TLS checks, and targets that nobody answers at.

use super::*;

#[tokio::test]
async fn targets_that_do_not_answer_fail_in_gos_words() {
    let port = closed_port().await;
    let refused = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
    let url = format!("http://127.0.0.1:{port}/x");
    let tcp = |address: &str| ProbeSpec::Tcp(TcpProbe { address: address.into(), tls: None });
    let cases = [
        (ProbeSpec::Http(get(&url)), format!("Get \"{url}\": {refused}")),
        (tcp(&format!("127.0.0.1:{port}")), refused),
        (tcp("nowhere"), "dial tcp: address nowhere: missing port in address".to_owned()),
        (
            ProbeSpec::Http(get("not a url")),
            "Get \"not%20a%20url\": unsupported protocol scheme \"\"".to_owned(),
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(run(spec, LIMIT).await, ("critical".to_owned(), expected));
    }
    let garbage = Canned::start("SSH-2.0-OpenSSH\r\n\r\n").await;
    let (status, output) = garbage.probe(get("/")).await;
    assert_eq!(status, "critical");
    assert!(output.ends_with("malformed HTTP response"), "{output}");
}

#[tokio::test]
async fn a_name_with_several_addresses_is_found_by_the_one_that_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let tcp = TcpProbe { address: address.clone(), tls: None };
    let expected = ("passing".to_owned(), format!("TCP connect {address}: Success"));
    assert_eq!(run(ProbeSpec::Tcp(tcp), LIMIT).await, expected);
}

#[tokio::test]
async fn a_datagram_that_is_refused_fails_and_silence_does_not() {
    let taken = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let short = Duration::from_millis(50);
    let success = ("passing".to_owned(), format!("UDP connect {address}: Success"));
    assert_eq!(run(ProbeSpec::Udp(address.clone()), short).await, success);
    // The datagram is empty, and an answer ends the wait.
    let mut bytes = [1; 8];
    let (count, _) = taken.recv_from(&mut bytes).await.unwrap();
    assert_eq!(count, 0);
    let echo = async {
        let (_, from) = taken.recv_from(&mut bytes).await.unwrap();
        taken.send_to(b"here", from).await.unwrap();
    };
    let (found, ()) = tokio::join!(run(ProbeSpec::Udp(address.clone()), LIMIT), echo);
    assert_eq!(found, success);
    drop(taken);
    let (status, output) = run(ProbeSpec::Udp(address.clone()), LIMIT).await;
    assert_eq!(status, "critical");
    assert!(output.starts_with("read udp 127.0.0.1:"), "{output}");
    assert!(output.ends_with(&format!("->{address}: read: connection refused")), "{output}");
}

/// A server that speaks TLS and answers any request well.
async fn secure(alpn: &[u8]) -> (String, String, JoinSet<()>) {
    let (acceptor, root) = acceptor(alpn);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    (address, root, tasks)
}

#[tokio::test]
async fn tls_checks_its_peer_unless_told_not_to() {
    let (address, _, _tasks) = secure(b"").await;
    for (skip_verify, expected) in [(true, "passing"), (false, "critical")] {
        let tcp = TcpProbe { address: address.clone(), tls: Some(tls(skip_verify)) };
        let (status, output) = run(ProbeSpec::Tcp(tcp), LIMIT).await;
        assert_eq!(status, expected, "{output}");
        let url = format!("https://{address}/");
        let http = HttpProbe { tls: tls(skip_verify), ..get(&url) };
        let (status, output) = run(ProbeSpec::Http(http), LIMIT).await;
        assert_eq!(status, expected, "{output}");
    }
}

#[tokio::test]
async fn the_agents_own_roots_and_name_are_used_where_it_says_so() {
    let (address, root, _tasks) = secure(b"").await;
    let dir = folder("roots");
    let ca_file = dir.join("ca.pem");
    std::fs::write(&ca_file, root).unwrap();
    let files = TlsFiles {
        ca_file: Some(ca_file.clone()),
        server_name: Some("localhost".to_owned()),
        ..TlsFiles::default()
    };
    let prober = SocketProber::with_files(&files).unwrap();
    let named_by_agent = TlsProbe::default();
    let tcp = TcpProbe { address: address.clone(), tls: Some(named_by_agent) };
    let (status, output) = run_with(&prober, ProbeSpec::Tcp(tcp), LIMIT).await;
    assert_eq!(status, "passing", "{output}");
    // A check's own name wins.
    let other = TlsProbe { server_name: "elsewhere".into(), skip_verify: false };
    let tcp = TcpProbe { address, tls: Some(other) };
    let (status, output) = run_with(&prober, ProbeSpec::Tcp(tcp), LIMIT).await;
    assert_eq!(status, "critical", "{output}");
    // A file that is not there is named.
    let files = TlsFiles { ca_file: Some(dir.join("nosuch.pem")), ..TlsFiles::default() };
    let error = SocketProber::with_files(&files).unwrap_err().to_string();
    assert!(error.contains("nosuch.pem"), "{error}");
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn the_agents_certificate_is_shown_to_those_who_ask_for_it() {
    let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let client = rcgen::generate_simple_self_signed(["agent".to_owned()]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(client.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        provider.clone(),
    );
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(builder.build().unwrap())
        .with_single_cert(vec![server.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    let dir = folder("identity");
    let (cert_file, key_file) = (dir.join("cert.pem"), dir.join("key.pem"));
    std::fs::write(&cert_file, client.cert.pem()).unwrap();
    std::fs::write(&key_file, client.signing_key.serialize_pem()).unwrap();
    let files = TlsFiles {
        cert_file: Some(cert_file.clone()),
        key_file: Some(key_file),
        ..TlsFiles::default()
    };
    let probe = || ProbeSpec::Http(HttpProbe { tls: tls(true), ..get(&url) });
    let known = SocketProber::with_files(&files).unwrap();
    assert_eq!(run_with(&known, probe(), LIMIT).await.0, "passing");
    assert_eq!(run(probe(), LIMIT).await.0, "critical");
    // A certificate with the key of another is refused when it is loaded.
    std::fs::write(&cert_file, server.cert.pem()).unwrap();
    assert!(SocketProber::with_files(&files).is_err());
    std::fs::remove_dir_all(dir).unwrap();
}
