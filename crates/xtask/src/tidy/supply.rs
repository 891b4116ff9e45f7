//! Rules about what we link: licences, bans and sources of every crate in the lock file.
//! The lists stand in deny.toml alone; cargo-deny reads them too and knows more.

use std::collections::BTreeMap;

use super::Complaint;
use super::tree::{Package, Tree};

pub fn licences(tree: &Tree) -> Vec<Complaint> {
    let Some(deny) = tree.settings.get("deny.toml") else { return Vec::new() };
    let allowed = quoted_after(deny, "\nallow = [");
    let foreign = tree.packages.iter().filter(|package| package.source.is_some());
    let refused = foreign.filter(|package| !licence_is_fine(package, &allowed, deny));
    refused
        .map(|package| Complaint {
            path: "deny.toml".into(),
            line: 1,
            rule: "licence",
            found: format!(
                "`{}` is under `{}`, which is not on the list",
                package.name,
                package.license.as_deref().unwrap_or("no licence it names")
            ),
            instead: "choose another crate, or allow the licence there with its reason",
        })
        .collect()
}

pub fn sources(tree: &Tree) -> Vec<Complaint> {
    let Some(deny) = tree.settings.get("deny.toml") else { return Vec::new() };
    let registries = quoted_after(deny, "\nallow-registry = [");
    let mut complaints = Vec::new();
    for package in &tree.packages {
        let Some(source) = &package.source else { continue };
        let bare = source.trim_start_matches("registry+");
        if !registries.contains(&bare) {
            complaints.push(Complaint {
                path: "deny.toml".into(),
                line: 1,
                rule: "source",
                found: format!("`{}` comes from {source}", package.name),
                instead: "use a released version from the registry",
            });
        }
    }
    complaints
}

/// Crates that are not linked, not even by way of others.
pub fn bans(tree: &Tree) -> Vec<Complaint> {
    let banned = banned(tree);
    let mut complaints = Vec::new();
    for package in tree.packages.iter().filter(|package| package.source.is_some()) {
        let Some((_, reason)) = banned.iter().find(|(name, _)| *name == package.name) else {
            continue;
        };
        let names_it = |other: &&Package| other.dependencies.iter().any(|d| d.name == package.name);
        let users = tree.packages.iter().filter(names_it).map(|user| user.name.as_str());
        let users: Vec<&str> = users.collect();
        complaints.push(Complaint {
            path: "deny.toml".into(),
            line: 1,
            rule: "ban",
            found: format!("`{}` is linked, by {}: {reason}", package.name, users.join(", ")),
            instead: "switch the feature off that brings it, or use another crate",
        });
    }
    complaints
}

/// A dependency of ours on any version whatever takes what comes.
pub fn wildcards(tree: &Tree) -> Vec<Complaint> {
    if level(tree, "wildcards") != "deny" {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    for package in tree.packages.iter().filter(|package| package.source.is_none()) {
        let any = package.dependencies.iter().filter(|d| d.req == "*" && d.path.is_none());
        complaints.extend(any.map(|dependency| Complaint {
            path: "deny.toml".into(),
            line: 1,
            rule: "wildcard",
            found: format!("`{}` takes any version of `{}`", package.name, dependency.name),
            instead: "name the version it was tried with",
        }));
    }
    complaints
}

/// Crates that are linked in several versions, where deny.toml denies that.
pub fn several_versions(tree: &Tree) -> Vec<Complaint> {
    if level(tree, "multiple-versions") != "deny" {
        return Vec::new();
    }
    let several = in_several_versions(tree).into_iter();
    several
        .map(|(name, versions)| Complaint {
            path: "deny.toml".into(),
            line: 1,
            rule: "versions",
            found: format!("`{name}` is linked as {}", versions.join(" and as ")),
            instead: "raise or lower what brings the odd one",
        })
        .collect()
}

/// What is worth a line and no complaint: crates in several versions, where deny.toml warns.
pub fn notes(tree: &Tree) -> Vec<String> {
    let several = in_several_versions(tree);
    if level(tree, "multiple-versions") != "warn" || several.is_empty() {
        return Vec::new();
    }
    let told = several.iter().map(|(name, versions)| format!("{name} {}", versions.join(" + ")));
    let told: Vec<String> = told.collect();
    vec![format!("{} crates in several versions: {}", told.len(), told.join(", "))]
}

fn in_several_versions(tree: &Tree) -> BTreeMap<&str, Vec<&str>> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in tree.packages.iter().filter(|package| package.source.is_some()) {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions
}

/// Name and reason of each row of the list of bans.
fn banned(tree: &Tree) -> Vec<(&str, &str)> {
    let rows = bans_section(tree).lines().filter_map(|line| {
        let quoted: Vec<&str> = line.split('"').collect();
        match quoted[..] {
            ["    { crate = ", name, ", reason = ", reason, " },"] => Some((name, reason)),
            _ => None,
        }
    });
    rows.collect()
}

/// What `[bans]` says of a matter: `deny`, `warn` or `allow`.
fn level<'a>(tree: &'a Tree, key: &str) -> &'a str {
    let mut lines = bans_section(tree).lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    value.unwrap_or_default().trim_matches('"')
}

fn bans_section(tree: &Tree) -> &str {
    let deny = tree.settings.get("deny.toml").map_or("", String::as_str);
    let (_, rest) = deny.split_once("\n[bans]\n").unwrap_or_default();
    rest.split("\n[").next().unwrap_or_default()
}

/// Whether an SPDX expression can be met with the allowed licences. `AND` binds more tightly than
/// `OR`; the old slash means `OR`; exceptions such as `WITH LLVM-exception` only add freedom.
fn licence_is_fine(package: &Package, allowed: &[&str], deny: &str) -> bool {
    let Some(expression) = &package.license else { return false };
    let excepted = format!("{{ crate = \"{}\", allow = [\"", package.name);
    let excepted: Vec<&str> = deny
        .split_once(&excepted)
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(licence, _)| licence)
        .into_iter()
        .collect();
    let flat = expression.replace('/', " OR ");
    // Brackets occur only as `(A OR B) AND C`: every part of the outer AND must hold.
    let has_brackets = flat.contains('(');
    let parts: Vec<&str> = if has_brackets { flat.split(" AND ").collect() } else { vec![&flat] };
    parts.iter().all(|part| {
        part.split(" OR ").any(|choice| {
            choice.split(" AND ").all(|licence| {
                let bare = licence.split(" WITH ").next().unwrap_or(licence);
                let bare = bare.trim_matches(|c: char| matches!(c, '(' | ')' | ' ' | '+'));
                allowed.contains(&bare) || excepted.contains(&bare)
            })
        })
    })
}

/// The quoted words of the list that starts with this line.
fn quoted_after<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let Some((_, rest)) = text.split_once(start) else { return Vec::new() };
    let list = rest.split(']').next().unwrap_or(rest);
    list.split('"').skip(1).step_by(2).collect()
}
