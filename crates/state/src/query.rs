//! Every read there is, and what comes back.

use crate::ids::{Index, LogIndex};
use crate::watch::Topic;
use crate::{catalog, connect, coordinate, kv, session, system, txn};

/// One read. `Ord`, since identical waiting queries form one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// A key/value read.
    Kv(kv::KvQuery),
    /// A session read.
    Session(session::SessionQuery),
    /// A catalog or health read.
    Catalog(catalog::CatalogQuery),
    /// A transaction without writes.
    Txn(txn::TxnQuery),
    /// The certificate authority's roots.
    Connect(connect::ConnectQuery),
    /// The cluster's own settings.
    System(system::SystemQuery),
    /// Where nodes stand in the network.
    Coordinate(coordinate::CoordinateQuery),
}

impl Query {
    /// The topics that can change this query's answer; a query without one cannot wait.
    pub fn topics(&self) -> Vec<Topic> {
        match self {
            Query::Kv(query) => query.topics(),
            Query::Session(_) => vec![Topic::Sessions],
            Query::Catalog(query) => query.topics(),
            Query::Txn(_) => Vec::new(),
            Query::Connect(_) => vec![Topic::ConnectRoots],
            Query::System(_) => vec![Topic::System],
            Query::Coordinate(_) => vec![Topic::Coordinates],
        }
    }
}

/// Which rows the asker may see. Access lists will add kinds; every query carries one already.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Visible {
    /// Every row.
    #[default]
    All,
}

/// The indexes of an answer. The two differ where an answer's own moves for others' sake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadIndexes {
    /// The one that the answer has: as long as it stays the same, so does the answer.
    pub answer: Index,
    /// That of the last change that a reader who waits is told of: no later than the answer's.
    pub change: Index,
}

/// What a query found.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The index of what was read, at least 1: clients wait on it.
    pub index: Index,
    /// The log position of the view that answered.
    pub at: LogIndex,
    /// The rows.
    pub body: Body,
}

/// The rows of an answer, by noun.
#[derive(Clone, Debug)]
pub enum Body {
    /// Key/value rows or names.
    Kv(kv::KvBody),
    /// Sessions.
    Session(Vec<std::sync::Arc<session::SessionRow>>),
    /// Nodes, services, checks.
    Catalog(catalog::CatalogBody),
    /// A transaction's results or errors.
    Txn(Box<txn::TxnOutcome>),
    /// The certificate authority's roots.
    Connect(connect::ConnectBody),
    /// The cluster's own settings.
    System(system::SystemBody),
    /// Coordinates.
    Coordinate(coordinate::CoordinateBody),
}
