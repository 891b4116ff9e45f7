//! Service and check definitions of files, put into the spelling of the HTTP API: keys may come
//! as `enable_tag_override` or as `EnableTagOverride` and leave as the latter. What a definition
//! means, and whether it can be registered, is decided where the API's registrations are.
//! Invariant: the result holds only keys of these tables, each with a value of its type.

use serde_json::{Map, Value as Json};
use tribune_api::slips::edit_distance;

use super::schema::{Complaints, join};
use super::value::{Data, Value};

/// One key of a definition: its name in files, in the API, and what it holds.
struct Field {
    name: &'static str,
    api: &'static str,
    holds: Holds,
}

enum Holds {
    Bool,
    Int,
    Text,
    List,
    Map,
    /// Lists of texts by name: HTTP headers.
    ListMap,
    /// Any object, kept as it is.
    Object,
    Block(&'static [Field]),
    /// A service within a service.
    Service,
    Blocks(&'static [Field]),
    /// Blocks by name.
    Named(&'static [Field]),
}

/// A service definition as the API takes it.
pub fn service(path: &str, value: &Value, complaints: &mut Complaints) -> Map<String, Json> {
    let mut service = block(path, value, SERVICE, complaints);
    // `check` is one check to the API; a file may repeat the block.
    if let Some(Json::Array(mut checks)) = service.shift_remove("Check") {
        if checks.len() == 1 {
            service.extend(checks.pop().map(|check| ("Check".to_owned(), check)));
        } else if let Some(Json::Array(listed)) = service.get_mut("Checks") {
            checks.append(listed);
            *listed = checks;
        } else {
            service.insert("Checks".to_owned(), checks.into());
        }
    }
    service
}

/// A check definition as the API takes it: there its id is `ID`, in a service `CheckID`.
pub fn check(path: &str, value: &Value, complaints: &mut Complaints) -> Map<String, Json> {
    let fields = block(path, value, CHECK, complaints);
    let api_name = |key: String| if key == "CheckID" { "ID".to_owned() } else { key };
    fields.into_iter().map(|(key, value)| (api_name(key), value)).collect()
}

fn block(
    path: &str,
    value: &Value,
    fields: &'static [Field],
    complaints: &mut Complaints,
) -> Map<String, Json> {
    let mut read = Map::new();
    for member in complaints.object_members(path, value).unwrap_or_default() {
        let path = join(path, &member.key);
        let Some(field) = fields.iter().find(|field| plain(field.name) == plain(&member.key))
        else {
            let nearest = || {
                let block = path.strip_suffix(&member.key).unwrap_or("");
                format!("{block}{}", nearest(&member.key, fields))
            };
            complaints.unknown(path.clone(), member.position, nearest);
            continue;
        };
        if let Some(json) = field_value(field, &path, &member.value, complaints) {
            match (read.get_mut(field.api), json) {
                (Some(Json::Array(earlier)), Json::Array(later)) => earlier.extend(later),
                (Some(Json::Object(earlier)), Json::Object(later)) => earlier.extend(later),
                (_, json) => {
                    read.insert(field.api.to_owned(), json);
                }
            }
        }
    }
    read
}

fn field_value(
    field: &Field,
    path: &str,
    value: &Value,
    complaints: &mut Complaints,
) -> Option<Json> {
    if value.data == Data::Null {
        return None;
    }
    Some(match field.holds {
        Holds::Bool => complaints.bool(path, value)?.into(),
        Holds::Int => complaints.int(path, value)?.into(),
        Holds::Text => complaints.text(path, value)?.into(),
        Holds::List => complaints.list(path, value)?.into(),
        Holds::Map => {
            let pairs = complaints.map(path, value)?.into_iter();
            Json::Object(pairs.map(|(key, text)| (key, text.into())).collect())
        }
        Holds::ListMap => {
            let mut lists = Map::new();
            for member in complaints.object_members(path, value)? {
                let path = format!("{path}[{}]", member.key);
                let list = complaints.list(&path, &member.value)?;
                lists.insert(member.key.clone(), list.into());
            }
            Json::Object(lists)
        }
        Holds::Object => {
            let members = complaints.object_members(path, value)?;
            Json::Object(members.iter().map(|m| (m.key.clone(), m.value.to_json())).collect())
        }
        Holds::Block(fields) => Json::Object(block(path, value, fields, complaints)),
        Holds::Service => Json::Object(service(path, value, complaints)),
        Holds::Blocks(fields) => {
            let mut blocks = Vec::new();
            let is_list = matches!(value.data, Data::List(_));
            for (at, object) in complaints.objects(path, value)?.into_iter().enumerate() {
                let path = if is_list { format!("{path}[{at}]") } else { path.to_owned() };
                blocks.push(Json::Object(block(&path, object, fields, complaints)));
            }
            blocks.into()
        }
        Holds::Named(fields) => {
            let mut named = Map::new();
            for member in complaints.object_members(path, value)? {
                let path = join(path, &member.key);
                let entry = block(&path, &member.value, fields, complaints);
                named.insert(member.key.clone(), Json::Object(entry));
            }
            Json::Object(named)
        }
    })
}

/// `EnableTagOverride` and `enable_tag_override` are the same key.
fn plain(key: &str) -> String {
    key.to_lowercase().replace('_', "")
}

fn nearest(key: &str, fields: &[Field]) -> &'static str {
    let distance = |field: &&Field| edit_distance(&plain(key), &plain(field.name));
    fields.iter().min_by_key(distance).map_or("", |field| field.name)
}

/// Fields as a table: `"name in files" "NameInTheApi" Holds;`.
macro_rules! fields {
    ($($name:literal $api:literal $holds:ident $(($inner:ident))?;)*) => {
        &[$(Field { name: $name, api: $api, holds: Holds::$holds$(($inner))? }),*]
    };
}

const SERVICE: &[Field] = fields! {
    "id" "ID" Text;
    "name" "Name" Text;
    "kind" "Kind" Text;
    "tags" "Tags" List;
    "address" "Address" Text;
    "tagged_addresses" "TaggedAddresses" Named(TAGGED_ADDRESS);
    "socket_path" "SocketPath" Text;
    "meta" "Meta" Map;
    "port" "Port" Int;
    "ports" "Ports" Blocks(PORT);
    "check" "Check" Blocks(CHECK);
    "checks" "Checks" Blocks(CHECK);
    "token" "Token" Text;
    "weights" "Weights" Block(WEIGHTS);
    "enable_tag_override" "EnableTagOverride" Bool;
    "proxy" "Proxy" Block(PROXY);
    "connect" "Connect" Block(CONNECT);
    "locality" "Locality" Block(LOCALITY);
    "namespace" "Namespace" Text;
    "partition" "Partition" Text;
};

const CHECK: &[Field] = fields! {
    "id" "CheckID" Text;
    "check_id" "CheckID" Text;
    "name" "Name" Text;
    "notes" "Notes" Text;
    "service_id" "ServiceID" Text;
    "token" "Token" Text;
    "status" "Status" Text;
    "args" "Args" List;
    "script_args" "Args" List;
    "http" "HTTP" Text;
    "header" "Header" ListMap;
    "method" "Method" Text;
    "body" "Body" Text;
    "disable_redirects" "DisableRedirects" Bool;
    "output_max_size" "OutputMaxSize" Int;
    "tcp" "TCP" Text;
    "tcp_use_tls" "TCPUseTLS" Bool;
    "udp" "UDP" Text;
    "interval" "Interval" Text;
    "docker_container_id" "DockerContainerID" Text;
    "shell" "Shell" Text;
    "grpc" "GRPC" Text;
    "grpc_use_tls" "GRPCUseTLS" Bool;
    "h2ping" "H2PING" Text;
    "h2ping_use_tls" "H2PingUseTLS" Bool;
    "os_service" "OSService" Text;
    "tls_server_name" "TLSServerName" Text;
    "tls_skip_verify" "TLSSkipVerify" Bool;
    "alias_node" "AliasNode" Text;
    "alias_service" "AliasService" Text;
    "timeout" "Timeout" Text;
    "ttl" "TTL" Text;
    "success_before_passing" "SuccessBeforePassing" Int;
    "failures_before_warning" "FailuresBeforeWarning" Int;
    "failures_before_critical" "FailuresBeforeCritical" Int;
    "deregister_critical_service_after" "DeregisterCriticalServiceAfter" Text;
    "namespace" "Namespace" Text;
    "partition" "Partition" Text;
};

const TAGGED_ADDRESS: &[Field] = fields! {
    "address" "Address" Text;
    "port" "Port" Int;
};

const PORT: &[Field] = fields! {
    "name" "Name" Text;
    "port" "Port" Int;
    "default" "Default" Bool;
};

const WEIGHTS: &[Field] = fields! {
    "passing" "Passing" Int;
    "warning" "Warning" Int;
};

const LOCALITY: &[Field] = fields! {
    "region" "Region" Text;
    "zone" "Zone" Text;
};

const CONNECT: &[Field] = fields! {
    "native" "Native" Bool;
    "sidecar_service" "SidecarService" Service;
};

const PROXY: &[Field] = fields! {
    "destination_service_name" "DestinationServiceName" Text;
    "destination_service_id" "DestinationServiceID" Text;
    "local_service_address" "LocalServiceAddress" Text;
    "local_service_port" "LocalServicePort" Int;
    "local_service_socket_path" "LocalServiceSocketPath" Text;
    "mode" "Mode" Text;
    "transparent_proxy" "TransparentProxy" Block(TRANSPARENT_PROXY);
    "config" "Config" Object;
    "upstreams" "Upstreams" Blocks(UPSTREAM);
    "mesh_gateway" "MeshGateway" Block(MESH_GATEWAY);
    "expose" "Expose" Block(EXPOSE);
    "access_logs" "AccessLogs" Block(ACCESS_LOGS);
    "envoy_extensions" "EnvoyExtensions" Blocks(ENVOY_EXTENSION);
};

const UPSTREAM: &[Field] = fields! {
    "destination_type" "DestinationType" Text;
    "destination_namespace" "DestinationNamespace" Text;
    "destination_partition" "DestinationPartition" Text;
    "destination_peer" "DestinationPeer" Text;
    "destination_name" "DestinationName" Text;
    "datacenter" "Datacenter" Text;
    "local_bind_address" "LocalBindAddress" Text;
    "local_bind_port" "LocalBindPort" Int;
    "local_bind_socket_path" "LocalBindSocketPath" Text;
    "local_bind_socket_mode" "LocalBindSocketMode" Text;
    "config" "Config" Object;
    "mesh_gateway" "MeshGateway" Block(MESH_GATEWAY);
};

const MESH_GATEWAY: &[Field] = fields! {
    "mode" "Mode" Text;
};

const TRANSPARENT_PROXY: &[Field] = fields! {
    "outbound_listener_port" "OutboundListenerPort" Int;
    "dialed_directly" "DialedDirectly" Bool;
};

const EXPOSE: &[Field] = fields! {
    "checks" "Checks" Bool;
    "paths" "Paths" Blocks(EXPOSE_PATH);
};

const EXPOSE_PATH: &[Field] = fields! {
    "path" "Path" Text;
    "listener_port" "ListenerPort" Int;
    "local_path_port" "LocalPathPort" Int;
    "protocol" "Protocol" Text;
};

const ACCESS_LOGS: &[Field] = fields! {
    "enabled" "Enabled" Bool;
    "disable_listener_logs" "DisableListenerLogs" Bool;
    "type" "Type" Text;
    "path" "Path" Text;
    "json_format" "JSONFormat" Text;
    "text_format" "TextFormat" Text;
};

const ENVOY_EXTENSION: &[Field] = fields! {
    "name" "Name" Text;
    "required" "Required" Bool;
    "arguments" "Arguments" Object;
    "consul_version" "ConsulVersion" Text;
    "envoy_version" "EnvoyVersion" Text;
};

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tribune_api::agent::{CheckRegistration, ServiceDefinition};
    use tribune_api::decode::{Unknown, from_value};
    use tribune_api::shape::{self, Kind, Part, Way};

    use super::super::{hcl, json};
    use super::*;

    fn read(value: &Value) -> String {
        let mut complaints = Complaints::default();
        let service = service("service", value, &mut complaints);
        Json::Object(service).to_string()
    }

    #[test]
    fn files_and_the_api_spell_the_same_service() {
        let snake = r#"
            name = "web" port = 80 tags = ["a"] enable_tag_override = true
            meta { CamelKey = "kept" }
            tagged_addresses { lan { address = "1.2.3.4" port = 1 } }
            weights { passing = 2 }
            check { http = "http://x" interval = "10s" header { Host = ["a"] } }
            connect { sidecar_service {} }
            proxy { upstreams = [{ destination_name = "db" local_bind_port = 1 }]
                    config { any_key = 1 } }
        "#;
        let camel = r#"{"Name":"web","Port":80,"Tags":["a"],"EnableTagOverride":true,
            "Meta":{"CamelKey":"kept"},
            "TaggedAddresses":{"lan":{"Address":"1.2.3.4","Port":1}},
            "Weights":{"Passing":2},
            "Connect":{"SidecarService":{}},
            "Proxy":{"Upstreams":[{"DestinationName":"db","LocalBindPort":1}],
                     "Config":{"any_key":1}},
            "Check":{"HTTP":"http://x","Interval":"10s","Header":{"Host":["a"]}}}"#;
        let expected: Json = serde_json::from_str(camel).unwrap();
        assert_eq!(read(&hcl::parse(snake).unwrap()), expected.to_string());
        assert_eq!(read(&json::parse(camel).unwrap()), expected.to_string());
    }

