//! The certificate authority's roots, as replicated data; its key is a [`Secret`].
//!
//! The certificate is made by the node from entropy that it owns; here it is only kept.

use crate::feed::Event;
use crate::ids::Index;
use crate::outcome::Outcome;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One root certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaRoot {
    /// The fingerprint that names it.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The certificate's serial number.
    pub serial_number: u64,
    /// The id of the key that signs leaves, colon-separated hexadecimal.
    pub signing_key_id: String,
    /// The start of its validity in seconds since 1970.
    pub not_before_s: i64,
    /// The end of its validity in seconds since 1970.
    pub not_after_s: i64,
    /// The certificate as PEM.
    pub root_cert: String,
    /// Its private key as PEM.
    pub signing_key: Secret<String>,
    /// The kind of key, such as `ec`.
    pub private_key_type: String,
    /// The key's size in bits.
    pub private_key_bits: u32,
    /// True for the one that signs.
    pub active: bool,
    /// The index of its creation.
    pub create_index: Index,
    /// The index of its last change.
    pub modify_index: Index,
}

/// One write of the roots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectCommand {
    /// Sets the first root, if there is none yet.
    InitialRoot(Box<CaRoot>),
}

/// One read of the roots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnectQuery {
    /// All of them.
    Roots,
}

/// What a read of the roots found.
#[derive(Clone, Debug)]
pub enum ConnectBody {
    /// Every root, the active one among them.
    Roots(Vec<Arc<CaRoot>>),
}

/// The table of roots.
#[derive(Clone, Debug, Default)]
pub struct ConnectTables {
    pub(crate) roots: Vec<Arc<CaRoot>>,
    pub(crate) index: Index,
}

impl ConnectTables {
    /// Every root.
    pub fn roots(&self) -> &[Arc<CaRoot>] {
        &self.roots
    }

    pub(crate) fn answer(&self, query: &ConnectQuery) -> (Index, ConnectBody) {
        match query {
            ConnectQuery::Roots => (self.index, ConnectBody::Roots(self.roots.clone())),
        }
    }

    pub(crate) fn apply(
        &mut self,
        command: &ConnectCommand,
        index: Index,
        events: &mut Vec<Event>,
    ) -> Outcome {
        match command {
            ConnectCommand::InitialRoot(root) => {
                if !self.roots.is_empty() {
                    return Outcome::Flag(false);
                }
                let mut root = root.as_ref().clone();
                root.create_index = index;
                root.modify_index = index;
                self.roots.push(Arc::new(root));
                self.index = index;
                events.push(Event::ConnectRoots);
                Outcome::Flag(true)
            }
        }
    }
}
