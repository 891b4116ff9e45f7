//! `members`: who is in the pool, as this agent sees it.

use regex_lite::Regex;
use tribune_client::api::agent::Member;

use super::base::output::table;
use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "members",
    synopsis: "Lists the members of the cluster",
    arguments: "[options]",
    help: "
Lists the members of the cluster that the agent knows. Exits 2 if there are
none of the kind asked for.

    $ {program} members -status=alive
    $ {program} members -filter='Tags.dc == \"dc1\"'
",
    flags: &[
        Flag::bool("detailed", "Show every tag of each member."),
        Flag::text("filter", "Only members for which this filter expression is true."),
        Flag::text("segment", "Only members of this network segment (Consul Enterprise)."),
        Flag::text("status", "Only members whose status matches this regular expression."),
        Flag::bool("wan", "Ask for the servers of all datacenters instead."),
    ],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Nobody matched. Source: transcripts/cli/acl.txt.
const EXIT_NONE: u8 = 2;
/// Every segment. Source: transcripts/cli/leave.txt.
const SEGMENT_ALL: &str = "_all";
const STATUS_NAMES: [&str; 5] = ["none", "alive", "leaving", "left", "failed"];
const STATUS_LEFT: u8 = 3;
/// What members that say nothing about it run with.
const DEFAULT_SEGMENT: &str = "<default>";

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let pattern = flags.text_or("status", ".*");
    let pattern = Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| Failure::text(format!("Failed to compile status regexp: {error}")))?;
    let client = console.client(flags)?;
    let read = client.agent().members();
    let read = if flags.bool("wan") {
        read.option("wan", 1)
    } else {
        read.option("segment", flags.text_or("segment", SEGMENT_ALL))
    };
    let read = match flags.text_or("filter", "") {
        "" => read,
        expression => read.filter(expression),
    };
    let mut members = console
        .wait(read.into_future())?
        .map_err(|error| Failure::text(format!("Error retrieving members: {error}")))?;
    members.retain(|member| pattern.is_match(status(member)));
    if members.is_empty() {
        return Err(Failure::code(EXIT_NONE));
    }
    // Servers first, then by name.
    members.sort_by(|a, b| (kind(b), &a.name).cmp(&(kind(a), &b.name)));
    let rows = if flags.bool("detailed") { detailed(&members) } else { plain(&members) };
    console.print(&table(&rows));
    Ok(())
}

fn status(member: &Member) -> &'static str {
    STATUS_NAMES.get(usize::from(member.status)).copied().unwrap_or(STATUS_NAMES[0])
}

fn tag<'a>(member: &'a Member, name: &str) -> &'a str {
    member.tags.get(name).map_or("", String::as_str)
}

/// The gossip pool calls a server `consul`.
fn kind(member: &Member) -> &'static str {
    match tag(member, "role") {
        "consul" => "server",
        "node" => "client",
        _ => "",
    }
}

fn address(member: &Member) -> String {
    if member.addr.contains(':') {
        return format!("[{}]:{}", member.addr, member.port);
    }
    format!("{}:{}", member.addr, member.port)
}

fn plain(members: &[Member]) -> Vec<Vec<String>> {
    let head =
        ["Node", "Address", "Status", "Type", "Build", "Protocol", "DC", "Partition", "Segment"];
    let mut rows = vec![head.map(str::to_string).to_vec()];
    rows.extend(members.iter().map(|member| {
        let known = |name: &str, default: &str| match tag(member, name) {
            "" => default.to_string(),
            value => value.to_string(),
        };
        // The build is followed by a colon and the commit.
        let build = tag(member, "build").split(':').next().unwrap_or("");
        let segment = match (kind(member), tag(member, "segment")) {
            ("server", _) => "<all>".to_string(),
            (_, "") => DEFAULT_SEGMENT.to_string(),
            (_, segment) => segment.to_string(),
        };
        vec![
            member.name.clone(),
            address(member),
            status(member).to_string(),
            kind(member).to_string(),
            if build.is_empty() { "unknown".to_string() } else { build.to_string() },
            // A member that left no longer says what it spoke.
            if member.status == STATUS_LEFT {
                member.protocol_cur.to_string()
            } else {
                known("vsn", &member.protocol_cur.to_string())
            },
            known("dc", ""),
            known("ap", "default"),
            segment,
        ]
    }));
    rows
}

fn detailed(members: &[Member]) -> Vec<Vec<String>> {
    let mut rows = vec![["Node", "Address", "Status", "Tags"].map(str::to_string).to_vec()];
    rows.extend(members.iter().map(|member| {
        let tags: Vec<_> =
            member.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        vec![member.name.clone(), address(member), status(member).to_string(), tags.join(",")]
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, role: &str, status: u8) -> Member {
        let tags = [("role", role), ("build", "1.22.1:abc"), ("dc", "dc1"), ("vsn", "2")];
        Member {
            name: name.into(),
            addr: "127.0.0.1".into(),
            port: 8301,
            status,
            tags: tags.map(|(name, value)| (name.into(), value.into())).into(),
            ..Member::default()
        }
    }

    #[test]
    fn servers_and_clients_are_told_apart() {
        let rows = plain(&[member("s", "consul", 1), member("c", "node", 4)]);
        let expected = ["s", "127.0.0.1:8301", "alive", "server", "1.22.1", "2", "dc1"];
        assert_eq!(rows[1][..7], expected);
        assert_eq!(rows[1][7..], ["default", "<all>"]);
        assert_eq!((rows[2][2].as_str(), rows[2][3].as_str()), ("failed", "client"));
        assert_eq!(rows[2][8], "<default>");
    }
}
