//! Objects in the form in which Consul's client hands them to a watch: its fields in its order,
//! absent ones at zero. Handlers and `watch` without a handler print these.
//! Invariant: a shaped value depends on nothing but the answer, so equal values are no change.
//!
//! Source: transcripts/cli/watch.txt; for what is not recorded, what the Go client printed of the
//! same answers.

use serde_json::{Map, Value};
use tribune_api::proxy::{AgentProxy, ConnectProxy};

/// One field of an object.
struct Field {
    name: &'static str,
    holds: Holds,
    /// Left out when it holds nothing.
    is_optional: bool,
}

/// What a field holds, and so what it shows when the answer has none.
enum Holds {
    Text,
    Number,
    Bool,
    /// A duration as text.
    Span,
    /// A list, a map or bytes, shown as they are; absent they are null.
    Any,
    /// A value that is left out only if the answer has none: an empty one is shown.
    Whole,
    /// As [`Holds::Whole`], in the form in which an agent shows a proxy's settings.
    Proxy,
    Object(&'static [Field]),
    List(&'static [Field]),
    /// Objects by name.
    Named(&'static [Field]),
}

const fn field(name: &'static str, holds: Holds) -> Field {
    Field { name, holds, is_optional: false }
}

const fn optional(name: &'static str, holds: Holds) -> Field {
    Field { name, holds, is_optional: true }
}

/// Objects as Consul's client prints them.
#[derive(Clone, Copy)]
pub(super) struct Shape(&'static [Field]);

impl Shape {
    /// The object with exactly the fields of the shape; anything else stays as it is.
    pub(super) fn of(self, value: &Value) -> Value {
        match value {
            Value::Object(members) => object(self.0, members),
            other => other.clone(),
        }
    }

    /// Each element of a list; null is an empty one.
    pub(super) fn of_list(self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.of(item)).collect(),
            Value::Null => Value::Array(Vec::new()),
            other => other.clone(),
        }
    }
}

fn object(fields: &[Field], members: &Map<String, Value>) -> Value {
    let shown = fields.iter().filter_map(|field| {
        let value = shaped(&field.holds, members.get(field.name).unwrap_or(&Value::Null));
        let is_left_out = field.is_optional && is_nothing(&field.holds, &value);
        (!is_left_out).then(|| (field.name.to_owned(), value))
    });
    Value::Object(shown.collect())
}

fn shaped(holds: &Holds, value: &Value) -> Value {
    match (holds, value) {
        (Holds::Text, Value::Null) => Value::String(String::new()),
        (Holds::Number, Value::Null) => 0.into(),
        (Holds::Bool, Value::Null) => false.into(),
        (Holds::Span, Value::Null) => "0s".into(),
        (Holds::Object(fields), Value::Null) => object(fields, &Map::new()),
        (Holds::Object(fields), Value::Object(members)) => object(fields, members),
        (Holds::List(fields), Value::Array(_)) => Shape(fields).of_list(value),
        (Holds::Named(fields), Value::Object(members)) => {
            let by_name = members.iter().map(|(name, one)| (name.clone(), Shape(fields).of(one)));
            Value::Object(sorted(by_name.collect()))
        }
        (Holds::Proxy, Value::Object(_)) => {
            // What is no proxy is shown as it is.
            let proxy = serde_json::from_value::<ConnectProxy>(value.clone());
            let shown = proxy.and_then(|proxy| serde_json::to_value(AgentProxy::from(proxy)));
            with_sorted_settings(shown.unwrap_or_else(|_| value.clone()), false)
        }
        // Go prints maps by key.
        (Holds::Any, Value::Object(members)) => Value::Object(sorted(members.clone())),
        (_, other) => other.clone(),
    }
}

/// The value with every map below a `Config` by name: what stands there is anybody's.
fn with_sorted_settings(value: Value, is_settings: bool) -> Value {
    let inner = |(key, value): (String, Value)| {
        let is_settings = is_settings || key == "Config";
        (key, with_sorted_settings(value, is_settings))
    };
    match value {
        Value::Object(members) => {
            let members: Map<String, Value> = members.into_iter().map(inner).collect();
            Value::Object(if is_settings { sorted(members) } else { members })
        }
        Value::Array(items) => {
            items.into_iter().map(|item| with_sorted_settings(item, is_settings)).collect()
        }
        other => other,
    }
}

fn is_nothing(holds: &Holds, value: &Value) -> bool {
    match value {
        Value::Null => true,
        _ if matches!(holds, Holds::Whole | Holds::Proxy) => false,
        Value::Bool(truth) => !truth,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Members by name, as Go prints a map.
pub(super) fn sorted(members: Map<String, Value>) -> Map<String, Value> {
    let mut pairs: Vec<_> = members.into_iter().collect();
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs.into_iter().collect()
}

pub(super) const KV_PAIR: Shape = Shape(&[
    field("Key", Holds::Text),
    field("CreateIndex", Holds::Number),
    field("ModifyIndex", Holds::Number),
    field("LockIndex", Holds::Number),
    field("Flags", Holds::Number),
    field("Value", Holds::Any),
    field("Session", Holds::Text),
    optional("Namespace", Holds::Text),
    optional("Partition", Holds::Text),
]);

pub(super) const NODE: Shape = Shape(NODE_FIELDS);

const NODE_FIELDS: &[Field] = &[
    field("ID", Holds::Text),
    field("Node", Holds::Text),
    field("Address", Holds::Text),
    field("Datacenter", Holds::Text),
    field("TaggedAddresses", Holds::Any),
    field("Meta", Holds::Any),
    field("CreateIndex", Holds::Number),
    field("ModifyIndex", Holds::Number),
    optional("Partition", Holds::Text),
    optional("PeerName", Holds::Text),
    optional("Locality", Holds::Any),
];

pub(super) const CHECK: Shape = Shape(CHECK_FIELDS);

const CHECK_FIELDS: &[Field] = &[
    field("Node", Holds::Text),
    field("CheckID", Holds::Text),
    field("Name", Holds::Text),
    field("Status", Holds::Text),
    field("Notes", Holds::Text),
    field("Output", Holds::Text),
    field("ServiceID", Holds::Text),
    field("ServiceName", Holds::Text),
    field("ServiceTags", Holds::Any),
    field("Type", Holds::Text),
    optional("Namespace", Holds::Text),
    optional("Partition", Holds::Text),
    field("ExposedPort", Holds::Number),
    optional("PeerName", Holds::Text),
    field("Definition", Holds::Object(CHECK_DEFINITION_FIELDS)),
    field("CreateIndex", Holds::Number),
    field("ModifyIndex", Holds::Number),
];

const CHECK_DEFINITION_FIELDS: &[Field] = &[
    field("Interval", Holds::Span),
    field("Timeout", Holds::Span),
    field("DeregisterCriticalServiceAfter", Holds::Span),
    field("HTTP", Holds::Text),
    field("Header", Holds::Any),
    field("Method", Holds::Text),
    field("Body", Holds::Text),
    field("TLSServerName", Holds::Text),
    field("TLSSkipVerify", Holds::Bool),
    field("TCP", Holds::Text),
    field("TCPUseTLS", Holds::Bool),
    field("UDP", Holds::Text),
    field("GRPC", Holds::Text),
    field("OSService", Holds::Text),
    field("GRPCUseTLS", Holds::Bool),
];

/// A service of an agent, and the service of an instance.
pub(super) const SERVICE: Shape = Shape(SERVICE_FIELDS);

const SERVICE_FIELDS: &[Field] = &[
    optional("Kind", Holds::Text),
    field("ID", Holds::Text),
    field("Service", Holds::Text),
    field("Tags", Holds::Any),
    field("Meta", Holds::Any),
    field("Port", Holds::Number),
    optional("Ports", Holds::Any),
    field("Address", Holds::Text),
    optional("SocketPath", Holds::Text),
    optional("TaggedAddresses", Holds::Named(ADDRESS_FIELDS)),
    field("Weights", Holds::Object(WEIGHTS_FIELDS)),
    field("EnableTagOverride", Holds::Bool),
    optional("CreateIndex", Holds::Number),
    optional("ModifyIndex", Holds::Number),
    optional("ContentHash", Holds::Text),
    optional("Proxy", Holds::Proxy),
    optional("Connect", Holds::Whole),
    optional("PeerName", Holds::Text),
    optional("Namespace", Holds::Text),
    optional("Partition", Holds::Text),
    optional("Datacenter", Holds::Text),
    optional("Locality", Holds::Any),
];

const ADDRESS_FIELDS: &[Field] = &[field("Address", Holds::Text), field("Port", Holds::Number)];

const WEIGHTS_FIELDS: &[Field] =
    &[field("Passing", Holds::Number), field("Warning", Holds::Number)];

/// An instance with its node and checks.
pub(super) const ENTRY: Shape = Shape(&[
    field("Node", Holds::Object(NODE_FIELDS)),
    field("Service", Holds::Object(SERVICE_FIELDS)),
    field("Checks", Holds::List(CHECK_FIELDS)),
]);

pub(super) const EVENT: Shape = Shape(&[
    field("ID", Holds::Text),
    field("Name", Holds::Text),
    field("Payload", Holds::Any),
    field("NodeFilter", Holds::Text),
    field("ServiceFilter", Holds::Text),
    field("TagFilter", Holds::Text),
    field("Version", Holds::Number),
    field("LTime", Holds::Number),
]);

pub(super) const ROOTS: Shape = Shape(&[
    field("ActiveRootID", Holds::Text),
    field("TrustDomain", Holds::Text),
    field("Roots", Holds::List(ROOT_FIELDS)),
]);

const ROOT_FIELDS: &[Field] = &[
    field("ID", Holds::Text),
    field("Name", Holds::Text),
    field("RootCert", Holds::Text),
    field("Active", Holds::Bool),
    field("CreateIndex", Holds::Number),
    field("ModifyIndex", Holds::Number),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use tribune_api::json::{Layout, to_json};

    use super::*;

    fn shown(shape: Shape, value: &Value) -> String {
        String::from_utf8(to_json(&shape.of(value), Layout::Compact)).unwrap()
    }

    /// Compared with what the Go client prints of the same answers.
    #[test]
    fn objects_have_the_fields_of_consuls_client_in_its_order() {
        let instance = json!({
            "Node": {"Node": "n", "ID": "i", "Meta": {"b": "2", "a": "1"}, "Extra": 1},
            "Service": {
                "ID": "p", "Service": "proxy", "Kind": "connect-proxy", "Tags": null, "Port": 1,
                "Weights": {"Passing": 1, "Warning": 1}, "PeerName": "", "Connect": {},
                "Proxy": {"Mode": "", "MeshGateway": {}, "Expose": {}, "Config": {"x": 1, "a": 2}},
            },
            "Checks": [{"CheckID": "c", "Interval": "1s", "Definition": {}}],
        });
        let expected = concat!(
            r#"{"Node":{"ID":"i","Node":"n","Address":"","Datacenter":"","TaggedAddresses":null,"#,
            r#""Meta":{"a":"1","b":"2"},"CreateIndex":0,"ModifyIndex":0},"#,
            r#""Service":{"Kind":"connect-proxy","ID":"p","Service":"proxy","Tags":null,"#,
            r#""Meta":null,"Port":1,"Address":"","Weights":{"Passing":1,"Warning":1},"#,
            r#""EnableTagOverride":false,"#,
            r#""Proxy":{"Config":{"a":2,"x":1},"MeshGateway":{},"Expose":{}},"Connect":{}},"#,
            r#""Checks":[{"Node":"","CheckID":"c","Name":"","Status":"","Notes":"","Output":"","#,
            r#""ServiceID":"","ServiceName":"","ServiceTags":null,"Type":"","ExposedPort":0,"#,
            r#""Definition":{"Interval":"0s","Timeout":"0s","#,
            r#""DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","#,
            r#""Body":"","TLSServerName":"","TLSSkipVerify":false,"TCP":"","TCPUseTLS":false,"#,
            r#""UDP":"","GRPC":"","OSService":"","GRPCUseTLS":false},"#,
            r#""CreateIndex":0,"ModifyIndex":0}]}"#
        );
        assert_eq!(shown(ENTRY, &instance), expected);
    }

    proptest! {
        #[test]
        fn any_answer_has_a_shape_and_shaping_twice_changes_nothing(value in any_json()) {
            for shape in [KV_PAIR, NODE, CHECK, SERVICE, ENTRY, EVENT] {
                let once = shape.of_list(&value);
                prop_assert_eq!(&shape.of_list(&once), &once);
            }
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<u8>().prop_map(Into::into),
            "[a-c]{0,2}".prop_map(Into::into)
        ];
        let key = "(Node|Service|Checks|Meta|Tags|Weights|Proxy|Config|Upstreams|Definition|[a-c])";
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map(key, inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }
}
