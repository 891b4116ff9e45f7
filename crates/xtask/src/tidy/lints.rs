//! Rules about the lints that clippy then checks: that they are denied, for every crate, and that
//! no crate which must keep them takes one back.

use super::Complaint;
use super::purity;
use super::tree::Tree;

/// The workspace denies what no crate may do.
pub fn denied(tree: &Tree) -> Vec<Complaint> {
    let Some(manifest) = tree.settings.get("Cargo.toml") else { return Vec::new() };
    let lints = manifest.split_once("\n[workspace.lints.clippy]\n").map_or("", |(_, rest)| rest);
    let lints = lints.split("\n[").next().unwrap_or_default();
    let missing = DENIED
        .iter()
        .filter(|lint| !lints.lines().any(|line| line == format!("{lint} = \"deny\"")));
    missing
        .map(|lint| Complaint {
            path: "Cargo.toml".into(),
            line: 1,
            rule: "lint",
            found: format!("`{lint}` is not denied"),
            instead: "deny it in [workspace.lints.clippy]; excuse one place with #[expect] and why",
        })
        .collect()
}

/// A crate that does not take the workspace's lints has none of them.
pub fn inherited(tree: &Tree) -> Vec<Complaint> {
    let manifests = tree.settings.iter().filter(|(path, _)| path.ends_with("/Cargo.toml"));
    manifests
        .filter(|(_, text)| !text.contains("\n[lints]\nworkspace = true\n"))
        .map(|(path, _)| Complaint {
            path: path.clone(),
            line: 1,
            rule: "lint",
            found: "the workspace's lints do not hold here".into(),
            instead: "write `[lints]` and below it `workspace = true`",
        })
        .collect()
}

/// The inner ring returns facts; it may not even be excused from saying nothing.
pub fn inner_never_prints(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &tree.sources {
        if !source.crate_folder().is_some_and(|own| purity::inner_folders().any(|f| f == own)) {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let excused = PRINTING.iter().find(|lint| line.contains(&format!("clippy::{lint}")));
            if let Some(lint) = excused {
                complaints.push(Complaint {
                    path: source.path.clone(),
                    line: number + 1,
                    rule: "print",
                    found: format!("an inner crate names `clippy::{lint}`"),
                    instead: "return a fact; whoever handles it in the outer ring says so",
                });
            }
        }
    }
    complaints
}

/// Crates that read bytes from outside index nothing that may be shorter than they think.
pub fn no_indexing(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for folder in READ_OUTSIDE_BYTES {
        let path = format!("crates/{folder}/src/lib.rs");
        let Some(source) = tree.sources.iter().find(|source| source.path == path) else { continue };
        if !source.text.contains(NO_INDEXING) {
            complaints.push(Complaint {
                path,
                line: 1,
                rule: "indexing",
                found: "a crate that reads bytes from outside may index".into(),
                instead: "write `#![cfg_attr(not(test), deny(clippy::indexing_slicing, \
                          clippy::string_slice))]` below the header",
            });
        }
    }
    complaints
}

/// What no crate may do unless it says why, and clippy finds.
const DENIED: &[&str] = &[
    "unwrap_used",
    "expect_used",
    "panic",
    "cast_possible_truncation",
    "cast_sign_loss",
    "cast_possible_wrap",
    "await_holding_lock",
    "dbg_macro",
    "print_stdout",
    "print_stderr",
    "todo",
    "unimplemented",
];

const PRINTING: &[&str] = &["print_stdout", "print_stderr", "dbg_macro"];

/// Tests may index: what they read is theirs.
const NO_INDEXING: &str =
    "\n#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]\n";

/// Crates that read requests, packets, files, logs or answers. Left out: `durable`, whose readers
/// take bytes apart with checked calls, but whose disk in memory indexes its own pages; `tribune`,
/// which reads its arguments; and what is never shipped.
const READ_OUTSIDE_BYTES: &[&str] = &["api", "state", "replica", "edge", "node", "agent", "client"];
