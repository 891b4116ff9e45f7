//! Runs a filter over a row, which shows its fields by name.
//!
//! A test of something that is not there (a key that a map lacks) holds if it is negated, and
//! `matches` holds then in both forms: so it is in Consul, and clients rely on it.

use super::compile::{Check, Program, Step};
use crate::texts::TextMap;
use std::collections::BTreeMap;

/// Something with fields.
pub trait Fields {
    /// The field of a name of its model; `Missing` for any other.
    fn field(&self, name: &str) -> Value<'_>;
}

impl<T: Fields + ?Sized> Fields for &T {
    fn field(&self, name: &str) -> Value<'_> {
        (**self).field(name)
    }
}

/// What a field holds.
pub enum Value<'a> {
    /// There is none.
    Missing,
    /// A text.
    Text(&'a str),
    /// True or false.
    Bool(bool),
    /// A number.
    Int(i64),
    /// Texts in order.
    Texts(Vec<&'a str>),
    /// Texts by key.
    TextMap(&'a dyn Pairs),
    /// Fields within.
    Struct(StructRef<'a>),
    /// Several of these.
    Structs(Vec<StructRef<'a>>),
    /// These by key.
    StructMap(Vec<(&'a str, StructRef<'a>)>),
}

/// Fields that a row has, or makes for the occasion.
pub enum StructRef<'a> {
    /// The row's own.
    Own(&'a dyn Fields),
    /// Made just now.
    Made(Box<dyn Fields + 'a>),
}

impl StructRef<'_> {
    pub(super) fn fields(&self) -> &dyn Fields {
        match self {
            StructRef::Own(fields) => *fields,
            StructRef::Made(fields) => &**fields,
        }
    }
}

/// Texts by key.
pub trait Pairs {
    /// The text of a key.
    fn find(&self, key: &str) -> Option<&str>;
    /// True if there are none.
    fn none(&self) -> bool;
}

impl Pairs for BTreeMap<String, String> {
    fn find(&self, key: &str) -> Option<&str> {
        self.get(key).map(String::as_str)
    }

    fn none(&self) -> bool {
        self.is_empty()
    }
}

impl Pairs for TextMap {
    fn find(&self, key: &str) -> Option<&str> {
        self.get(key)
    }

    fn none(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Pairs> Pairs for Option<T> {
    fn find(&self, key: &str) -> Option<&str> {
        self.as_ref().and_then(|pairs| pairs.find(key))
    }

    fn none(&self) -> bool {
        self.as_ref().is_none_or(Pairs::none)
    }
}

pub(super) fn matches(program: &Program, row: &dyn Fields) -> bool {
    match program {
        Program::Or(parts) => parts.iter().any(|part| matches(part, row)),
        Program::And(parts) => parts.iter().all(|part| matches(part, row)),
        Program::Not(inner) => !matches(inner, row),
        Program::Test { steps, check, negated } => {
            within(row, steps, &Asked { check, negated: *negated })
        }
    }
}

/// What is asked of the value that the steps lead to.
struct Asked<'a> {
    check: &'a Check,
    negated: bool,
}

impl Asked<'_> {
    fn of_nothing(&self) -> bool {
        match self.check {
            Check::Matches(_) => true,
            Check::Empty => !self.negated,
            _ => self.negated,
        }
    }

    fn answer(&self, holds: bool) -> bool {
        holds != self.negated
    }
}

fn within(fields: &dyn Fields, steps: &[Step], asked: &Asked<'_>) -> bool {
    let Some((Step::Field(name), rest)) = steps.split_first() else { return asked.of_nothing() };
    let value = fields.field(name);
    match (&value, rest.split_first()) {
        (Value::Struct(inner), Some(_)) => within(inner.fields(), rest, asked),
        (Value::Structs(list), Some(_)) => {
            list.iter().any(|inner| within(inner.fields(), rest, asked))
        }
        (Value::StructMap(map), Some((Step::Key(key), rest))) => {
            match map.iter().find(|(own, _)| own == key) {
                Some((_, inner)) => within(inner.fields(), rest, asked),
                None => asked.of_nothing(),
            }
        }
        (Value::TextMap(map), Some((Step::Key(key), _))) => match map.find(key) {
            Some(text) => asked.answer(holds(asked.check, &Value::Text(text))),
            None => asked.of_nothing(),
        },
        (Value::Missing, _) => asked.of_nothing(),
        _ => asked.answer(holds(asked.check, &value)),
    }
}

fn holds(check: &Check, value: &Value<'_>) -> bool {
    match (check, value) {
        (Check::EqualText(wanted), Value::Text(text)) => wanted == text,
        (Check::EqualBool(wanted), Value::Bool(own)) => wanted == own,
        (Check::EqualInt(wanted), Value::Int(own)) => wanted == own,
        (Check::EqualUint(wanted), Value::Int(own)) => u64::try_from(*own) == Ok(*wanted),
        (Check::Holds(wanted), Value::Text(text)) => text.contains(wanted.as_str()),
        (Check::Holds(wanted), Value::Texts(list)) => list.iter().any(|text| text == wanted),
        (Check::Holds(wanted), Value::TextMap(map)) => map.find(wanted).is_some(),
        (Check::Holds(wanted), Value::StructMap(map)) => map.iter().any(|(key, _)| key == wanted),
        (Check::Empty, Value::Texts(list)) => list.is_empty(),
        (Check::Empty, Value::TextMap(map)) => map.none(),
        (Check::Empty, Value::Structs(list)) => list.is_empty(),
        (Check::Empty, Value::StructMap(map)) => map.is_empty(),
        (Check::Matches(regex), Value::Text(text)) => regex.is_match(text),
        // The model and the row disagree about a type: a test forbids it.
        _ => false,
    }
}
