//! The check of the getting-started program: an interval and no target.
//! Its four promises, by the clock, and what they must not break.

use proptest::prelude::*;

use super::*;

const PROGRAM: &str = r#"{"ID":"my-service","Name":"my-service","Tags":["web"],"Port":8080,
    "Check":{"Interval":"10s","Timeout":"2s","DeregisterCriticalServiceAfter":"10s"}}"#;
const CHECK: &str = "service:my-service";

/// The program registers at `at`; its server listens in these spans.
fn world(at: f64, listens: &[(f64, f64)], fails_in: f64) -> World {
    let mut world = World::new();
    world.target.listens = listens.iter().map(|(from, to)| secs(*from)..secs(*to)).collect();
    world.target.fails_in = secs(fails_in);
    world.run_to(secs(at));
    world.register(PROGRAM).unwrap();
    world
}

/// When the catalog first says so of the check, by steps of 10 ms.
fn when(world: &mut World, status: &str, until: f64) -> f64 {
    while world.now < secs(until) {
        if world.told_status(CHECK) == status {
            return world.now.as_secs_f64();
        }
        world.run_for(0.01);
    }
    panic!("not {status} until {until}: {}", world.told_status(CHECK));
}

#[test]
fn it_is_a_tcp_check_of_where_clients_go() {
    let mut world = world(1.0, &[], 0.001);
    let check = world.checks[CHECK].clone();
    let shown = (check.kind.as_str(), check.interval.as_str(), check.timeout.as_str());
    assert_eq!(shown, ("tcp", "10s", "2s"));
    let target = |world: &World| match world.probes.last().unwrap().1.spec.as_ref() {
        crate::ProbeSpec::Tcp(tcp) => tcp.address.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(target(&world), "127.0.0.1:8080");
    assert_eq!(world.probes[0].1.timeout, secs(2.0));
    // A service that moves takes its check along, even if the check is not named again.
    world
        .register(r#"{"ID":"my-service","Name":"my-service","Port":9090,"Address":"::1"}"#)
        .unwrap();
    assert_eq!(target(&world), "[::1]:9090");
}

#[test]
fn it_passes_within_a_second_after_its_server_listens() {
    for opens in [0.0, 1.1, 1.9, 5.0, 9.4] {
        let mut world = world(1.0, &[(opens, 1000.0)], 0.001);
        let passes = when(&mut world, "passing", 20.0);
        assert!(passes <= f64::max(opens, 1.0) + 1.0, "opens {opens}, passes {passes}");
    }
}

#[test]
fn killed_it_is_critical_and_then_gone_in_its_time() {
    // A closed port answers at once, a silent host after the time-out.
    for fails_in in [0.001, 2.0] {
        for killed in [20.0, 23.7, 29.9] {
            let mut world = world(1.0, &[(1.3, killed)], fails_in);
            world.run_to(secs(killed));
            let critical = when(&mut world, "critical", killed + 20.0);
            assert!(critical <= killed + 12.02, "killed {killed}, critical {critical}");
            let gone = when(&mut world, "gone", critical + 20.0);
            assert!(gone >= critical + 9.9, "critical {critical}, gone {gone}");
            assert!(gone <= critical + 12.02, "critical {critical}, gone {gone}");
            assert!(world.told_service("my-service").is_none());
            assert!(world.services.is_empty() && world.checks.is_empty());
        }
    }
}

#[test]
fn a_server_that_starts_eight_seconds_late_is_not_removed() {
    for fails_in in [0.001, 2.0] {
        let mut world = world(1.0, &[(9.0, 1000.0)], fails_in);
        let passes = when(&mut world, "passing", 30.0);
        assert!(passes <= 9.0 + 1.0 + fails_in, "{passes}");
        world.run_to(secs(300.0));
        assert_eq!((world.removed_at(), world.told_status(CHECK)), (None, "passing".into()));
    }
}

#[test]
fn a_server_that_never_starts_is_removed_an_interval_and_its_time_later() {
    let mut world = world(1.0, &[], 0.001);
    world.run_to(secs(60.0));
    let removed = world.removed_at().unwrap().as_secs_f64();
    assert!((21.0..21.1).contains(&removed), "{removed}");
    // Quick steps for one interval, then one run at each.
    let starts = world.probes.iter().filter(|(at, _)| *at < secs(11.0)).count();
    assert!((38..=41).contains(&starts), "{starts}");
    assert_eq!(world.probes.len() - starts, 2);
}

#[test]
fn a_server_that_is_back_at_the_deadline_stays() {
    // Critical at 21 at the latest, so that its time is up at 31.
    let mut world = world(1.0, &[(1.0, 15.0), (30.9, 1000.0)], 0.001);
    world.run_to(secs(200.0));
    assert_eq!((world.removed_at(), world.told_status(CHECK)), (None, "passing".into()));
}

#[test]
fn time_that_the_machine_slept_does_not_count() {
    for is_told in [true, false] {
        let mut world = world(1.0, &[(1.0, 15.0)], 0.001);
        world.run_to(secs(20.0));
        let critical = when(&mut world, "critical", 30.0);
        world.run_for(4.0);
        if is_told {
            // A clock that stands still while the machine sleeps shows no gap: we are told.
            world.step(Input::Slept(secs(5.0)));
            world.run_for(60.0);
            let removed = world.removed_at().unwrap().as_secs_f64();
            assert!((removed - critical - 15.0).abs() < 0.2, "{removed} {critical}");
        } else {
            world.now += secs(3600.0);
            world.step(Input::Tick);
            world.run_for(3.0);
            assert_eq!(world.removed_at(), None);
            world.run_for(30.0);
            assert!(world.removed_at().is_some());
        }
    }
}

#[test]
fn registering_again_starts_anew() {
    let mut world = world(1.0, &[(1.0, 15.0), (38.0, 1000.0)], 0.001);
    // Critical at 21; the program comes back at 29 and listens at 38, after the old deadline.
    world.run_to(secs(29.0));
    world.register(PROGRAM).unwrap();
    world.run_to(secs(40.0));
    assert_eq!((world.removed_at(), world.told_status(CHECK)), (None, "passing".into()));
}

#[test]
fn a_result_of_an_older_registration_is_dropped() {
    let mut world = world(1.0, &[], 1.0);
    let old = world.probes[0].1.clone();
    world.register(PROGRAM).unwrap();
    let forged = |generation, status| {
        Input::Probed(Box::new(ProbeResult {
            check: CHECK.into(),
            generation,
            status,
            output: "old".into(),
            waited: Duration::ZERO,
            took: Duration::ZERO,
        }))
    };
    world.step(forged(old.generation, CheckStatus::Passing));
    assert_eq!(world.status(CHECK).0, "critical");
    // One that nobody asked for is none either.
    let current = world.probes.last().unwrap().1.generation;
    assert!(current > old.generation);
    world.step(forged(current, CheckStatus::Passing));
    assert_eq!(world.status(CHECK).0, "passing");
    world.step(forged(current, CheckStatus::Critical));
    assert_eq!(world.status(CHECK).0, "passing");
}

#[test]
fn without_a_port_it_is_refused_as_consul_refuses() {
    let text = "Invalid check: TTL must be > 0 for TTL checks";
    let mut world = World::new();
    for body in [
        r#"{"Name":"x","Check":{"Interval":"10s"}}"#,
        r#"{"Name":"x","Port":-1,"Check":{"Interval":"10s"}}"#,
        r#"{"Name":"x","Port":70000,"Check":{"Interval":"10s"}}"#,
        r#"{"Name":"x","Port":80,"Check":{"Timeout":"10s"}}"#,
    ] {
        assert_eq!(world.register(body), Err(EdgeError::Invalid(text.into())), "{body}");
    }
    assert!(world.services.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn nothing_is_removed_that_listened_within_its_time(
        spans in prop::collection::vec((0.1f64..40.0, 0.1f64..40.0), 1..6),
        fails_in in prop::sample::select(vec![0.001, 0.3, 2.0]),
    ) {
        let mut at = 1.0;
        let mut listens = Vec::new();
        for (silent, up) in spans {
            listens.push((at + silent, at + silent + up));
            at += silent + up;
        }
        let mut world = world(1.0, &listens, fails_in);
        world.run_to(secs(400.0));
        // It never listens again in the end, so that it is removed.
        let removed = world.removed_at().map(|at| at.as_secs_f64());
        prop_assert!(removed.is_some());
        let removed = removed.unwrap();
        // For its last ten seconds each look at it found nobody.
        let looks = world.probes.iter().filter(|(at, _)| {
            at.as_secs_f64() > removed - 10.0 - fails_in && at.as_secs_f64() < removed
        });
        for (at, _) in looks {
            let at = at.as_secs_f64();
            prop_assert!(!listens.iter().any(|(from, to)| (*from..*to).contains(&at)), "{at}");
        }
        // And the last look was at its deadline.
        let last = world.probes.last().unwrap().0.as_secs_f64();
        prop_assert!(removed - last <= fails_in + 0.01, "{} {}", removed, last);
    }
}
