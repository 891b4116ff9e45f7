//! `maint`: sets the node or one of its services apart, and shows what is set apart.

use tribune_client::api::health::HealthCheck;
use tribune_client::api::messages::{NODE_MAINTENANCE_CHECK, SERVICE_MAINTENANCE_CHECK};

use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "maint",
    synopsis: "Sets the node or one of its services apart",
    arguments: "[options]",
    help: "
Sets the node of this agent, or one of its services, apart for maintenance:
it then counts as critical and no client is sent to it. Without -enable and
-disable it shows what is set apart.

    $ {program} maint -enable -reason=\"disk is being replaced\"
    $ {program} maint -enable -service=web1
    $ {program} maint -disable
",
    flags: &[
        Flag::bool("disable", "End maintenance."),
        Flag::bool("enable", "Begin maintenance."),
        Flag::text("reason", "Why; shown to whoever asks. With -enable only."),
        Flag::text("service", "The id of a service; the whole node if absent."),
    ],
    api: Api::Agent,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/services.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let (enable, disable) = (flags.bool("enable"), flags.bool("disable"));
    let reason = flags.text_or("reason", "");
    let service = flags.text_or("service", "");
    if enable && disable {
        return Err(Failure::text("Only one of -enable or -disable may be provided"));
    }
    if !enable && !reason.is_empty() {
        return Err(Failure::text("Reason may only be provided with -enable"));
    }
    if !enable && !disable {
        if !service.is_empty() {
            return Err(Failure::text("Service requires either -enable or -disable"));
        }
        return list(console, flags);
    }
    let client = console.client(flags)?;
    let agent = client.agent();
    let reason = enable.then_some(reason);
    let (what, sent) = match service {
        "" => ("node", agent.maintenance(reason)),
        id => ("service", agent.service_maintenance(id, reason)),
    };
    let verb = if enable { "enabling" } else { "disabling" };
    console
        .wait(sent.into_future())?
        .map_err(|error| Failure::text(format!("Error {verb} {what} maintenance: {error}")))?;
    let state = if enable { "enabled" } else { "disabled" };
    console.line(&match service {
        "" => format!("Node maintenance is now {state}"),
        id => format!("Service maintenance is now {state} for {id:?}"),
    });
    Ok(())
}

fn list(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let client = console.client(flags)?;
    let checks = console
        .wait(client.agent().checks().into_future())?
        .map_err(|error| Failure::text(format!("Error getting checks: {error}")))?;
    let shown: Vec<String> = checks.values().filter_map(block).collect();
    if !shown.is_empty() {
        console.line(&shown.join("\n\n"));
    }
    Ok(())
}

/// What a check that stands for maintenance says; the node's comes first, by its id.
fn block(check: &HealthCheck) -> Option<String> {
    let reason = &check.notes;
    if check.check_id == NODE_MAINTENANCE_CHECK {
        return Some(format!("Node:\n  Name:   {}\n  Reason: {reason}", check.node));
    }
    let is_maintenance = check.check_id.starts_with(SERVICE_MAINTENANCE_CHECK);
    is_maintenance.then(|| format!("Service:\n  ID:     {}\n  Reason: {reason}", check.service_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_maintenance_is_listed() {
        let check = |id: &str, service: &str| HealthCheck {
            node: "node1".into(),
            check_id: id.into(),
            service_id: service.into(),
            notes: "work".into(),
            ..HealthCheck::default()
        };
        let node = block(&check("_node_maintenance", "")).unwrap();
        assert_eq!(node, "Node:\n  Name:   node1\n  Reason: work");
        let service = block(&check("_service_maintenance:web1", "web1")).unwrap();
        assert_eq!(service, "Service:\n  ID:     web1\n  Reason: work");
        assert_eq!(block(&check("service:web1", "web1")), None);
    }
}
