//! Go's two kinds of emptiness: a nil slice or map prints `null`, an empty one `[]` or `{}`.
//! Fields that differ by endpoint are an `Option` in the nouns; these helpers choose.
//! Invariant: nothing here changes a value that is not empty.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What can be empty.
pub trait Empty {
    fn is_empty(&self) -> bool;
}

impl<T> Empty for Vec<T> {
    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

impl<K, V> Empty for std::collections::BTreeMap<K, V> {
    fn is_empty(&self) -> bool {
        std::collections::BTreeMap::is_empty(self)
    }
}

/// For a field that is `null` when empty: `nil_if_empty(vec![])` is `None`.
pub fn nil_if_empty<T: Empty>(value: T) -> Option<T> {
    (!value.is_empty()).then_some(value)
}

/// `#[serde(serialize_with)]`: empty is `null`.
///
/// # Errors
/// Those of the serializer.
pub fn null_if_empty<T: Empty + Serialize, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if value.is_empty() { serializer.serialize_none() } else { value.serialize(serializer) }
}

/// `#[serde(deserialize_with)]`: `null` is the default, for readers of Go's output.
///
/// # Errors
/// Those of the deserializer.
pub fn default_if_null<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `#[serde(skip_serializing_if)]`: the field is left out at its default, as `omitempty` does.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Sample {
        #[serde(serialize_with = "null_if_empty", deserialize_with = "default_if_null")]
        list: Vec<u8>,
    }

    #[test]
    fn empty_lists_print_null_and_null_reads_as_empty() {
        for (list, text) in [(vec![], r#"{"list":null}"#), (vec![1], r#"{"list":[1]}"#)] {
            let written = serde_json::to_string(&Sample { list: list.clone() }).unwrap();
            assert_eq!(written, text);
            let read: Sample = serde_json::from_str(text).unwrap();
            assert_eq!(read.list, list);
        }
    }

    #[test]
    fn only_an_empty_value_becomes_nil() {
        assert_eq!(nil_if_empty(Vec::<u8>::new()), None);
        assert_eq!(nil_if_empty(vec![0]), Some(vec![0]));
    }
}
