//! Typed values by key, and how those of several sources become one: scalars replace, lists
//! append, maps merge by name. It reads no files and judges no values beyond their type.
//! Invariant: each setting has the type of its row in the table.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;
use tribune_api::duration::{self, GoDuration};

use super::error::ConfigErrors;
use super::runtime::Secret;
use super::table::{self, Kind, Row};

/// One value of the configuration.
#[derive(Clone, PartialEq)]
pub enum Setting {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Also durations: what they say is judged when the configuration is built.
    Text(String),
    Secret(Secret),
    List(Vec<String>),
    Map(BTreeMap<String, String>),
    Object(Json),
    /// Also services and checks, then in the API's spelling.
    Objects(Vec<Json>),
}

impl Setting {
    /// What a default or a flag says; an empty text is no value.
    ///
    /// # Errors
    /// The complaint, when the text is no value of that kind.
    pub fn from_text(kind: Kind, text: &str) -> Result<Option<Setting>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let setting = match kind {
            Kind::Bool => Setting::Bool(parse_bool(text)?),
            Kind::Int => Setting::Int(text.parse().map_err(|_| PARSE_ERROR)?),
            Kind::Float => {
                let number: f64 = text.parse().map_err(|_| PARSE_ERROR)?;
                Setting::Float(number)
            }
            Kind::Duration => {
                duration::parse(text).map_err(|error| error.to_string())?;
                Setting::Text(text.to_owned())
            }
            Kind::Text => Setting::Text(text.to_owned()),
            Kind::Secret => Setting::Secret(Secret::new(text)),
            Kind::List => Setting::List(vec![text.to_owned()]),
            Kind::Map => {
                let (name, value) = text.split_once(':').unwrap_or((text, ""));
                Setting::Map(BTreeMap::from([(name.to_owned(), value.to_owned())]))
            }
            Kind::Object | Kind::Objects | Kind::Services | Kind::Checks => {
                return Err("cannot be given as text".to_owned());
            }
        };
        Ok(Some(setting))
    }

    fn merge(&mut self, later: Setting) {
        match (self, later) {
            (Setting::List(items), Setting::List(more)) => items.extend(more),
            (Setting::Objects(items), Setting::Objects(more)) => items.extend(more),
            (Setting::Map(map), Setting::Map(more)) => map.extend(more),
            (Setting::Object(Json::Object(map)), Setting::Object(Json::Object(more))) => {
                map.extend(more);
            }
            (earlier, later) => *earlier = later,
        }
    }
}

/// Objects may hold tokens and keys, so only how many there are is shown.
impl fmt::Debug for Setting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Bool(truth) => truth.fmt(out),
            Setting::Int(number) => number.fmt(out),
            Setting::Float(number) => number.fmt(out),
            Setting::Text(text) => text.fmt(out),
            Setting::Secret(secret) => secret.fmt(out),
            Setting::List(items) => items.fmt(out),
            Setting::Map(map) => map.fmt(out),
            Setting::Object(_) => out.write_str("an object"),
            Setting::Objects(objects) => write!(out, "{} objects", objects.len()),
        }
    }
}

/// Go's spellings of true and false, as flags take them.
///
/// # Errors
/// The complaint of Go's flags.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(PARSE_ERROR.to_owned()),
    }
}

const PARSE_ERROR: &str = "parse error";

/// The settings of one source or of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    values: BTreeMap<&'static str, Setting>,
    /// Keys that were given a value of a wrong type: rules about them stay silent.
    spoilt: Vec<&'static str>,
    dev: bool,
}

impl Settings {
    pub fn new(dev: bool) -> Self {
        Settings { dev, ..Settings::default() }
    }

    pub fn set(&mut self, row: &'static Row, setting: Setting) {
        match self.values.get_mut(row.key) {
            Some(earlier) => earlier.merge(setting),
            None => {
                self.values.insert(row.key, setting);
            }
        }
    }

    pub fn spoil(&mut self, row: &'static Row) {
        self.spoilt.push(row.key);
    }

    pub fn is_spoilt(&self, key: &str) -> bool {
        self.spoilt.contains(&key)
    }