    #[test]
    fn repeated_check_blocks_become_checks() {
        let tree = hcl::parse(r#"check { ttl = "1s" } check { ttl = "2s" }"#).unwrap();
        assert_eq!(read(&tree), r#"{"Checks":[{"TTL":"1s"},{"TTL":"2s"}]}"#);
    }

    #[test]
    fn the_id_of_a_check_has_two_names() {
        let tree = hcl::parse(r#"id = "x" script_args = ["a"]"#).unwrap();
        let check = check("check", &tree, &mut Complaints::default());
        assert_eq!(Json::Object(check).to_string(), r#"{"ID":"x","Args":["a"]}"#);
    }

    /// The fields of the API that a file has no key for since they are the servers' own, that it
    /// has under their other name, and that it reads closer.
    const NOT_AS_IN_FILES: [&str; 5] =
        ["ParsedFromCheck", "PeerMeta", "ScriptArgs", "ID", "EnvoyExtensions"];

    fn through_a_file<T>(parts: &[Part], read: impl Fn(&Value, &mut Complaints) -> Json)
    where
        T: serde::de::DeserializeOwned + Default + PartialEq + std::fmt::Debug,
    {
        for part in parts {
            let Some(name) = part.way.iter().rev().find_map(field_name) else { continue };
            if part.way.iter().filter_map(field_name).any(|own| NOT_AS_IN_FILES.contains(&own)) {
                continue;
            }
            for choose in 0..RIGHT {
                let mut sent = Json::Null;
                shape::put(&mut sent, &part.way, right(part.kind, choose), 0);
                let mut complaints = Complaints::default();
                let json = read(&json::parse(&sent.to_string()).unwrap(), &mut complaints);
                assert_eq!(complaints.texts(), Vec::<String>::new(), "{sent}");
                let from_file = from_value::<T>(json.clone(), Unknown::Refuse);
                let from_api = from_value::<T>(sent.clone(), Unknown::Refuse);
                assert_eq!(from_file, from_api, "{sent} became {json}");
            }
            for wrong in [json!({"a": true}), json!([[1]]), json!(true), json!(1.5), json!("x")] {
                let mut sent = Json::Null;
                shape::put(&mut sent, &part.way, wrong, 0);
                if from_value::<T>(sent.clone(), Unknown::Refuse).is_ok() {
                    continue;
                }
                let mut complaints = Complaints::default();
                let json = read(&json::parse(&sent.to_string()).unwrap(), &mut complaints);
                let texts = complaints.texts();
                // Texts that are no durations are looked at when all is known of the check.
                let is_later = from_value::<T>(json, Unknown::Refuse).is_err();
                let is_named = texts.iter().any(|text| text.contains(name));
                assert!(is_named || (texts.is_empty() && is_later), "{sent}: {texts:?}");
            }
        }
    }

    fn field_name(step: &Way) -> Option<&'static str> {
        match step {
            Way::Field(name, _) => Some(*name),
            _ => None,
        }
    }

    const RIGHT: usize = 2;

    fn right(kind: Kind, choose: usize) -> Json {
        let pair = match kind {
            Kind::Bool => [json!(true), json!(false)],
            Kind::Whole(..) => [json!(7), json!(-7)],
            Kind::Float => [json!(1.5), json!(-2.5)],
            Kind::Text => [json!("é\u{0}\"\\"), json!("")],
            Kind::List => [json!([]), json!([])],
            Kind::Map | Kind::Object => [json!({}), json!({})],
            Kind::Own => [json!("10s"), json!("1h30m")],
        };
        pair[choose % RIGHT].clone()
    }

    #[test]
    fn every_field_of_the_api_can_stand_in_a_file_and_a_wrong_one_is_named() {
        let parts = shape::parts::<ServiceDefinition>().unwrap();
        through_a_file::<ServiceDefinition>(&parts, |value, complaints| {
            Json::Object(service("service", value, complaints))
        });
        let parts = shape::parts::<CheckRegistration>().unwrap();
        through_a_file::<CheckRegistration>(&parts, |value, complaints| {
            Json::Object(check("check", value, complaints))
        });
    }
}
