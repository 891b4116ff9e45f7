//! The recordings on disk: which files there are, that they are unchanged, which exchange needs
//! which capability, and which exchanges pass. The last list only grows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::transcript::Transcript;
use crate::workspace;

/// Numbers of exchanges by file.
pub type Numbers = BTreeMap<String, BTreeSet<usize>>;

pub fn folder() -> PathBuf {
    workspace::root().join("crates/tribune/tests/compat")
}

/// Every transcript, in the order of the manifest.
pub fn transcripts() -> Result<Vec<Transcript>> {
    let mut transcripts = Vec::new();
    for (path, _) in manifest()? {
        let Some(name) = path.strip_prefix("transcripts/").and_then(|p| p.strip_suffix(".txt"))
        else {
            continue;
        };
        let text = read(&path)?;
        transcripts.push(Transcript::parse(name, &text)?);
    }
    Ok(transcripts)
}

/// Fails when a recording is not what was recorded.
pub fn check_manifest() -> Result<()> {
    for (path, expected) in manifest()? {
        let bytes = std::fs::read(folder().join(&path)).with_context(|| path.clone())?;
        let found: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        if found != expected {
            bail!("{path} was changed: recordings are evidence, restore it");
        }
    }
    Ok(())
}

fn manifest() -> Result<Vec<(String, String)>> {
    let line = |line: &str| {
        let (hash, path) = line.split_once("  ").context("MANIFEST: a line without two blanks")?;
        Ok((path.to_owned(), hash.to_owned()))
    };
    read("MANIFEST")?.lines().map(line).collect()
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(folder().join(path)).with_context(|| path.to_owned())
}

/// Which exchanges need a capability; `all` is every one.
pub fn judged(transcripts: &[Transcript], capability: &str) -> Result<Numbers> {
    select(&read("capabilities.txt")?, transcripts, capability)
}

fn select(table: &str, transcripts: &[Transcript], capability: &str) -> Result<Numbers> {
    let mut judged = Numbers::new();
    let mut decided = Numbers::new();
    let mut known = BTreeSet::from([ALL]);
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(files), Some(numbers), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            bail!("capabilities.txt: {line:?} has not three words");
        };
        known.insert(name);
        for transcript in transcripts.iter().filter(|transcript| fits(files, &transcript.name)) {
            let taken = decided.entry(transcript.name.clone()).or_default();
            for number in numbers_of(numbers, transcript.exchanges.len())? {
                if taken.insert(number) && (capability == name || capability == ALL) {
                    judged.entry(transcript.name.clone()).or_default().insert(number);
                }
            }
        }
    }
    if !known.contains(capability) {
        bail!("unknown capability {capability:?}, there are {known:?}");
    }
    Ok(judged)
}

fn fits(files: &str, name: &str) -> bool {
    files == name || files.strip_suffix('*').is_some_and(|folder| name.starts_with(folder))
}

/// `*`, or numbers and ranges: `1-5,8`.
fn numbers_of(text: &str, count: usize) -> Result<BTreeSet<usize>> {
    if text == "*" {
        return Ok((1..=count).collect());
    }
    let mut numbers = BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (usize, usize) = (from.parse()?, to.parse()?);
        numbers.extend(from..=to.min(count));
    }
    Ok(numbers)
}

/// The exchanges that must pass.
pub fn passing() -> Result<Numbers> {
    let mut passing = Numbers::new();
    for line in read(PASSING)?.lines().filter(|line| !line.starts_with('#')) {
        let (file, numbers) =
            line.split_once(' ').context("passing.txt: a line without numbers")?;
        passing.insert(file.to_owned(), numbers_of(numbers.trim(), usize::MAX)?);
    }
    Ok(passing)
}

/// Adds exchanges to those that must pass; never removes one. Returns how many are new.
pub fn add_passing(more: &Numbers) -> Result<usize> {
    let mut passing = passing()?;
    let before: usize = passing.values().map(BTreeSet::len).sum();
    for (file, numbers) in more.iter().filter(|(_, numbers)| !numbers.is_empty()) {
        passing.entry(file.clone()).or_default().extend(numbers);
    }
    let mut text = PASSING_HEAD.to_owned();
    for (file, numbers) in &passing {
        text.push_str(&format!("{file} {}\n", ranges(numbers)));
    }
    std::fs::write(folder().join(PASSING), text)?;
    let after: usize = passing.values().map(BTreeSet::len).sum();
    Ok(after - before)
}

/// Numbers as `1-5,8`.
pub fn ranges(numbers: &BTreeSet<usize>) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, to)) if *to + 1 == *number => *to = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let part = |(from, to): &(usize, usize)| match from == to {
        true => from.to_string(),
        false => format!("{from}-{to}"),
    };
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

pub const ALL: &str = "all";
const PASSING: &str = "passing.txt";
const PASSING_HEAD: &str = "# Exchanges that are answered as recorded and must stay so: file, \
                            numbers. Only grows (`cargo xtask compat --update`).\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recordings_are_unchanged() {
        check_manifest().unwrap();
    }

    #[test]
    fn every_recording_is_read_and_the_capabilities_add_up() {
        let transcripts = transcripts().unwrap();
        let count = |capability| -> usize {
            judged(&transcripts, capability).unwrap().values().map(BTreeSet::len).sum()
        };
        assert_eq!(transcripts.len(), 58);
        assert_eq!(count("engine"), 426);
        assert_eq!(count("registry"), 508);
        assert_eq!(count("cluster"), 29);
        assert_eq!(count(ALL), 1994);
        assert!(judged(&transcripts, "nosuch").is_err());
    }

    #[test]
    fn the_first_line_that_names_an_exchange_decides() {
        let text = "> GET /1\n< 200\n\n> GET /2\n< 200\n\n> GET /3\n< 200\n";
        let transcripts = [Transcript::parse("kv/a", text).unwrap()];
        let table = "# x\nmesh kv/a 2\nengine kv/* *\nmesh kv/a *\n";
        let engine = select(table, &transcripts, "engine").unwrap();
        assert_eq!(engine["kv/a"], BTreeSet::from([1, 3]));
        assert_eq!(select(table, &transcripts, "mesh").unwrap()["kv/a"], BTreeSet::from([2]));
    }

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let numbers = BTreeSet::from([1, 2, 3, 5, 8, 9]);
        assert_eq!(ranges(&numbers), "1-3,5,8-9");
        assert_eq!(numbers_of(&ranges(&numbers), usize::MAX).unwrap(), numbers);
    }
}
