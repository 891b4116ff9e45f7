//! Request bodies into types, with the rules of Go's decoder: names match without regard to case,
//! an unknown name is an error unless the caller is lenient, `null` leaves the default.
//! A type needs only serde's `Deserialize` with `#[serde(default)]`; this is not for output.
//! Invariant: any bytes give a value or a `DecodeError`, whose text can be shown to a client.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use serde_json::Value;

use crate::parse::{self, ParseError};

/// What to do with a field the type does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Refuse,
    Ignore,
}

/// Types that ignore unknown fields wherever they stand.
///
/// Source: consul-surface A.0, exceptions to strict decoding.
const LENIENT_TYPES: [&str; 1] = ["HealthCheckDefinition"];

/// Why a body is refused. Only the status is promised to clients, the texts follow Go's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error(transparent)]
    Syntax(#[from] ParseError),
    #[error("json: unknown field \"{0}\"")]
    UnknownField(String),
    #[error("json: cannot unmarshal {found} into Go value of type {wanted}")]
    WrongType { found: &'static str, wanted: String },
    #[error("{0}")]
    Other(String),
}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        DecodeError::Other(message.to_string())
    }
}

/// The first JSON value of `body` as a `T`; `null` is the default.
///
/// # Errors
/// When the body is no JSON, has a field unknown to `T`, or a value of another type.
pub fn decode<T: DeserializeOwned + Default>(
    body: &[u8],
    unknown: Unknown,
) -> Result<T, DecodeError> {
    from_value(parse::parse(body)?, unknown)
}

/// As [`decode`], from a value that is already parsed.
///
/// # Errors
/// As [`decode`], but for the syntax.
pub fn from_value<T: DeserializeOwned + Default>(
    value: Value,
    unknown: Unknown,
) -> Result<T, DecodeError> {
    match value {
        Value::Null => Ok(T::default()),
        value => T::deserialize(GoValue { value, unknown }),
    }
}

struct GoValue {
    value: Value,
    unknown: Unknown,
}

impl GoValue {
    fn mismatch<T>(&self, wanted: &str) -> Result<T, DecodeError> {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        Err(DecodeError::WrongType { found, wanted: wanted.to_owned() })
    }

    fn whole<'de, V: Visitor<'de>>(
        self,
        wanted: &str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Null => visitor.visit_u64(0),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => visitor.visit_u64(whole),
                (None, Some(whole)) => visitor.visit_i64(whole),
                (None, None) => self.mismatch(wanted),
            },
            _ => self.mismatch(wanted),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident $wanted:literal),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.whole($wanted, visitor)
        }
    )*};
}

