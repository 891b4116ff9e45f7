//! Who may break a rule, and why. Each entry is one file and one rule.
//! Invariant: an entry that no longer excuses anything is itself a complaint.

use super::Complaint;
use super::tree::Tree;

struct Exemption {
    rule: &'static str,
    path: &'static str,
    /// For the reader of this table.
    _reason: &'static str,
}

const EXEMPTIONS: &[Exemption] = &[];

/// Removes what is exempt, and adds a complaint for each exemption that a file no longer needs.
pub fn take_off(all: Vec<Complaint>, tree: &Tree) -> Vec<Complaint> {
    let excuses = |exemption: &Exemption, complaint: &Complaint| {
        exemption.rule == complaint.rule && exemption.path == complaint.path
    };
    let mut left: Vec<Complaint> = Vec::new();
    for exemption in EXEMPTIONS {
        let idle = !all.iter().any(|complaint| excuses(exemption, complaint));
        if idle && tree.files.contains(exemption.path) {
            left.push(Complaint {
                path: exemption.path.into(),
                line: 1,
                rule: "idle exemption",
                found: format!("the exemption from `{}` excuses nothing", exemption.rule),
                instead: "remove it from tidy/exempt.rs",
            });
        }
    }
    left.extend(
        all.into_iter()
            .filter(|complaint| !EXEMPTIONS.iter().any(|exemption| excuses(exemption, complaint))),
    );
    left
}
