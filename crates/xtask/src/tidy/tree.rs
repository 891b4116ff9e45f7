//! What the rules look at: the sources, the manifests, the clippy.toml files.
//! Tests build one by hand; `load` reads the working tree, leaving out what git ignores.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Complaint;
use crate::workspace;

/// Everything a rule may look at.
#[derive(Default)]
pub struct Tree {
    pub sources: Vec<Source>,
    /// Every file git would keep, sources or not.
    pub files: BTreeSet<String>,
    pub packages: Vec<Package>,
    /// The text of each clippy.toml, deny.toml and Cargo.toml, by path.
    pub settings: BTreeMap<String, String>,
}

/// One Rust file.
pub struct Source {
    pub path: String,
    pub text: String,
    pub syntax: Option<syn::File>,
    /// First and last line of each item that is compiled for tests only.
    pub test_lines: Vec<(usize, usize)>,
}

/// What `cargo metadata` says of one package.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Package {
    pub name: String,
    #[serde(default)]
    pub version: String,
    pub license: Option<String>,
    pub source: Option<String>,
    #[serde(default)]
    pub dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// Absent for an ordinary dependency, else `dev` or `build`.
    pub kind: Option<String>,
    /// The versions it may have, `*` for any.
    #[serde(default)]
    pub req: String,
    /// Where it lies, if it is one of ours.
    pub path: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Tree {
    pub fn load() -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(workspace::root());
        git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let listing = workspace::output(&mut git)?;
        let mut tree = Self { packages: metadata()?, ..Self::default() };
        for path in listing.lines() {
            let full = workspace::root().join(path);
            // git still lists a file that is deleted but not yet committed so.
            if !full.is_file() {
                continue;
            }
            tree.files.insert(path.to_owned());
            let name = path.rsplit('/').next().unwrap_or(path);
            let setting = matches!(name, "clippy.toml" | "deny.toml" | "Cargo.toml");
            if !setting && !path.ends_with(".rs") {
                continue;
            }
            let text = std::fs::read_to_string(&full).with_context(|| path.to_owned())?;
            if setting {
                tree.settings.insert(path.to_owned(), text);
            } else {
                tree.sources.push(Source::new(path, &text));
            }
        }
        Ok(tree)
    }
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).ok();
        let mut finder = TestItems::default();
        if let Some(file) = &syntax {
            finder.visit_file(file);
        }
        Self { path: path.to_owned(), text: text.to_owned(), syntax, test_lines: finder.lines }
    }

    /// Whether the whole file is test code.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.path.contains("/benches/")
    }

    pub fn is_test_line(&self, line: usize) -> bool {
        self.is_test() || self.test_lines.iter().any(|(from, to)| (*from..=*to).contains(&line))
    }

    /// The folder name under crates/, if it lies there.
    pub fn crate_folder(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

/// A file the parser does not understand would slip past every other rule.
pub fn must_parse(tree: &Tree) -> Vec<Complaint> {
    let unread = tree.sources.iter().filter(|source| source.syntax.is_none());
    unread
        .map(|source| Complaint {
            path: source.path.clone(),
            line: 1,
            rule: "parse",
            found: "this is not Rust that the checker can read".into(),
            instead: "mend the syntax, or raise the version of `syn`",
        })
        .collect()
}

/// Whether an item is compiled for tests only.
pub fn is_test_item(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        let last = path.segments.last().map(|segment| segment.ident.to_string());
        match last.as_deref() {
            Some("test") => true,
            Some("cfg") => attribute
                .meta
                .require_list()
                .is_ok_and(|list| list.tokens.to_string().split_whitespace().any(|t| t == "test")),
            _ => false,
        }
    })
}

#[derive(Default)]
struct TestItems {
    lines: Vec<(usize, usize)>,
}

impl TestItems {
    fn note(&mut self, attributes: &[syn::Attribute], item: &impl Spanned) -> bool {
        let found = is_test_item(attributes);
        if found {
            self.lines.push((item.span().start().line, item.span().end().line));
        }
        found
    }
}

impl<'a> Visit<'a> for TestItems {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !self.note(&item.attrs, item) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        if !self.note(&item.attrs, item) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if !self.note(&item.attrs, item) {
            visit::visit_item_impl(self, item);
        }
    }
}

fn metadata() -> Result<Vec<Package>> {
    let mut cargo = workspace::cargo();
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    let text = workspace::output(&mut cargo)?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
    Ok(metadata.packages)
}
