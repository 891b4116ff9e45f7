//! Every write there is. A variant is never changed once released: a new rule is a new variant.

use crate::{catalog, connect, coordinate, kv, session, system, txn};
use serde::{Deserialize, Serialize};

/// One write. Variants are appended, never reordered: their numbers are in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// A key/value write.
    Kv(kv::KvCommand),
    /// A session's beginning or end.
    Session(session::SessionCommand),
    /// A registration or deregistration in the catalog.
    Catalog(catalog::CatalogCommand),
    /// Several operations, all or none.
    Txn(txn::TxnCommand),
    /// The certificate authority's roots.
    Connect(connect::ConnectCommand),
    /// The cluster's own settings and upkeep.
    System(system::SystemCommand),
    /// Where nodes stand in the network.
    Coordinate(coordinate::CoordinateCommand),
}
