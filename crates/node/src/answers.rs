//! The last answers, kept for as long as they are true: a read of what has not changed joins
//! nothing and renders nothing.
//!
//! Invariant: an answer is given again only if the view at hand would give the same. That is so
//! while its index stays, which a property test of the state holds.

use crate::shared::{Ledger, SharedAnswer, rows_bytes};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tribune_state::kv::{KvBody, KvQuery};
use tribune_state::{Body, Index, Query, ReadIndexes, View, Visible};

/// How many bytes the kept answers may hold, with every form in which they were encoded.
pub(crate) const ANSWERS_BYTES_MAX: usize = 32 << 20;

/// How many answers are kept at most.
pub(crate) const ANSWERS_MAX: usize = 8192;

/// How many bytes of keys and values a list has whose rendering is kept: a smaller one is rendered
/// as soon as found, a larger one would drive out all others.
pub(crate) const LIST_BYTES_MIN: usize = 4 << 10;

/// See [`LIST_BYTES_MIN`].
pub(crate) const LIST_BYTES_MAX: usize = 4 << 20;

/// The kept answers, in two generations: one that is asked for again moves to the younger; when
/// there is too much, the older generation goes and the younger takes its place.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    generations: Mutex<Generations>,
    ledger: Arc<Ledger>,
}

type Kept = HashMap<(Query, Visible), Arc<SharedAnswer>>;

#[derive(Debug, Default)]
struct Generations {
    young: Kept,
    old: Kept,
}

impl Answers {
    /// The answer of a view to a query, kept or made.
    pub fn answer(&self, view: &View, query: &Query, visible: &Visible) -> Arc<SharedAnswer> {
        if matches!(query, Query::Kv(KvQuery::List(_))) {
            return self.list(view, query, visible);
        }
        let Some(ReadIndexes { answer: index, .. }) = view.indexes(query) else {
            return Arc::new(SharedAnswer::new(view.answer(query, visible)));
        };
        let key = (query.clone(), visible.clone());
        if let Some(kept) = self.find(&key, index) {
            return kept;
        }
        let made = SharedAnswer::counted(view.answer(query, visible), self.ledger.clone());
        let made = Arc::new(made);
        self.keep(key, made.clone());
        made
    }

    /// A list of keys. Its rows are found each time, which is cheap; it is rendered again only if
    /// they are not the same.
    fn list(&self, view: &View, query: &Query, visible: &Visible) -> Arc<SharedAnswer> {
        let made = view.answer(query, visible);
        if !(LIST_BYTES_MIN..=LIST_BYTES_MAX).contains(&rows_bytes(&made.body)) {
            return Arc::new(SharedAnswer::new(made));
        }
        let key = (query.clone(), visible.clone());
        if let Some(kept) = self.find(&key, made.index)
            && holds_the_same_rows(&kept.answer().body, &made.body)
        {
            return kept;
        }
        let made = Arc::new(SharedAnswer::counted(made, self.ledger.clone()));
        self.keep(key, made.clone());
        made
    }

    fn find(&self, key: &(Query, Visible), index: Index) -> Option<Arc<SharedAnswer>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = generations.young.get(key) {
            return (kept.answer().index == index).then(|| kept.clone());
        }
        let kept = generations.old.remove(key)?;
        if kept.answer().index != index {
            return None;
        }
        generations.young.insert(key.clone(), kept.clone());
        Some(kept)
    }

    fn keep(&self, key: (Query, Visible), answer: Arc<SharedAnswer>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { young, old } = &mut *generations;
        old.remove(&key);
        young.insert(key, answer);
        if young.len() > ANSWERS_MAX / 2 || self.ledger.bytes() > ANSWERS_BYTES_MAX {
            *old = std::mem::take(young);
        }
    }
}

