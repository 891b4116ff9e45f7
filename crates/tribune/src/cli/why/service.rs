//! `why service`: each instance, in or out of `passing` and of DNS, and for which reason.

use tribune_client::api::duration::GoDuration;
use tribune_client::api::messages::{NODE_MAINTENANCE_CHECK, SERVICE_MAINTENANCE_CHECK};
use tribune_client::api::why::{Reason, Why, WhyCheck, WhyDoor, WhyInstance, WhyRuns};

use crate::cli::base::output::{FORMAT_FLAG, Format, format, json};
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "why service",
    synopsis: "Says why clients are given each instance of a service or not",
    arguments: "[options] NAME",
    help: "
Shows each instance of a service, whether clients that ask for passing ones or
by DNS are given it, and if not, why; and each check with its last runs. Of
the runs only the agent knows that makes them: ask the one beside the service.
Exits 1 if there is no such service.

    $ {program} why service web
    $ {program} why service -tag=v2 web
",
    flags: &[FORMAT_FLAG, Flag::list("tag", "A tag that clients ask for; may be given again.")],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let [name] = flags.words.as_slice() else {
        return Err(Failure::with_usage("A single service name must be specified"));
    };
    let format = format(flags)?;
    let client = console.client(flags)?;
    let mut read = client.agent().why(name);
    for tag in flags.list("tag") {
        read = read.option("tag", tag);
    }
    let read = if flags.bool("stale") { read.stale() } else { read };
    let why = console
        .wait(read.into_future())?
        .map_err(|error| Failure::text(format!("Error asking why: {error}")))?;
    match format {
        Format::Json => json(console, &why),
        Format::Pretty if why.known => console.print(&text(&why)),
        Format::Pretty => {}
    }
    if why.known {
        return Ok(());
    }
    let nearest = match why.nearest.as_slice() {
        [] => String::new(),
        names => format!("; did you mean {}?", names.join(" or ")),
    };
    Err(Failure::text(format!("No service {name:?} is known{nearest}")))
}

fn text(why: &Why) -> String {
    let blocks: Vec<String> = why.instances.iter().map(instance).collect();
    blocks.join("\n")
}

fn instance(own: &WhyInstance) -> String {
    let mut lines = vec![format!("{} on {}, {}:{}", own.id, own.node, own.address, own.port)];
    lines.push(format!("  passing: {}", door(&own.passing)));
    lines.push(format!("  DNS:     {}", door(&own.dns)));
    if own.weight == 0 && own.dns.r#in {
        lines.push("           with weight 0, which clients that go by weights avoid".to_owned());
    }
    for check in &own.checks {
        lines.extend(self::check(check));
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn door(door: &WhyDoor) -> String {
    if door.r#in {
        return "in".to_owned();
    }
    let reasons: Vec<String> = door.reasons.iter().map(reason).collect();
    format!("out: {}", reasons.join("; "))
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NodeMaintenance { notes } => format!("its node is in maintenance ({notes})"),
        Reason::ServiceMaintenance { notes } => format!("it is in maintenance ({notes})"),
        Reason::NodeCheck { check_id, status } => {
            format!("check {check_id} of its node is {status}")
        }
        Reason::ServiceCheck { check_id, status } => format!("check {check_id} is {status}"),
        Reason::MissingTag { tag } => format!("it has no tag {tag}"),
        Reason::NotInCatalog => "the agent has not told the catalog of it yet".to_owned(),
    }
}

fn check(check: &WhyCheck) -> Vec<String> {
    let of = if check.service_id.is_empty() { ", of the node" } else { "" };
    let mut lines = vec![format!("  check {}{of}: {}", check.check_id, check.status)];
    if let Some(first) = check.output.lines().next() {
        lines.push(format!("    it says: {first}"));
    }
    let is_maintenance = check.check_id == NODE_MAINTENANCE_CHECK
        || check.check_id.starts_with(SERVICE_MAINTENANCE_CHECK);
    match &check.runs {
        // It is there or not; nothing runs.
        _ if is_maintenance => lines.push("    until `maint -disable`".to_owned()),
        Some(runs) => lines.push(format!("    {}", runs_text(runs, &check.kind))),
        None => {}
    }
    lines
}

