//! Rows as JSON, kept: a list of which one row has changed is joined from the bytes of the others.
//!
//! Invariant: a fragment is used only for the very rows it was made of. Rows never change and the
//! fragments hold on to theirs, so equal pointers mean equal rows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tribune_api::health::CheckServiceNode;
use tribune_api::json::{Layout, to_json};
use tribune_state::catalog::{CheckRow, Instance, NodeRow};

use super::super::convert::{self, Empty};

/// How many bytes the kept fragments may take, bookkeeping included.
pub const FRAGMENTS_BYTES_MAX: usize = 16 << 20;

/// What a fragment costs beside its bytes: its entry, its rows' pointers, their list.
const FRAGMENT_OVERHEAD_BYTES: usize = 192;

/// A row as one endpoint shows it.
#[derive(Clone, Debug)]
pub enum Piece {
    /// An instance with its node and checks.
    Health(Instance),
    /// An instance and its node, flat.
    Service(Instance),
    Check(Arc<CheckRow>),
    Node(Arc<NodeRow>),
}

/// The kept fragments in two generations: one that is used again moves to the younger; when there
/// is too much, the older goes.
#[derive(Debug, Default)]
pub struct Fragments(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Fragment>,
    old: HashMap<Key, Fragment>,
    young_bytes: usize,
}

/// The kind of a piece, the address of its main row, and the layout.
type Key = (u8, usize, Layout);

#[derive(Debug)]
struct Fragment {
    piece: Piece,
    bytes: Bytes,
}

impl Fragments {
    /// A JSON list of pieces.
    pub fn list(&self, pieces: impl Iterator<Item = Piece>, layout: Layout) -> Bytes {
        let mut parts: Vec<Result<Bytes, Piece>> = self.find(pieces, layout);
        let mut made = Vec::new();
        for part in &mut parts {
            if let Err(piece) = part {
                let bytes = piece.render(layout);
                made.push(Fragment { piece: piece.clone(), bytes: bytes.clone() });
                *part = Ok(bytes);
            }
        }
        self.keep(made, layout);
        join(&parts, layout)
    }

    fn find(
        &self,
        pieces: impl Iterator<Item = Piece>,
        layout: Layout,
    ) -> Vec<Result<Bytes, Piece>> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.map(|piece| generations.find(&piece, layout).ok_or(piece)).collect()
    }

    fn keep(&self, made: Vec<Fragment>, layout: Layout) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fragment in made {
            generations.keep(fragment.piece.key(layout), fragment);
        }
    }
}

impl Generations {
    fn find(&mut self, piece: &Piece, layout: Layout) -> Option<Bytes> {
        let key = piece.key(layout);
        if let Some(fragment) = self.young.get(&key) {
            return fragment.piece.is(piece).then(|| fragment.bytes.clone());
        }
        let fragment = self.old.remove(&key).filter(|fragment| fragment.piece.is(piece))?;
        let bytes = fragment.bytes.clone();
        self.keep(key, fragment);
        Some(bytes)
    }

