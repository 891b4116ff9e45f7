//! `/v1/coordinate/`: where nodes stand in the network.
//! Invariant: a coordinate that reaches the cluster has eight dimensions and finite numbers.

use std::sync::Arc;

use tribune_api::coordinate as wire;
use tribune_api::decode::{Unknown, decode};
use tribune_api::messages;
use tribune_node::cluster::ClusterSignal;
use tribune_state::coordinate::{
    Coordinate, CoordinateBody, CoordinateQuery, CoordinateRow, CoordinateUpdate, DIMENSIONS,
};
use tribune_state::{Body, NodeName, Query};

use super::error::HttpError;
use super::options::{self, Options};
use super::wire::reply::Reply;
use super::{Api, Call};

/// An update is one node and a dozen numbers.
const BODY_BYTES_MAX: usize = 64 << 10;

/// The pool of servers across datacenters, as Consul names it.
const AREA_WAN: &str = "wan";

/// Where the servers of each datacenter stand among each other: this one alone, at the origin.
pub async fn datacenters(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    enabled(&api)?;
    let own = CoordinateRow {
        // By its name alone, so that it is found among the nodes (`rtt -wan` adds the datacenter).
        node: NodeName::from(api.config.node_name.as_str()),
        segment: String::new(),
        coordinate: Coordinate::default(),
    };
    let map = wire::DatacenterMap {
        datacenter: api.config.datacenter.clone(),
        area_id: AREA_WAN.to_owned(),
        coordinates: vec![entry(&own)],
    };
    Ok(Reply::json(&[map], api.layout(&call.params)))
}

pub async fn nodes(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let query = CoordinateQuery::Nodes(segment(&call));
    read(&api, &call, query, false).await
}

pub async fn node(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    let node = NodeName::from(call.rest_text());
    let query = CoordinateQuery::Node(node, segment(&call));
    read(&api, &call, query, true).await
}

fn segment(call: &Call) -> Option<String> {
    call.params.find("segment").filter(|text| !text.is_empty()).map(str::to_owned)
}

async fn read(
    api: &Api,
    call: &Call,
    query: CoordinateQuery,
    missing_is_404: bool,
) -> Result<Reply, HttpError> {
    enabled(api)?;
    let options = Options::parse(call, &api.config)?;
    let shared = api.ask(Query::Coordinate(query), &options).await?;
    let rows = match &shared.answer().body {
        Body::Coordinate(CoordinateBody::Rows(rows)) => rows.as_slice(),
        _ => &[],
    };
    if missing_is_404 && rows.is_empty() {
        return Ok(Reply::status(hyper::StatusCode::NOT_FOUND));
    }
    let listed: Vec<wire::CoordinateEntry> = rows.iter().map(|row| entry(row)).collect();
    let reply = Reply::json(&listed, api.layout(&call.params));
    Ok(api.meta(&shared, &options).put(reply))
}

fn entry(row: &CoordinateRow) -> wire::CoordinateEntry {
    let own = &row.coordinate;
    wire::CoordinateEntry {
        node: row.node.to_string(),
        segment: row.segment.clone(),
        coord: Some(wire::Coordinate {
            vec: own.vec.to_vec(),
            error: own.error,
            adjustment: own.adjustment,
            height: own.height,
        }),
    }
}

pub async fn update(api: Arc<Api>, call: Call) -> Result<Reply, HttpError> {
    enabled(&api)?;
    options::refuse_tenancy(&call)?;
    let bytes = call.body.read(BODY_BYTES_MAX).await.map_err(|error| {
        HttpError::body(error, |bytes| format!("request body of {bytes} bytes is too large"))
    })?;
    let asked: wire::CoordinateEntry =
        decode(&bytes, Unknown::Refuse).map_err(|error| HttpError::decode(&error))?;
    let coordinate = coordinate(asked.coord)?;
    let node = NodeName::from(asked.node);
    let update = CoordinateUpdate { node, segment: asked.segment, coordinate };
    api.cluster.signal(ClusterSignal::Coordinate(update)).await?;
    Ok(Reply::done())
}

/// Source: transcripts/status/paths.txt.
fn coordinate(asked: Option<wire::Coordinate>) -> Result<Coordinate, HttpError> {
    let asked = asked.ok_or(HttpError::HangUp(messages::MISSING_COORDINATE))?;
    let vec: [f64; DIMENSIONS] =
        asked.vec.try_into().map_err(|_| HttpError::internal(messages::INCOMPATIBLE_COORDINATE))?;
    let wire::Coordinate { error, adjustment, height, .. } = asked;
    let found = Coordinate { vec, error, adjustment, height };
    if found.is_finite() {
        return Ok(found);
    }
    Err(HttpError::internal(messages::INVALID_COORDINATE))
}

fn enabled(api: &Api) -> Result<(), HttpError> {
    if api.config.disable_coordinates {
        return Err(HttpError::Unauthorized(messages::COORDINATES_DISABLED.to_owned()));
    }
    Ok(())
}
