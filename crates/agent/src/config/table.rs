//! THE table of the configuration: every key there is, with its type, default, flag, whether this
//! agent uses it, whether a reload takes it up, and a line of documentation. The reader of files,
//! the flags, the merge and the documentation all follow from it: with a row a key is accepted. To
//! use it takes two places more: a field in runtime.rs, and its value in build/, which the compiler
//! then misses.
//! Invariant: keys are lower case, unique, and each default is a valid value of its row's kind.

mod aliases;
mod internal;
mod network;
mod operation;
mod security;
mod serving;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use tribune_api::slips::edit_distance;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Float,
    Text,
    /// A text that is never shown.
    Secret,
    /// A text such as `10s`.
    Duration,
    /// Texts; lists of several sources are appended.
    List,
    /// Texts by name; maps of several sources are merged by name.
    Map,
    /// Any JSON object, kept as it is.
    Object,
    /// Any JSON objects, kept as they are; those of several sources are appended.
    Objects,
    /// Definitions of services or checks, one or several; appended as `Objects` are.
    Services,
    Checks,
}

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// With the names of the blocks around it: `ports.http`.
    pub key: &'static str,
    pub kind: Kind,
    /// As a file would say it; empty where there is no value, an empty one, or a computed one.
    pub default: &'static str,
    /// The default under `-dev`, where it differs.
    pub dev_default: Option<&'static str>,
    /// The flag of `agent` that sets it, without its dash.
    pub flag: Option<&'static str>,
    /// False: accepted, not used yet.
    pub used: bool,
    pub reloadable: bool,
    /// The key that this one is an old name of. None also for an old key with nothing in its place.
    pub alias_of: Option<&'static str>,
    pub doc: &'static str,
}

impl Row {
    const fn new(key: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Row {
        Row {
            key,
            kind,
            default,
            dev_default: None,
            flag: None,
            used: false,
            reloadable: false,
            alias_of: None,
            doc,
        }
    }

    const fn dev(mut self, default: &'static str) -> Row {
        self.dev_default = Some(default);
        self
    }

    const fn flag(mut self, flag: &'static str) -> Row {
        self.flag = Some(flag);
        self
    }

    const fn used(mut self) -> Row {
        self.used = true;
        self
    }

    const fn reload(mut self) -> Row {
        self.reloadable = true;
        self
    }

    const fn now(mut self, key: &'static str) -> Row {
        self.alias_of = Some(key);
        self
    }
}

/// Rows as a table of their own: `"key" Kind "default" marks... : "documentation";`.
macro_rules! group {
    ($(
        $key:literal $kind:ident $default:literal
            $($mark:ident $(($text:literal))?)* : $doc:literal;
    )*) => {
        &[$(Row::new($key, Kind::$kind, $default, $doc)$(.$mark($($text)?))*),*]
    };
}
use group;

const GROUPS: &[&[Row]] =
    &[network::ROWS, security::ROWS, serving::ROWS, operation::ROWS, internal::ROWS, aliases::ROWS];

static BY_KEY: LazyLock<BTreeMap<&'static str, &'static Row>> =
    LazyLock::new(|| rows().map(|row| (row.key, row)).collect());

/// Every row, grouped by subject.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|group| group.iter())
}

/// The row of a key in lower case.
pub fn find(key: &str) -> Option<&'static Row> {
    BY_KEY.get(key).copied()
}

/// Whether there are keys below this one: `ports` is a block.
pub fn is_block(key: &str) -> bool {
    let prefix = format!("{key}.");
    BY_KEY.range(prefix.as_str()..).next().is_some_and(|(next, _)| next.starts_with(&prefix))
}

/// The known key most like an unknown one. Keys of the same block win over others as near.
pub fn nearest(unknown: &str) -> &'static str {
    let block = unknown.rsplit_once('.').map_or("", |(block, _)| block);
    let last = unknown.rsplit('.').next().unwrap_or(unknown);
    let distance = |key: &str| {
        let (key_block, key_last) = key.rsplit_once('.').unwrap_or(("", key));
        // A right name in the wrong block is as likely as two slips in the name.
        let misplaced = edit_distance(last, key_last) + 2 * usize::from(key_block != block);
        (edit_distance(unknown, key).min(misplaced), key_block != block)
    };
    rows().map(|row| row.key).min_by_key(|key| distance(key)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::super::settings::Setting;
    use super::*;

    #[test]
    fn keys_are_lower_case_and_unique_and_never_also_a_block() {
        let mut seen = std::collections::BTreeSet::new();
        for row in rows() {
            assert_eq!(row.key, row.key.to_lowercase());
            assert!(seen.insert(row.key), "{} twice", row.key);
            assert!(!is_block(row.key), "{} is a key and a block", row.key);
            assert!(!row.doc.is_empty() && !row.doc.ends_with('.'), "{}", row.key);
        }
    }

    #[test]
    fn defaults_are_values_of_their_kind() {
        for row in rows() {
            for default in [Some(row.default), row.dev_default].into_iter().flatten() {
                Setting::from_text(row.kind, default)
                    .unwrap_or_else(|complaint| panic!("{} = {default:?}: {complaint}", row.key));
            }
        }
    }

    #[test]
    fn old_names_lead_to_keys_of_the_same_kind() {
        for row in rows() {
            if let Some(target) = row.alias_of {
                let target = find(target).unwrap_or_else(|| panic!("{} leads nowhere", row.key));
                assert_eq!(target.kind, row.kind, "{}", row.key);
                assert_eq!(target.alias_of, None, "{}", row.key);
            }
        }
    }

    #[test]
    fn every_flag_is_there_once() {
        let mut flags: Vec<&str> = rows().filter_map(|row| row.flag).collect();
        flags.sort_unstable();
        assert_eq!(flags.len(), 63, "68 with config-dir, config-file, config-format, dev and hcl");
        flags.dedup();
        assert_eq!(flags.len(), 63);
    }

    #[test]
    fn slips_find_the_key_that_was_meant() {
        let cases = [
            ("datacentre", "datacenter"),
            ("bind_adr", "bind_addr"),
            ("ports.htp", "ports.http"),
            ("port.http", "ports.http"),
            ("retry_joins", "retry_join"),
            ("dns_config.recursor_timeout_", "dns_config.recursor_timeout"),
            ("default_policy", "acl.default_policy"),
        ];
        for (slip, meant) in cases {
            assert_eq!(nearest(slip), meant, "{slip}");
        }
    }

    #[test]
    fn the_whole_table() {
        let lines: Vec<String> = rows()
            .map(|row| {
                let mark = |is: bool, text: &'static str| if is { text } else { "" };
                format!(
                    "{} {:?} {:?}{}{}{}{}{}: {}",
                    row.key,
                    row.kind,
                    row.default,
                    row.dev_default.map(|dev| format!(" dev {dev:?}")).unwrap_or_default(),
                    row.flag.map(|flag| format!(" -{flag}")).unwrap_or_default(),
                    mark(row.used, " used"),
                    mark(row.reloadable, " reloadable"),
                    row.alias_of.map(|key| format!(" now {key}")).unwrap_or_default(),
                    row.doc
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