fn holds_the_same_rows(one: &Body, other: &Body) -> bool {
    let (Body::Kv(KvBody::Rows(one)), Body::Kv(KvBody::Rows(other))) = (one, other) else {
        return false;
    };
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use tribune_state::catalog::{
        Catalog, CatalogCommand, CatalogQuery, NodeRow, Register, ServiceRow,
    };
    use tribune_state::kv::{KvCommand, KvSet};
    use tribune_state::{Command, Entry, LogIndex, Stamp, Store};

    fn register(store: &mut Store, node: &str, service: &str, port: i64) {
        let at = LogIndex(store.at().0 + 1);
        let service = ServiceRow { service: service.into(), port, ..ServiceRow::default() };
        let register = Register {
            node: NodeRow { node: node.into(), address: "a".into(), ..NodeRow::default() },
            skip_node_update: false,
            service: Some(service),
            checks: Vec::new(),
        };
        let command = Command::Catalog(CatalogCommand::Register(Box::new(register)));
        store.apply(&Entry { at, stamp: Stamp::default(), command });
    }

    fn of(service: &str) -> Query {
        Query::Catalog(CatalogQuery::service(service.into()))
    }

    fn ask(answers: &Answers, store: &Store, query: &Query) -> Arc<SharedAnswer> {
        answers.answer(&store.view(), query, &Visible::All)
    }

    #[test]
    fn an_answer_is_given_again_until_its_index_moves() {
        let (answers, mut store) = (Answers::default(), Store::default());
        register(&mut store, "n", "web", 1);
        let first = ask(&answers, &store, &of("web"));
        register(&mut store, "n", "other", 1);
        assert!(Arc::ptr_eq(&first, &ask(&answers, &store, &of("web"))), "another service changed");
        register(&mut store, "n", "web", 2);
        let second = ask(&answers, &store, &of("web"));
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(second.answer().index > first.answer().index);
    }

    fn put(store: &mut Store, key: &str, bytes: usize) {
        let at = LogIndex(store.at().0 + 1);
        let set = KvSet { key: key.into(), value: vec![b'v'; bytes].into(), flags: 0 };
        let command = Command::Kv(KvCommand::Set(set));
        store.apply(&Entry { at, stamp: Stamp::default(), command });
    }

    #[test]
    fn a_list_is_given_again_until_one_of_its_rows_changes() {
        let (answers, mut store) = (Answers::default(), Store::default());
        let list = Query::Kv(KvQuery::List("a/".into()));
        for key in ["a/1", "a/2", "b/1"] {
            put(&mut store, key, LIST_BYTES_MIN);
        }
        let first = ask(&answers, &store, &list);
        put(&mut store, "b/1", 1);
        assert!(Arc::ptr_eq(&first, &ask(&answers, &store, &list)), "another prefix changed");
        put(&mut store, "a/2", LIST_BYTES_MIN + 1);
        let second = ask(&answers, &store, &list);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(second.answer().index > first.answer().index);
    }

    #[test]
    fn a_list_that_is_small_or_huge_is_not_kept() {
        let (answers, mut store) = (Answers::default(), Store::default());
        for (prefix, bytes) in [("small/", 10), ("huge/", LIST_BYTES_MAX)] {
            put(&mut store, &format!("{prefix}1"), bytes);
            let list = Query::Kv(KvQuery::List(prefix.into()));
            let first = ask(&answers, &store, &list);
            assert!(!Arc::ptr_eq(&first, &ask(&answers, &store, &list)), "{prefix}");
        }
        assert_eq!(answers.ledger.bytes(), 0);
    }

    #[test]
    fn an_answer_sorted_by_distance_is_made_anew() {
        let (answers, mut store) = (Answers::default(), Store::default());
        register(&mut store, "n", "web", 1);
        let query = CatalogQuery { near: Some("n".into()), ..Catalog::Nodes.into() };
        let query = Query::Catalog(query);
        let first = ask(&answers, &store, &query);
        assert!(!Arc::ptr_eq(&first, &ask(&answers, &store, &query)));
    }

    #[test]
    fn what_is_kept_stays_within_its_bytes_and_its_number() {
        let (answers, mut store) = (Answers::default(), Store::default());
        register(&mut store, "n", "web", 1);
        let form = Bytes::from(vec![0; ANSWERS_BYTES_MAX / 10]);
        for n in 0..40 {
            let found = ask(&answers, &store, &of(&format!("s{n}")));
            found.encoded(0, |_| form.clone());
        }
        assert!(answers.ledger.bytes() < ANSWERS_BYTES_MAX * 11 / 10 + (64 << 10));
        for n in 0..ANSWERS_MAX * 2 {
            ask(&answers, &store, &of(&format!("t{n}")));
        }
        let generations = answers.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= ANSWERS_MAX + 1);
    }

    #[test]
    fn what_is_asked_for_again_outlives_what_is_not() {
        let (answers, mut store) = (Answers::default(), Store::default());
        register(&mut store, "n", "web", 1);
        let first = ask(&answers, &store, &of("web"));
        for n in 0..ANSWERS_MAX * 2 {
            ask(&answers, &store, &of(&format!("t{n}")));
            if n % 100 == 0 {
                ask(&answers, &store, &of("web"));
            }
        }
        assert!(Arc::ptr_eq(&first, &ask(&answers, &store, &of("web"))));
        drop(first);
        drop(answers);
    }

    #[test]
    fn the_ledger_is_empty_when_nothing_is_held() {
        let ledger = Arc::new(Ledger::default());
        let store = Store::default();
        let answer = store.view().answer(&of("web"), &Visible::All);
        let shared = SharedAnswer::counted(answer, ledger.clone());
        let before = ledger.bytes();
        shared.encoded(3, |_| Bytes::from_static(b"1234567"));
        shared.encoded(3, |_| Bytes::from_static(b"again"));
        assert_eq!(ledger.bytes(), before + 7);
        drop(shared);
        assert_eq!(ledger.bytes(), 0);
    }
}
