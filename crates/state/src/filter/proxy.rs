//! Fields of data that is kept as JSON: a proxy's settings in a row, or a noun of the wire.
//!
//! Nothing here knows what a proxy does. What the JSON leaves out has the empty value of its type.

use super::eval::{Fields, Pairs, StructRef, Value};
use super::model::{Kind, Member, find};
use serde_json::{Map, Value as Json};

/// A JSON object seen through a model.
#[derive(Clone, Debug)]
pub struct JsonFields<J> {
    members: &'static [Member],
    json: J,
}

/// JSON that is owned or borrowed.
pub trait AsJson {
    /// The JSON.
    fn json(&self) -> &Json;
}

impl AsJson for Json {
    fn json(&self) -> &Json {
        self
    }
}

impl AsJson for &Json {
    fn json(&self) -> &Json {
        self
    }
}

impl<J: AsJson> JsonFields<J> {
    /// Shows these members of an object; anything else has none of them.
    pub fn new(members: &'static [Member], json: J) -> JsonFields<J> {
        JsonFields { members, json }
    }
}

impl JsonFields<Json> {
    /// Reads canonical JSON text; a text that is none is an empty object.
    pub fn parse(members: &'static [Member], text: &str) -> JsonFields<Json> {
        JsonFields::new(members, serde_json::from_str(text).unwrap_or(Json::Null))
    }
}

impl<J: AsJson> Fields for JsonFields<J> {
    fn field(&self, name: &str) -> Value<'_> {
        let Some(member) = find(self.members, name) else { return Value::Missing };
        let json = self.json.json().get(member.name).unwrap_or(&Json::Null);
        match member.kind {
            Kind::Text => Value::Text(json.as_str().unwrap_or_default()),
            Kind::Bool => Value::Bool(json.as_bool().unwrap_or_default()),
            Kind::Int | Kind::Uint(_) => Value::Int(json.as_i64().unwrap_or_default()),
            Kind::Texts => Value::Texts(list(json).filter_map(Json::as_str).collect()),
            Kind::TextMap => Value::TextMap(json),
            Kind::Struct(members) => Value::Struct(made(members, json)),
            Kind::Structs(members) => {
                Value::Structs(list(json).map(|inner| made(members, inner)).collect())
            }
            Kind::StructMap(members) => {
                let entries = json.as_object().into_iter().flat_map(Map::iter);
                Value::StructMap(
                    entries.map(|(key, inner)| (key.as_str(), made(members, inner))).collect(),
                )
            }
        }
    }
}

impl Pairs for Json {
    fn find(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Json::as_str)
    }

    fn none(&self) -> bool {
        self.as_object().is_none_or(Map::is_empty)
    }
}

fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn made<'a>(members: &'static [Member], json: &'a Json) -> StructRef<'a> {
    StructRef::Made(Box::new(JsonFields::new(members, json)))
}

/// The settings of a proxy.
pub const PROXY: &[Member] = &[
    Member::new("DestinationServiceName", Kind::Text),
    Member::new("DestinationServiceID", Kind::Text),
    Member::new("LocalServiceAddress", Kind::Text),
    Member::new("LocalServicePort", Kind::Int),
    Member::new("LocalServiceSocketPath", Kind::Text),
    Member::new("Mode", Kind::Text),
    Member::new("Upstreams", Kind::Structs(UPSTREAM)),
    Member::new("MeshGateway", Kind::Struct(MESH_GATEWAY)),
    Member::new("Expose", Kind::Struct(EXPOSE)),
    Member::new("TransparentProxy", Kind::Struct(TRANSPARENT_PROXY)),
];

const UPSTREAM: &[Member] = &[
    Member::new("DestinationType", Kind::Text),
    Member::new("DestinationNamespace", Kind::Text),
    Member::new("DestinationPartition", Kind::Text),
    Member::new("DestinationPeer", Kind::Text),
    Member::new("DestinationName", Kind::Text),
    Member::new("Datacenter", Kind::Text),
    Member::new("LocalBindAddress", Kind::Text),
    Member::new("LocalBindPort", Kind::Int),
    Member::new("LocalBindSocketPath", Kind::Text),
    Member::new("LocalBindSocketMode", Kind::Text),
    Member::new("MeshGateway", Kind::Struct(MESH_GATEWAY)),
];

const MESH_GATEWAY: &[Member] = &[Member::new("Mode", Kind::Text)];

const EXPOSE: &[Member] =
    &[Member::new("Checks", Kind::Bool), Member::new("Paths", Kind::Structs(EXPOSE_PATH))];

const EXPOSE_PATH: &[Member] = &[
    Member::new("ListenerPort", Kind::Int),
    Member::new("Path", Kind::Text),
    Member::new("LocalPathPort", Kind::Int),
    Member::new("Protocol", Kind::Text),
    Member::new("ParsedFromCheck", Kind::Bool),
];

const TRANSPARENT_PROXY: &[Member] =
    &[Member::new("OutboundListenerPort", Kind::Int), Member::new("DialedDirectly", Kind::Bool)];
