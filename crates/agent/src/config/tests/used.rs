//! Every key that the table calls used is used: given another value, it changes a part of the
//! `RuntimeConfig` that something outside of the configuration reads. A key without a reader is
//! one that a user sets in vain, and that the start-up line "accepted, not used yet" must name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::super::table::{Kind, Row, rows};
use super::{agent, to_hcl};

/// Keys that only take effect beside others, and values for keys that do not take any.
const VALUES: &[(&str, &str)] = &[
    ("node_id", "node_id = \"4ab4b2a7-99a0-4a4c-8d3c-3a4b4b2a799a\""),
    ("tagged_addresses", "tagged_addresses { lan = \"10.0.0.1\" }"),
    ("bind_addr", "bind_addr = \"127.0.0.9\""),
    ("client_addr", "client_addr = \"127.0.0.9\""),
    ("addresses.dns", "addresses { dns = \"127.0.0.9\" }"),
    ("addresses.http", "addresses { http = \"127.0.0.9\" }"),
    ("addresses.https", "addresses { https = \"127.0.0.9\" } ports { https = 8501 }"),
    ("advertise_addr", "advertise_addr = \"10.0.0.9\""),
    ("advertise_addr_ipv4", "advertise_addr_ipv4 = \"10.0.0.9\""),
    ("advertise_addr_ipv6", "advertise_addr_ipv6 = \"fd00::9\""),
    ("advertise_addr_wan", "advertise_addr_wan = \"10.0.0.9\""),
    ("advertise_addr_wan_ipv4", "advertise_addr_wan_ipv4 = \"10.0.0.9\""),
    ("advertise_addr_wan_ipv6", "advertise_addr_wan_ipv6 = \"fd00::9\""),
    ("unix_sockets.mode", "unix_sockets { mode = \"0600\" }"),
    ("ports.server", "ports { server = 8310 }"),
    ("ports.https", "ports { https = 8501 }"),
    ("ports.sidecar_min_port", "ports { sidecar_min_port = 21001 }"),
    ("skip_leave_on_interrupt", "skip_leave_on_interrupt = false"),
    ("bootstrap", "bootstrap = true bootstrap_expect = 0"),
    ("log_level", "log_level = \"WARN\""),
    ("tls.defaults.tls_min_version", "tls { defaults { tls_min_version = \"TLSv1_3\" } }"),
    ("tls.https.tls_min_version", "tls { https { tls_min_version = \"TLSv1_3\" } }"),
    (
        "http_config.allow_write_http_from",
        "http_config { allow_write_http_from = [\"10.0.0.0/8\"] }",
    ),
    ("dns_config.service_ttl", "dns_config { service_ttl { web = \"5s\" } }"),
    ("flap.enabled", "flap { enabled = true }"),
    ("flap.penalty", "flap { enabled = true penalty = 7 }"),
    ("flap.half_life", "flap { enabled = true half_life = \"7s\" }"),
    ("flap.ceiling", "flap { enabled = true ceiling = 9000 }"),
    ("flap.suppress_threshold", "flap { enabled = true suppress_threshold = 2600 }"),
    ("flap.reuse_threshold", "flap { enabled = true reuse_threshold = 1100 }"),
    ("ui_config.content_path", "ui_config { content_path = \"/pages/\" }"),
];

/// What is set in both cases, where a key does not count otherwise.
const BESIDE: &[(&str, &str)] = &[
    ("advertise_addr_ipv6", "bind_addr = \"::1\""),
    ("advertise_addr_wan_ipv6", "bind_addr = \"::1\""),
];

/// Used without a reader.
const WITHOUT_READER: &[&str] = &[
    // Whatever it says holds: this agent never asks for new versions.
    "disable_update_check",
    // They are judged where they are read: only a single server is taken.
    "server",
    "bootstrap_expect",
];

/// Keys whose values are never shown, so that a change of them cannot be seen here; and the field
/// of the checks that each is part of.
const HIDDEN: &[(&str, &str)] = &[
    ("service", "services"),
    ("services", "services"),
    ("check", "checks"),
    ("checks", "checks"),
    ("watches", "watches"),
];

#[test]
fn every_key_that_counts_as_used_is_read_outside_of_the_configuration() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut unread = BTreeMap::new();
    for row in rows().filter(|row| row.used && row.alias_of.is_none()) {
        if WITHOUT_READER.contains(&row.key) {
            continue;
        }
        let changed = match HIDDEN.iter().find(|(key, _)| *key == row.key) {
            Some((_, name)) => BTreeSet::from([Field::new("checks", "ChecksConfig", name)]),
            None => {
                let beside = BESIDE.iter().find(|(key, _)| *key == row.key);
                let beside = beside.map_or("", |(_, hcl)| hcl);
                let both = format!("{beside}\n{}", fragment(row));
                difference(&fields(beside), &fields(&both))
            }
        };
        if !changed.iter().any(|field| sources.iter().any(|source| field.is_read_in(source))) {
            unread.insert(row.key, changed);
        }
    }
    assert!(unread.is_empty(), "marked as used, but nobody reads: {unread:#?}");
}

