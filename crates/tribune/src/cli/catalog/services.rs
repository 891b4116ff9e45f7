//! `catalog services`: their names, perhaps with tags, perhaps of one node.

use std::collections::BTreeMap;

use tribune_client::{Client, Error};

use super::{no_words, read};
use crate::cli::base::output::table;
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "catalog services",
    synopsis: "Lists the services",
    arguments: "[options]",
    help: "
Lists the services of the catalog, or those of one node.

    $ {program} catalog services -tags
    $ {program} catalog services -node=node1
    $ {program} catalog services -filter='ServiceMeta.version == 2'

A filter sees instances with their nodes (ServiceTags, NodeMeta, ...); with
-node, instances alone (Tags, Meta, ...).
",
    flags: &[
        Flag::text("filter", "Only services of instances for which this expression is true."),
        Flag::text("node", "Only services of this node, by name or id."),
        Flag::map("node-meta", "Only services of nodes with this metadata; may be given again."),
        Flag::bool("tags", "Show each service's tags."),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    no_words(flags)?;
    let client = console.client(flags)?;
    let services = console
        .wait(find(&client, flags))?
        .map_err(|error| Failure::text(format!("Error listing services: {error}")))?;
    if services.is_empty() {
        console.error("No services match the given query - try expanding your search.");
        return Ok(());
    }
    let rows: Vec<_> = services
        .into_iter()
        .map(
            |(name, tags)| if flags.bool("tags") { vec![name, tags.join(",")] } else { vec![name] },
        )
        .collect();
    console.print(&table(&rows));
    Ok(())
}

/// The name of the node with an id, if there is one.
async fn name_of(client: &Client, flags: &Parsed, id: &str) -> Result<Option<String>, Error> {
    if !is_id(id) {
        return Ok(None);
    }
    let nodes = client.catalog().nodes().filter(format!("ID == \"{id}\""));
    let nodes = if flags.bool("stale") { nodes.stale() } else { nodes }.await?;
    Ok(nodes.into_iter().next().map(|own| own.node))
}

/// True for what can be the id of a node: only such a text is put into a filter.
fn is_id(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.chars().all(|own| own.is_ascii_hexdigit() || own == '-')
}

async fn find(client: &Client, flags: &Parsed) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let node = flags.text_or("node", "");
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if node.is_empty() {
        services = read(client.catalog().services(), flags).await?;
    } else {
        let mut found = read(client.catalog().node(node), flags).await?;
        if found.node.is_none()
            && let Some(named) = name_of(client, flags, node).await?
        {
            found = read(client.catalog().node(&named), flags).await?;
        }
        for service in found.services.unwrap_or_default() {
            let tags = services.entry(service.service).or_default();
            tags.extend(service.tags.unwrap_or_default());
        }
    }
    for tags in services.values_mut() {
        tags.sort();
        tags.dedup();
    }
    Ok(services)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_looked_for_as_such() {
        for (text, expected) in [
            ("7d2b0a52-4f9c-4d57-8b42-0f4d1f2c9a10", true),
            ("7D2B0A52-4F9C-4D57-8B42-0F4D1F2C9A10", true),
            ("node1", false),
            ("7d2b0a52", false),
            ("7d2b0a52-4f9c-4d57-8b42-0f4d1f2c9a1\"", false),
            ("", false),
        ] {
            assert_eq!(is_id(text), expected, "{text}");
        }
    }
}
