//! What is refused, in the recorded words, and what is accepted and how it looks then.
//! Source: transcripts agent/service.txt, agent/check.txt, agent/registration.txt, agent/types.txt.

use tribune_api::messages;

use super::*;

fn invalid(text: &str) -> Result<(), EdgeError> {
    Err(EdgeError::Invalid(text.into()))
}

fn failed(mistakes: &[&str]) -> Result<(), EdgeError> {
    let noun = if mistakes.len() == 1 { "error" } else { "errors" };
    let list: String = mistakes.iter().map(|mistake| format!("\t* {mistake}\n")).collect();
    invalid(&format!("Validation failed: {} {noun} occurred:\n{list}", mistakes.len()))
}

fn refuses_services(cases: &[(&str, Result<(), EdgeError>)]) {
    let mut world = World::new();
    for (body, expected) in cases {
        assert_eq!(world.register(body), *expected, "{body}");
    }
    assert!(world.services.is_empty() && world.checks.is_empty());
}

const INTERVAL: &str = "Invalid check: Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or \
                        OSService checks";

#[test]
fn services_are_refused_in_the_recorded_words() {
    let scripts = "Scripts are disabled on this agent from remote calls; to enable, configure \
                   'enable_script_checks' to true";
    let weight = |why: &str| invalid(&format!("Invalid Weights: {why}"));
    refuses_services(&[
        (r#"{"ID":"x"}"#, invalid("Missing service name")),
        (r#"{"Name":"x","Address":"0.0.0.0"}"#, invalid("Invalid service address")),
        (r#"{"Name":"x","Address":"::"}"#, invalid("Invalid service address")),
        (r#"{"Name":"x","Weights":{"Passing":-1}}"#, weight("Passing must be greater than 0")),
        (
            r#"{"Name":"x","Weights":{"Passing":65536,"Warning":1}}"#,
            weight("DNS Weight must be between 0 and 65535"),
        ),
        (r#"{"Name":"x","Check":{"TTL":"10s","HTTP":"http://127.0.0.1:1"}}"#, invalid(INTERVAL)),
        (
            r#"{"Name":"x","Check":{"Args":["true"],"Interval":"10s"}}"#,
            Err(EdgeError::Refused(scripts.into())),
        ),
    ]);
}

#[test]
fn metadata_is_refused_in_the_recorded_words() {
    let (long, longer) = ("k".repeat(129), "v".repeat(513));
    for (key, value, why) in [
        ("bad key!", "v", "Key contains invalid characters"),
        ("consul-x", "v", "Key prefix 'consul-' is reserved for internal use"),
        (long.as_str(), "v", "Key is too long (limit: 128 characters)"),
        ("k", longer.as_str(), "Value is too long (limit: 512 characters)"),
    ] {
        let body = format!(r#"{{"Name":"x","Meta":{{"{key}":"{value}"}}}}"#);
        let text = format!(
            "Invalid Service Meta: Couldn't load metadata pair ('{key}', '{value}'): {why}"
        );
        refuses_services(&[(&body, invalid(&text))]);
    }
}

#[test]
fn proxies_are_refused_in_the_recorded_words() {
    let destination = |must: &str| {
        failed(&[&format!("Proxy.DestinationServiceName must {must} for Connect proxy services")])
    };
    refuses_services(&[
        (
            r#"{"Name":"gw","Kind":"mesh-gateway"}"#,
            failed(&["Port must be non-zero for a mesh-gateway"]),
        ),
        (r#"{"Name":"p","Kind":"connect-proxy","Port":9}"#, destination("be non-empty")),
        (
            r#"{"Name":"p","Kind":"connect-proxy","Port":9,
            "Proxy":{"DestinationServiceName":"*"}}"#,
            destination("not be a wildcard"),
        ),
        (
            r#"{"Name":"p","Kind":"connect-proxy","Proxy":{"DestinationServiceName":"w"}}"#,
            failed(&["Port or SocketPath must be set for a connect-proxy"]),
        ),
    ]);
    for (upstreams, mistake) in [
        (
            r#"{"DestinationName":"db","LocalBindPort":1},
            {"DestinationName":"db","LocalBindPort":2}"#,
            "upstreams cannot contain duplicates of [type=\"service\", name=\"db\", \
             partition=\"\", namespace=\"\", peer=\"\", datacenter=\"\"]",
        ),
        (r#"{"LocalBindPort":1}"#, "upstream destination name cannot be empty"),
        (
            r#"{"DestinationName":"a","LocalBindPort":1},
            {"DestinationName":"b","LocalBindPort":1}"#,
            "upstreams cannot contain duplicates by local bind address and port or unix path; \
             \"127.0.0.1:1\" is specified twice",
        ),
    ] {
        let body = format!(
            r#"{{"Name":"p","Kind":"connect-proxy","Port":9,
            "Proxy":{{"DestinationServiceName":"w","Upstreams":[{upstreams}]}}}}"#
        );
        refuses_services(&[(&body, failed(&[mistake]))]);
    }
}

#[test]
fn ports_and_sidecars_are_refused_in_the_recorded_words() {
    refuses_services(&[
        (
            r#"{"Name":"x","Port":1,"Ports":[{"Name":"http","Port":80}]}"#,
            failed(&[
                "Cannot set both Port and Ports",
                "One of the Ports must be marked as Default",
            ]),
        ),
        (
            r#"{"Name":"x","Ports":[{"Name":"http","Port":80},{"Name":"http","Port":81}]}"#,
            failed(&["Ports.Name \"http\" has to be unique"]),
        ),
        (
            r#"{"Name":"x","Ports":[{"Name":"http","Port":0}]}"#,
            failed(&["Ports.Port must be greater than zero"]),
        ),
        (
            r#"{"Name":"x","Port":1,"Connect":{"SidecarService":{"ID":"x"}}}"#,
            failed(&["A SidecarService cannot specify an ID as this is managed by the agent"]),
        ),
        (
            r#"{"Name":"x","Connect":{"SidecarService":{"Connect":{"SidecarService":{}}}}}"#,
            failed(&["A SidecarService cannot have a nested SidecarService"]),
        ),
    ]);
}

#[test]
fn checks_are_refused_in_the_recorded_words() {
    let mut world = World::new();
    world.register(r#"{"ID":"s","Name":"s","Port":80}"#).unwrap();
    let ttl = "Invalid check: TTL must be > 0 for TTL checks";
    let not_found = |text: &str| Err(EdgeError::NotFound(text.into()));
    for (body, expected) in [
        (r#"{"TTL":"10s"}"#, invalid("Missing check name")),
        (r#"{"Name":"x"}"#, invalid(ttl)),
        (r#"{"Name":"x","TTL":"-5s"}"#, invalid(ttl)),
        (r#"{"Name":"x","Interval":"10s"}"#, invalid(ttl)),
        (r#"{"Name":"x","TCP":"127.0.0.1:1"}"#, invalid(INTERVAL)),
        (
            r#"{"Name":"x","TCP":"127.0.0.1:1","TTL":"10s","Interval":"10s"}"#,
            invalid("Invalid check: Interval and TTL cannot both be specified"),
        ),
        (
            r#"{"Name":"x","TTL":"10s","OutputMaxSize":-1}"#,
            invalid("Invalid check: MaxOutputMaxSize must be positive"),
        ),
        (
            r#"{"Name":"x","TCP":"127.0.0.1:1","Interval":"10s","FailuresBeforeWarning":5,
            "FailuresBeforeCritical":2}"#,
            invalid(
                "Invalid check: FailuresBeforeWarning can't be higher than FailuresBeforeCritical",
            ),
        ),
        (r#"{"Name":"x","TTL":"10s","Status":"Passing"}"#, invalid("Bad check status")),
        (
            r#"{"Name":"x","TTL":"10s","ServiceID":"nosuch"}"#,
            not_found("ServiceID \"nosuch\" does not exist"),
        ),
        (
            r#"{"Name":"x","OSService":"nosuch","Interval":"600s"}"#,
            Err(EdgeError::Refused("not implemented".into())),
        ),
        (
            r#"{"Name":"x","DockerContainerID":"c","Args":["true"],"Interval":"600s"}"#,
            Err(EdgeError::Refused(messages::SCRIPTS_DISABLED.into())),
        ),
    ] {
        assert_eq!(world.register_check(body), expected, "{body}");
    }
    assert!(world.checks.is_empty());
    // Accepted, whatever one may think of it.
    for body in [
        r#"{"Name":"x","TTL":10}"#,
        r#"{"Name":"y","AliasService":"s","Interval":"10s"}"#,
        r#"{"Name":"z","Interval":"10s","ServiceID":"s"}"#,
        r#"{"Name":"g","GRPC":"127.0.0.1:1/svc","GRPCUseTLS":true,"Interval":600000000000}"#,
        r#"{"Name":"u","UDP":"127.0.0.1:1","Interval":"600s"}"#,
        r#"{"Name":"h","H2PING":"127.0.0.1:1","Interval":"600s"}"#,
        r#"{"Name":"n","AliasNode":"nosuch"}"#,
    ] {
        assert_eq!(world.register_check(body), Ok(()), "{body}");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut world = World::new();
    world
        .register_check(r#"{"ID":"tcp","Name":"n","TCP":"127.0.0.1:1","Interval":"10m"}"#)
        .unwrap();
    let service = "Unknown service ID \"web1\". Ensure that the service ID is passed, not the \
                   service name.";
    let check = "Unknown check ID \"c\". Ensure that the check ID is passed, not the check name.";
    let not_found = |text: &str| Err(EdgeError::NotFound(text.into()));
    assert_eq!(world.deregister("web1"), not_found(service));
    assert_eq!(world.ask(Ask::DeregisterCheck("c".into())), not_found(check));
    assert_eq!(world.ttl("c", "passing", ""), not_found(check));
    assert_eq!(world.ttl("tcp", "purple", ""), invalid("Invalid check status: 'purple'"));
    let no_ttl = "CheckID \"tcp\" does not have associated TTL";
    assert_eq!(world.ttl("tcp", "passing", ""), Err(EdgeError::Refused(no_ttl.into())));
}

#[test]
fn ids_names_and_durations_look_as_recorded() {
    let mut world = World::new();
    world
        .register(
            r#"{"ID":"web1","Name":"web","Checks":[{"TTL":"30s","Name":"alive","CheckID":"c1",
            "Notes":"n"},{"TTL":"30s","Status":"passing"}]}"#,
        )
        .unwrap();
    world.register_check(r#"{"Name":"node check","TTL":"15s"}"#).unwrap();
    world
        .register_check(
            r#"{"ID":"h","Name":"http","HTTP":"http://127.0.0.1:1/","Interval":"10m",
            "Timeout":"1s","ServiceID":"web1","Status":"warning"}"#,
        )
        .unwrap();
    let rows = world.checks.values().map(|check| {
        let own = check.as_ref();
        [
            &own.check_id,
            &own.name,
            &own.status,
            &own.service_id,
            &own.kind,
            &own.interval,
            &own.timeout,
        ]
        .map(String::as_str)
        .join("|")
    });
    let expected = [
        "c1|alive|critical|web1|ttl||",
        "h|http|warning|web1|http|10m0s|1s",
        "node check|node check|critical||ttl|0s|0s",
        "service:web1:2|Service 'web' check|passing|web1|ttl||",
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

#[test]
fn checks_stay_with_their_service_unless_replaced() {
    let mut world = World::new();
    let ids = |world: &World| world.checks.keys().cloned().collect::<Vec<_>>();
    world
        .register(
            r#"{"Name":"many","Port":1,"Check":{"TTL":"10s"},"Checks":[{"TTL":"20s"},
            {"CheckID":"mine","Name":"named","TCP":"127.0.0.1:1","Interval":"600s"}]}"#,
        )
        .unwrap();
    assert_eq!(ids(&world), ["mine", "service:many:1", "service:many:2"]);
    let other = r#"{"Name":"many","Port":2,"Checks":[{"CheckID":"other","Name":"o","TTL":"30s"}]}"#;
    world.register(other).unwrap();
    assert_eq!(ids(&world), ["mine", "other", "service:many:1", "service:many:2"]);
    world.register_replacing(other, true).unwrap();
    assert_eq!(ids(&world), ["other"]);
    world.register_replacing(r#"{"Name":"many","Port":2}"#, true).unwrap();
    assert_eq!(ids(&world), [""; 0]);
    assert!(world.told_check("mine").is_none() && world.told_check("other").is_none());
}

#[test]
fn a_sidecar_comes_and_goes_with_its_service() {
    let mut world = World::new();
    let body = r#"{"ID":"web1","Name":"web","Port":8080,"Tags":["t"],"Meta":{"m":"1"},
        "Connect":{"SidecarService":{}}}"#;
    world.register(body).unwrap();
    world
        .register(r#"{"Name":"both","Port":1,"Connect":{"Native":true,"SidecarService":{}}}"#)
        .unwrap();
    world.register(body).unwrap();
    let sidecar = world.services["web1-sidecar-proxy"].clone();
    assert_eq!((sidecar.kind.as_str(), sidecar.port), ("connect-proxy", 21_000));
    assert_eq!((sidecar.service.as_str(), sidecar.tags[0].as_str()), ("web-sidecar-proxy", "t"));
    let proxy = sidecar.proxy.clone().unwrap();
    assert_eq!((proxy.destination_service_id.as_str(), proxy.local_service_port), ("web1", 8080));
    assert_eq!(world.services["both-sidecar-proxy"].port, 21_001);
    assert_eq!(world.checks["service:web1-sidecar-proxy:1"].name, "Connect Sidecar Listening");
    let alias = world.checks["service:web1-sidecar-proxy:2"].clone();
    assert_eq!((alias.status.as_str(), alias.output.as_str()), ("passing", "No checks found."));
    world.deregister("web1").unwrap();
    assert_eq!(world.services.keys().collect::<Vec<_>>(), ["both", "both-sidecar-proxy"]);
    assert!(world.told_service("web1-sidecar-proxy").is_none());
}

#[test]
fn an_address_is_found_under_the_names_clients_look_for() {
    let mut world = World::new();
    world
        .register(
            r#"{"Name":"addr","Address":"127.0.0.20","Port":1,"TaggedAddresses":{"wan":
            {"Address":"198.51.100.1","Port":12}}}"#,
        )
        .unwrap();
    let found: Vec<String> = world.services["addr"]
        .tagged_addresses
        .iter()
        .flatten()
        .map(|(tag, own)| format!("{tag}={}:{}", own.address, own.port))
        .collect();
    assert_eq!(found, ["lan_ipv4=127.0.0.20:1", "wan=198.51.100.1:12", "wan_ipv4=127.0.0.20:1"]);
    let hash = |world: &World| crate::content_hash(&world.services["addr"]);
    let before = hash(&world);
    world.register(r#"{"Name":"addr","Address":"host.example.com","Port":1}"#).unwrap();
    assert_eq!(world.services["addr"].tagged_addresses, None);
    assert_ne!(hash(&world), before);
}

#[test]
fn what_the_catalog_could_not_take_is_refused_with_its_size() {
    let bytes = |count: usize| "<".repeat(count);
    let many = vec![r#"{"TTL":"1s"}"#; 257].join(",");
    let tags = "Invalid Tags: they have 65536 bytes, at most 65536 fit";
    refuses_services(&[
        (&format!(r#"{{"Name":"x","Tags":["{}"]}}"#, bytes(65_536)), invalid(tags)),
        (
            &format!(r#"{{"Name":"x","Checks":[{many}]}}"#),
            invalid("Invalid Checks: there are 257, at most 256 are taken"),
        ),
        (
            // The mesh's settings are kept as escaped JSON.
            &format!(
                r#"{{"Name":"x","Port":1,"Kind":"connect-proxy","Proxy":{{"Mode":"{}",
                "DestinationServiceName":"w"}}}}"#,
                bytes(50_000)
            ),
            invalid("Invalid service: it takes 300596 bytes in the catalog, at most 262144 fit"),
        ),
        (
            &format!(r#"{{"Name":"x","Check":{{"TTL":"1s","Notes":"{}"}}}}"#, bytes(65_530)),
            invalid("Invalid check: it takes 65556 bytes in the catalog, at most 65536 fit"),
        ),
    ]);
}

#[test]
fn the_largest_service_reaches_the_catalog() {
    let mut world = World::new();
    let (tag, notes) = ("t".repeat(65_535), "n".repeat(65_000));
    let checks = vec![format!(r#"{{"TTL":"1h","Notes":"{notes}"}}"#); 256].join(",");
    world.register(&format!(r#"{{"Name":"s","Tags":["{tag}"],"Checks":[{checks}]}}"#)).unwrap();
    world.run_for(200.0);
    let service = world.told_service("s").unwrap();
    assert_eq!(service.tags.as_deref(), Some(std::slice::from_ref(&tag)));
    assert_eq!(world.checks.len(), 256);
    let told = world.told_check("service:s:256").unwrap();
    assert_eq!(told.notes, notes);
}