    fn keep(&mut self, key: Key, fragment: Fragment) {
        self.young_bytes += fragment.bytes.len() + FRAGMENT_OVERHEAD_BYTES;
        if let Some(before) = self.young.insert(key, fragment) {
            let bytes = before.bytes.len() + FRAGMENT_OVERHEAD_BYTES;
            self.young_bytes = self.young_bytes.saturating_sub(bytes);
        }
        if self.young_bytes > FRAGMENTS_BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

impl Piece {
    fn key(&self, layout: Layout) -> Key {
        let (kind, row) = match self {
            Piece::Health(own) => (0, Arc::as_ptr(&own.service) as usize),
            Piece::Service(own) => (1, Arc::as_ptr(&own.service) as usize),
            Piece::Check(row) => (2, Arc::as_ptr(row) as usize),
            Piece::Node(row) => (3, Arc::as_ptr(row) as usize),
        };
        (kind, row, layout)
    }

    /// True if both are of the same rows and shown the same way.
    fn is(&self, other: &Piece) -> bool {
        match (self, other) {
            (Piece::Health(own), Piece::Health(other)) => {
                let pairs = own.checks.iter().zip(&other.checks);
                same_instance(own, other)
                    && own.checks.len() == other.checks.len()
                    && pairs.into_iter().all(|(own, other)| Arc::ptr_eq(own, other))
            }
            (Piece::Service(own), Piece::Service(other)) => same_instance(own, other),
            (Piece::Check(own), Piece::Check(other)) => Arc::ptr_eq(own, other),
            (Piece::Node(own), Piece::Node(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    /// The bytes as they stand within a list.
    fn render(&self, layout: Layout) -> Bytes {
        let listed = Empty::TagsListed;
        let bytes = match self {
            Piece::Health(own) => to_json(&health(own), layout),
            Piece::Service(own) => to_json(&convert::service_node(&own.node, &own.service), layout),
            Piece::Check(row) => to_json(&convert::check(row, listed), layout),
            Piece::Node(row) => to_json(&convert::node(row), layout),
        };
        match layout {
            Layout::Compact => Bytes::from(bytes),
            // A line break within a text is escaped: every one here begins a line.
            Layout::Pretty => indented(&bytes),
        }
    }
}

/// An instance as health shows it.
pub fn health(own: &Instance) -> CheckServiceNode {
    CheckServiceNode {
        node: convert::node(&own.node),
        service: convert::service(&own.service, Empty::TagsListed),
        checks: own.checks.iter().map(|row| convert::check(row, Empty::TagsListed)).collect(),
    }
}

fn same_instance(own: &Instance, other: &Instance) -> bool {
    Arc::ptr_eq(&own.service, &other.service) && Arc::ptr_eq(&own.node, &other.node)
}

const INDENT: &[u8] = b"    ";

fn indented(bytes: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(bytes.len() * 5 / 4);
    for byte in bytes {
        out.push(*byte);
        if *byte == b'\n' {
            out.extend_from_slice(INDENT);
        }
    }
    Bytes::from(out)
}

fn join(parts: &[Result<Bytes, Piece>], layout: Layout) -> Bytes {
    let (between, last): (&[u8], &[u8]) = match layout {
        Layout::Compact => (b"", b""),
        Layout::Pretty => (b"\n    ", b"\n"),
    };
    let parts = parts.iter().filter_map(|part| part.as_ref().ok());
    let length: usize = parts.clone().map(|part| part.len() + between.len() + 1).sum();
    let mut out = Vec::with_capacity(length + last.len() + 2);
    out.push(b'[');
    let mut any = false;
    for part in parts {
        if any {
            out.push(b',');
        }
        out.extend_from_slice(between);
        out.extend_from_slice(part);
        any = true;
    }
    if any {
        out.extend_from_slice(last);
    }
    out.push(b']');
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tribune_state::catalog::ServiceRow;

    fn instance(id: &str, output: &str) -> Instance {
        let check = CheckRow { id: "c".into(), output: output.into(), ..CheckRow::default() };
        Instance {
            node: Arc::new(NodeRow { node: "n".into(), ..NodeRow::default() }),
            service: Arc::new(ServiceRow { id: id.into(), ..ServiceRow::default() }),
            checks: vec![Arc::new(check)],
        }
    }

    fn whole(list: &[Instance], layout: Layout) -> Vec<u8> {
        to_json(&list.iter().map(health).collect::<Vec<_>>(), layout)
    }

    fn joined(fragments: &Fragments, list: &[Instance], layout: Layout) -> Bytes {
        fragments.list(list.iter().cloned().map(Piece::Health), layout)
    }

    #[test]
    fn a_joined_list_is_byte_for_byte_the_list_written_whole() {
        let fragments = Fragments::default();
        let all = [instance("a", "line\nbreak <&>"), instance("b", ""), instance("c", "x")];
        for layout in [Layout::Compact, Layout::Pretty] {
            for list in [&all[..], &all[..1], &[], &all[1..]] {
                for _ in 0..2 {
                    assert_eq!(joined(&fragments, list, layout), whole(list, layout));
                }
            }
        }
    }

    #[test]
    fn only_what_changed_is_rendered_again() {
        let fragments = Fragments::default();
        let mut list = vec![instance("a", "1"), instance("b", "1")];
        joined(&fragments, &list, Layout::Compact);
        let kept = |fragments: &Fragments| fragments.0.lock().unwrap().young.len();
        assert_eq!(kept(&fragments), 2);
        list[1].checks = instance("b", "2").checks;
        assert_eq!(joined(&fragments, &list, Layout::Compact), whole(&list, Layout::Compact));
        assert_eq!(kept(&fragments), 2, "a check's change takes its instance's place");
        let other = Piece::Service(list[0].clone());
        assert!(!other.is(&Piece::Health(list[0].clone())));
    }

    #[test]
    fn the_fragments_stay_within_their_bytes() {
        let fragments = Fragments::default();
        let output = "x".repeat(100 << 10);
        for n in 0..400 {
            joined(&fragments, &[instance(&n.to_string(), &output)], Layout::Compact);
        }
        let generations = fragments.0.lock().unwrap();
        let bytes: usize =
            generations.young.values().chain(generations.old.values()).map(|f| f.bytes.len()).sum();
        assert!(bytes < FRAGMENTS_BYTES_MAX + (200 << 10), "{bytes}");
        assert!(bytes > FRAGMENTS_BYTES_MAX / 4, "{bytes}");
    }
}
