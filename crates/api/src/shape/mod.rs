//! What a type of the wire consists of, as its own reader says: for tests that walk every field,
//! so that no field is forgotten. It reads no data.
//! Invariant: each field comes once, with all its names; a type within itself is not entered again.

use std::cell::RefCell;

use serde::de::value::{BorrowedStrDeserializer, Error};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};
use serde_json::{Map, Value};

/// One step of the way from the top of a body to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A field, by its name and the other names it has.
    Field(&'static str, Vec<&'static str>),
    /// An element of a list.
    Item,
    /// An entry of a map.
    Entry,
}

/// What a value has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    /// A whole number between these two.
    Whole(i128, i128),
    Float,
    Text,
    List,
    Map,
    Object,
    /// Whatever the type's own reader takes: durations, base64, free settings.
    Own,
}

/// A value that a body of some type may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub way: Vec<Way>,
    pub kind: Kind,
}

/// All parts of `T`, the whole first.
///
/// # Errors
/// If `T` holds an enum, which no body of a request does.
pub fn parts<T: DeserializeOwned>() -> Result<Vec<Part>, String> {
    let found = RefCell::new(Vec::new());
    let walk = Walk { found: &found, way: Vec::new(), within: Vec::new() };
    T::deserialize(walk).map_err(|error| error.to_string())?;
    Ok(found.into_inner())
}

/// Puts `value` into `body` at the end of `way`, making lists and objects on the way where there
/// are none. Of the names of a field in three cases each, `spelling` picks one; 0 is its own.
pub fn put(body: &mut Value, way: &[Way], value: Value, spelling: usize) {
    let Some((first, rest)) = way.split_first() else {
        *body = value;
        return;
    };
    let inner = match first {
        Way::Item => {
            if body.as_array().is_none_or(Vec::is_empty) {
                *body = Value::Array(vec![Value::Null]);
            }
            body.get_mut(0)
        }
        Way::Entry => Some(entry(body, ENTRY)),
        Way::Field(name, others) => {
            let spelt = |own: &str| [own.to_owned(), own.to_lowercase(), own.to_uppercase()];
            let all = std::iter::once(name).chain(others).flat_map(|own| spelt(own));
            let chosen = all.cycle().nth(spelling).unwrap_or_default();
            Some(entry(body, &chosen))
        }
    };
    if let Some(inner) = inner {
        put(inner, rest, value, spelling);
    }
}

/// The key of an entry that `put` makes.
pub const ENTRY: &str = "key";

fn entry<'b>(body: &'b mut Value, name: &str) -> &'b mut Value {
    if !body.is_object() {
        *body = Value::Object(Map::new());
    }
    &mut body[name]
}

#[derive(Clone)]
struct Walk<'w> {
    found: &'w RefCell<Vec<Part>>,
    way: Vec<Way>,
    /// The types that this value is in.
    within: Vec<&'static str>,
}

impl Walk<'_> {
    fn note(&self, kind: Kind) {
        self.found.borrow_mut().push(Part { way: self.way.clone(), kind });
    }

    fn step(&self, way: Way) -> Self {
        let mut next = self.clone();
        next.way.push(way);
        next
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $number:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.note(Kind::Whole(i128::from(<$number>::MIN), i128::from(<$number>::MAX)));
            visitor.$visit(0)
        }
    )*};
}

impl<'de> Deserializer<'de> for Walk<'_> {
    type Error = Error;

    whole_numbers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    );

    serde::forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct char identifier ignored_any enum
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kind::Own);
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kind::Bool);
        visitor.visit_bool(false)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kind::Float);
        visitor.visit_f64(0.0)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_string(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // The key of a map stands where its value will: it is no part of its own.
        if self.way.last() != Some(&Way::Entry) || !self.within.ends_with(&[KEY]) {
            self.note(Kind::Text);
        }
        visitor.visit_str("")
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kind::List);
        visitor.visit_seq(Once { walk: self.step(Way::Item), left: true })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kind::Map);
        visitor.visit_map(Once { walk: self.step(Way::Entry), left: true })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.note(Kind::Object);
        let is_within_itself = self.within.contains(&name);
        self.within.push(name);
        let fields = if is_within_itself { Vec::new() } else { names(fields) };
        visitor.visit_map(Fields { walk: self, fields: fields.into_iter(), at: None })
    }
}

/// Stands in `within` while the key of a map is read.
const KEY: &str = "";

/// The names of a type's fields, those of one field together.
fn names(all: &'static [&'static str]) -> Vec<Vec<&'static str>> {
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let mut fields: Vec<Vec<&'static str>> = Vec::new();
    for name in all {
        let same = |own: &&mut Vec<&'static str>| own.iter().any(|own| plain(own) == plain(name));
        match fields.iter_mut().find(same) {
            Some(own) => own.push(name),
            None => fields.push(vec![name]),
        }
    }
    fields
}

/// The one element of a list, or the one entry of a map.
struct Once<'w> {
    walk: Walk<'w>,
    left: bool,
}

impl<'de> de::SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if !std::mem::take(&mut self.left) {
            return Ok(None);
        }
        seed.deserialize(self.walk.clone()).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        if !std::mem::take(&mut self.left) {
            return Ok(None);
        }
        let mut key = self.walk.clone();
        key.within.push(KEY);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(self.walk.clone())
    }
}

struct Fields<'w> {
    walk: Walk<'w>,
    fields: std::vec::IntoIter<Vec<&'static str>>,
    at: Option<Way>,
}

impl<'de> de::MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(mut names) = self.fields.next() else { return Ok(None) };
        let name = names.remove(0);
        self.at = Some(Way::Field(name, names));
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let walk = self.at.take().map(|way| self.walk.step(way));
        seed.deserialize(walk.unwrap_or_else(|| self.walk.clone()))
    }
}

#[cfg(test)]
mod tests;
