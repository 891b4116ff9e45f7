//! Script and Docker checks.

use tokio::net::UnixListener;
use tokio::net::unix::pipe;
use tribune_edge::DockerProbe;

use super::*;

async fn shell(script: &str) -> (String, String) {
    let args = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    run(ProbeSpec::Script(args), LIMIT).await
}

#[tokio::test]
async fn a_programs_exit_code_decides_and_what_it_says_is_kept() {
    for (script, status, output) in [
        ("echo fine", "passing", "fine\n"),
        ("echo warn >&2; exit 1", "warning", "warn\n"),
        ("exit 2", "critical", ""),
        ("echo one; echo two >&2; echo three", "passing", "one\ntwo\nthree\n"),
        ("kill -9 $$", "critical", "signal: 9"),
        ("cat", "passing", ""),
        // What it leaves behind does not keep it.
        ("sleep 60 & echo left", "passing", "left\n"),
    ] {
        assert_eq!(shell(script).await, (status.to_owned(), output.to_owned()), "{script}");
    }
    let (_, output) = shell("printf 0123456789%.0s $(seq 1 100000)").await;
    assert!(output.starts_with("Captured 64 of 1000000 bytes\n...\n"), "{output}");
    assert!(output.ends_with("0123456789") && output.len() < 100, "{output}");
}

#[tokio::test]
async fn no_shell_reads_the_arguments() {
    let args = ["echo", "$HOME; exit 2"].map(str::to_owned).to_vec();
    let expected = ("passing".to_owned(), "$HOME; exit 2\n".to_owned());
    assert_eq!(run(ProbeSpec::Script(args), LIMIT).await, expected);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    for (program, output) in [
        ("/nonexistent/program", "fork/exec /nonexistent/program: no such file or directory"),
        ("nosuchprogram", "exec: \"nosuchprogram\": executable file not found in $PATH"),
        ("/", "fork/exec /: permission denied"),
    ] {
        let found = run(ProbeSpec::Script(vec![program.to_owned()]), LIMIT).await;
        assert_eq!(found, ("critical".to_owned(), output.to_owned()));
    }
}

/// A program whose child holds a pipe; returns once the child does.
async fn with_child(dir: &std::path::Path) -> (ProbeSpec, pipe::Receiver) {
    let path = dir.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(&path).unwrap();
    // Opened for writing here too, so that it is not at its end before the child has come; a
    // receiver that only reads takes its place.
    let script = format!("(echo here; sleep 600) > {} & wait", path.display());
    let args = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
    (ProbeSpec::Script(args), receiver)
}

/// Reads one line, then closes our own writing end and waits until nobody else has one.
async fn until_gone(dir: &std::path::Path, mut both: pipe::Receiver) -> impl Future<Output = ()> {
    let mut line = [0; 5];
    both.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"here\n");
    let mut reader = pipe::OpenOptions::new().open_receiver(dir.join("pipe")).unwrap();
    drop(both);
    async move {
        assert_eq!(reader.read(&mut line).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn past_its_time_a_program_ends_with_all_it_has_started() {
    let dir = folder("group");
    let (spec, pipe) = with_child(&dir).await;
    let limit = Duration::from_secs(1);
    let probe = run(spec, limit);
    let (found, gone) = tokio::join!(probe, until_gone(&dir, pipe));
    let expected = ("critical".to_owned(), "Timed out (1s) running check".to_owned());
    assert_eq!(found, expected);
    tokio::time::timeout(LIMIT, gone).await.unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn a_probe_that_is_given_up_leaves_nothing_behind() {
    let dir = folder("given-up");
    let (spec, pipe) = with_child(&dir).await;
    let gone = {
        let probe = run(spec, LIMIT);
        tokio::select! {
            _ = probe => panic!("it does not end by itself"),
            gone = until_gone(&dir, pipe) => gone,
        }
    };
    tokio::time::timeout(LIMIT, gone).await.unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

/// An engine that answers in turn, and keeps what it was asked.
async fn engine(dir: &std::path::Path, answers: &[String]) -> (String, JoinSet<Vec<String>>) {
    let path = dir.join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answers = answers.to_vec();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).await.unwrap();
            asked.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    (format!("unix://{}", path.display()), tasks)
}

fn with_engine(place: &str) -> SocketProber {
    let mut prober = SocketProber::new();
    prober.shared.engine = docker::Engine::at(place);
    prober
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn inside() -> ProbeSpec {
    let args = ["check", "it"].map(str::to_owned).to_vec();
    ProbeSpec::Docker(DockerProbe { container: "abc/d".to_owned(), args })
}

#[tokio::test]
async fn a_program_runs_within_a_container_through_the_engine() {
    for (code, status) in [(0, "passing"), (1, "warning"), (2, "critical")] {
        let dir = folder(&format!("engine-{code}"));
        let (place, mut tasks) = engine(
            &dir,
            &[
                answer("201 Created", r#"{"Id":"e1"}"#),
                "HTTP/1.1 200 OK\r\n\r\n\u{1}\0\0\0\0\0\0\u{4}one\n\u{2}\0\0\0\0\0\0\u{3}two"
                    .to_owned(),
                answer("200 OK", &format!(r#"{{"Running":false,"ExitCode":{code}}}"#)),
            ],
        )
        .await;
        let found = run_with(&with_engine(&place), inside(), LIMIT).await;
        assert_eq!(found, (status.to_owned(), "one\ntwo".to_owned()));
        let asked = tasks.join_next().await.unwrap().unwrap();
        assert!(asked[0].starts_with("POST /containers/abc%2Fd/exec HTTP/1.1"), "{asked:?}");
        assert!(asked[0].contains(r#""Cmd":["check","it"]"#), "{asked:?}");
        assert!(asked[1].starts_with("POST /exec/e1/start"), "{asked:?}");
        assert!(asked[2].starts_with("GET /exec/e1/json"), "{asked:?}");
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[tokio::test]
async fn without_an_engine_or_container_the_reason_is_clear() {
    let dir = folder("no-engine");
    let missing = answer("404 Not Found", r#"{"message":"No such container: abc"}"#);
    let (place, _tasks) = engine(&dir, &[missing]).await;
    let nowhere = format!("unix://{}/nosuch.sock", dir.display());
    for (place, why) in [
        (place.as_str(), "No such container: abc".to_owned()),
        (&nowhere, format!("cannot reach the engine at {nowhere}: no such file or directory")),
        (
            "ssh://host",
            "cannot reach the engine at ssh://host: DOCKER_HOST must begin with unix:// or tcp://"
                .to_owned(),
        ),
    ] {
        let found = run_with(&with_engine(place), inside(), LIMIT).await;
        assert_eq!(found, ("critical".to_owned(), format!("docker: {why}")));
    }
    std::fs::remove_dir_all(dir).unwrap();
}
