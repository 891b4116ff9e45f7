//! The flags of `agent`, as Go programs take them: `-flag value`, `-flag=value`, `--flag`. Which
//! flags there are follows from the table; five more say where configuration comes from.
//! Invariant: flags end at the first argument that is none; what follows is `extra`.

use super::settings::{Setting, Settings, parse_bool};
use super::table::{self, Kind, Row};

/// The arguments after `agent`, understood but not yet loaded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentArgs {
    pub dev: bool,
    /// Files and folders, in the order of the command line.
    pub config_paths: Vec<String>,
    pub config_format: Option<String>,
    /// Fragments of HCL that overrule everything else.
    pub hcl: Vec<String>,
    /// Flags that hold lists: the first of all sources.
    pub list_flags: Settings,
    /// The other flags: they overrule files.
    pub value_flags: Settings,
    /// Arguments that are no flags; `load` refuses them.
    pub extra: Vec<String>,
}

/// Texts are those of Go's flag package, which every Consul command prints.
/// Source: transcripts/config/validate.txt, transcripts/cli/general.txt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    #[error("flag needs an argument: -{0}")]
    NoValue(String),
    #[error("bad flag syntax: {0}")]
    Syntax(String),
    #[error("invalid value {value:?} for flag -{flag}: {reason}")]
    Value { flag: String, value: String, reason: String },
    #[error("invalid boolean value {value:?} for -{flag}: {reason}")]
    Bool { flag: String, value: String, reason: String },
    /// `-h` or `-help`: the caller prints the usage.
    #[error("flag: help requested")]
    Help,
}

/// One flag as the usage shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    pub name: &'static str,
    pub is_bool: bool,
    pub doc: &'static str,
}

/// Every flag of `agent`, by name.
pub fn flags() -> Vec<Flag> {
    let of_row = |row: &Row| {
        row.flag.map(|name| Flag { name, is_bool: row.kind == Kind::Bool, doc: row.doc })
    };
    let mut flags: Vec<Flag> = table::rows().filter_map(of_row).chain(SOURCES).collect();
    flags.sort_by_key(|flag| flag.name);
    flags
}

/// # Errors
/// The first flag that is unknown or has no fitting value, or a wish for help.
pub fn parse_agent_args(args: &[String]) -> Result<AgentArgs, FlagError> {
    let mut parsed = AgentArgs::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.as_slice().first() {
        let Some(name) = arg.strip_prefix('-').filter(|name| !name.is_empty()) else { break };
        rest.next();
        if name == "-" {
            // A lone `--` ends the flags.
            break;
        }
        let name = name.strip_prefix('-').unwrap_or(name);
        if name.is_empty() || name.starts_with('-') || name.starts_with('=') {
            return Err(FlagError::Syntax(arg.clone()));
        }
        let (name, inline) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (name, None),
        };
        let kind = kind_of(name)?;
        let value = match (inline, kind) {
            (Some(value), _) => value,
            (None, Kind::Bool) => "true",
            (None, _) => rest.next().ok_or_else(|| FlagError::NoValue(name.to_owned()))?,
        };
        take(&mut parsed, name, value)?;
    }
    parsed.extra = rest.cloned().collect();
    Ok(parsed)
}

fn kind_of(name: &str) -> Result<Kind, FlagError> {
    if let Some(flag) = SOURCES.iter().find(|flag| flag.name == name) {
        return Ok(if flag.is_bool { Kind::Bool } else { Kind::Text });
    }
    match row_of(name) {
        Some(row) => Ok(row.kind),
        None if name == "h" || name == "help" => Err(FlagError::Help),
        None => Err(FlagError::Unknown(name.to_owned())),
    }
}

fn row_of(name: &str) -> Option<&'static Row> {
    table::rows().find(|row| row.flag == Some(name))
}

fn take(parsed: &mut AgentArgs, name: &str, value: &str) -> Result<(), FlagError> {
    match name {
        "dev" => parsed.dev = parse_bool(value).map_err(|why| bool_error(name, value, why))?,
        "config-file" | "config-dir" => parsed.config_paths.push(value.to_owned()),
        "config-format" => parsed.config_format = Some(value.to_owned()),
        "hcl" => parsed.hcl.push(value.to_owned()),
        _ => {
            let row = row_of(name).ok_or_else(|| FlagError::Unknown(name.to_owned()))?;
            if let Some(setting) = setting(row, name, value)? {
                match row.kind {
                    Kind::List | Kind::Map => parsed.list_flags.set(row, setting),
                    _ => parsed.value_flags.set(row, setting),
                }
            }
        }
    }
    Ok(())
}

