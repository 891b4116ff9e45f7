//! Network coordinates: where nodes are, measured in round-trip time.
//!
//! Source: Consul 1.22 documentation, "Coordinates API" and "Network coordinates".

use serde::{Deserialize, Serialize};

use crate::call::{Call, Read, list};
use crate::client::Client;

/// See [`Client::coordinate`].
pub struct Coordinates<'a>(pub(crate) &'a Client);

/// Where one node is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NodeCoordinate {
    pub node: String,
    pub segment: String,
    pub coord: Coordinate,
}

/// A point of the model; all parts are in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Coordinate {
    pub vec: Vec<f64>,
    pub error: f64,
    pub adjustment: f64,
    pub height: f64,
}

/// The coordinates of the servers of one datacenter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DatacenterCoordinates {
    pub datacenter: String,
    #[serde(rename = "AreaID")]
    pub area_id: String,
    pub coordinates: Vec<NodeCoordinate>,
}

impl Coordinates<'_> {
    /// The nodes of the datacenter.
    pub fn nodes(&self) -> Read<Vec<NodeCoordinate>> {
        Read::new(self.0, Call::new("GET", "/v1/coordinate/nodes", ""), list)
    }

    /// The servers of every datacenter.
    pub fn datacenters(&self) -> Read<Vec<DatacenterCoordinates>> {
        Read::new(self.0, Call::new("GET", "/v1/coordinate/datacenters", ""), list)
    }
}

impl Coordinate {
    /// The estimated round-trip time in seconds. None between points of different models.
    pub fn round_trip_s(&self, other: &Coordinate) -> Option<f64> {
        if self.vec.len() != other.vec.len() {
            return None;
        }
        let squares = self.vec.iter().zip(&other.vec).map(|(a, b)| (a - b) * (a - b));
        let raw = squares.sum::<f64>().sqrt() + self.height + other.height;
        let adjusted = raw + self.adjustment + other.adjustment;
        Some(if adjusted > 0.0 { adjusted } else { raw })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_the_way_between_the_points_and_their_heights() {
        let at =
            |x: f64, y: f64| Coordinate { vec: vec![x, y], height: 0.001, ..Coordinate::default() };
        let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-9);
        assert!(near(at(0.0, 0.0).round_trip_s(&at(0.003, 0.004)), 0.007));
        let adjusted = |by: f64| Coordinate { adjustment: by, ..at(0.0, 0.0) };
        assert!(near(adjusted(-0.001).round_trip_s(&at(0.003, 0.004)), 0.006));
        // An adjustment that would make it negative does not count.
        assert!(near(adjusted(-1.0).round_trip_s(&at(0.003, 0.004)), 0.007));
        assert_eq!(Coordinate::default().round_trip_s(&at(0.0, 0.0)), None);
    }
}