macro_rules! as_any {
    ($($method:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.deserialize_any(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for GoValue {
    type Error = DecodeError;

    whole_numbers!(
        deserialize_i8 "int8", deserialize_i16 "int16", deserialize_i32 "int32",
        deserialize_i64 "int", deserialize_u8 "uint8", deserialize_u16 "uint16",
        deserialize_u32 "uint32", deserialize_u64 "uint64"
    );

    as_any!(deserialize_bytes, deserialize_byte_buf, deserialize_unit, deserialize_char);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
            Value::Number(ref number) if number.is_f64() => {
                visitor.visit_f64(number.as_f64().unwrap_or_default())
            }
            Value::Number(_) => self.whole("number", visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_bool(false),
            Value::Bool(flag) => visitor.visit_bool(flag),
            _ => self.mismatch("bool"),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Null => visitor.visit_f64(0.0),
            Value::Number(number) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            _ => self.mismatch("float64"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_str(""),
            Value::String(text) => visitor.visit_string(text),
            _ => self.mismatch("string"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let items = match self.value {
            Value::Null => Vec::new(),
            Value::Array(items) => items,
            _ => return self.mismatch("[]"),
        };
        visitor.visit_seq(Items { items: items.into_iter(), unknown: self.unknown })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let entries = match self.value {
            Value::Null => Vec::new(),
            Value::Object(fields) => fields.into_iter().collect(),
            _ => return self.mismatch("map"),
        };
        let unknown = self.unknown;
        visitor.visit_map(Entries { entries: entries.into_iter(), pending: None, unknown })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let lenient = LENIENT_TYPES.contains(&name);
        let unknown = if lenient { Unknown::Ignore } else { self.unknown };
        let matched = match self.value {
            Value::Null => Vec::new(),
            Value::Object(given) => match_fields(given, fields, unknown)?,
            _ => return self.mismatch(name),
        };
        visitor.visit_map(Fields { fields: matched.into_iter(), pending: None, unknown })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.mismatch(name)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }
}

/// The given fields under the names the type knows, each once: of several spellings the last wins.
fn match_fields(
    given: serde_json::Map<String, Value>,
    fields: &'static [&'static str],
    unknown: Unknown,
) -> Result<Vec<(&'static str, Value)>, DecodeError> {
    let mut matched: Vec<(&'static str, Value)> = Vec::with_capacity(given.len());
    for (name, value) in given {
        let exact = fields.iter().find(|field| **field == name);
        let known = exact.or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(&name)));
        let Some(known) = known else {
            if unknown == Unknown::Refuse {
                return Err(DecodeError::UnknownField(name));
            }
            continue;
        };
        if value.is_null() {
            continue;
        }
        match matched.iter_mut().find(|(field, _)| field == known) {
            Some(earlier) => earlier.1 = value,
            None => matched.push((known, value)),
        }
    }
    Ok(matched)
}

struct Items {
    items: std::vec::IntoIter<Value>,
    unknown: Unknown,
}

impl<'de> de::SeqAccess<'de> for Items {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let unknown = self.unknown;
        self.items.next().map(|value| seed.deserialize(GoValue { value, unknown })).transpose()
    }
}

struct Entries {
    entries: std::vec::IntoIter<(String, Value)>,
    pending: Option<Value>,
    unknown: Unknown,
}

impl<'de> de::MapAccess<'de> for Entries {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let Some((name, value)) = self.entries.next() else { return Ok(None) };
        self.pending = Some(value);
        let key = GoValue { value: Value::String(name), unknown: self.unknown };
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let value = self.pending.take().unwrap_or_default();
        seed.deserialize(GoValue { value, unknown: self.unknown })
    }
}

struct Fields {
    fields: std::vec::IntoIter<(&'static str, Value)>,
    pending: Option<Value>,
    unknown: Unknown,
}

impl<'de> de::MapAccess<'de> for Fields {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let Some((name, value)) = self.fields.next() else { return Ok(None) };
        self.pending = Some(value);
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let value = self.pending.take().unwrap_or_default();
        seed.deserialize(GoValue { value, unknown: self.unknown })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::duration::GoDuration;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Sample {
        name: String,
        port: i32,
        flags: u64,
        tags: Option<Vec<String>>,
        meta: BTreeMap<String, String>,
        #[serde(alias = "socket_path")]
        socket_path: String,
        wait: GoDuration,
        inner: Option<Box<Sample>>,
    }

    fn strict(body: &str) -> Result<Sample, String> {
        decode(body.as_bytes(), Unknown::Refuse).map_err(|error| error.to_string())
    }

    #[test]
    fn names_match_without_regard_to_case_and_by_alias() {
        let found = strict(r#"{"NAME":"a","port":1,"socket_path":"/s","Inner":{"nAmE":"b"}}"#);
        let inner = Sample { name: "b".into(), ..Sample::default() };
        let expected = Sample {
            name: "a".into(),
            port: 1,
            socket_path: "/s".into(),
            inner: Some(Box::new(inner)),
            ..Sample::default()
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn null_leaves_the_default_at_every_level() {
        let null = r#"{"Name":null,"Port":null,"Tags":null,"Meta":null,"Wait":null,"Inner":null}"#;
        assert_eq!(strict(null), Ok(Sample::default()));
        assert_eq!(strict("null"), Ok(Sample::default()));
        let found = strict(r#"{"Tags":[null,"x"],"Meta":{"k":null}}"#);
        let expected = Sample {
            tags: Some(vec![String::new(), "x".into()]),
            meta: BTreeMap::from([("k".into(), String::new())]),
            ..Sample::default()
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn durations_are_a_text_or_nanoseconds() {
        for (body, nanos) in [(r#"{"Wait":"10s"}"#, 10_000_000_000), (r#"{"Wait":-7}"#, -7)] {
            assert_eq!(strict(body).map(|sample| sample.wait.0), Ok(nanos), "{body}");
        }
        let refused = strict(r#"{"Wait":"abc"}"#);
        assert_eq!(refused, Err("time: invalid duration \"abc\"".into()));
    }

    #[test]
    fn mistakes_are_refused() {
        for (body, expected) in [
            (r#"{"Nope":1}"#, "json: unknown field \"Nope\""),
            (r#"{"Inner":{"Nope":1}}"#, "json: unknown field \"Nope\""),
            (r#"{"Port":"80"}"#, "json: cannot unmarshal string into Go value of type int32"),
            (r#"{"Port":1.5}"#, "json: cannot unmarshal number into Go value of type int32"),
            (r#"{"Tags":"x"}"#, "json: cannot unmarshal string into Go value of type []"),
            ("[]", "json: cannot unmarshal array into Go value of type Sample"),
        ] {
            assert_eq!(strict(body), Err(expected.to_owned()), "{body}");
        }
        assert!(strict(r#"{"Flags":-1}"#).is_err());
        assert!(strict(r#"{"Port":99999999999}"#).is_err());
    }

    #[test]
    fn a_lenient_caller_ignores_unknown_fields() {
        let found: Result<Sample, _> = decode(br#"{"Nope":[1],"Name":"a"}"#, Unknown::Ignore);
        assert_eq!(found.map(|sample| sample.name), Ok("a".into()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes: Vec<u8>) {
            let _ = decode::<Sample>(&bytes, Unknown::Refuse);
        }
    }
}