fn runs_text(runs: &WhyRuns, kind: &str) -> String {
    let mut parts = Vec::new();
    match (&runs.last, kind) {
        (Some(last), TTL) => parts.push(format!("was reported {} ago", short(last.ago))),
        (Some(last), _) => {
            parts.push(format!("ran {} ago, took {}", short(last.ago), short(last.took)));
        }
        (None, TTL) => parts.push("nobody has reported yet".to_owned()),
        (None, _) => parts.push("has not run yet".to_owned()),
    }
    for (text, span) in [
        ("runs since", runs.running_for),
        ("next in", runs.next_due_in),
        ("expires in", runs.expires_in),
        ("held for being unsteady, for", runs.damped_for),
        ("its service is removed in", runs.removal_in),
    ] {
        if span.0 > 0 {
            parts.push(format!("{text} {}", short(span)));
        }
    }
    match runs.failures_in_a_row {
        0 => {}
        1 => parts.push("failed once".to_owned()),
        count => parts.push(format!("{count} failures in a row")),
    }
    match runs.transitions {
        0 => {}
        1 => parts.push("changed once".to_owned()),
        count => parts.push(format!("changed {count} times")),
    }
    if runs.untold {
        parts.push("the catalog is not told yet".to_owned());
    }
    parts.join(", ")
}

/// A span with as many digits as somebody reads: seconds from ten on, tenths below, then
/// milliseconds, then microseconds.
fn short(span: GoDuration) -> GoDuration {
    let unit = match span.0 {
        10_000_000_000.. => 1_000_000_000,
        1_000_000_000.. => 100_000_000,
        1_000_000.. => 1_000_000,
        _ => 1_000,
    };
    // Rounded half up, but not from something to nothing.
    let rounded = span.0.saturating_add(unit / 2) / unit * unit;
    GoDuration(if rounded == 0 { span.0 } else { rounded })
}

/// The kind of checks that others report.
const TTL: &str = "ttl";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_few_digits() {
        for (nanos, expected) in [
            (0, "0s"),
            (255, "255ns"),
            (255_541, "256µs"),
            (819_919_193, "820ms"),
            (1_543_718_096, "1.5s"),
            (9_960_000_000, "10s"),
            (59_978_929_545, "1m0s"),
            (3_725_400_000_000, "1h2m5s"),
        ] {
            assert_eq!(short(GoDuration(nanos)).to_string(), expected);
        }
    }

    #[test]
    fn what_does_not_run_is_not_said_to_run() {
        let shown = |id: &str, kind: &str, runs: WhyRuns| {
            let check = WhyCheck {
                check_id: id.into(),
                kind: kind.into(),
                service_id: "web1".into(),
                status: "critical".into(),
                runs: Some(runs),
                ..WhyCheck::default()
            };
            super::check(&check).pop().unwrap()
        };
        let maintenance = shown("_service_maintenance:web1", "maintenance", WhyRuns::default());
        assert_eq!(maintenance, "    until `maint -disable`");
        let expires_in = GoDuration(59_991_351_448);
        let waiting = WhyRuns { expires_in, ..WhyRuns::default() };
        assert_eq!(shown("t", "ttl", waiting), "    nobody has reported yet, expires in 1m0s");
        let once = WhyRuns { failures_in_a_row: 1, transitions: 1, ..WhyRuns::default() };
        assert_eq!(shown("c", "tcp", once), "    has not run yet, failed once, changed once");
    }

    #[test]
    fn an_instance_says_where_it_is_and_why() {
        let out = |reason| WhyDoor { r#in: false, reasons: vec![reason] };
        let failing = Reason::ServiceCheck { check_id: "c".into(), status: "critical".into() };
        let shown = instance(&WhyInstance {
            node: "n".into(),
            id: "web1".into(),
            address: "127.0.0.1".into(),
            port: 80,
            passing: out(failing),
            dns: WhyDoor { r#in: true, reasons: Vec::new() },
            checks: vec![WhyCheck {
                check_id: "c".into(),
                service_id: "web1".into(),
                status: "critical".into(),
                output: "connection refused\nmore".into(),
                runs: Some(WhyRuns { failures_in_a_row: 2, ..WhyRuns::default() }),
                ..WhyCheck::default()
            }],
            ..WhyInstance::default()
        });
        let expected = "web1 on n, 127.0.0.1:80\n  passing: out: check c is critical\n  \
            DNS:     in\n           with weight 0, which clients that go by weights avoid\n  \
            check c: critical\n    it says: connection refused\n    \
            has not run yet, 2 failures in a row\n";
        assert_eq!(shown, expected);
    }
}
