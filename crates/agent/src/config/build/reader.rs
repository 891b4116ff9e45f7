//! Settings read as the types of the `RuntimeConfig`, each with the rule that its type implies.
//! Invariant: a value that breaks its rule is noted, and a harmless one stands in for it.

use std::path::PathBuf;
use std::time::Duration;

use super::super::error::ConfigErrors;
use super::super::runtime::Cidr;
use super::super::settings::Settings;

pub struct Reader<'a> {
    pub settings: &'a Settings,
    pub errors: &'a mut ConfigErrors,
    pub warnings: &'a mut Vec<String>,
}

impl Reader<'_> {
    pub fn path(&self, key: &'static str) -> Option<PathBuf> {
        self.settings.optional_text(key).map(PathBuf::from)
    }

    pub fn span(&mut self, key: &'static str) -> Duration {
        self.settings.duration(key, self.errors).to_std()
    }

    fn not_negative(&mut self, key: &'static str) -> i64 {
        let number = self.settings.int(key);
        if number < 0 {
            self.errors
                .rule(format!("{key} cannot be {number}. Must be greater than or equal to zero"));
        }
        number.max(0)
    }

    pub fn count(&mut self, key: &'static str) -> u32 {
        let number = self.not_negative(key);
        u32::try_from(number).unwrap_or_else(|_| {
            self.errors.rule(format!("{key} cannot be {number}. Must be at most {}", u32::MAX));
            0
        })
    }

    pub fn bytes(&mut self, key: &'static str) -> usize {
        usize::try_from(self.not_negative(key)).unwrap_or(usize::MAX)
    }

    /// A negative rate is how files say that there is no limit.
    pub fn rate(&self, key: &'static str) -> Option<f64> {
        self.settings.float(key).filter(|rate| *rate >= 0.0)
    }

    pub fn choice(&mut self, key: &'static str, choices: &[&str]) -> String {
        let text = self.settings.text(key);
        if !choices.contains(&text.as_str()) {
            let choices: Vec<&str> = choices.iter().copied().filter(|c| !c.is_empty()).collect();
            self.errors
                .rule(format!("{key} cannot be {text:?}. Must be one of: {}", choices.join(", ")));
        }
        text
    }

    pub fn cidrs(&mut self, key: &'static str) -> Vec<Cidr> {
        let mut cidrs = Vec::new();
        for text in self.settings.list(key) {
            match Cidr::parse(&text) {
                Some(cidr) => cidrs.push(cidr),
                None => self.errors.value(format!("{key}: invalid CIDR address: {text}")),
            }
        }
        cidrs
    }
}
