//! A parsed value as serde's source, by Go's rules. Texts of errors are in mod.rs, places in
//! place.rs.
//! Invariant: every value is read or refused with its place.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use serde_json::Value;

use super::place::{self, Place, Step};
use super::{DecodeError, Unknown};
use crate::parse::shown;

/// Types that ignore unknown fields wherever they stand.
///
/// Source: consul-surface A.0, exceptions to strict decoding.
const LENIENT_TYPES: [&str; 1] = ["HealthCheckDefinition"];

/// A value, and where it stands: `None` for the whole body.
pub(super) struct GoValue<'p> {
    pub value: Value,
    pub unknown: Unknown,
    pub at: Option<&'p Place<'p>>,
}

impl GoValue<'_> {
    fn mismatch<T>(&self, wanted: &str) -> Result<T, DecodeError> {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.misfit(found.to_owned(), wanted)
    }

    fn misfit<T>(&self, found: String, wanted: &str) -> Result<T, DecodeError> {
        let at = place::field_of_type(self.at, wanted);
        Err(DecodeError::WrongType { found, at })
    }

    /// A whole number within the bounds of `N`, which Go calls `wanted`.
    fn whole<N: TryFrom<i128>>(&self, wanted: &str) -> Result<N, DecodeError> {
        let whole = match &self.value {
            Value::Null => Some(0),
            Value::Number(number) => {
                number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))
            }
            _ => return self.mismatch(wanted),
        };
        match whole.and_then(|whole| N::try_from(whole).ok()) {
            Some(fitting) => Ok(fitting),
            None => self.misfit(format!("number {}", self.value), wanted),
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $wanted:literal),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visitor.$visit(self.whole($wanted)?)
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

impl<'de> Deserializer<'de> for GoValue<'_> {
    type Error = DecodeError;

    whole_numbers!(
        deserialize_i8 visit_i8 "int8", deserialize_i16 visit_i16 "int16",
        deserialize_i32 visit_i32 "int32", deserialize_i64 visit_i64 "int",
        deserialize_u8 visit_u8 "uint8", deserialize_u16 visit_u16 "uint16",
        deserialize_u32 visit_u32 "uint32", deserialize_u64 visit_u64 "uint64"
    );

    as_any!(deserialize_bytes, deserialize_byte_buf, deserialize_unit, deserialize_char);

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(flag),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => visitor.visit_u64(whole),
                (None, Some(whole)) => visitor.visit_i64(whole),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
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
            _ => return self.mismatch(&place::go_type::<V::Value>()),
        };
        let items = items.into_iter().enumerate();
        visitor.visit_seq(Items { items, unknown: self.unknown, at: self.at, bytes: 0 })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let entries = match self.value {
            Value::Null => Vec::new(),
            Value::Object(fields) => fields.into_iter().collect(),
            _ => return self.mismatch(&place::go_type::<V::Value>()),
        };
        let entries = entries.into_iter();
        let pending = (String::new(), Value::Null);
        visitor.visit_map(Entries { entries, pending, unknown: self.unknown, at: self.at })
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
        let fields = matched.into_iter();
        let pending = ("", Value::Null);
        visitor.visit_map(Fields { of: name, fields, pending, unknown, at: self.at })
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
    let mut matched: Vec<(&'static str, Value)> = Vec::with_capacity(fields.len());
    for (name, value) in given {
        let exact = fields.iter().find(|field| **field == name);
        let known = exact.or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(&name)));
        let Some(known) = known else {
            if unknown == Unknown::Refuse {
                return Err(DecodeError::UnknownField(shown(&name)));
            }
            continue;
        };
        if value.is_null() {
            continue;
        }
        match matched.iter_mut().find(|(field, _)| is_same_field(field, known)) {
            Some(earlier) => *earlier = (known, value),
            None => matched.push((known, value)),
        }
    }
    Ok(matched)
}

/// `SocketPath` and `socket_path` are two names of one field.
fn is_same_field(a: &str, b: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
    }
    letters(a).eq(letters(b))
}

struct Items<'p> {
    items: std::iter::Enumerate<std::vec::IntoIter<Value>>,
    unknown: Unknown,
    at: Option<&'p Place<'p>>,
    /// What the elements so far take in memory, without what they point to.
    bytes: usize,
}

/// All elements of one list in memory: `{}` is two bytes of a body and a thousand as a check.
const LIST_BYTES_MAX: usize = 32 << 20;

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some((number, value)) = self.items.next() else { return Ok(None) };
        let place = Place { within: self.at, step: Step::Item(number) };
        self.bytes = self.bytes.saturating_add(size_of::<T::Value>());
        if self.bytes > LIST_BYTES_MAX {
            return Err(DecodeError::TooMany(place.text()));
        }
        read(seed, value, self.unknown, &place).map(Some)
    }
}

struct Entries<'p> {
    entries: std::vec::IntoIter<(String, Value)>,
    pending: (String, Value),
    unknown: Unknown,
    at: Option<&'p Place<'p>>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.pending = entry;
        let value = Value::String(self.pending.0.clone());
        seed.deserialize(GoValue { value, unknown: self.unknown, at: self.at }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let (key, value) = std::mem::take(&mut self.pending);
        let place = Place { within: self.at, step: Step::Key(&key) };
        read(seed, value, self.unknown, &place)
    }
}

struct Fields<'p> {
    of: &'static str,
    fields: std::vec::IntoIter<(&'static str, Value)>,
    pending: (&'static str, Value),
    unknown: Unknown,
    at: Option<&'p Place<'p>>,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        let Some(field) = self.fields.next() else { return Ok(None) };
        self.pending = field;
        seed.deserialize(BorrowedStrDeserializer::new(self.pending.0)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let (name, value) = std::mem::take(&mut self.pending);
        let place = Place { within: self.at, step: Step::Field { of: self.of, name } };
        read(seed, value, self.unknown, &place)
    }
}

fn read<'de, T: DeserializeSeed<'de>>(
    seed: T,
    value: Value,
    unknown: Unknown,
    place: &Place<'_>,
) -> Result<T::Value, DecodeError> {
    let read = seed.deserialize(GoValue { value, unknown, at: Some(place) });
    read.map_err(|error| error.at(Some(place)))
}
