//! Rules about what we link: licences and sources of every crate in the lock file.
//! The lists stand in deny.toml alone; cargo-deny reads them too and knows more.

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
