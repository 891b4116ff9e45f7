//! `cached` and Cache-Control: what an agent's cache would say of an answer. The answers
//! themselves are always current, so none has an age.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use hyper::header::{AGE, HeaderName, HeaderValue};

use super::super::options::CacheControl;
use super::super::wire::reply::Reply;

/// How many different `cached` reads are remembered as seen; the rest count as new.
const READS_MAX: usize = 4096;

const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Which reads have been asked for with `cached`, by their hash: a clash costs a header's truth.
#[derive(Debug, Default)]
pub struct CachedReads(Mutex<BTreeSet<u64>>);

/// How an answer came out of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// It was not asked for with `cached`.
    No,
    Miss,
    Hit,
}

/// How an agent would keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It follows every change, so Cache-Control does not matter.
    Following,
    /// It is fetched anew when it is too old.
    Simple,
}

impl CachedReads {
    /// Notes a read and says whether the cache would have held its answer.
    ///
    /// Source: surface B.4; transcripts health/more.
    pub fn note(&self, read: &impl Hash, kind: Kind, control: Option<CacheControl>) -> Cached {
        let Some(control) = control else { return Cached::No };
        let mut hasher = DefaultHasher::new();
        read.hash(&mut hasher);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.contains(&hasher.finish());
        if !known && seen.len() < READS_MAX {
            seen.insert(hasher.finish());
        }
        let anew = kind == Kind::Simple && control.revalidate;
        if known && !anew { Cached::Hit } else { Cached::Miss }
    }
}

impl Cached {
    pub fn put(self, reply: Reply) -> Reply {
        match self {
            Cached::No => reply,
            Cached::Miss => reply.with(CACHE, HeaderValue::from_static("MISS")),
            Cached::Hit => reply.with(CACHE, HeaderValue::from_static("HIT")).with(AGE, 0_u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_read_is_new_once() {
        let cached = CachedReads::default();
        let ask = |name| cached.note(&name, Kind::Following, Some(CacheControl::default()));
        assert_eq!([ask("a"), ask("a"), ask("b")], [Cached::Miss, Cached::Hit, Cached::Miss]);
        assert_eq!(cached.note(&"a", Kind::Following, None), Cached::No);
    }

    #[test]
    fn only_an_answer_that_follows_no_change_is_fetched_anew() {
        let cached = CachedReads::default();
        let anew = Some(CacheControl { revalidate: true });
        cached.note(&"a", Kind::Simple, anew);
        assert_eq!(cached.note(&"a", Kind::Simple, anew), Cached::Miss);
        assert_eq!(cached.note(&"a", Kind::Following, anew), Cached::Hit);
    }
}
