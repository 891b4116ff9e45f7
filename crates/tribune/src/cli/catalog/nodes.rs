//! `catalog nodes`: all of them, or those of a service.

use std::collections::BTreeMap;

use tribune_client::api::catalog::Node;
use tribune_client::{Client, Error};

use super::{no_words, read};
use crate::cli::base::output::table;
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "catalog nodes",
    synopsis: "Lists the nodes",
    arguments: "[options]",
    help: "
Lists the nodes of the catalog, or those that have a service.

    $ {program} catalog nodes -near=_agent
    $ {program} catalog nodes -service=web -detailed
",
    flags: &[
        Flag::bool("detailed", "Show addresses and metadata too."),
        Flag::text("filter", "Only nodes for which this filter expression is true."),
        Flag::text("near", "Sort by round-trip time from this node; _agent is the agent asked."),
        Flag::map("node-meta", "Only nodes with this metadata; may be given again."),
        Flag::text("service", "Only nodes that have this service."),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

/// Enough of an id to know it by.
const ID_CHARS: usize = 8;

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    no_words(flags)?;
    let client = console.client(flags)?;
    let nodes = console
        .wait(find(&client, flags))?
        .map_err(|error| Failure::text(format!("Error listing nodes: {error}")))?;
    if nodes.is_empty() {
        console.error("No nodes match the given query - try expanding your search.");
        return Ok(());
    }
    console.print(&table(&rows(&nodes, flags.bool("detailed"))));
    Ok(())
}

async fn find(client: &Client, flags: &Parsed) -> Result<Vec<Node>, Error> {
    let near = flags.text_or("near", "");
    let service = flags.text_or("service", "");
    if service.is_empty() {
        let asked = options(read(client.catalog().nodes(), flags), near);
        return asked.await;
    }
    let found = options(read(client.catalog().service(service), flags), near).await?;
    let mut seen = std::collections::BTreeSet::new();
    // A node may have the service more than once; the order is that of the answer.
    let once = found.into_iter().filter(|instance| seen.insert(instance.node.clone()));
    Ok(once
        .map(|instance| Node {
            id: instance.id,
            node: instance.node,
            address: instance.address,
            datacenter: instance.datacenter,
            tagged_addresses: instance.tagged_addresses,
            meta: instance.node_meta,
            ..Node::default()
        })
        .collect())
}

fn options<T>(read: tribune_client::Read<T>, near: &str) -> tribune_client::Read<T> {
    if near.is_empty() { read } else { read.near(near) }
}

fn rows(nodes: &[Node], detailed: bool) -> Vec<Vec<String>> {
    let head: &[&str] = if detailed {
        &["Node", "ID", "Address", "DC", "TaggedAddresses", "Meta"]
    } else {
        &["Node", "ID", "Address", "DC"]
    };
    let mut rows = vec![head.iter().map(ToString::to_string).collect::<Vec<_>>()];
    rows.extend(nodes.iter().map(|node| {
        let id: String =
            if detailed { node.id.clone() } else { node.id.chars().take(ID_CHARS).collect() };
        let mut row = vec![node.node.clone(), id, node.address.clone(), node.datacenter.clone()];
        if detailed {
            row.push(pairs(node.tagged_addresses.as_ref()));
            row.push(pairs(node.meta.as_ref()));
        }
        row
    }));
    rows
}

fn pairs(map: Option<&BTreeMap<String, String>>) -> String {
    let pairs = map.into_iter().flatten().map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_unless_details_are_asked_for() {
        let node = Node {
            id: "11111111-2222".into(),
            node: "n".into(),
            address: "127.0.0.1".into(),
            datacenter: "dc1".into(),
            meta: Some([("a".into(), "b".into())].into()),
            ..Node::default()
        };
        assert_eq!(rows(std::slice::from_ref(&node), false)[1][1], "11111111");
        assert_eq!(rows(&[node], true)[1][1..], ["11111111-2222", "127.0.0.1", "dc1", "", "a=b"]);
    }
}
