//! Whole configurations: sources and their order, what is valid, and every complaint.

mod used;

use super::environment::testing::{Sandbox, eth0};
use super::runtime::{ListenAddress, LogLevel};
use super::*;
use proptest::prelude::*;

fn args(line: &[&str]) -> AgentArgs {
    let args: Vec<String> = line.iter().map(|arg| (*arg).to_owned()).collect();
    parse_agent_args(&args).unwrap()
}

/// The agent started with these arguments beside these files.
fn agent(line: &[&str], files: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    load(&args(line), &Sandbox::new(files))
}

/// One file of a server's configuration, checked; `data_dir` is set.
fn check(hcl: &str) -> Result<Loaded, String> {
    let text = format!("data_dir = \"data\"\n{hcl}");
    validate(&args(&["-config-file=c.hcl"]), &Sandbox::new(&[("c.hcl", &text)]))
        .map_err(|errors| errors.to_string())
}

#[test]
fn dev_needs_nothing() {
    let Loaded { config, warnings, unused, .. } = agent(&["-dev"], &[]).unwrap();
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(unused, Vec::<String>::new());
    assert!(config.role.dev && config.role.server && config.role.enable_debug);
    assert_eq!(config.role.data_dir, None);
    assert_eq!(config.node.name, "Sandbox.local");
    assert_eq!(config.node.datacenter, "dc1");
    assert_eq!(config.network.advertise.to_string(), "127.0.0.1");
    assert_eq!(config.network.http, [ListenAddress::Tcp("127.0.0.1:8500".parse().unwrap())]);
    assert_eq!(config.network.dns, ["127.0.0.1:8600".parse().unwrap()]);
    assert_eq!(config.network.server, "127.0.0.1:8300".parse().unwrap());
    assert_eq!(config.network.grpc.len(), 1);
    assert_eq!(config.network.https, []);
    assert_eq!(config.raft.multiplier, 1);
    assert_eq!(config.limits.http_conns_per_client_max, Some(200));
    assert_eq!(config.limits.session_ttl_min.as_secs(), 10);
    assert_eq!(config.log.level, LogLevel::Debug);
    assert!(config.ui.enabled && config.role.skip_leave_on_interrupt);
    assert_eq!(config.dns.domain, "consul.");
}

#[test]
fn the_whole_of_dev() {
    insta::assert_debug_snapshot!(agent(&["-dev"], &[]).unwrap().config);
}

