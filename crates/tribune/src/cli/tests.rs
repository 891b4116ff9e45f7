//! The command line without an agent: dispatch, usage texts and refusals that need no server.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use super::base::Console;
use super::table::COMMANDS;

#[derive(Clone, Default)]
struct Stream(Arc<Mutex<Vec<u8>>>);

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Stream {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Exit code, output and errors of a command line that reaches no agent.
fn run(line: &str) -> (u8, String, String) {
    let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
    let (out, err) = (Stream::default(), Stream::default());
    let nowhere = |name: &str| (name == "CONSUL_HTTP_ADDR").then(|| "127.0.0.1:1".to_string());
    let mut console = Console::for_test(out.clone(), err.clone(), Cursor::new(Vec::new()), nowhere);
    let code = super::run(&mut console, &words);
    (code, out.text(), err.text())
}

/// A refusal whose errors begin with this line.
fn check_refused(line: &str, code: u8, expected: &str) {
    let (found, out, err) = run(line);
    assert_eq!((found, err.lines().next().unwrap_or("")), (code, expected), "{line}");
    assert_eq!(out, "", "{line}");
}

#[test]
fn what_is_not_a_command_shows_the_usage_and_exits_127() {
    let usage = "Usage: consul [--version] [--help] <command> [<args>]";
    for line in ["", "bogus", "-bogus", "bogus kv"] {
        check_refused(line, 127, usage);
    }
    let (_, _, err) = run("wacth -type=key");
    assert_eq!(err.lines().last(), Some("Unknown command \"wacth\"; did you mean \"watch\"?"));
    let (code, out, _) = run("--help");
    assert_eq!((code, out.lines().next().unwrap()), (0, usage));
}

#[test]
fn a_parent_shows_its_usage_and_exits_1() {
    check_refused("kv", 1, "Usage: consul kv <subcommand> [options] [args]");
    check_refused("kv bogus", 1, "Usage: consul kv <subcommand> [options] [args]");
    let (_, _, err) = run("kv gett a");
    assert_eq!(err.lines().last(), Some("Unknown subcommand \"gett\"; did you mean \"kv get\"?"));
}

#[test]
fn what_consul_has_and_we_have_not_yet_is_one_line() {
    for (line, name) in [("lock my/lock true", "lock"), ("services export -h", "services export")] {
        let text = format!(
            "\"{name}\" is a command of Consul that Tribune does not have yet; see consul --help \
             for those it has\n"
        );
        assert_eq!(run(line), (1, String::new(), text));
    }
}

/// Source: transcripts/cli/kv.txt.
#[test]
fn refusals_are_worded_as_recorded() {
    let none = |line, text| check_refused(line, 1, text);
    none("kv put", "Error! Missing KEY argument");
    none("kv put a b c", "Error! Too many arguments (expected 1 or 2, got 3)");
    none(
        "kv put a @nosuch.txt",
        "Error! Failed to read file: open nosuch.txt: no such file or directory",
    );
    none(
        "kv put -base64 a not-base64!",
        "Error! Cannot base 64 decode data: illegal base64 data at input byte 3",
    );
    none(
        "kv put -acquire locked 1",
        "Error! Missing -session (required with -acquire and -release)",
    );
    none(
        "kv put /lead 1",
        "Error! Failed writing data: Invalid key. Key must not begin with a '/': /lead",
    );
    none("kv put -flags=abc x 1", "invalid value \"abc\" for flag -flags: parse error");
    none("kv get", "Error! Missing KEY argument");
    none("kv get a b", "Too many arguments (expected 1, got 2)");
    none("kv get -nosuch web/port", "flag provided but not defined: -nosuch");
    none("kv export -format=pretty web/port", "flag provided but not defined: -format");
    none(
        "kv import @nosuch.json",
        "Error! Failed to read file: open nosuch.json: no such file or directory",
    );
    none("kv import -", "Cannot unmarshal data: unexpected end of JSON input");
    none("kv import", "Error! Missing DATA argument");
    none("kv delete", "Error! Missing KEY argument");
    none(
        "kv delete -cas web/host",
        "Cannot delete a key that does not exist. Provide a -modify-index greater than than 0.",
    );
    none("kv delete -recurse -cas -modify-index=1 web", "Cannot specify both -cas and -recurse!");
    none("event", "Event name must be specified");
    none("event -name=x -tag=t", "Cannot provide tag filter without service filter.");
    none("event -name=x a b", "Too many command line arguments.");
    none("services register", "Service registration requires at least one argument or flags.");
    none(
        "services register -name=a a.hcl",
        "Service registration requires arguments or -id, not both.",
    );
    none(
        "services register -name=flag -meta nope",
        "invalid value \"nope\" for flag -meta: Missing \"=\" value in argument: nope",
    );
    none("services deregister", "Service deregistration requires at least one argument or -id.");
    none(
        "services deregister -id=a b.hcl",
        "Service deregistration requires arguments or -id, not both.",
    );
    none("maint -enable -disable", "Only one of -enable or -disable may be provided");
    none("maint -disable -reason=x", "Reason may only be provided with -enable");
    none("watch", "Watch type must be specified");
    none("watch -type=bogus", "Unsupported watch type: bogus");
    none("watch -type=service", "Must specify a single service to watch");
    none("join", "At least one address to join must be specified.");
    none("force-leave", "A single node name must be specified to force leave.");
    none("rtt", "One or two node names must be specified");
    none("version -format=bogus", "Unknown format: bogus");
    none("validate", "Must specify at least one config file or directory");
}

#[test]
fn an_agent_that_is_not_there_is_named() {
    let refused = "127.0.0.1:1: connect: connection refused";
    let url = "\"http://127.0.0.1:1/v1/agent";
    check_refused("reload", 1, &format!("Error reloading: Put {url}/reload\": dial tcp {refused}"));
    check_refused("leave", 1, &format!("Error leaving: Put {url}/leave\": dial tcp {refused}"));
    let monitor = format!("{url}/monitor?loglevel=INFO\": dial tcp {refused}");
    check_refused("monitor", 1, &format!("Error starting monitor: Get {monitor}"));
    let leader = format!("\"http://127.0.0.1:1/v1/status/leader\": dial tcp {refused}");
    check_refused("watch -type=services", 1, &format!("Error querying Consul agent: Get {leader}"));
    let expected =
        format!("Error retrieving members: Get {url}/members?segment=_all\": dial tcp {refused}");
    check_refused("members", 1, &expected);
}

/// Source: transcripts/config/validate.txt.
#[test]
fn configuration_is_checked_without_an_agent() {
    let path = std::env::temp_dir().join(format!("tribune-cli-{}.hcl", std::process::id()));
    std::fs::write(&path, "data_dir = \"data\"\n").unwrap();
    let name = path.display();
    let valid = (0, "Configuration is valid!\n".to_string(), String::new());
    assert_eq!(run(&format!("validate {name}")), valid);
    assert_eq!(run(&format!("validate -quiet {name}")), (0, String::new(), String::new()));
    std::fs::write(&path, "data_dir = \"data\n").unwrap();
    let refused = format!(
        "Config validation failed: failed to parse {name}: At 1:17: literal not terminated"
    );
    check_refused(&format!("validate {name}"), 1, &refused);
    std::fs::remove_file(&path).unwrap();
    let bogus = "-config-format must be either 'hcl' or 'json";
    check_refused("validate -config-format=bogus x.hcl", 1, bogus);
}

/// Source: transcripts/config/validate.txt.
#[test]
fn an_agent_that_cannot_start_says_why() {
    check_refused("agent -nosuch", 1, "flag provided but not defined: -nosuch");
    // What is wrong with its configuration the agent says itself, past these streams.
    assert_eq!(run("agent -config-dir=nosuch").0, 1);
}

#[test]
fn an_empty_import_is_fine() {
    assert_eq!(run("kv import []"), (0, String::new(), String::new()));
}

#[test]
fn a_leave_with_words_shows_its_help() {
    let (code, out, err) = run("leave extra");
    assert_eq!((code, err.as_str()), (1, "Error found unexpected args: [extra]\n"));
    assert!(out.starts_with("Usage: consul leave [options]\n"));
}

/// Source: transcripts/cli/general.txt.
#[test]
fn the_version_is_that_of_the_compatible_release() {
    let (code, out, _) = run("version");
    assert_eq!((code, out.lines().next().unwrap()), (0, "Consul v1.22.1"));
    assert_eq!(run("-v").1, out);
    assert_eq!(run("--version").1, out);
    let (_, json, _) = run("version -format=json");
    let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&shown["Version"], &shown["RPC"]["Max"]), (&"1.22.1".into(), &3.into()));
    assert_eq!(shown["TribuneVersion"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_command_has_help_and_a_parent() {
    for command in COMMANDS {
        let (code, out, err) = run(&format!("{} -h", command.name));
        assert_eq!((code, err.as_str()), (0, ""), "{}", command.name);
        assert!(out.starts_with(&format!("Usage: consul {} ", command.name)));
        assert!(!out.contains("{program}") && !command.synopsis.is_empty());
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
        if let Some((parent, _)) = command.name.rsplit_once(' ') {
            assert!(COMMANDS.iter().any(|other| other.name == parent), "{parent}");
        }
    }
}

#[test]
fn commands_and_flags_are_named_once() {
    for (position, command) in COMMANDS.iter().enumerate() {
        assert!(COMMANDS[..position].iter().all(|other| other.name != command.name));
        let flags = command.all_flags();
        for (position, flag) in flags.iter().enumerate() {
            let twice = flags[..position].iter().any(|other| other.name == flag.name);
            assert!(!twice, "{} -{}", command.name, flag.name);
        }
    }
}
