//! The `filter=` language: text in, a program over typed fields out.
//!
//! `scan` and `parse` read the text, `model` says which selectors there are and of which type,
//! `compile` checks one against the other, `eval` runs the result over a row, and the other files
//! are the models of our rows. Every text a client sees is one Consul sends.
//! Source: surface B.7, A.7; Consul 1.22 documentation of filtering; transcripts health/more,
//! agent/registration; the public bexpr 0.1 library, run and watched.

mod compile;
mod eval;
mod instance;
mod model;
mod parse;
mod proxy;
mod scan;
mod service;

pub use eval::{Fields, Pairs, StructRef, Value};
pub use instance::{CHECK, INSTANCE, NODE, NODE_INFO, NodeInfo, SERVICE_NODE, ServiceNode};
pub use model::{Kind, Member, Model};
pub use proxy::{AsJson, JsonFields};
pub use service::NODE_SERVICE;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The longest filter that is read.
pub const FILTER_BYTES_MAX: usize = 16 * 1024;

/// How deep parentheses and `not` may nest: the parser and the program recurse that deep.
pub const FILTER_DEPTH_MAX: usize = 64;

/// How many comparisons one filter may hold: each costs time for every row.
pub const FILTER_TESTS_MAX: usize = 512;

/// How large one compiled regular expression may be.
pub const FILTER_REGEX_BYTES_MAX: usize = 256 * 1024;

/// How many regular expressions one filter may hold.
pub const FILTER_REGEXES_MAX: usize = 32;

/// A filter that is read and checked against a model. A clone is one pointer. Two are equal if
/// their texts and models are.
#[derive(Clone)]
pub struct Filter(Arc<Inner>);

struct Inner {
    text: String,
    model: &'static Model,
    program: compile::Program,
}

impl Filter {
    /// Reads a filter over rows of a model.
    ///
    /// # Errors
    /// With Consul's text, without the words that an endpoint puts before it.
    pub fn new(text: &str, model: &'static Model) -> Result<Filter, FilterError> {
        let parsed = parse::parse(text)?;
        let program = compile::compile(&parsed, model)?;
        Ok(Filter(Arc::new(Inner { text: text.to_owned(), model, program })))
    }

    /// True if a row of the filter's model passes it.
    pub fn matches(&self, row: &dyn Fields) -> bool {
        eval::matches(&self.0.program, row)
    }

    /// True if it is over rows of this model.
    pub fn is_over(&self, model: &'static Model) -> bool {
        self.0.model.name == model.name
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    fn key(&self) -> (&str, &str) {
        (self.0.model.name, &self.0.text)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Filter) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Filter {}

impl PartialOrd for Filter {
    fn partial_cmp(&self, other: &Filter) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Filter {
    fn cmp(&self, other: &Filter) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Filter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({}: {:?})", self.0.model.name, self.0.text)
    }
}

/// Why a filter was refused. The texts are Consul's; those of limits are our own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is not of the language; where, and what was expected there.
    #[error("{0}")]
    Syntax(String),
    /// A selector names nothing.
    #[error("Selector {0:?} is not valid")]
    Selector(String),
    /// An operator does not fit what its selector names.
    #[error("Invalid match operator {operator:?} for selector {selector:?}")]
    Operator {
        /// The operator's name.
        operator: &'static str,
        /// The selector.
        selector: String,
    },
    /// A value is not of the selector's type.
    #[error("Failed to coerce value {value:?} for selector {selector:?}: {why}")]
    Coerce {
        /// The value.
        value: String,
        /// The selector.
        selector: String,
        /// What is wrong with it, as Go says it.
        why: String,
    },
    /// A regular expression is none, or too large.
    #[error("Failed to compile regular expression {expression:?}: {why}")]
    Regex {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// One of the limits is passed.
    #[error("filter has more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

#[cfg(test)]
mod tests;