#[test]
fn sources_count_in_their_order() {
    let files = [
        ("a.hcl", "datacenter = \"file\" log_level = \"WARN\" recursors = [\"2.2.2.2\"]"),
        ("d/2.json", r#"{"node_name": "two", "recursors": ["4.4.4.4"]}"#),
        ("d/1.hcl", "node_name = \"one\" recursors = [\"3.3.3.3\"]"),
        ("d/notes.txt", "not read"),
        ("d/sub/3.hcl", "node_name = \"three\""),
    ];
    let line = [
        "-dev",
        "-log-level=ERR",
        "-recursor=1.1.1.1",
        "-config-file=a.hcl",
        "-config-dir=d",
        "-datacenter=FLAG",
        "-hcl",
        "datacenter = \"fragment\" recursors = [\"5.5.5.5\"]",
    ];
    let loaded = agent(&line, &files).unwrap();
    assert_eq!(loaded.config.node.name, "two");
    assert_eq!(loaded.config.node.datacenter, "fragment");
    assert_eq!(loaded.config.log.level, LogLevel::Error);
    assert_eq!(
        loaded.config.dns.recursors,
        ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5"]
    );
    insta::assert_snapshot!(
        loaded.warnings.join("\n"),
        @"skipping file d/notes.txt, extension must be .hcl or .json, or config format must be set"
    );
    assert_eq!(loaded.unused, ["recursors"]);
}

#[test]
fn one_and_several_services_are_put_together() {
    let loaded = check(
        r#"service { name = "a" port = 1 } service { name = "b" }
           services = [{ name = "c" }, { Name = "d" }]
           check { name = "x" ttl = "10s" } checks = [{ id = "y", name = "y", ttl = "1s" }]"#,
    )
    .unwrap();
    let names: Vec<&str> = loaded
        .config
        .checks
        .services
        .iter()
        .map(|service| service.get("Name").unwrap().as_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(
        serde_json::Value::from(loaded.config.checks.checks.0).to_string(),
        r#"[{"Name":"x","TTL":"10s"},{"ID":"y","Name":"y","TTL":"1s"}]"#
    );
}

#[test]
fn the_file_of_the_official_clients_tests_loads() {
    let json = r#"{
        "node_name": "node-4ab4b2a7", "node_id": "4ab4b2a7-99a0-4a4c-8d3c-3a4b4b2a799a",
        "node_meta": {"k": "v"}, "performance": {"raft_multiplier": 1}, "bootstrap": true,
        "server": true, "data_dir": "/tmp/x", "segments": null, "disable_update_check": true,
        "log_level": "debug", "bind_addr": "127.0.0.1", "addresses": {},
        "ports": {"dns": 20001, "http": 20002, "https": 20003, "serf_lan": 20004,
                  "serf_wan": 20005, "server": 20006, "grpc": 20007, "grpc_tls": 20008},
        "acl": {"enabled": true, "default_policy": "allow",
                "tokens": {"master": "root", "agent_master": "am", "agent": "a"}},
        "connect": {"enabled": true, "ca_config": {"cluster_id": "11111111-2222"}},
        "skip_leave_on_interrupt": true, "peering": {"enabled": true}, "version": "1.22.0",
        "locality": {"region": "r", "zone": "z"}, "enable_script_checks": true,
        "autopilot": {"server_stabilization_time": "1s"}, "retry_join": ["127.0.0.1:1"],
        "verify_incoming": true, "ca_file": "ca.pem", "cert_file": "c.pem", "key_file": "k.pem",
        "enable_debug": true, "encrypt": "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="
    }"#;
    let loaded = agent(&["-config-file", "c.json"], &[("c.json", json)]).unwrap();
    let config = loaded.config;
    assert_eq!(config.network.server.port(), 20006);
    assert_eq!(config.acl.tokens.initial_management.unwrap().reveal(), "root");
    assert_eq!(config.acl.tokens.agent_recovery.unwrap().reveal(), "am");
    assert_eq!(config.connect.ca_config["cluster_id"], "11111111-2222");
    assert_eq!(config.tls.https.ca_file.unwrap(), Path::new("ca.pem"));
    assert!(config.tls.internal_rpc.verify_incoming && config.role.bootstrap);
    assert_eq!(config.raft.multiplier, 1);
}

#[test]
fn listeners_take_templates_several_addresses_and_unix_sockets() {
    let loaded = check(
        r#"client_addr = "127.0.0.1 {{ GetPrivateIP }}"
           addresses { http = "unix:///run/x.sock 127.0.0.2" dns = "::1" }
           ports { https = 8501 grpc = 0 serf_wan = -1 } unix_sockets { mode = "0770" }"#,
    )
    .unwrap();
    let network = loaded.config.network;
    let texts = |list: &[ListenAddress]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(&network.http), ["unix:///run/x.sock", "127.0.0.2:8500"]);
    assert_eq!(texts(&network.https), ["127.0.0.1:8501", "10.1.2.3:8501"]);
    assert_eq!(network.dns, ["[::1]:8600".parse().unwrap()]);
    assert_eq!(network.grpc, []);
    assert_eq!(network.serf_wan, None);
    assert_eq!(network.unix_sockets.mode, Some(0o770));
    assert_eq!(network.advertise.to_string(), "10.1.2.3");
}

#[test]
fn the_address_to_advertise_must_be_one() {
    let mut machine = Sandbox::new(&[]);
    let line = args(&["-server", "-data-dir=data"]);
    let complaint = |machine: &Sandbox| load(&line, machine).unwrap_err().to_string();
    machine.addresses.push(eth0("192.168.0.1"));
    assert_eq!(
        complaint(&machine),
        "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or \
         'advertise'."
    );
    machine.addresses = vec![eth0("8.8.8.8")];
    assert_eq!(complaint(&machine), "No private IPv4 address found");
    let worse = args(&["-data-dir=data", "-log-level=loud"]);
    assert!(!load(&worse, &machine).unwrap_err().to_string().contains("address"));
    // Elsewhere the addresses of this machine say nothing.
    assert!(validate(&line, &machine).is_ok());
}