fn setting(row: &Row, name: &str, value: &str) -> Result<Option<Setting>, FlagError> {
    let needs_text = matches!(row.kind, Kind::Bool | Kind::Int | Kind::Float);
    let read = match value {
        "" if needs_text => Err("parse error".to_owned()),
        value => Setting::from_text(row.kind, value),
    };
    read.map_err(|reason| match row.kind {
        Kind::Bool => bool_error(name, value, reason),
        _ => FlagError::Value { flag: name.to_owned(), value: value.to_owned(), reason },
    })
}

fn bool_error(flag: &str, value: &str, reason: String) -> FlagError {
    FlagError::Bool { flag: flag.to_owned(), value: value.to_owned(), reason }
}

const SOURCES: [Flag; 5] = [
    Flag { name: "dev", is_bool: true, doc: "a server by itself that keeps nothing" },
    Flag { name: "config-file", is_bool: false, doc: "file to read; may be repeated" },
    Flag { name: "config-dir", is_bool: false, doc: "folder of files to read; may be repeated" },
    Flag { name: "config-format", is_bool: false, doc: "how files are read: hcl or json" },
    Flag { name: "hcl", is_bool: false, doc: "a fragment of configuration; may be repeated" },
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str) -> Result<AgentArgs, FlagError> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse_agent_args(&args)
    }

    #[test]
    fn flags_come_in_all_of_gos_forms() {
        let args = parse(
            "-dev --server=false -http-port 1 -dns-port=2 -node-meta=a:b -node-meta c:d \
             -recursor 1.1.1.1 -config-file=a.hcl -config-dir d -hcl x=1",
        )
        .unwrap();
        assert!(args.dev);
        assert!(!args.value_flags.bool("server"));
        assert_eq!(args.value_flags.int("ports.http"), 1);
        assert_eq!(args.value_flags.int("ports.dns"), 2);
        assert_eq!(args.list_flags.map("node_meta").len(), 2);
        assert_eq!(args.list_flags.list("recursors"), ["1.1.1.1"]);
        assert_eq!(args.config_paths, ["a.hcl", "d"]);
        assert_eq!(args.hcl, ["x=1"]);
        assert_eq!(args.extra, Vec::<String>::new());
    }

    #[test]
    fn flags_end_at_the_first_argument_that_is_none() {
        let args = parse("-dev extra -bootstrap-expect=3").unwrap();
        assert_eq!(args.extra, ["extra", "-bootstrap-expect=3"]);
        assert_eq!(parse("-dev -- -x").unwrap().extra, ["-x"]);
        assert_eq!(parse("-dev - -x").unwrap().extra, ["-", "-x"]);
    }

    #[test]
    fn complaints_are_worded_as_go_words_them() {
        let cases = [
            ("-nosuch", "flag provided but not defined: -nosuch"),
            ("--nosuch=1", "flag provided but not defined: -nosuch"),
            ("-data-dir", "flag needs an argument: -data-dir"),
            ("-http-port=abc", "invalid value \"abc\" for flag -http-port: parse error"),
            ("-http-port=", "invalid value \"\" for flag -http-port: parse error"),
            ("-server=maybe", "invalid boolean value \"maybe\" for -server: parse error"),
            ("---x", "bad flag syntax: ---x"),
            ("-=x", "bad flag syntax: -=x"),
            ("-h", "flag: help requested"),
            (
                "-max-query-time=x",
                "invalid value \"x\" for flag -max-query-time: time: invalid duration \"x\"",
            ),
        ];
        for (line, complaint) in cases {
            assert_eq!(parse(line).unwrap_err().to_string(), complaint, "{line}");
        }
    }

    #[test]
    fn there_are_sixty_eight_flags() {
        assert_eq!(flags().len(), 68);
    }

    proptest! {
        #[test]
        fn no_arguments_make_it_panic(args in prop::collection::vec("[-=a-z:é]{0,12}", 0..6)) {
            let _ = parse_agent_args(&args);
        }
    }
}
