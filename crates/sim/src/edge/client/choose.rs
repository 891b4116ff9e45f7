//! What a client wishes next: mostly about a few services that many register and remove.

use super::{Clients, spoken_for};
use crate::dice::Dice;
use crate::edge::model::{Model, maintenance_id};
use crate::edge::targets::PORTS;
use crate::edge::wish::{CheckWish, Kind, Probe, ServiceWish, Wish};
use std::time::Duration;
use tribune_state::catalog::CheckStatus;

/// How many services clients register, and how many checks with ids of their own.
const SERVICES: u64 = 12;
const CHECKS: u64 = 8;

/// The names that they share.
const NAMES: [&str; 4] = ["web", "api", "db", "cache"];

/// How likely each kind of wish is, of a thousand.
const WEIGHTS: [(What, u64); 9] = [
    (What::Register, 300),
    (What::RegisterAgain, 120),
    (What::Deregister, 180),
    (What::RegisterCheck, 90),
    (What::DeregisterCheck, 50),
    (What::Ttl, 200),
    (What::MaintainService, 35),
    (What::MaintainNode, 10),
    (What::SyncNow, 15),
];

#[derive(Clone, Copy, Debug)]
enum What {
    Register,
    /// As it is registered, word for word.
    RegisterAgain,
    Deregister,
    RegisterCheck,
    DeregisterCheck,
    Ttl,
    MaintainService,
    MaintainNode,
    SyncNow,
}

/// The spans that clients ask for, in milliseconds.
const TTLS_MS: [u64; 4] = [2_000, 5_000, 15_000, 40_000];
const EVERY_MS: [u64; 4] = [1_000, 2_000, 5_000, 10_000];
const TIMEOUTS_MS: [u64; 3] = [500, 1_500, 4_000];
const REMOVE_AFTER_MS: [u64; 4] = [1_000, 4_000, 10_000, 30_000];

/// What a client wishes next.
pub fn wish(clients: &mut Clients, model: &Model, dice: &mut Dice) -> Wish {
    let mut roll = dice.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
    for (what, weight) in WEIGHTS {
        match roll.checked_sub(weight) {
            Some(left) => roll = left,
            None => return of_kind(what, clients, model, dice),
        }
    }
    Wish::SyncNow
}

fn of_kind(what: What, clients: &mut Clients, model: &Model, dice: &mut Dice) -> Wish {
    match what {
        What::Register => register(clients, dice),
        What::RegisterAgain => {
            let last = clients.services.get(&service_id(dice)).cloned();
            match last {
                Some(service) => Wish::Register { service, replace: dice.chance(500) },
                None => register(clients, dice),
            }
        }
        What::Deregister => Wish::Deregister(service_id(dice)),
        What::RegisterCheck => {
            let again = clients.checks.get(&check_id(dice)).cloned();
            if let Some(check) = again.filter(|_| dice.chance(300)) {
                return Wish::RegisterCheck(check);
            }
            let service = if dice.chance(250) { String::new() } else { service_id(dice) };
            let check = check(clients, check_id(dice), service, dice);
            clients.checks.insert(check.id.clone(), check.clone());
            Wish::RegisterCheck(check)
        }
        What::DeregisterCheck => Wish::DeregisterCheck(check_id(dice)),
        What::Ttl => ttl(clients, model, dice),
        What::MaintainService => maintain(Some(service_id(dice)), model, dice),
        What::MaintainNode => maintain(None, model, dice),
        What::SyncNow => Wish::SyncNow,
    }
}

fn register(clients: &mut Clients, dice: &mut Dice) -> Wish {
    clients.versions += 1;
    let version = clients.versions;
    let id = service_id(dice);
    let count = [0, 1, 1, 1, 2].get(dice.place(5)).copied().unwrap_or(1);
    let checks = (0..count).map(|n| {
        let own = if n == 0 { format!("service:{id}") } else { check_id(dice) };
        check(clients, own, id.clone(), dice)
    });
    let checks: Vec<CheckWish> = checks.collect();
    let service = ServiceWish {
        name: dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
        port: port(dice),
        tags: (0..dice.below(3)).map(|n| format!("t{n}-{version}")).collect(),
        tag_override: dice.chance(150),
        version,
        checks,
        id: id.clone(),
    };
    clients.services.insert(id, service.clone());
    Wish::Register { service, replace: dice.chance(500) }
}

