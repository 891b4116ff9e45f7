//! The house rules that a machine can check. Reads the tree, prints complaints, writes nothing.
//! A rule is a function from the tree to complaints, each of which says what to do instead.
//! Invariant: an exemption names its rule, its file and its reason, and is used.

mod comments;
mod exempt;
mod lexer;
mod limits;
mod lints;
mod purity;
mod supply;
#[cfg(test)]
mod tests;
mod tree;

use std::fmt;

use anyhow::{Result, bail};

use tree::Tree;

/// One broken rule at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    pub path: String,
    pub line: usize,
    pub rule: &'static str,
    pub found: String,
    pub instead: &'static str,
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}:{}: {}: {}", self.path, self.line, self.rule, self.found)?;
        write!(out, "    instead: {}", self.instead)
    }
}

/// Checks the working tree.
pub fn run() -> Result<()> {
    let tree = Tree::load()?;
    let complaints = judge(&tree);
    for complaint in &complaints {
        println!("{complaint}");
    }
    for note in supply::notes(&tree) {
        println!("tidy: {note}");
    }
    if complaints.is_empty() {
        println!("tidy: {} sources, {} rules, no complaint", tree.sources.len(), RULES.len());
        return Ok(());
    }
    bail!("tidy: {} complaints", complaints.len());
}

/// Every complaint about a tree, exemptions taken off, in the order of files and lines.
fn judge(tree: &Tree) -> Vec<Complaint> {
    let all = RULES.iter().flat_map(|rule| rule(tree)).collect();
    let mut left = exempt::take_off(all, tree);
    left.sort();
    left
}

type Rule = fn(&Tree) -> Vec<Complaint>;

const RULES: &[Rule] = &[
    tree::must_parse,
    comments::header,
    comments::no_dead_code,
    comments::todo_names_an_issue,
    limits::file_lines,
    limits::line_width,
    limits::function_lines,
    limits::folder_files,
    limits::struct_fields,
    limits::impl_beside_type,
    purity::forbids_unsafe,
    purity::clippy_bans,
    purity::clippy_alike,
    purity::dependencies,
    purity::one_file_names_it,
    purity::no_sleep_in_tests,
    lints::denied,
    lints::inherited,
    lints::inner_never_prints,
    lints::no_indexing,
    supply::licences,
    supply::sources,
    supply::bans,
    supply::wildcards,
    supply::several_versions,
];
