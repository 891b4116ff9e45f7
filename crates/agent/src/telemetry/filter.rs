//! Which series are shown: the longest rule that begins a name decides, then the default.
//!
//! Source: Consul 1.22 documentation, "Telemetry parameters": `prefix_filter`, `filter_default`.

use crate::config::runtime::TelemetryConfig;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    default: bool,
    /// Beginnings of names, and whether such names are shown.
    rules: Vec<(String, bool)>,
}

impl Filter {
    pub fn new(config: &TelemetryConfig) -> Filter {
        let rule = |rule: &String| match rule.split_at_checked(1) {
            Some(("+", prefix)) => Some((prefix.to_owned(), true)),
            Some(("-", prefix)) => Some((prefix.to_owned(), false)),
            // The configuration has warned about it.
            _ => None,
        };
        let rules = config.prefix_filter.iter().filter_map(rule).collect();
        Filter { default: config.filter_default, rules }
    }

    /// Whether a series of this name, prefix included, is shown. Of two rules for one beginning
    /// the one that forbids wins.
    pub fn allows(&self, name: &str) -> bool {
        let fitting = self.rules.iter().filter(|(prefix, _)| name.starts_with(prefix.as_str()));
        let longest = fitting.max_by_key(|(prefix, allows)| (prefix.len(), !allows));
        longest.map_or(self.default, |(_, allows)| *allows)
    }
}
