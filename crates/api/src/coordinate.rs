//! Coordinates on the wire. Distances are estimated elsewhere.
//! Invariant: fields stand in the order Consul prints them.

use serde::{Deserialize, Serialize};

/// A place in the network.
///
/// Source: transcripts/status/basic.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Coordinate {
    pub vec: Vec<f64>,
    pub error: f64,
    pub adjustment: f64,
    pub height: f64,
}

/// A node's coordinate: an element of `coordinate/nodes`, and the body of `coordinate/update`.
///
/// Source: transcripts/status/basic.txt, status/paths.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CoordinateEntry {
    pub node: String,
    pub segment: String,
    pub coord: Option<Coordinate>,
}

/// The servers of one datacenter: an element of `coordinate/datacenters`.
///
/// Source: transcripts/status/basic.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DatacenterMap {
    pub datacenter: String,
    #[serde(rename = "AreaID")]
    pub area_id: String,
    pub coordinates: Vec<CoordinateEntry>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Unknown, decode};
    use crate::json::{Layout, to_json};

    #[test]
    fn an_update_without_a_coordinate_decodes_and_whole_numbers_print_without_a_point() {
        let asked: CoordinateEntry = decode(br#"{"Node":"none"}"#, Unknown::Refuse).unwrap();
        assert_eq!(asked.coord, None);
        let coord = Coordinate { vec: vec![0.0, -0.5], error: 1.5, adjustment: 0.0, height: 1e-5 };
        let text = to_json(&coord, Layout::Compact);
        let expected = r#"{"Vec":[0,-0.5],"Error":1.5,"Adjustment":0,"Height":0.00001}"#;
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
