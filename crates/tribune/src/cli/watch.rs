//! `watch`: shows a view of the cluster once, or hands it to a program whenever it changes.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::{Map, Value};
use tribune_client::Client;
use tribune_client::plan::{Exec, Plan, Runner};

use super::base::console::runtime;
use super::base::flags::go_bool;
use super::base::{Api, Command, Console, Failure, Flag, Parsed, Run};

pub(crate) const COMMAND: Command = Command {
    name: "watch",
    synopsis: "Shows a view of the cluster, or hands its changes to a program",
    arguments: "[options] [child...]",
    help: "
Watches keys, services, nodes, checks or events. Without a program it prints
what is there now as JSON and ends. With one it starts the program at once and
at every change; the program reads the JSON from its standard input, and
CONSUL_INDEX holds the index. It ends when the program fails.

    $ {program} watch -type=key -key=web/motd
    $ {program} watch -type=service -service=web -passingonly=1 ./reload.sh
    $ {program} watch -type=event -name=deploy -shell=false cat
",
    flags: &[
        Flag::text("filter", "Only rows for which this filter expression is true."),
        Flag::text("key", "The key, for -type=key."),
        Flag::text("name", "The event's name, for -type=event; all of them if absent."),
        Flag::text("passingonly", "true for instances that pass, for -type=service."),
        Flag::text("prefix", "What keys begin with, for -type=keyprefix."),
        Flag::text("service", "The service, for -type=service and checks."),
        Flag::text("service-id", "The id on this agent, for -type=agent_service."),
        Flag::bool("shell", "Run the program by a shell, $SHELL or /bin/sh; the default."),
        Flag::text("state", "passing, warning, critical or any, for -type=checks."),
        Flag::list("tag", "A tag that instances must have; may be given again."),
        Flag::text(
            "type",
            "What to watch: key, keyprefix, services, nodes, service, checks, event, \
             agent_service, connect_roots or connect_leaf.",
        ),
    ],
    api: Api::Servers,
    run: Run::Flags(run),
};

/// Source: transcripts/cli/watch.txt.
fn run(console: &mut Console, flags: &Parsed) -> Result<(), Failure> {
    let plan = plan(flags)?;
    let client = console.client(flags)?;
    // Whether there is an agent at all is said at once; later errors are waited out.
    console
        .wait(client.status().leader().into_future())?
        .map_err(|error| Failure::text(format!("Error querying Consul agent: {error}")))?;
    let program = program(console, flags);
    runtime()?.block_on(follow(console, plan, &client, program))
}

fn plan(flags: &Parsed) -> Result<Plan, Failure> {
    let mut parameters = Map::new();
    for flag in ["type", "key", "prefix", "service", "state", "name", "filter", "datacenter"] {
        if let Some(text) = flags.text(flag).filter(|text| !text.is_empty()) {
            parameters.insert(flag.to_owned(), text.into());
        }
    }
    if let Some(id) = flags.text("service-id") {
        parameters.insert("service_id".to_owned(), id.into());
    }
    if !flags.list("tag").is_empty() {
        parameters.insert("tag".to_owned(), flags.list("tag").into());
    }
    if let Some(text) = flags.text("passingonly").filter(|text| !text.is_empty()) {
        let only = go_bool(text).ok_or_else(|| {
            let why = format!("strconv.ParseBool: parsing {text:?}: invalid syntax");
            Failure::text(format!("Failed to parse passingonly flag: {why}"))
        })?;
        if only {
            parameters.insert("passingonly".to_owned(), Value::Bool(true));
        }
    }
    if flags.bool("stale") {
        parameters.insert("stale".to_owned(), Value::Bool(true));
    }
    if !parameters.contains_key("type") {
        return Err(Failure::with_usage("Watch type must be specified"));
    }
    Plan::parse(parameters).map_err(|error| Failure::text(error.to_string()))
}

/// What to run for each change; none to show the value once.
fn program(console: &Console, flags: &Parsed) -> Option<Exec> {
    let words = &flags.words;
    let shell = flags.text("shell").is_none() || flags.bool("shell");
    let args = match shell {
        true => {
            let shell = console.variable("SHELL").filter(|shell| !shell.is_empty());
            let shell = shell.unwrap_or_else(|| SHELL_DEFAULT.to_owned());
            vec![shell, "-c".to_owned(), words.join(" ")]
        }
        false => words.clone(),
    };
    (!words.is_empty()).then_some(Exec { args, timeout: Exec::TIMEOUT })
}

async fn follow(
    console: &mut Console,
    plan: Plan,
    client: &Client,
    program: Option<Exec>,
) -> Result<(), Failure> {
    let mut runner = Runner::new(plan);
    loop {
        let change = match runner.next(client).await {
            Ok(change) => change,
            Err(error) => {
                console.error(&format!("Watch errored: {error}"));
                // Who asked once is told once; what asks on may be answered later.
                if program.is_none() && !error.is_transient() {
                    return Err(Failure::code(1));
                }
                continue;
            }
        };
        let Some(program) = &program else {
            console.write(&change.pretty_json());
            console.print("\n");
            return Ok(());
        };
        match program.run_in_front(&change).await {
            Ok(status) if status.success() => {}
            Ok(status) => {
                let how = how_ended(status);
                return Err(Failure::text(format!("Error executing handler: {how}")));
            }
            Err(error) => return Err(Failure::text(format!("Error executing handler: {error}"))),
        }
    }
}

/// As Go's programs say it.
fn how_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

const SHELL_DEFAULT: &str = "/bin/sh";

#[cfg(test)]
mod tests {
    use tribune_client::plan::Kind;

    use super::*;
    use crate::cli::base::flags;

    fn parse(line: &str) -> Result<Plan, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        plan(&flags::parse(&COMMAND.all_flags(), &words).unwrap())
    }

    #[test]
    fn flags_make_the_plan() {
        let found =
            parse("-type=service -service=web -tag=a -tag=b -passingonly=1 -stale").unwrap();
        let expected = Kind::Service {
            name: "web".into(),
            tags: vec!["a".into(), "b".into()],
            passing_only: true,
            filter: String::new(),
        };
        assert_eq!((found.kind, found.stale), (expected, true));
        let found = parse("-type=agent_service -service-id=web1").unwrap();
        assert_eq!(found.kind, Kind::AgentService("web1".into()));
        // A flag that is empty is one that was not given.
        assert!(parse("-type=nodes -key= -passingonly=").is_ok());
    }

    /// Source: transcripts/cli/watch.txt.
    #[test]
    fn a_wrong_plan_says_why() {
        let text = |line: &str| parse(line).unwrap_err().text.unwrap();
        assert_eq!(text(""), "Watch type must be specified");
        assert_eq!(text("-type=key"), "Must specify a single key to watch");
        let expected = "Failed to parse passingonly flag: \
                        strconv.ParseBool: parsing \"x\": invalid syntax";
        assert_eq!(text("-type=key -key=w -passingonly=x"), expected);
    }
}
