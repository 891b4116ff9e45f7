//! What readers are shown of a few known numbers.

use proptest::prelude::*;
use tribune_api::json::{Layout, to_json};

use super::*;
use crate::http::tests::memory::MemoryCluster;

pub fn config() -> TelemetryConfig {
    TelemetryConfig {
        metrics_prefix: "consul".to_owned(),
        disable_hostname: false,
        filter_default: true,
        prefix_filter: Vec::new(),
        prometheus_retention: Duration::from_secs(60),
        statsd_address: None,
        statsite_address: None,
        dogstatsd_address: None,
        dogstatsd_tags: Vec::new(),
        enable_host_metrics: false,
    }
}

fn telemetry(config: &TelemetryConfig) -> Telemetry {
    let registry = Registry::new();
    registry.gauge("runtime.num_goroutines", Labels::new()).set(7.0);
    registry.counter("raft.apply", Labels::new()).add(3);
    let labels = vec![("method", "GET".to_owned()), ("path", "v1.kv._".to_owned())];
    registry.sample("api.http", labels).record(2.0);
    Telemetry::new(registry, config, "machine")
}

#[test]
fn json_has_consuls_names_and_types() {
    let summary = telemetry(&config()).summary();
    let json = String::from_utf8(to_json(&summary, Layout::Compact)).unwrap();
    let (time, rest) = json.split_once(",\"Gauges\"").unwrap();
    assert!(time.ends_with(" +0000 UTC\""), "{time}");
    let expected = concat!(
        r#":[{"Name":"consul.machine.runtime.num_goroutines","Value":7,"Labels":{}}],"Points":[],"#,
        r#""Counters":[{"Name":"consul.raft.apply","Count":1,"Rate":0.3,"Sum":3,"Min":3,"Max":3,"#,
        r#""Mean":3,"Stddev":0,"Labels":{}}],"#,
        r#""Samples":[{"Name":"consul.api.http","Count":1,"Rate":0.2,"Sum":2,"Min":2,"Max":2,"#,
        r#""Mean":2,"Stddev":0,"Labels":{"method":"GET","path":"v1.kv._"}}]}"#,
    );
    assert_eq!(rest, expected);
}

#[test]
fn prometheus_reads_underscores_and_summaries_without_the_hosts_name() {
    let text = telemetry(&config()).prometheus().unwrap();
    let own: Vec<&str> = text.lines().take_while(|line| !line.contains("process_")).collect();
    assert_eq!(
        own,
        [
            "# HELP consul_runtime_num_goroutines consul_runtime_num_goroutines",
            "# TYPE consul_runtime_num_goroutines gauge",
            "consul_runtime_num_goroutines 7",
            "# HELP consul_raft_apply consul_raft_apply",
            "# TYPE consul_raft_apply counter",
            "consul_raft_apply 3",
            "# HELP consul_api_http consul_api_http",
            "# TYPE consul_api_http summary",
            "consul_api_http{method=\"GET\",path=\"v1.kv._\",quantile=\"0.5\"} 2",
            "consul_api_http{method=\"GET\",path=\"v1.kv._\",quantile=\"0.9\"} 2",
            "consul_api_http{method=\"GET\",path=\"v1.kv._\",quantile=\"0.99\"} 2",
            "consul_api_http_sum{method=\"GET\",path=\"v1.kv._\"} 2",
            "consul_api_http_count{method=\"GET\",path=\"v1.kv._\"} 1",
        ]
    );
    assert!(text.contains("\nprocess_open_fds "), "{text}");
}

#[test]
fn without_retention_prometheus_is_given_nothing() {
    let off = TelemetryConfig { prometheus_retention: Duration::ZERO, ..config() };
    assert_eq!(telemetry(&off).prometheus(), None);
}

#[test]
fn filters_can_be_changed_and_the_longest_decides() {
    let shown = |telemetry: &Telemetry| {
        let summary = telemetry.summary();
        let names = summary.counters.iter().chain(&summary.samples).map(|row| row.name.clone());
        names.collect::<Vec<_>>()
    };
    let filter = |rules: &[&str], filter_default| TelemetryConfig {
        prefix_filter: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        filter_default,
        ..config()
    };
    let telemetry = telemetry(&filter(&["-consul.raft"], true));
    assert_eq!(shown(&telemetry), ["consul.api.http"]);
    telemetry.reload(&filter(&["-consul.raft", "+consul.raft.apply"], false));
    assert_eq!(shown(&telemetry), ["consul.raft.apply"]);
    telemetry.reload(&filter(&["-consul.raft.apply", "+consul.raft.apply"], true));
    assert_eq!(shown(&telemetry), ["consul.api.http"]);
}

#[test]
fn what_cannot_be_written_yet_is_counted_as_none() {
    let registry = Registry::new();
    let watched = gauges::Watched {
        cluster: Arc::new(MemoryCluster::new()),
        datacenter: "dc1".to_owned(),
        host: false,
        data_path: "/".into(),
        certificate_ends: Arc::new(|| None),
    };
    gauges::register(&registry, watched);
    let text = Telemetry::new(registry, &config(), "machine").prometheus().unwrap();
    for line in [
        "consul_state_peerings{datacenter=\"dc1\"} 0",
        "consul_state_config_entries{datacenter=\"dc1\",kind=\"service-defaults\"} 0",
        "consul_state_nodes{datacenter=\"dc1\"} 0",
        "consul_runtime_heap_objects 0",
    ] {
        assert!(text.lines().any(|own| own == line), "{line} not in {text}");
    }
    // Without a root there is no end of one.
    assert!(!text.contains("_ca_expiry"), "{text}");
}

#[test]
fn a_dump_is_a_line_for_each_series() {
    let dump = telemetry(&config()).dump();
    let lines: Vec<&str> =
        dump.lines().filter_map(|line| line.split_once("][")).map(|l| l.1).collect();
    assert_eq!(lines[0], "G] 'consul.machine.runtime.num_goroutines': 7.000");
    assert!(lines[1].starts_with("C] 'consul.raft.apply': Count: 1 Min: 3.000"), "{dump}");
    assert!(lines[2].starts_with("S] 'consul.api.http.GET.v1.kv._': Count: 1"), "{dump}");
}

proptest! {
    #[test]
    fn any_label_leaves_one_row_a_line(value: String) {
        let registry = Registry::new();
        registry.counter("c", vec![("service", value)]).incr();
        let telemetry = Telemetry::new(registry, &config(), "machine");
        let text = telemetry.prometheus().unwrap();
        let own: Vec<&str> = text.split('\n').take(4).collect();
        let row = own[2].starts_with("consul_c{service=\"") && own[2].ends_with("\"} 1");
        prop_assert!(row, "{}", own[2]);
        prop_assert!(own[3].starts_with("# HELP process_"), "{}", own[3]);
    }

    #[test]
    fn any_filter_rule_is_taken(rules in prop::collection::vec(".{0,6}", 0..4), name: String) {
        let config = TelemetryConfig { prefix_filter: rules, ..config() };
        let _ = Filter::new(&config).allows(&name);
    }
}
