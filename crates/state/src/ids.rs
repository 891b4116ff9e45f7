//! Identifiers and indexes, each with a type of its own so that two cannot be confused.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The position of an entry in the Raft log.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LogIndex(pub u64);

/// The index that clients see: the log position plus the replicated `index_base`, below 2^53.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Index(pub u64);

/// A namespace and partition, interned; only the default exists today. Where it goes in stored
/// forms and other tables: docs/adr/0007-tenancy-seam.md.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Tenancy(pub u32);

/// A KV key or prefix: bytes, since real keys are not always UTF-8.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(pub Bytes);

impl Key {
    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True for the empty key, which as a prefix stands for every key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&[u8]> for Key {
    fn from(bytes: &[u8]) -> Key {
        Key(Bytes::copy_from_slice(bytes))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Key {
        Key(Bytes::from(bytes))
    }
}

/// Keys print as text, with bytes that are not UTF-8 replaced.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self:?})", self = String::from_utf8_lossy(&self.0))
    }
}

/// A session's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub uuid::Uuid);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.0)
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub std::sync::Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// True for the empty name.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// The name in lower case, the form in which rows are found.
            #[must_use]
            pub fn folded(&self) -> $name {
                if self.0.chars().any(char::is_uppercase) {
                    $name(self.0.to_lowercase().into())
                } else {
                    self.clone()
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                $name(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> $name {
                $name(text.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

name_type! {
    /// A node's name; compared without regard to case in the catalog.
    NodeName
}
name_type! {
    /// A service's name.
    ServiceName
}
name_type! {
    /// A service instance's id, unique on its node.
    ServiceId
}
name_type! {
    /// A check's id, unique on its node.
    CheckId
}
