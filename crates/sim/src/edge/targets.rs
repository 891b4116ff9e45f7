//! The servers that the agent's checks look at: up, down, so-so, slow or hanging, and changing.

use super::world::{Event, World};
use std::time::Duration;
use tribune_edge::{ProbeRequest, ProbeResult, ProbeSpec};
use tribune_state::catalog::CheckStatus;

/// The ports on which services of the agent may listen.
pub const PORTS: std::ops::Range<u16> = 8000..8008;

/// How a server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaves {
    #[default]
    Well,
    /// It answers that it is so-so.
    Warns,
    /// It refuses.
    Refuses,
    /// It takes up to longer than it may.
    Slowly,
    /// It never answers.
    Hangs,
}

const WAYS: [Behaves; 8] = [
    Behaves::Well,
    Behaves::Well,
    Behaves::Well,
    Behaves::Warns,
    Behaves::Refuses,
    Behaves::Refuses,
    Behaves::Slowly,
    Behaves::Hangs,
];

/// How long a server behaves in one way.
const LASTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How long an answer takes, at most.
const ANSWER_MAX: Duration = Duration::from_millis(20);

/// How much longer than its time a probe takes to be given up.
const GRACE: Duration = Duration::from_secs(2);

/// The servers.
#[derive(Debug)]
pub struct Targets {
    behave: Vec<Behaves>,
    /// True if a server says something new each time.
    talks: Vec<bool>,
    /// How many probes there were.
    pub probes: u64,
}

impl Targets {
    pub fn new(dice: &mut crate::dice::Dice) -> Targets {
        let behave = PORTS.map(|_| Behaves::Well).collect();
        Targets { behave, talks: PORTS.map(|_| dice.chance(500)).collect(), probes: 0 }
    }
}

/// A server changes its ways, and will again.
pub fn change(world: &mut World, at: usize) {
    if world.host.faults_go_on {
        let ways = world.dice.targets.pick(&WAYS).copied().unwrap_or_default();
        if let Some(behaves) = world.targets.behave.get_mut(at) {
            *behaves = ways;
        }
        world.note("target", at as u64, format_args!("{ways:?}"));
    }
    let delay = world.dice.targets.between(LASTS.0, LASTS.1);
    world.queue.after(delay, Event::Target(at));
}

/// What a probe finds, and how long it takes.
pub fn try_once(world: &mut World, request: &ProbeRequest, number: u64) -> (ProbeResult, Duration) {
    let at = usize::from(port(&request.spec).saturating_sub(PORTS.start));
    let behaves = world.targets.behave.get(at).copied().unwrap_or_default();
    let talks = world.targets.talks.get(at).copied().unwrap_or(false);
    let by_http = matches!(*request.spec, ProbeSpec::Http(_));
    let dice = &mut world.dice.targets;
    let quick = dice.between(Duration::ZERO, ANSWER_MAX);
    let limit = request.timeout + dice.between(Duration::ZERO, GRACE);
    let (status, text, takes) = match behaves {
        Behaves::Well => (CheckStatus::Passing, "well", quick),
        Behaves::Warns if by_http => (CheckStatus::Warning, "too many requests", quick),
        Behaves::Warns => (CheckStatus::Passing, "well", quick),
        Behaves::Refuses => (CheckStatus::Critical, "connection refused", quick),
        Behaves::Slowly => {
            let takes = dice.between(Duration::ZERO, request.timeout * 5 / 4);
            match takes > request.timeout {
                true => (CheckStatus::Critical, "timed out", limit),
                false => (CheckStatus::Passing, "well", takes),
            }
        }
        Behaves::Hangs => (CheckStatus::Critical, "timed out", limit),
    };
    if takes == limit {
        world.tally.count("probes that timed out", 1);
    }
    let output = if talks { format!("{text}, {number}") } else { text.to_owned() };
    let (check, generation) = (request.check.clone(), request.generation);
    let waited = Duration::ZERO;
    (ProbeResult { check, generation, status, output, waited, took: takes }, takes)
}

/// The port that a probe goes to.
fn port(spec: &ProbeSpec) -> u16 {
    let place = if let ProbeSpec::Http(http) = spec {
        http.url.trim_end_matches('/')
    } else if let ProbeSpec::Tcp(tcp) = spec {
        tcp.address.as_str()
    } else {
        ""
    };
    place.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(PORTS.start)
}
