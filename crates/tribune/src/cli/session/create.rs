//! `session create`: prints the id alone, so that scripts can take it.

use tribune_client::SessionOptions;
use tribune_client::api::duration::GoDuration;
use tribune_client::api::session::{LockDelay, ServiceCheck, SessionCreate, SessionCreated};

use crate::cli::base::output::{FORMAT_FLAG, Format, format, json};
use crate::cli::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "session create",
    synopsis: "Makes a session and prints its id",
    arguments: "[options]",
    help: "
Makes a session on the agent's node and prints its id.

    $ {program} session create -name=deploy -ttl=30s -behavior=delete
",
    flags: &[
        Flag::text(
            "behavior",
            "What becomes of the keys it holds when it ends: release (the default) or delete.",
        ),
        FORMAT_FLAG,
        Flag::text(
            "lock-delay",
            "How long a key it lost stays unavailable, such as 15s (the default); at most 1m.",
        ),
        Flag::text("name", "A name, for people."),
        Flag::text("node", "Another node than the agent's."),
        Flag::bool("no-checks", "Do not depend on the health of the node."),
        Flag::list("node-check", "Depend on this check of the node; may be given again."),
        Flag::list("service-check", "Depend on this check of a service; may be given again."),
        Flag::text("ttl", "End it unless it is renewed within this time, from 10s to 24h."),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let format = format(flags)?;
    if let Some(word) = flags.words.first() {
        return Err(Failure::text(format!("Error! Unexpected argument: {word}")));
    }
    let request = request(flags)?;
    let client = console.client(flags)?;
    let create = client.session().create(SessionOptions::from(request));
    let id = console
        .wait(create.into_future())?
        .map_err(|error| Failure::text(format!("Error! Failed creating session: {error}")))?;
    match format {
        Format::Pretty => console.line(&id),
        Format::Json => json(console, &SessionCreated { id }),
    }
    Ok(())
}

fn request(flags: &Parsed) -> Result<SessionCreate, Failure> {
    let option = |name: &str| flags.text_or(name, "").to_string();
    let lock_delay = flags.text("lock-delay").map(str::parse::<GoDuration>).transpose();
    let lock_delay =
        lock_delay.map_err(|error| Failure::text(format!("Error! Bad -lock-delay: {error}")))?;
    let node_checks = flags.list("node-check");
    let service_checks = flags.list("service-check");
    if flags.bool("no-checks") && !(node_checks.is_empty() && service_checks.is_empty()) {
        let text = "Error! Only one of -no-checks and -node-check or -service-check may be given";
        return Err(Failure::text(text));
    }
    let names_none = node_checks.is_empty() && !flags.bool("no-checks");
    let checks = service_checks
        .iter()
        .map(|id| ServiceCheck { id: id.clone(), ..ServiceCheck::default() })
        .collect::<Vec<_>>();
    Ok(SessionCreate {
        node: option("node"),
        name: option("name"),
        lock_delay: lock_delay.map(LockDelay),
        // Absent means the node's health, empty means nothing.
        node_checks: (!names_none).then(|| node_checks.to_vec()),
        service_checks: (!checks.is_empty()).then_some(checks),
        behavior: option("behavior"),
        ttl: option("ttl"),
        ..SessionCreate::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::base::flags::parse;

    fn asked(words: &[&str]) -> Result<SessionCreate, Failure> {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        request(&parse(&COMMAND.all_flags(), &words).unwrap())
    }

    #[test]
    fn no_checks_differs_from_none_named() {
        assert_eq!(asked(&[]).unwrap().node_checks, None);
        assert_eq!(asked(&["-no-checks"]).unwrap().node_checks, Some(vec![]));
        let named = asked(&["-node-check=a", "-node-check=b"]).unwrap();
        assert_eq!(named.node_checks, Some(vec!["a".into(), "b".into()]));
        assert!(asked(&["-no-checks", "-node-check=a"]).is_err());
    }

    #[test]
    fn a_bad_lock_delay_is_refused_here() {
        let refused = asked(&["-lock-delay=abc"]).unwrap_err();
        let text = "Error! Bad -lock-delay: time: invalid duration \"abc\"";
        assert_eq!(refused.text.as_deref(), Some(text));
        assert_eq!(asked(&["-lock-delay=0s"]).unwrap().lock_delay, Some(LockDelay::default()));
    }
}