#[test]
fn what_is_accepted_but_not_used_is_named() {
    let loaded = check("telemetry { statsd_address = \"x\" } ports { http = 1 }").unwrap();
    assert_eq!(loaded.unused, ["telemetry.statsd_address"]);
    let raft = "raft_trailing_logs = 1 raft_snapshot_interval = \"1s\" raft_snapshot_threshold = 1";
    assert_eq!(check(raft).unwrap().unused, ["raft_snapshot_interval", "raft_trailing_logs"]);
}

#[test]
fn access_lists_that_deny_are_refused_by_validate_as_by_the_agent() {
    let deny = "acl { enabled = true default_policy = \"deny\" }";
    let complaint = "acl.enabled with acl.default_policy = \"deny\": this release has no access";
    let found = check(deny).map(|loaded| loaded.config).unwrap_err();
    assert!(found.starts_with(complaint), "{found}");
    let found = agent(&["-dev", "-hcl", deny], &[]).map(|loaded| loaded.config).unwrap_err();
    assert!(found.to_string().starts_with(complaint), "{found}");
    let allowed = check("acl { enabled = true default_policy = \"allow\" }").unwrap();
    assert!(allowed.warnings[0].starts_with("acl.enabled: this release has no access lists"));
    assert!(check("acl { enabled = false default_policy = \"deny\" }").is_ok());
}

#[test]
fn a_client_is_refused_by_validate_as_by_the_agent_if_its_file_says_so() {
    let complaint = "this release runs servers only: start with -dev, or with -server \
                     -bootstrap-expect=1 and a -data-dir";
    let found = check("server = false").map(|loaded| loaded.config).unwrap_err();
    assert_eq!(found, complaint);
    for line in [&["-data-dir=data"][..], &["-data-dir=data", "-server=false"]] {
        let found = agent(line, &[]).map(|loaded| loaded.config).unwrap_err();
        assert_eq!(found.to_string(), complaint, "{line:?}");
    }
    let line = ["-server", "-data-dir=data", "-bootstrap-expect=3"];
    let found = agent(&line, &[]).map(|loaded| loaded.config).unwrap_err().to_string();
    assert!(found.starts_with("bootstrap_expect = 3: this release runs single servers"), "{found}");
    // The rest may stand in another file, or on the command line of the agent.
    assert!(check("datacenter = \"dc1\"").is_ok());
}

/// Without the places that are added to them, the texts of the recording.
/// Source: transcripts/config/validate.txt.
#[test]
fn complaints_are_worded_as_recorded() {
    for (hcl, complaint) in RECORDED {
        assert_eq!(check(hcl).map(|loaded| loaded.config).unwrap_err(), *complaint, "{hcl}");
    }
}

