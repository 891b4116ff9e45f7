//! What the configuration's files declare: whole or not at all, and gone when it is not declared
//! any more.

use super::*;

fn names(world: &World) -> (Vec<&str>, Vec<&str>) {
    let services = world.services.keys().map(String::as_str).collect();
    (services, world.checks.keys().map(String::as_str).collect())
}

const WEB: &str = r#"{"Name":"web","Port":80,"Check":{"TTL":"1h","CheckID":"t"}}"#;
const SIDE: &str = r#"{"Name":"side","Port":81,"Connect":{"SidecarService":{}}}"#;
const BESIDE: &str = r#"{"Name":"beside","Port":82,"Connect":{"SidecarService":{}}}"#;
const ALONE: &str = r#"{"ID":"c","Name":"c","TTL":"1h","ServiceID":"web"}"#;

#[test]
fn what_is_no_longer_declared_goes_and_what_was_requested_stays() {
    let mut world = World::new();
    world.register(r#"{"Name":"mine","Check":{"TTL":"1h"}}"#).unwrap();
    world.declare(&[WEB, SIDE], &[ALONE]).unwrap();
    world.register_check(r#"{"ID":"by-request","Name":"n","TTL":"1h","ServiceID":"web"}"#).unwrap();
    world.ttl("t", "passing", "fine").unwrap();
    world.ttl("c", "warning", "so so").unwrap();
    assert_eq!(world.told_status("c"), "warning");
    // A reload without a change changes nothing.
    let written = world.proposals;
    world.declare(&[WEB, SIDE], &[ALONE]).unwrap();
    assert_eq!((world.status("t").0, world.status("c").0), ("passing".into(), "warning".into()));
    assert!(world.checks.contains_key("by-request"));
    world.run_for(1.0);
    let index = world.told_service("web").unwrap().modify_index;
    assert!(world.proposals <= written + 1 && index < Index(10), "{index:?}");
    world.declare(&[WEB], &[]).unwrap();
    assert_eq!(names(&world), (vec!["mine", "web"], vec!["by-request", "service:mine", "t"]));
    assert!(world.told_service("side-sidecar-proxy").is_none());
    world.declare(&[], &[]).unwrap();
    assert_eq!(names(&world), (vec!["mine"], vec!["service:mine"]));
    assert!(world.told_service("web").is_none());
}

#[test]
fn one_mistake_refuses_all_of_it_by_name() {
    let mut world = World::new();
    world.declare(&[WEB], &[]).unwrap();
    let before = names(&world).0.join(" ");
    let ttl = "Invalid check: TTL must be > 0 for TTL checks";
    for (services, checks, which, why) in [
        (vec![SIDE, r#"{"Name":"bad","Check":{"TTL":"-1s"}}"#], vec![], "service \"bad\"", ttl),
        (
            vec![SIDE],
            vec![r#"{"Name":"lost","TTL":"1s","ServiceID":"web"}"#],
            "check \"lost\"",
            "ServiceID \"web\" does not exist",
        ),
        (vec![SIDE, SIDE], vec![], "service \"side\"", "service ID \"side\" is declared twice"),
        (vec![WEB], vec![ALONE, ALONE], "check \"c\"", "check ID \"c\" is declared twice"),
    ] {
        let error = world.declare(&services, &checks).unwrap_err();
        let expected = format!("{which} of the configuration is refused: {why}");
        assert_eq!(error.to_string(), expected);
        assert_eq!(names(&world).0.join(" "), before);
    }
}

#[test]
fn sidecars_that_are_declared_together_get_ports_of_their_own() {
    let mut world = World::new();
    world.declare(&[SIDE, BESIDE], &[]).unwrap();
    let port = |name: &str| world.services[&format!("{name}-sidecar-proxy")].port;
    assert_eq!([port("side"), port("beside")], [21_000, 21_001]);
    let mut again = World::new();
    again.declare(&[SIDE], &[]).unwrap();
    again.declare(&[BESIDE, SIDE], &[]).unwrap();
    let port = |name: &str| again.services[&format!("{name}-sidecar-proxy")].port;
    assert_eq!([port("side"), port("beside")], [21_000, 21_001], "who has a port keeps it");
}

#[test]
fn a_declaration_wins_over_a_request_also_after_a_restart() {
    let mut world = World::new();
    world.register(r#"{"Name":"web","Port":1,"Check":{"TTL":"1h","CheckID":"t"}}"#).unwrap();
    world.declare(&[WEB], &[]).unwrap();
    assert_eq!(world.services["web"].port, 80);
    world.run_for(5.0);
    let back = World::with(settings(1), world.file.clone());
    assert_eq!(names(&back), (vec![], vec![]));
}

#[test]
fn scripts_are_for_files_where_only_files_may_have_them() {
    let script = r#"{"ID":"s","Name":"s","Args":["true"],"Interval":"10s"}"#;
    let mut world = World::with(Settings { scripts_by_file: true, ..settings(7) }, Vec::new());
    assert!(matches!(world.register_check(script), Err(EdgeError::Refused(_))));
    world.declare(&[], &[script]).unwrap();
    assert_eq!(world.checks["s"].kind, "script");
    let mut other = World::new();
    assert!(matches!(other.declare(&[], &[script]), Err(EdgeError::Refused(_))));
}

#[test]
fn a_script_of_a_file_is_refused_with_the_keys_that_files_have() {
    let mut world = World::new();
    let check = r#"{"Name":"x","Args":["true"],"Interval":"600s"}"#;
    let refused = world.declare(&[], &[check]).unwrap_err().to_string();
    assert!(refused.contains(tribune_api::messages::SCRIPTS_OF_FILES_DISABLED), "{refused}");
}