#[test]
fn a_field_that_nobody_reads_is_found() {
    let raft = Field::new("raft", "RaftConfig", "trailing_logs");
    for (source, expected) in [
        ("let kept = config.raft.trailing_logs;", true),
        ("fn f(own: &RaftConfig) { own.trailing_logs.into() }", true),
        ("fn f(own: &AutopilotConfig) { own.trailing_logs }", false),
        ("config.raft.trailing_logs_max", false),
        ("config.raft.max_trailing_logs", false),
        ("config.raft.trailing_logs()", false),
        ("let raft: RaftConfig = Default::default();", false),
    ] {
        assert_eq!(raft.is_read_in(source), expected, "{source}");
    }
}

/// A field of the configuration: the field and the type of the struct it is in, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Field {
    parent: String,
    parent_type: String,
    name: String,
}

impl Field {
    fn new(parent: &str, parent_type: &str, name: &str) -> Field {
        let [parent, parent_type, name] = [parent, parent_type, name].map(str::to_owned);
        Field { parent, parent_type, name }
    }

    /// Whether a file that knows the struct reads a field of this name.
    fn is_read_in(&self, source: &str) -> bool {
        let knows_it = has_word(source, &format!(".{}", self.parent), &[])
            || has_word(source, &self.parent_type, &[]);
        knows_it && has_word(source, &format!(".{}", self.name), &['('])
    }
}

/// Whether the text is there as a whole word, with none of these behind it.
fn has_word(source: &str, word: &str, not_before: &[char]) -> bool {
    let goes_on = |symbol: char| {
        symbol.is_ascii_alphanumeric() || symbol == '_' || not_before.contains(&symbol)
    };
    source.match_indices(word).any(|(at, _)| {
        let behind = source.get(at + word.len()..).unwrap_or_default();
        !behind.starts_with(goes_on)
    })
}

/// What stands in one and not, or otherwise, in the other.
fn difference(
    base: &BTreeMap<Vec<Field>, String>,
    other: &BTreeMap<Vec<Field>, String>,
) -> BTreeSet<Field> {
    let paths = base.keys().chain(other.keys());
    let differing = paths.filter(|path| base.get(*path) != other.get(*path));
    differing.filter_map(|path| path.last().cloned()).collect()
}

/// A line of HCL that gives the key another value than its default.
fn fragment(row: &Row) -> String {
    if let Some((_, hcl)) = VALUES.iter().find(|(key, _)| *key == row.key) {
        return (*hcl).to_owned();
    }
    let value = match row.kind {
        Kind::Bool => (row.default != "true").to_string(),
        Kind::Int => (row.default.parse().unwrap_or(0_i64) + 1).to_string(),
        Kind::Float => "7.5".to_owned(),
        Kind::Duration => "\"77s\"".to_owned(),
        Kind::Text | Kind::Secret => "\"other\"".to_owned(),
        Kind::List => "[\"other\"]".to_owned(),
        Kind::Map => "{ other = \"value\" }".to_owned(),
        Kind::Object | Kind::Objects | Kind::Services | Kind::Checks => {
            panic!("{} needs a value of its own", row.key)
        }
    };
    to_hcl(row.key, value.as_str())
}

/// Every field of a durable server's configuration, by its path, with its value as it is shown.
fn fields(hcl: &str) -> BTreeMap<Vec<Field>, String> {
    let fixed = "server = true data_dir = \"data\" bootstrap_expect = 1";
    let loaded = agent(&["-hcl", fixed, "-hcl", hcl], &[])
        .unwrap_or_else(|errors| panic!("{hcl}: {errors}"));
    let shown = format!("{:#?}", loaded.config);
    let mut fields = BTreeMap::<Vec<Field>, String>::new();
    // The structs around the line, by the field that holds each, and the field whose value it is.
    let mut within: Vec<(Field, &str)> = Vec::new();
    let mut value_of: Option<(usize, Vec<Field>)> = None;
    for line in shown.lines().skip(1) {
        let text = line.trim();
        let depth = (line.len() - text.len()) / SHOWN_INDENT;
        if let Some((value_depth, path)) = &value_of {
            if depth > *value_depth {
                fields.entry(path.clone()).or_default().push_str(text);
                continue;
            }
            value_of = None;
        }
        within.truncate(depth.saturating_sub(1));
        let Some((name, value)) = text.split_once(": ") else { continue };
        let (parent, parent_type) =
            within.last().map_or(("", "RuntimeConfig"), |(field, kind)| (&field.name, kind));
        let field = Field::new(parent, parent_type, name);
        let kind = value.strip_suffix(" {").filter(|kind| !kind.is_empty());
        if let Some(kind) = kind {
            within.push((field, kind));
            continue;
        }
        let path: Vec<Field> =
            within.iter().map(|(around, _)| around.clone()).chain([field]).collect();
        fields.insert(path.clone(), value.to_owned());
        value_of = Some((depth, path));
    }
    fields
}

const SHOWN_INDENT: usize = 4;

/// The files below a folder but for those of the configuration and of tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match name.as_str() {
            "config" if path.is_dir() && path.ends_with("src/config") => {}
            "tests" | "tests.rs" => {}
            _ if path.is_dir() => found.extend(sources(&path)),
            _ => found.push(fs::read_to_string(&path).unwrap()),
        }
    }
    found
}
