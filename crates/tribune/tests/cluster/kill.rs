//! A server that is killed under load loses no acknowledged write, and is soon back.

use super::agent::{Agent, Client};
use super::history::{History, load_until};
use std::time::Duration;

/// Kills in a normal run; `TRIBUNE_KILLS` asks for more.
const KILLS: u64 = 10;

/// Keys to begin with; `TRIBUNE_KILL_KEYS` asks for more.
const KEYS: usize = 2_000;

/// How many operations one transaction holds at most.
const TXN_OPS: usize = 128;

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn kills_under_load_lose_no_acknowledged_write() {
    let seed = asked("SEED", 1);
    let kills = asked("TRIBUNE_KILLS", KILLS);
    let keys = usize::try_from(asked("TRIBUNE_KILL_KEYS", KEYS as u64)).expect("a number");
    println!("SEED={seed} TRIBUNE_KILLS={kills} TRIBUNE_KILL_KEYS={keys}");
    let dir = std::env::temp_dir().join(format!("tribune-kill-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let mut agent = Agent::start(&dir);
    agent.first_write();
    fill(&agent, keys);
    let mut history = History::default();
    let mut times = Vec::new();
    let mut random = seed;
    for kill in 0..kills {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        let writes = 200 + (random >> 33) % 1_500;
        let address = agent.http;
        load_until(&mut history, address, writes, || agent.kill());
        agent = Agent::start(&dir);
        times.push(agent.first_write());
        assert_eq!(history.lost(&agent), 0, "kill {kill}, SEED={seed}");
    }
    drop(agent);
    std::fs::remove_dir_all(&dir).expect("cleared");
    report(&mut times);
}

fn fill(agent: &Agent, keys: usize) {
    let mut client = Client::connect(agent.http).expect("a connection");
    for first in (0..keys).step_by(TXN_OPS) {
        let ops: Vec<String> = (first..keys.min(first + TXN_OPS))
            .map(|n| format!(r#"{{"KV":{{"Verb":"set","Key":"f/{n}","Value":"dmFsdWU="}}}}"#))
            .collect();
        let body = format!("[{}]", ops.join(","));
        let answer = client.send("PUT", "/v1/txn", body.as_bytes());
        assert!(matches!(answer, Some((200, _, _))), "filled");
    }
}

fn report(times: &mut [Duration]) {
    times.sort();
    let last = times.last().copied().unwrap_or_default();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    println!("{} kills, 0 acknowledged writes lost", times.len());
    println!("start to first write: median {middle:?}, most {last:?}");
}
