//! Metadata of nodes and services: how much of it, and of which characters.
//! It judges pairs and says nothing about whose they are.
//! Invariant: a complaint names the pair it is about.

use crate::catalog::TextMap;

/// Pairs of one node or service, and bytes of their keys and values.
///
/// Source: transcripts agent/registration.txt; Consul 1.22 documentation, service metadata.
pub const META_PAIRS_MAX: usize = 64;
pub const META_KEY_BYTES_MAX: usize = 128;
pub const META_VALUE_BYTES_MAX: usize = 512;
const RESERVED: &str = "consul-";

/// What is wrong with the metadata, if anything, in the words clients know.
///
/// Source: transcripts agent/registration.txt, config/validate.txt.
pub fn complaint(meta: &TextMap) -> Option<String> {
    if meta.len() > META_PAIRS_MAX {
        return Some(format!(
            "Node metadata cannot contain more than {META_PAIRS_MAX} key/value pairs"
        ));
    }
    meta.iter().find_map(|(key, value)| {
        let why = pair_complaint(key, value)?;
        Some(format!("Couldn't load metadata pair ('{key}', '{value}'): {why}"))
    })
}

fn pair_complaint(key: &str, value: &str) -> Option<String> {
    let is_plain = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_');
    if key.is_empty() {
        Some("Key cannot be blank".to_owned())
    } else if !key.chars().all(is_plain) {
        Some("Key contains invalid characters".to_owned())
    } else if key.len() > META_KEY_BYTES_MAX {
        Some(format!("Key is too long (limit: {META_KEY_BYTES_MAX} characters)"))
    } else if key.starts_with(RESERVED) {
        Some(format!("Key prefix '{RESERVED}' is reserved for internal use"))
    } else if value.len() > META_VALUE_BYTES_MAX {
        Some(format!("Value is too long (limit: {META_VALUE_BYTES_MAX} characters)"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(key: &str, value: &str) -> TextMap {
        TextMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn each_rule_has_its_words() {
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(513));
        for (key, value, why) in [
            ("", "v", "Key cannot be blank"),
            ("bad key!", "v", "Key contains invalid characters"),
            (&long_key, "v", "Key is too long (limit: 128 characters)"),
            ("consul-x", "v", "Key prefix 'consul-' is reserved for internal use"),
            ("k", &long_value, "Value is too long (limit: 512 characters)"),
        ] {
            let expected = format!("Couldn't load metadata pair ('{key}', '{value}'): {why}");
            assert_eq!(complaint(&of(key, value)), Some(expected));
        }
        let pairs = |count: usize| (0..count).map(|at| (at.to_string(), String::new())).collect();
        assert_eq!(complaint(&pairs(64)), None);
        let text = "Node metadata cannot contain more than 64 key/value pairs";
        assert_eq!(complaint(&pairs(65)).as_deref(), Some(text));
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_short_and_plain(key: String, value: String) {
            if complaint(&of(&key, &value)).is_none() {
                prop_assert!(!key.is_empty() && key.len() <= META_KEY_BYTES_MAX);
                prop_assert!(key.is_ascii() && value.len() <= META_VALUE_BYTES_MAX);
            }
        }
    }
}
