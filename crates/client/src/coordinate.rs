//! Network coordinates: where nodes are, measured in round-trip time.
//!
//! Source: Consul 1.22 documentation, "Coordinates API" and "Network coordinates".

use tribune_api::coordinate::{Coordinate, CoordinateEntry, DatacenterMap};

use crate::call::{Call, Read, list};
use crate::client::Client;

/// See [`Client::coordinate`].
pub struct Coordinates<'a>(pub(crate) &'a Client);

impl Coordinates<'_> {
    /// The nodes of the datacenter.
    pub fn nodes(&self) -> Read<Vec<CoordinateEntry>> {
        Read::new(self.0, Call::new("GET", "/v1/coordinate/nodes", ""), list)
    }

    /// The servers of every datacenter.
    pub fn datacenters(&self) -> Read<Vec<DatacenterMap>> {
        Read::new(self.0, Call::new("GET", "/v1/coordinate/datacenters", ""), list)
    }
}

/// The estimated round-trip time in seconds. None between points of different models.
pub fn round_trip_s(from: &Coordinate, to: &Coordinate) -> Option<f64> {
    if from.vec.len() != to.vec.len() {
        return None;
    }
    let squares = from.vec.iter().zip(&to.vec).map(|(a, b)| (a - b) * (a - b));
    let raw = squares.sum::<f64>().sqrt() + from.height + to.height;
    let adjusted = raw + from.adjustment + to.adjustment;
    Some(if adjusted > 0.0 { adjusted } else { raw })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_the_way_between_the_points_and_their_heights() {
        let at =
            |x: f64, y: f64| Coordinate { vec: vec![x, y], height: 0.001, ..Coordinate::default() };
        let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-9);
        assert!(near(round_trip_s(&at(0.0, 0.0), &at(0.003, 0.004)), 0.007));
        let adjusted = |by: f64| Coordinate { adjustment: by, ..at(0.0, 0.0) };
        assert!(near(round_trip_s(&adjusted(-0.001), &at(0.003, 0.004)), 0.006));
        // An adjustment that would make it negative does not count.
        assert!(near(round_trip_s(&adjusted(-1.0), &at(0.003, 0.004)), 0.007));
        assert_eq!(round_trip_s(&Coordinate::default(), &at(0.0, 0.0)), None);
    }
}
