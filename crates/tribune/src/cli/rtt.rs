//! `rtt`: the estimated round-trip time between two nodes.

use tribune_client::api::coordinate::{Coordinate, CoordinateEntry};
use tribune_client::coordinate::round_trip_s;
use tribune_client::{Client, Error};

use super::base::console::runtime;
use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "rtt",
    synopsis: "Estimates the round-trip time between two nodes",
    arguments: "[options] NODE1 [NODE2]",
    help: "
Estimates the round-trip time between two nodes from their coordinates.
Nothing is sent between them. The second node is that of the agent if absent.

    $ {program} rtt node1 node2
    $ {program} rtt -wan server1.dc1 server2.dc2
",
    flags: &[Flag::bool("wan", "Between servers of any datacenters, as server.datacenter.")],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: consul-surface F.2.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let (first, second) = match flags.words.as_slice() {
        [first] => (first.as_str(), None),
        [first, second] => (first.as_str(), Some(second.as_str())),
        _ => return Err(Failure::with_usage("One or two node names must be specified")),
    };
    let client = console.client(flags)?;
    let line = runtime()?.block_on(estimate(&client, first, second, flags.bool("wan")))?;
    console.line(&line);
    Ok(())
}

async fn estimate(
    client: &Client,
    first: &str,
    second: Option<&str>,
    wan: bool,
) -> Result<String, Failure> {
    let second = match second {
        Some(name) => name.to_owned(),
        None => own_name(client, wan)
            .await
            .map_err(|error| Failure::text(format!("Unable to look up agent info: {error}")))?,
    };
    let known = if wan { servers(client).await } else { nodes(client).await };
    let known =
        known.map_err(|error| Failure::text(format!("Error getting coordinates: {error}")))?;
    let find = |name: &str| {
        let found = known.iter().find(|(known, _)| known == name).map(|(_, coord)| coord);
        found.ok_or_else(|| Failure::text(format!("Could not find a coordinate for node {name:?}")))
    };
    let (from, to) = (find(first)?, find(&second)?);
    let seconds = round_trip_s(from, to).ok_or_else(|| {
        Failure::text(format!("the coordinates of {first:?} and {second:?} do not compare"))
    })?;
    let source = if wan { "WAN" } else { "LAN" };
    let ms = seconds * 1000.0;
    Ok(format!("Estimated {first} <-> {second} rtt: {ms:.3} ms (using {source} coordinates)"))
}

async fn own_name(client: &Client, wan: bool) -> Result<String, Error> {
    let own = client.agent().itself().await?.config;
    Ok(if wan { format!("{}.{}", own.node_name, own.datacenter) } else { own.node_name })
}

async fn nodes(client: &Client) -> Result<Vec<(String, Coordinate)>, Error> {
    let found = client.coordinate().nodes().await?;
    Ok(found.into_iter().filter_map(|own| named(own, "")).collect())
}

/// Servers as `name.datacenter`.
async fn servers(client: &Client) -> Result<Vec<(String, Coordinate)>, Error> {
    let found = client.coordinate().datacenters().await?;
    let all = found.into_iter().flat_map(|dc| {
        let suffix = format!(".{}", dc.datacenter);
        dc.coordinates.into_iter().filter_map(move |own| named(own, &suffix))
    });
    Ok(all.collect())
}

/// A node with its coordinate, if it has one.
fn named(entry: CoordinateEntry, suffix: &str) -> Option<(String, Coordinate)> {
    Some((format!("{}{suffix}", entry.node), entry.coord?))
}