    pub fn is_set(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub fn is_dev(&self) -> bool {
        self.dev
    }

    /// Takes over a later source.
    pub fn merge(&mut self, later: Settings) {
        for (key, setting) in later.values {
            match self.values.get_mut(key) {
                Some(earlier) => earlier.merge(setting),
                None => {
                    self.values.insert(key, setting);
                }
            }
        }
        self.spoilt.extend(later.spoilt);
    }

    /// Moves values under old names to the new ones, unless those have a value of their own.
    /// Returns a warning for each.
    pub fn resolve_aliases(&mut self) -> Vec<String> {
        let mut warnings = Vec::new();
        let old: Vec<(&'static str, &'static str)> = self
            .values
            .keys()
            .filter_map(|key| table::find(key)?.alias_of.map(|target| (*key, target)))
            .collect();
        for (old, new) in old {
            warnings
                .push(format!("The '{old}' field is deprecated. Use the '{new}' field instead."));
            let Some(setting) = self.values.remove(old) else { continue };
            match (self.values.get_mut(new), setting) {
                (Some(Setting::List(items)), Setting::List(more)) => items.extend(more),
                (Some(_), _) => {}
                (None, setting) => {
                    self.values.insert(new, setting);
                }
            }
        }
        warnings
    }

    /// Keys that were set and that this agent accepts without using them yet.
    pub fn unused(&self) -> Vec<&'static str> {
        let is_unused = |key: &&str| table::find(key).is_some_and(|row| !row.used);
        self.values.keys().copied().filter(is_unused).collect()
    }