const RECORDED: &[(&str, &str)] = &[
    (
        "raft_snapshot_interval = \"abc\"",
        "1 error occurred:\n\t* raft_snapshot_interval: invalid duration: \"abc\": time: \
         invalid duration \"abc\"",
    ),
    (
        "datacenter = \"bad dc!\"",
        "datacenter can only contain lowercase alphanumeric, - or _ characters. received: \
         \"bad dc!\"",
    ),
    ("ports { http = 70000 }", "1 error occurred:\n\t* ports.http: invalid port: 70000"),
    ("ports { http = 8600 dns = 8600 }", "HTTP address 127.0.0.1:8600 already configured for DNS"),
    (
        "server = true bootstrap = true bootstrap_expect = 3",
        "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive",
    ),
    ("bootstrap_expect = 3", "'bootstrap_expect > 0' requires 'server = true'"),
    ("bootstrap = true", "'bootstrap = true' requires 'server = true'"),
    (
        "server = true bootstrap_expect = -1",
        "bootstrap_expect cannot be -1. Must be greater than or equal to zero",
    ),
    (
        "check { name = \"x\" http = \"http://127.0.0.1\" }",
        "check \"x\": Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService \
         checks",
    ),
    (
        "check { name = \"x\" ttl = \"10s\" http = \"http://127.0.0.1\" interval = \"10s\" }",
        "check \"x\": Interval and TTL cannot both be specified",
    ),
    ("check { name = \"x\" }", "check \"x\": TTL must be > 0 for TTL checks"),
    ("encrypt = \"abc\"", "encrypt has invalid key: illegal base64 data at input byte 0"),
    ("segment = \"x\"", "Network segments are not supported in this version of Consul"),
    (
        "bind_addr = \"0.0.0.0\" advertise_addr = \"0.0.0.0\"",
        "Advertise address cannot be 0.0.0.0, :: or [::]",
    ),
    (
        "client_addr = \"nonsense\"",
        "1 error occurred:\n\t* client_addr: invalid ip address: nonsense",
    ),
    (
        "ui_config { content_path = \"a b\" }",
        "ui-content-path can only contain alphanumeric, -, _, or /. received: \"/a b/\"",
    ),
    (
        "alt_domain = \"service.consul\"",
        "alt_domain cannot start with {service,connect,node,query,addr,dc1}",
    ),
    (
        "dns_config { udp_answer_limit = -1 }",
        "dns_config.udp_answer_limit cannot be -1. Must be greater than or equal to zero",
    ),
    (
        "autopilot { max_trailing_logs = -5 }",
        "autopilot.max_trailing_logs cannot be -5. Must be greater than or equal to zero",
    ),
    (
        "performance { raft_multiplier = 11 }",
        "performance.raft_multiplier cannot be 11. Must be between 1 and 10",
    ),
    (
        "node_meta { \"bad key\" = \"x\" }",
        "node_meta invalid: Couldn't load metadata pair ('bad key', 'x'): Key contains \
         invalid characters",
    ),
    (
        "config_entries { bootstrap = [{ kind = \"nosuch\" name = \"x\" }] }",
        "config_entries.bootstrap[0]: invalid config entry kind: nosuch",
    ),
    (
        "log_level = \"loud\"",
        "Invalid log level: loud. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]",
    ),
    ("bind_addr = \"x\"", "1 error occurred:\n\t* bind_addr: invalid ip address: x"),
];

