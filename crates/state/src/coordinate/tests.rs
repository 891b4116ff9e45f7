//! Tests of coordinates: who is near, and what moves the index.

use super::*;
use crate::catalog::{CatalogCommand, Deregister, NodeRow, Register};
use crate::codec::{decode_entry, encode_entry};
use crate::{Body, Command, Entry, Event, Index, LogIndex, NodeName, Query, Stamp, Store, Visible};
use proptest::prelude::*;

fn at(x: f64) -> Coordinate {
    let mut coordinate = Coordinate::default();
    coordinate.vec[0] = x;
    coordinate
}

fn update(node: &str, x: f64) -> CoordinateUpdate {
    CoordinateUpdate { node: node.into(), segment: String::new(), coordinate: at(x) }
}

struct World {
    store: Store,
    at: u64,
}

impl World {
    fn new(nodes: &[&str]) -> World {
        let mut world = World { store: Store::default(), at: 0 };
        for node in nodes {
            let register = Register {
                node: NodeRow { node: (*node).into(), address: "a".into(), ..NodeRow::default() },
                skip_node_update: false,
                service: None,
                checks: Vec::new(),
            };
            world.run(Command::Catalog(CatalogCommand::Register(Box::new(register))));
        }
        world
    }

    fn run(&mut self, command: Command) -> Vec<Event> {
        self.at += 1;
        let entry = Entry { at: LogIndex(self.at), stamp: Stamp::default(), command };
        self.store.apply(&entry).events
    }

    fn put(&mut self, updates: &[CoordinateUpdate]) -> Vec<Event> {
        self.run(Command::Coordinate(CoordinateCommand::Batch(updates.to_vec())))
    }

    fn list(&self, query: CoordinateQuery) -> (Index, Vec<String>) {
        let answer = self.store.view().answer(&Query::Coordinate(query), &Visible::All);
        let Body::Coordinate(CoordinateBody::Rows(rows)) = answer.body else {
            panic!("coordinates")
        };
        (answer.index, rows.iter().map(|row| row.node.to_string()).collect())
    }

    fn all(&self) -> (Index, Vec<String>) {
        self.list(CoordinateQuery::Nodes(None))
    }
}

#[test]
fn an_update_of_a_node_that_is_not_registered_is_left_out() {
    let mut world = World::new(&["a"]);
    let events = world.put(&[update("A", 1.0), update("nobody", 2.0)]);
    assert_eq!(events, [Event::Coordinates]);
    assert_eq!(world.all(), (Index(2), vec!["a".to_owned()]));
}

#[test]
fn the_same_coordinate_again_moves_no_index_and_wakes_nobody() {
    let mut world = World::new(&["a"]);
    world.put(&[update("a", 1.0)]);
    assert!(world.put(&[update("a", 1.0)]).is_empty());
    assert_eq!(world.all().0, Index(2));
    assert_eq!(world.put(&[update("a", 1.5)]), [Event::Coordinates]);
    assert_eq!(world.all().0, Index(4));
}

#[test]
fn a_removed_node_takes_its_coordinate_with_it_and_the_index_rises() {
    let mut world = World::new(&["a", "b"]);
    world.put(&[update("a", 1.0), update("b", 2.0)]);
    let node = Deregister { node: "a".into(), ..Deregister::default() };
    let events = world.run(Command::Catalog(CatalogCommand::Deregister(node)));
    assert!(events.contains(&Event::Coordinates));
    assert_eq!(world.all(), (Index(4), vec!["b".to_owned()]));
    assert_eq!(world.list(CoordinateQuery::Node("a".into(), None)).1, Vec::<String>::new());
}

#[test]
fn a_segment_narrows_what_is_listed() {
    let mut world = World::new(&["a"]);
    world.put(&[update("a", 1.0), CoordinateUpdate { segment: "x".into(), ..update("a", 2.0) }]);
    assert_eq!(world.all().1.len(), 2);
    let narrowed = |segment: &str| {
        world.list(CoordinateQuery::Node("A".into(), Some(segment.to_owned()))).1.len()
    };
    assert_eq!((narrowed(""), narrowed("x"), narrowed("y")), (1, 1, 0));
}

#[test]
fn rows_are_sorted_by_distance_and_the_unknown_come_last_in_order() {
    let mut world = World::new(&["a", "b", "c", "d", "e"]);
    world.put(&[update("a", 0.0), update("b", 0.3), update("c", 0.1)]);
    let view = world.store.view();
    let sorted = |from: &str| {
        let mut rows: Vec<NodeName> = ["d", "b", "c", "a", "e"].map(NodeName::from).into();
        sort_near(view.coordinates(), &from.into(), &mut rows, |row| row);
        rows.iter().map(ToString::to_string).collect::<Vec<_>>().concat()
    };
    assert_eq!(sorted("A"), "acbde");
    assert_eq!(sorted("b"), "bcade");
    assert_eq!(sorted("d"), "dbcae", "a node that stands nowhere sorts nothing");
}

#[test]
fn an_adjustment_counts_unless_it_would_make_the_way_negative() {
    let near = Coordinate { adjustment: -0.05, ..at(0.0) };
    assert!((near.distance_s(&at(0.1)) - 0.05002).abs() < 1e-9);
    let odd = Coordinate { adjustment: -1.0, ..at(0.0) };
    assert!((odd.distance_s(&at(0.1)) - 0.10002).abs() < 1e-9);
}

fn coordinate() -> impl Strategy<Value = Coordinate> {
    (proptest::array::uniform8(-1.0..1.0_f64), 0.0..2.0_f64, -0.1..0.1_f64, 0.0..0.1_f64)
        .prop_map(|(vec, error, adjustment, height)| Coordinate { vec, error, adjustment, height })
}

proptest! {
    #[test]
    fn distances_are_the_same_both_ways_and_never_negative(a in coordinate(), b in coordinate()) {
        prop_assert!(a.distance_s(&b) >= 0.0);
        prop_assert!((a.distance_s(&b) - b.distance_s(&a)).abs() < 1e-12);
    }

    #[test]
    fn an_update_reads_back_as_it_was_written(coordinate in coordinate()) {
        let update = CoordinateUpdate { node: "n".into(), segment: "s".into(), coordinate };
        let command = Command::Coordinate(CoordinateCommand::Batch(vec![update]));
        let bytes = encode_entry(&Stamp::default(), &command);
        prop_assert_eq!(decode_entry(&bytes).unwrap().1, command);
    }
}