    /// The rows whose value differs: what a reload changes, or what needs a restart.
    pub fn differences(&self, other: &Settings) -> Vec<&'static Row> {
        table::rows().filter(|row| self.values.get(row.key) != other.values.get(row.key)).collect()
    }

    /// Gives keys that a reload does not take up the value they had, and names those of them that
    /// have another one now and are used.
    pub fn keep_what_needs_a_restart(&mut self, running: &Settings) -> Vec<&'static str> {
        let fixed: Vec<&Row> =
            self.differences(running).into_iter().filter(|row| !row.reloadable).collect();
        for row in &fixed {
            match running.values.get(row.key) {
                Some(setting) => self.values.insert(row.key, setting.clone()),
                None => self.values.remove(row.key),
            };
        }
        fixed.into_iter().filter(|row| row.used).map(|row| row.key).collect()
    }

    /// The value, or the default of the table.
    fn value(&self, key: &'static str) -> Option<Setting> {
        if let Some(setting) = self.values.get(key) {
            return Some(setting.clone());
        }
        let row = table::find(key);
        assert!(row.is_some(), "the table lacks {key}");
        let row = row?;
        let default = match (self.dev, row.dev_default) {
            (true, Some(dev)) => dev,
            _ => row.default,
        };
        // A test of the table proves that every default is a value of its kind.
        Setting::from_text(row.kind, default).ok().flatten()
    }

    pub fn bool(&self, key: &'static str) -> bool {
        self.optional_bool(key).unwrap_or(false)
    }

    pub fn optional_bool(&self, key: &'static str) -> Option<bool> {
        match self.value(key) {
            Some(Setting::Bool(truth)) => Some(truth),
            _ => None,
        }
    }

    pub fn int(&self, key: &'static str) -> i64 {
        self.optional_int(key).unwrap_or(0)
    }

    pub fn optional_int(&self, key: &'static str) -> Option<i64> {
        match self.value(key) {
            Some(Setting::Int(number)) => Some(number),
            _ => None,
        }
    }

    pub fn float(&self, key: &'static str) -> Option<f64> {
        match self.value(key) {
            Some(Setting::Float(number)) => Some(number),
            _ => None,
        }
    }

    pub fn text(&self, key: &'static str) -> String {
        match self.value(key) {
            Some(Setting::Text(text)) => text,
            _ => String::new(),
        }
    }

    pub fn optional_text(&self, key: &'static str) -> Option<String> {
        Some(self.text(key)).filter(|text| !text.is_empty())
    }

    pub fn secret(&self, key: &'static str) -> Option<Secret> {
        match self.value(key) {
            Some(Setting::Secret(secret)) if !secret.reveal().is_empty() => Some(secret),
            _ => None,
        }
    }

    pub fn list(&self, key: &'static str) -> Vec<String> {
        match self.value(key) {
            Some(Setting::List(items)) => items,
            _ => Vec::new(),
        }
    }

    pub fn map(&self, key: &'static str) -> BTreeMap<String, String> {
        match self.value(key) {
            Some(Setting::Map(map)) => map,
            _ => BTreeMap::new(),
        }
    }

    pub fn object(&self, key: &'static str) -> Json {
        match self.value(key) {
            Some(Setting::Object(object)) => object,
            _ => Json::Object(serde_json::Map::new()),
        }
    }

    pub fn objects(&self, key: &'static str) -> Vec<Json> {
        match self.value(key) {
            Some(Setting::Objects(objects)) => objects,
            _ => Vec::new(),
        }
    }

    /// A span of time; a text that is none is noted, and the default taken.
    pub fn duration(&self, key: &'static str, errors: &mut ConfigErrors) -> GoDuration {
        let text = self.text(key);
        match duration::parse(if text.is_empty() { "0" } else { &text }) {
            Ok(nanos) => GoDuration(nanos),
            Err(error) => {
                errors.value(format!("{key}: invalid duration: {text:?}: {error}"));
                GoDuration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, Setting)]) -> Settings {
        let mut settings = Settings::new(false);
        for (key, setting) in pairs {
            settings.set(table::find(key).unwrap(), setting.clone());
        }
        settings
    }

    #[test]
    fn a_reload_takes_up_what_it_can_and_names_the_rest() {
        let running = settings(&[
            ("datacenter", Setting::Text("one".into())),
            ("log_level", Setting::Text("INFO".into())),
        ]);
        let mut changed = settings(&[
            ("log_level", Setting::Text("DEBUG".into())),
            ("node_name", Setting::Text("other".into())),
        ]);
        let named = changed.keep_what_needs_a_restart(&running);
        assert_eq!(named, ["node_name", "datacenter"]);
        assert_eq!(changed.text("log_level"), "DEBUG");
        assert_eq!(changed.text("datacenter"), "one");
        assert!(!changed.is_set("node_name"));
    }

    fn list(items: &[&str]) -> Setting {
        Setting::List(items.iter().map(|item| (*item).to_owned()).collect())
    }

    fn map(pairs: &[(&str, &str)]) -> Setting {
        Setting::Map(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn scalars_replace_lists_append_and_maps_merge() {
        let mut merged = settings(&[
            ("datacenter", Setting::Text("one".into())),
            ("recursors", list(&["a"])),
            ("node_meta", map(&[("k", "1"), ("l", "1")])),
        ]);
        merged.merge(settings(&[
            ("datacenter", Setting::Text("two".into())),
            ("recursors", list(&["b"])),
            ("node_meta", map(&[("l", "2"), ("m", "2")])),
        ]));
        assert_eq!(merged.text("datacenter"), "two");
        assert_eq!(merged.list("recursors"), ["a", "b"]);
        assert_eq!(
            Setting::Map(merged.map("node_meta")),
            map(&[("k", "1"), ("l", "2"), ("m", "2")])
        );
    }

    #[test]
    fn defaults_are_those_of_the_table_and_dev_has_its_own() {
        assert_eq!(Settings::new(false).text("log_level"), "INFO");
        assert_eq!(Settings::new(true).text("log_level"), "DEBUG");
        assert_eq!(Settings::new(true).int("ports.http"), 8500);
        assert_eq!(Settings::new(true).optional_int("ports.grpc_tls"), None);
    }

    #[test]
    fn an_old_name_counts_where_the_new_one_is_not_set() {
        let mut settings = settings(&[
            ("ca_file", Setting::Text("old".into())),
            ("acl_default_policy", Setting::Text("deny".into())),
            ("acl.default_policy", Setting::Text("allow".into())),
            ("start_join", list(&["a"])),
            ("retry_join", list(&["b"])),
        ]);
        let warnings = settings.resolve_aliases();
        assert_eq!(settings.text("tls.defaults.ca_file"), "old");
        assert_eq!(settings.text("acl.default_policy"), "allow");
        assert_eq!(settings.list("retry_join"), ["b", "a"]);
        assert!(!settings.is_set("ca_file"));
        assert_eq!(warnings.len(), 3);
        assert!(warnings[0].starts_with("The 'acl_default_policy' field is deprecated."));
    }

    #[test]
    fn a_reload_can_tell_what_differs() {
        let before = settings(&[("datacenter", Setting::Text("one".into()))]);
        let after = settings(&[("log_level", Setting::Text("WARN".into()))]);
        let rows = before.differences(&after);
        let keys: Vec<(&str, bool)> = rows.iter().map(|row| (row.key, row.reloadable)).collect();
        assert_eq!(keys, [("datacenter", false), ("log_level", true)]);
    }
}
