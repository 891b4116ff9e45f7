//! The client's tests by capability, which of them must pass, and which never contact a server.
//! The list of what must pass only grows.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// One test of the client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientTest {
    pub name: String,
    pub package: Package,
    capability: String,
}

/// The two packages whose tests are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Package {
    Api,
    Watch,
}

impl Package {
    pub const ALL: [Self; 2] = [Self::Api, Self::Watch];

    /// The folder below the module.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Api => ".",
            Self::Watch => "watch",
        }
    }

    pub fn import_path(self) -> String {
        match self {
            Self::Api => super::MODULE.to_owned(),
            Self::Watch => format!("{}/watch", super::MODULE),
        }
    }
}

/// The tests that need a capability, or one of several with commas between; `promised` are those
/// that must pass, `all` is every one.
pub fn tests(capability: &str) -> Result<Vec<ClientTest>> {
    let promised = passing()?;
    let chosen = |test: &ClientTest| {
        capability.split(',').any(|name| match name {
            ALL => true,
            PROMISED => promised.contains(&test.name),
            name => test.capability == name,
        })
    };
    let chosen: Vec<_> = parse(&read("go-client.txt")?)?.into_iter().filter(chosen).collect();
    if chosen.is_empty() {
        bail!("no test needs a capability {capability:?}");
    }
    Ok(chosen)
}

fn parse(text: &str) -> Result<Vec<ClientTest>> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [capability, group, name] = words[..] else {
            bail!("go-client.txt: {line:?} has not three words");
        };
        let package = if group.starts_with("watch/") { Package::Watch } else { Package::Api };
        Ok(ClientTest { name: name.to_owned(), package, capability: capability.to_owned() })
    };
    lines(text).map(line).collect()
}

/// The tests that must pass.
pub fn passing() -> Result<BTreeSet<String>> {
    Ok(lines(&read(PASSING)?).map(str::to_owned).collect())
}

/// The tests that pass without any server.
pub fn client_only() -> Result<BTreeSet<String>> {
    Ok(lines(&read("client-only.txt")?).map(str::to_owned).collect())
}

/// Adds tests to those that must pass; never removes one. Returns how many are new.
pub fn add_passing(more: &BTreeSet<String>) -> Result<usize> {
    let before = passing()?;
    let all: BTreeSet<_> = before.union(more).cloned().collect();
    let mut text = PASSING_HEAD.to_owned();
    for name in &all {
        text.push_str(name);
        text.push('\n');
    }
    std::fs::write(folder().join(PASSING), text)?;
    Ok(all.len() - before.len())
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn read(name: &str) -> Result<String> {
    std::fs::read_to_string(folder().join(name)).with_context(|| name.to_owned())
}

fn folder() -> PathBuf {
    workspace::root().join("crates/xtask/conformance")
}

pub const ALL: &str = "all";
/// The tests on the list of what must pass.
const PROMISED: &str = "promised";
const PASSING: &str = "passing.txt";
const PASSING_HEAD: &str =
    "# Tests of the Go client that must pass. Only grows (`cargo xtask conformance --update`).\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_the_tests_of_each_capability() {
        for (capability, count) in
            [("engine", 71), ("registry", 97), ("engine,mesh", 105), (ALL, 251)]
        {
            assert_eq!(tests(capability).unwrap().len(), count, "{capability}");
        }
        assert!(tests("nosuch").is_err());
    }

    #[test]
    fn what_must_pass_and_what_needs_no_server_are_tests_of_the_list() {
        let known: BTreeSet<_> = tests(ALL).unwrap().into_iter().map(|test| test.name).collect();
        assert_eq!(passing().unwrap().difference(&known).next(), None);
        assert_eq!(client_only().unwrap().difference(&known).next(), None);
    }
}