#[test]
fn valid_files_of_the_recording_are_valid() {
    for hcl in
        ["datacenter = \"dc1\"", "node_name = \"\"", "tls { defaults { verify_incoming = true } }"]
    {
        assert_eq!(check(hcl).unwrap().warnings, Vec::<String>::new(), "{hcl}");
    }
    let two = check("server = true bootstrap_expect = 2 bind_addr = \"127.0.0.1\"").unwrap();
    assert_eq!(
        two.warnings,
        [
            "bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. \
             See https://developer.hashicorp.com/docs/internals/consensus.html#deployment-table",
            "bootstrap_expect > 0: expecting 2 servers",
        ]
    );
    let old = check("acl_datacenter = \"dc1\"\nacl_default_policy = \"deny\"").unwrap();
    insta::assert_snapshot!(old.warnings.join("\n"), @r"
    The 'acl_datacenter' field is deprecated. Use the 'primary_datacenter' field instead.
    The 'acl_default_policy' field is deprecated. Use the 'acl.default_policy' field instead.
    ");
}

/// Every other complaint; the places of unknown keys and wrong types are ours.
#[test]
fn every_complaint() {
    let mut report = String::new();
    for hcl in INVALID {
        let complaint = check(hcl).map(|loaded| loaded.config).unwrap_err();
        report.push_str(&format!("{hcl}\n----\n{complaint}\n====\n"));
    }
    insta::assert_snapshot!(report);
}

const INVALID: &[&str] = &[
    "nosuch_key = 1",
    "datacentre = \"x\"\n  ports {\n  htp = 1 }",
    "service { name = \"a\" prot = 1 connect { sidecar_service { nme = \"x\" } } }",
    "server = \"maybe\"",
    "ports { http = \"abc\" }\nretry_interval = 5",
    "ports = 5\nretry_join = \"a\"\nnode_meta = [1]",
    "recursors = [1]\nnode_meta { a = 1 }\ntelemetry { filter_default = 1 }",
    "limits { rpc_rate = \"x\" }\nperformance { raft_multiplier = 1.5 }",
    "services = [{ name = \"a\", port = \"x\", tags = \"y\" }]",
    "a = [1 2]",
    "data_dir = \"data",
    "service { port = 80 }",
    "service { name = \"a\" check { ttl = \"abc\" } }",
    "service { name = \"a\" check { alias_service = \"b\" interval = \"1s\" } }",
    "service { name = \"a\" meta { \"consul-x\" = \"\" } check { interval = \"10s\" } }",
    "check { name = \"x\" tcp = \"a:1\" interval = \"1s\" output_max_size = -1 }",
    "watches = [{ type = \"key\" }, {}, { type = \"bogus\" }, { Type = \"nodes\" }]",
    "config_entries { bootstrap = [{ name = \"x\" }] }",
    "acl { default_policy = \"maybe\" down_policy = \"maybe\" }",
    "default_intention_policy = \"x\"\nconnect { ca_provider = \"x\" }",
    "raft_protocol = 2\nraft_logstore { backend = \"x\" }",
    "node_id = \"x\"\ndatacenter = \"\"",
    "encrypt = \"YWJj\"",
    "advertise_addr_wan = \"::\"\nports { server = -1 }",
    "ports { sidecar_min_port = 5 sidecar_max_port = 4 }",
    "addresses { dns = \"unix:///x\" http = \"a b\" }\nbind_addr = \"1.1.1.1 2.2.2.2\"",
    "client_addr = \"{{ Nonsense }}\"\nunix_sockets { mode = \"999\" }",
    "client_addr = \"0.0.0.0\"\nports { http = 8301 }",
    "http_config { allow_write_http_from = [\"10.0.0.0\"] }",
    "serf_lan_allowed_cidrs = [\"x/1\"]",
    "dns_config { service_ttl { web = \"x\" } a_record_limit = -1 }",
    "dns_config { recursor_strategy = \"x\" }",
    "limits { request_limits { mode = \"x\" } kv_max_value_size = -1 }",
    "tls { https { tls_min_version = \"SSLv3\" } }",
    "check_output_max_size = 0\nraft_trailing_logs = 99999999999",
    "segments = [{ name = \"a\" }]",
];

#[test]
fn files_that_cannot_be_read_are_named_and_nothing_else() {
    let files = [("notes.txt", "this is not read\n"), ("e.hcl", ""), ("s.json", "{\"a\":1,}")];
    let cases: [(&[&str], &str); 8] = [
        (
            &["-config-file=nosuch.hcl"],
            "config: Open failed on nosuch.hcl. open nosuch.hcl: no such file or directory",
        ),
        (
            &["-config-dir=nosuch"],
            "config: Open failed on nosuch. open nosuch: no such file or directory",
        ),
        (
            &["-config-file=notes.txt"],
            "file notes.txt has unknown extension; must be .hcl or .json, or config format must \
             be set",
        ),
        (
            &["-config-file=notes.txt", "-config-format=hcl"],
            "failed to parse notes.txt: At 2:1: key 'this is not read' expected start of object \
             ('{') or assignment ('=')",
        ),
        (&["-config-format=bogus"], "-config-format must be either 'hcl' or 'json"),
        (
            &["-config-file=s.json"],
            "failed to parse s.json: invalid character '}' looking for beginning of object key \
             string, at 1:8",
        ),
        (&["-config-file=e.hcl", "-server"], "data_dir cannot be empty"),
        (
            &["-dev", "extra", "-bootstrap-expect=3"],
            "Unexpected extra arguments: [extra -bootstrap-expect=3]",
        ),
    ];
    for (line, complaint) in cases {
        let errors = agent(line, &files).map(|loaded| loaded.config).unwrap_err();
        assert_eq!(errors.to_string(), complaint, "{line:?}");
    }
}

#[test]
fn flags_are_judged_as_files_are() {
    let cases: [(&[&str], &str); 6] = [
        (
            &["-dev", "-datacenter=UPPER!", "-bind=127.0.0.1"],
            "datacenter can only contain lowercase alphanumeric, - or _ characters. received: \
             \"upper!\"",
        ),
        (
            &["-data-dir=data", "-bind=nonsense"],
            "1 error occurred:\n\t* bind_addr: invalid ip address: nonsense",
        ),
        (&["-server"], "data_dir cannot be empty"),
        (
            &[],
            "this release runs servers only: start with -dev, or with -server -bootstrap-expect=1 \
             and a -data-dir",
        ),
        (&["-dev", "-bootstrap-expect=3"], "'bootstrap_expect > 0' not allowed in dev mode"),
        (
            &["-dev", "-hcl", "nosuch = 1"],
            "failed to parse -hcl[0]: 1 error occurred:\n\t* invalid config key nosuch, at \
             -hcl[0]:1:1; the nearest known key is node_id",
        ),
    ];
    for (line, complaint) in cases {
        let errors = agent(line, &[]).map(|loaded| loaded.config).unwrap_err();
        assert_eq!(errors.to_string(), complaint, "{line:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_found_at_once() {
    let files = [
        ("a.hcl", "nosuch = 1\nbootstrap_expect = 3\nlog_level = \"loud\""),
        ("b.hcl", "server = 1\nports { http = 70000 }"),
    ];
    let errors = agent(&["-config-file=a.hcl", "-config-file=b.hcl"], &files).unwrap_err();
    insta::assert_snapshot!(errors.to_string());
}

#[test]
fn no_secret_is_shown() {
    let loaded = check(
        r#"encrypt = "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s="
           acl { tokens { agent = "s3cret" } } service { name = "a" token = "s3cret" }
           connect { ca_provider = "vault" ca_config { Token = "s3cret" } }"#,
    )
    .unwrap();
    let shown = format!("{loaded:?} {:?}", args(&["-encrypt=s3cret"]));
    assert!(!shown.contains("s3cret") && !shown.contains("pUqJrVy"), "{shown}");
}

/// Anything under any key, as the files that people write by mistake hold.
fn odd_values() -> impl Strategy<Value = String> {
    let odd = [
        "true",
        "-1",
        "0",
        "99999999999999",
        "1.5",
        "\"\"",
        "\"x\"",
        "\"::\"",
        "\"0.0.0.0\"",
        "\"unix://\"",
        "\"{{ GetPrivateIP }}\"",
        "\"-5s\"",
        "\"/\"",
        "[]",
        "[1]",
        "[\"x\"]",
        "{}",
        "[{}]",
        "{ a = 1 }",
        "{ a { b = \"c\" } }",
        "[{ name = \"a\" check { ttl = \"1s\" } }]",
    ];
    prop::sample::select(odd.to_vec()).prop_map(str::to_owned)
}

fn to_hcl(key: &str, value: &str) -> String {
    let blocks: Vec<&str> = key.split('.').collect();
    let (last, blocks) = blocks.split_last().unwrap();
    let open: String = blocks.iter().map(|block| format!("{block} {{ ")).collect();
    format!("{open}{last} = {value}{}", " }".repeat(blocks.len()))
}

proptest! {
    #[test]
    fn no_value_of_any_key_makes_it_panic(
        settings in prop::collection::vec((prop::sample::select(keys()), odd_values()), 1..6)
    ) {
        let fragments: Vec<String> =
            settings.iter().map(|(key, value)| to_hcl(key, value)).collect();
        let args = AgentArgs { dev: true, hcl: fragments, ..AgentArgs::default() };
        let machine = Sandbox::new(&[]);
        if let Err(errors) = load(&args, &machine) {
            prop_assert!(!errors.to_string().is_empty());
        }
    }
}

fn keys() -> Vec<&'static str> {
    table::rows().map(|row| row.key).filter(|key| !key.ends_with("1.9")).collect()
}