fn check(clients: &mut Clients, id: String, service: String, dice: &mut Dice) -> CheckWish {
    clients.versions += 1;
    let initial = match dice.below(5) {
        0 => Some(CheckStatus::Passing),
        1 => Some(CheckStatus::Warning),
        _ => None,
    };
    let remove_after = dice.chance(350).then(|| pick_ms(&REMOVE_AFTER_MS, dice));
    let mut check = CheckWish {
        id,
        version: clients.versions,
        kind: kind(&service, dice),
        remove_after,
        initial,
        service,
    };
    if matches!(check.kind, Kind::Alias(_)) {
        check.remove_after = None;
    }
    check
}

fn kind(service: &str, dice: &mut Dice) -> Kind {
    match dice.below(20) {
        0..8 => Kind::Ttl(pick_ms(&TTLS_MS, dice)),
        8..12 => Kind::Http(probe(dice)),
        12..15 => Kind::Tcp(probe(dice)),
        // Only a service of odd number follows, and only one of even number: no circles.
        15..17 if number_of(service) % 2 == 1 => {
            Kind::Alias(format!("s{}", dice.below(SERVICES / 2) * 2))
        }
        15..19 if !service.is_empty() => Kind::Eager(probe(dice)),
        _ => Kind::Tcp(probe(dice)),
    }
}

fn probe(dice: &mut Dice) -> Probe {
    let thresholds = match dice.below(4) {
        0 => [2, 0, 2],
        1 => [0, 1, 3],
        _ => [0, 0, 0],
    };
    Probe {
        port: port(dice),
        every: pick_ms(&EVERY_MS, dice),
        timeout: pick_ms(&TIMEOUTS_MS, dice),
        thresholds,
    }
}

fn ttl(clients: &mut Clients, model: &Model, dice: &mut Dice) -> Wish {
    let known = spoken_for(model);
    let known = dice.pick(&known).cloned().filter(|_| dice.chance(950));
    let check = known.unwrap_or_else(|| check_id(dice));
    let status = match dice.below(10) {
        0..6 => CheckStatus::Passing,
        6..8 => CheckStatus::Warning,
        _ => CheckStatus::Critical,
    };
    clients.versions += 1;
    let output = match dice.below(3) {
        0 => String::new(),
        1 => "as ever".to_owned(),
        _ => format!("said {}", clients.versions),
    };
    Wish::Ttl { check, status, output }
}

fn maintain(service: Option<String>, model: &Model, dice: &mut Dice) -> Wish {
    let held = model.checks.contains_key(&maintenance_id(service.as_deref()));
    let enable = if held { dice.chance(200) } else { dice.chance(900) };
    Wish::Maintain { service, enable, reason: "work".to_owned() }
}

/// What the files of a configuration declare: up to two services with checks.
pub fn declared(dice: &mut Dice) -> Vec<ServiceWish> {
    let service = |number: u64| {
        let id = format!("d{number}");
        let ttl = pick_ms(&TTLS_MS, dice);
        let check = CheckWish {
            id: format!("service:{id}"),
            service: id.clone(),
            version: 0,
            kind: Kind::Ttl(ttl),
            remove_after: None,
            initial: None,
        };
        ServiceWish {
            name: "declared".to_owned(),
            port: PORTS.start,
            tags: Vec::new(),
            tag_override: false,
            version: 0,
            checks: vec![check],
            id,
        }
    };
    (0..2).map(service).collect()
}

fn service_id(dice: &mut Dice) -> String {
    format!("s{}", dice.below(SERVICES))
}

fn check_id(dice: &mut Dice) -> String {
    format!("c{}", dice.below(CHECKS))
}

fn number_of(service: &str) -> u64 {
    service.trim_start_matches('s').parse().unwrap_or(0)
}

fn port(dice: &mut Dice) -> u16 {
    let span = u64::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(dice.below(span)).unwrap_or(0)
}

fn pick_ms(from: &[u64], dice: &mut Dice) -> Duration {
    Duration::from_millis(dice.pick(from).copied().unwrap_or(1_000))
}
