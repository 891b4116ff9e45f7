//! Texts that rows hold in little room and share with their like: metadata and tags.
//!
//! A `BTreeMap` with one pair takes the room of eleven; a catalog of many instances is mostly such.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Tags, as they were sent.
pub type Tags = Arc<[String]>;

/// Pairs of texts, ascending by key; each key stands once. Clones share. Its encoding is that of a
/// `BTreeMap`.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextMap(Arc<[(Box<str>, Box<str>)]>);

impl TextMap {
    /// The text under a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|(own, _)| own.as_ref().cmp(key)).ok()?;
        self.0.get(at).map(|(_, text)| text.as_ref())
    }

    /// The pairs, ascending by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> + Clone {
        self.0.iter().map(|(key, text)| (key.as_ref(), text.as_ref()))
    }

    /// True if there is no pair.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeMap<String, String>> for TextMap {
    fn from(map: BTreeMap<String, String>) -> TextMap {
        TextMap(map.into_iter().map(|(key, text)| (key.into(), text.into())).collect())
    }
}

impl From<&TextMap> for BTreeMap<String, String> {
    fn from(map: &TextMap) -> BTreeMap<String, String> {
        map.iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
    }
}

/// Of pairs with the same key, the last counts.
impl<K: Into<String>, T: Into<String>> FromIterator<(K, T)> for TextMap {
    fn from_iter<I: IntoIterator<Item = (K, T)>>(pairs: I) -> TextMap {
        let pairs = pairs.into_iter().map(|(key, text)| (key.into(), text.into()));
        pairs.collect::<BTreeMap<String, String>>().into()
    }
}

impl fmt::Debug for TextMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for TextMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for TextMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TextMap, D::Error> {
        BTreeMap::<String, String>::deserialize(deserializer).map(TextMap::from)
    }
}

/// Makes `own` the same allocation as `other` where both say the same.
pub(crate) fn share<T: ?Sized + PartialEq>(own: &mut Arc<T>, other: &Arc<T>) {
    if own == other {
        own.clone_from(other);
    }
}

/// The same for what may be absent.
pub(crate) fn share_some<T: ?Sized + PartialEq>(own: &mut Option<Arc<T>>, other: Option<&Arc<T>>) {
    if let (Some(own), Some(other)) = (own, other) {
        share(own, other);
    }
}

/// The same for pairs of texts.
pub(crate) fn share_map(own: &mut Option<TextMap>, other: Option<&TextMap>) {
    if let (Some(own), Some(other)) = (own, other) {
        share(&mut own.0, &other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_reads_and_is_encoded_as_a_map(map: BTreeMap<String, String>, key: String) {
            let compact = TextMap::from(map.clone());
            prop_assert_eq!(BTreeMap::from(&compact), map.clone());
            prop_assert_eq!(compact.get(&key), map.get(&key).map(String::as_str));
            for (key, text) in &map {
                prop_assert_eq!(compact.get(key), Some(text.as_str()));
            }
            prop_assert_eq!(compact.is_empty(), map.is_empty());
            let bytes = postcard::to_allocvec(&map).unwrap();
            prop_assert_eq!(&postcard::to_allocvec(&compact).unwrap(), &bytes);
            prop_assert_eq!(postcard::from_bytes::<TextMap>(&bytes).unwrap(), compact);
        }
    }

    #[test]
    fn equal_texts_are_shared() {
        let map = || Some([("version", "1")].into_iter().collect::<TextMap>());
        let (mut own, other) = (map(), map());
        share_map(&mut own, other.as_ref());
        assert!(Arc::ptr_eq(&own.unwrap().0, &other.unwrap().0));
        let (mut own, other): (Option<Tags>, Option<Tags>) =
            (Some(["a".to_owned()].into()), Some(["b".to_owned()].into()));
        share_some(&mut own, other.as_ref());
        assert_eq!(own.as_deref(), Some(&["a".to_owned()][..]));
    }
}
