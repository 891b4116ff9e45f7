//! An answer that many may share: it is encoded once for each form, by whoever comes first.

use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tribune_state::catalog::{CatalogBody, Instance, Verdict};
use tribune_state::kv::{KvBody, KvRow};
use tribune_state::{Answer, Body};

/// An answer with the encodings made of it so far.
#[derive(Debug)]
pub struct SharedAnswer {
    answer: Answer,
    encodings: [OnceLock<Bytes>; FORMS],
    /// Where its bytes are counted while it lives.
    ledger: Option<Arc<Ledger>>,
}

/// How many forms of one answer there can be; the front door numbers them.
pub const FORMS: usize = 8;

/// The bytes that answers of one kind hold together.
#[derive(Debug, Default)]
pub(crate) struct Ledger(AtomicUsize);

impl Ledger {
    /// The sum.
    pub fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl SharedAnswer {
    /// Wraps an answer.
    pub fn new(answer: Answer) -> SharedAnswer {
        SharedAnswer { answer, encodings: Default::default(), ledger: None }
    }

    /// Wraps an answer whose bytes count.
    pub(crate) fn counted(answer: Answer, ledger: Arc<Ledger>) -> SharedAnswer {
        ledger.0.fetch_add(rows_bytes(&answer.body), Ordering::Relaxed);
        SharedAnswer { answer, encodings: Default::default(), ledger: Some(ledger) }
    }

    /// The answer itself.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The bytes of a form, rendered now if nobody has yet. A form out of range is not shared.
    pub fn encoded(&self, form: usize, render: impl FnOnce(&Answer) -> Bytes) -> Bytes {
        let Some(cell) = self.encodings.get(form) else { return render(&self.answer) };
        let make = || {
            let bytes = render(&self.answer);
            if let Some(ledger) = &self.ledger {
                ledger.0.fetch_add(bytes.len(), Ordering::Relaxed);
            }
            bytes
        };
        cell.get_or_init(make).clone()
    }
}

impl Drop for SharedAnswer {
    fn drop(&mut self) {
        if let Some(ledger) = &self.ledger {
            let encoded: usize =
                self.encodings.iter().filter_map(OnceLock::get).map(Bytes::len).sum();
            let bytes = encoded + rows_bytes(&self.answer.body);
            ledger.0.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// About how many bytes an answer holds beside the rows that it shares with the state.
///
/// Rows of keys count whole: they are replaced often, and an answer may be all that holds them.
pub(crate) fn rows_bytes(body: &Body) -> usize {
    let body = match body {
        Body::Catalog(body) => body,
        Body::Kv(KvBody::Rows(rows)) => {
            let row = |row: &Arc<KvRow>| ROW_BYTES + row.key().len() + row.value().len();
            return rows.iter().map(row).sum();
        }
        _ => return ROW_BYTES,
    };
    let rows = match body {
        CatalogBody::Nodes(rows) => rows.len(),
        CatalogBody::Checks(rows) => rows.len(),
        CatalogBody::Node(node) => node.as_ref().map_or(0, |(_, services)| services.len()),
        CatalogBody::Services(names) => {
            names.values().map(|tags| NAME_BYTES / ROW_BYTES + tags.len()).sum()
        }
        CatalogBody::Instances(found) => {
            let checks: usize = found.iter().map(|instance| instance.checks.len()).sum();
            checks + found.len() * size_of::<Instance>().div_ceil(ROW_BYTES)
        }
        CatalogBody::NodeInfos(found) => {
            found.iter().map(|info| 2 + info.services.len() + info.checks.len()).sum()
        }
        CatalogBody::Verdicts(found, names) => {
            let held = |own: &Verdict| {
                own.instance.checks.len() + 3 * (own.passing.len() + own.dns.len() + 2)
            };
            found.iter().map(held).sum::<usize>() + names.len()
        }
    };
    ROW_BYTES * (1 + rows)
}

/// What one row weighs in an answer: a pointer, its share of a list, and room for growth.
const ROW_BYTES: usize = 32;

/// What a name in a list of services weighs, its place in the map included.
const NAME_BYTES: usize = 96;
