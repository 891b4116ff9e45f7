//! A disk that fills up loses nothing: writes are refused, deletes and reads go on, also after a
//! restart, and writes go on when there is room again. Needs root, for a small file system.

use super::agent::{Agent, Client};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Room for the first segments, the ballast and little more.
const DISK_MIB: u64 = 24;

/// How many clients fill it at a time, so that batches are large when it is full.
const CLIENTS: usize = 8;

/// As large as values may be.
const VALUE_BYTES: usize = 512 * 1024;

/// How long anything may take that does not wait for room, on a busy machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(20);

/// A file system in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn make(mount: PathBuf) -> Option<SmallDisk> {
        std::fs::create_dir_all(&mount).ok()?;
        let disk = SmallDisk(mount);
        disk.mount("", DISK_MIB)?;
        Some(disk)
    }

    fn mount(&self, how: &str, mib: u64) -> Option<()> {
        let options = format!("{how}size={mib}m");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&self.0);
        command.status().ok()?.success().then_some(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What clients know: of each key the value that was acknowledged last; none if it was deleted.
type Known = BTreeMap<String, Option<u8>>;

/// Writes until each client was refused; gives what was acknowledged.
fn fill(agent: &Agent) -> Known {
    let known = Mutex::new(Known::new());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let known = &known;
            scope.spawn(move || {
                let mut connection = Client::connect(agent.http).expect("a connection");
                for n in 0_u8.. {
                    let key = format!("/v1/kv/full/{client}/{n}");
                    let started = Instant::now();
                    let answer = connection.send("PUT", &key, &[n; VALUE_BYTES]);
                    assert!(started.elapsed() < ANSWER_TIME_MAX, "a write waits for room");
                    match answer.expect("an answer") {
                        (200, _, _) => known.lock().expect("known").insert(key, Some(n)),
                        (507, _, body) => {
                            let text = String::from_utf8_lossy(&body).into_owned();
                            assert!(text.starts_with("no space left"), "{text}");
                            return;
                        }
                        other => panic!("neither written nor refused: {other:?}"),
                    };
                }
            });
        }
    });
    known.into_inner().expect("known")
}

fn check(agent: &Agent, known: &Known) {
    let mut client = Client::connect(agent.http).expect("a connection");
    for (key, value) in known {
        let (status, _, body) = client.send("GET", &format!("{key}?raw"), b"").expect("an answer");
        match value {
            None => assert_eq!(status, 404, "{key} is deleted"),
            Some(n) => assert!(status == 200 && body == [*n; VALUE_BYTES], "{key} is lost"),
        }
    }
}

/// Deletes a few keys; with a full disk that has to work.
fn delete_some(agent: &Agent, known: &mut Known) {
    let mut client = Client::connect(agent.http).expect("a connection");
    let kept = known.iter_mut().filter(|(_, value)| value.is_some());
    for (key, value) in kept.take(5) {
        let started = Instant::now();
        let answer = client.send("DELETE", key, b"");
        assert!(matches!(answer, Some((200, _, _))), "{key} is not deleted: {answer:?}");
        assert!(started.elapsed() < ANSWER_TIME_MAX, "a delete waits for room");
        *value = None;
    }
}

fn write(agent: &Agent) -> Option<u16> {
    let mut client = Client::connect(agent.http).expect("a connection");
    client.send("PUT", "/v1/kv/after", b"1").map(|(status, _, _)| status)
}

fn filled_up(disk: &SmallDisk, data: &Path) {
    let mut agent = Agent::start(data);
    agent.first_write();
    let mut known = fill(&agent);
    assert!(!known.is_empty());
    check(&agent, &known);
    delete_some(&agent, &mut known);
    assert_eq!(write(&agent), Some(507), "deletes alone make no room in the log");
    check(&agent, &known);

    agent.kill();
    let mut agent = Agent::start(data);
    agent.ready();
    check(&agent, &known);
    delete_some(&agent, &mut known);
    check(&agent, &known);
    assert_eq!(write(&agent), Some(507), "the disk is as full after a restart");

    disk.mount("remount,", DISK_MIB * 4).expect("a larger disk");
    let started = Instant::now();
    while write(&agent) != Some(200) {
        assert!(started.elapsed() < ANSWER_TIME_MAX, "no write although there is room");
    }
    check(&agent, &known);
    agent.kill();
    let mut agent = Agent::start(data);
    agent.ready();
    check(&agent, &known);
    println!("{} writes before the disk was full, all there after two restarts", known.len());
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: a small file system needs root");
        return;
    }
    let mount = std::env::temp_dir().join(format!("tribune-full-{}", std::process::id()));
    let Some(disk) = SmallDisk::make(mount.clone()) else {
        println!("skipped: this system mounts no file system in memory");
        return;
    };
    filled_up(&disk, &mount.join("data"));
}
