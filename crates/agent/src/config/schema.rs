//! A parsed file against the table: which members are keys, and of the right type. It merges
//! nothing across files and judges no values.
//! Invariant: every unknown key and every wrong type of the file is found, up to a hundred of
//! each, with its place.

use serde_json::Value as Json;

use super::definitions;
use super::error::{ConfigError, ConfigErrors, UnknownKey, WrongType};
use super::runtime::Secret;
use super::settings::{Setting, Settings};
use super::table::{self, Kind, Row};
use super::value::{Data, Member, Position, Value};

/// The settings of one file; what is wrong with it goes to `errors`.
pub fn read(file: &str, root: &Value, dev: bool, errors: &mut ConfigErrors) -> Settings {
    let mut reader = Reader { settings: Settings::new(dev), complaints: Complaints::default() };
    match &root.data {
        Data::Object(members) => reader.members("", "", members),
        other => reader.complaints.wrong(root.position, not_a_map("", other)),
    }
    let Complaints { unknown, wrong } = reader.complaints;
    if !unknown.is_empty() {
        errors.push(ConfigError::UnknownKeys { file: file.to_owned(), keys: unknown });
    }
    if !wrong.is_empty() {
        errors.push(ConfigError::WrongTypes { file: file.to_owned(), wrong });
    }
    reader.settings
}

struct Reader {
    settings: Settings,
    complaints: Complaints,
}

impl Reader {
    /// `shown` is the path as the file spells it, `path` the same in lower case.
    fn members(&mut self, shown: &str, path: &str, members: &[Member]) {
        for member in members {
            let shown = join(shown, &member.key);
            let path = join(path, &member.key.to_lowercase());
            if let Some(row) = table::find(&path) {
                self.key(row, &path, &member.value);
            } else if table::is_block(&path) {
                self.block(&shown, &path, &member.value);
            } else {
                let nearest = || table::nearest(&path).to_owned();
                self.complaints.unknown(shown, member.position, nearest);
            }
        }
    }

    fn block(&mut self, shown: &str, path: &str, value: &Value) {
        match &value.data {
            Data::Null => {}
            Data::Object(members) => self.members(shown, path, members),
            // A block as a list of blocks is how JSON says a repeated one.
            Data::List(items) => items.iter().for_each(|item| self.block(shown, path, item)),
            other => self.complaints.wrong(value.position, not_a_map(path, other)),
        }
    }

    fn key(&mut self, row: &'static Row, path: &str, value: &Value) {
        if value.data == Data::Null {
            return;
        }
        // What stands under a key that is not known is missing elsewhere, which is no news.
        let complaints = |own: &Self| own.complaints.wrong.len() + own.complaints.unknown.len();
        let before = complaints(self);
        match self.setting(row.kind, path, value) {
            Some(setting) if complaints(self) == before => {
                self.settings.set(row, setting);
            }
            _ => self.settings.spoil(row),
        }
    }

    fn setting(&mut self, kind: Kind, path: &str, value: &Value) -> Option<Setting> {
        let complaints = &mut self.complaints;
        Some(match kind {
            Kind::Bool => Setting::Bool(complaints.bool(path, value)?),
            Kind::Int => Setting::Int(complaints.int(path, value)?),
            Kind::Float => Setting::Float(complaints.float(path, value)?),
            Kind::Text | Kind::Duration => Setting::Text(complaints.text(path, value)?),
            Kind::Secret => Setting::Secret(Secret::new(complaints.text(path, value)?)),
            Kind::List => Setting::List(complaints.list(path, value)?),
            Kind::Map => Setting::Map(complaints.map(path, value)?.into_iter().collect()),
            Kind::Object => Setting::Object(complaints.objects(path, value)?.pop()?.to_json()),
            Kind::Objects => Setting::Objects(
                complaints.objects(path, value)?.iter().map(|object| object.to_json()).collect(),
            ),
            Kind::Services | Kind::Checks => {
                let objects = complaints.objects(path, value)?;
                let is_list = matches!(value.data, Data::List(_));
                let mut read = Vec::new();
                for (at, object) in objects.iter().enumerate() {
                    let path = if is_list { format!("{path}[{at}]") } else { path.to_owned() };
                    let json = match kind {
                        Kind::Services => definitions::service(&path, object, complaints),
                        _ => definitions::check(&path, object, complaints),
                    };
                    read.push(Json::Object(json));
                }
                Setting::Objects(read)
            }
        })
    }
}

/// What is wrong with one file, and the reading of values that finds it.
#[derive(Default)]
pub struct Complaints {
    unknown: Vec<UnknownKey>,
    wrong: Vec<WrongType>,
}

impl Complaints {
    /// What has been complained about, in order, unknown keys first.
    #[cfg(test)]
    pub fn texts(&self) -> Vec<String> {
        let unknown = self.unknown.iter().map(|own| own.key.clone());
        unknown.chain(self.wrong.iter().map(|own| own.complaint.clone())).collect()
    }

    /// `nearest` is asked only while complaints are taken: it looks at every key there is.
    pub fn unknown(&mut self, key: String, position: Position, nearest: impl FnOnce() -> String) {
        if self.unknown.len() < COMPLAINTS_MAX {
            self.unknown.push(UnknownKey { key, position, nearest: nearest() });
        }
    }

    pub fn wrong(&mut self, position: Position, complaint: String) {
        if self.wrong.len() < COMPLAINTS_MAX {
            self.wrong.push(WrongType { complaint, position });
        }
    }

    fn mismatch(&mut self, path: &str, expected: &str, value: &Value) {
        let got = value.data.type_name();
        let complaint =
            format!("'{path}' expected type '{expected}', got unconvertible type '{got}'");
        self.wrong(value.position, complaint);
    }

    pub fn bool(&mut self, path: &str, value: &Value) -> Option<bool> {
        match &value.data {
            Data::Bool(truth) => return Some(*truth),
            _ => self.mismatch(path, "bool", value),
        }
        None
    }

    pub fn int(&mut self, path: &str, value: &Value) -> Option<i64> {
        match &value.data {
            Data::Int(number) => return Some(*number),
            // JSON writes some whole numbers as 1e3 or 1.0.
            Data::Float(number) if number.fract() == 0.0 => {
                if let Ok(whole) = format!("{number:.0}").parse() {
                    return Some(whole);
                }
                self.mismatch(path, "int", value);
            }
            _ => self.mismatch(path, "int", value),
        }
        None
    }

    pub fn float(&mut self, path: &str, value: &Value) -> Option<f64> {
        match &value.data {
            Data::Int(number) => return Some(*number as f64),
            Data::Float(number) => return Some(*number),
            _ => self.mismatch(path, "float64", value),
        }
        None
    }

    pub fn text(&mut self, path: &str, value: &Value) -> Option<String> {
        match &value.data {
            Data::Text(text) => return Some(text.clone()),
            _ => self.mismatch(path, "string", value),
        }
        None
    }

    pub fn list(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        let Data::List(items) = &value.data else {
            let got = value.data.type_name();
            self.wrong(
                value.position,
                format!("'{path}': source data must be an array or slice, got {got}"),
            );
            return None;
        };
        let item = |(at, item)| self.text(&format!("{path}[{at}]"), item);
        Some(items.iter().enumerate().filter_map(item).collect())
    }

    pub fn map(&mut self, path: &str, value: &Value) -> Option<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        for member in self.object_members(path, value)? {
            if member.value.data == Data::Null {
                continue;
            }
            let path = format!("{path}[{}]", member.key);
            if let Some(text) = self.text(&path, &member.value) {
                pairs.push((member.key.clone(), text));
            }
        }
        Some(pairs)
    }

    /// The members of an object, or of all objects of a list: blocks that were repeated.
    pub fn object_members<'v>(&mut self, path: &str, value: &'v Value) -> Option<Vec<&'v Member>> {
        let objects = self.objects(path, value)?;
        let members = |object: &&'v Value| match &object.data {
            Data::Object(members) => members.as_slice(),
            _ => &[],
        };
        Some(objects.iter().flat_map(members).collect())
    }

    /// One object, or a list of them.
    pub fn objects<'v>(&mut self, path: &str, value: &'v Value) -> Option<Vec<&'v Value>> {
        match &value.data {
            Data::Object(_) => Some(vec![value]),
            Data::List(items) => {
                let mut objects = Vec::new();
                for (at, item) in items.iter().enumerate() {
                    match &item.data {
                        Data::Object(_) => objects.push(item),
                        Data::Null => {}
                        other => {
                            let path = format!("{path}[{at}]");
                            self.wrong(item.position, not_a_map(&path, other));
                        }
                    }
                }
                Some(objects)
            }
            other => {
                self.wrong(value.position, not_a_map(path, other));
                None
            }
        }
    }
}

/// Complaints of each sort about one file: a file of another kind has nothing but unknown keys.
const COMPLAINTS_MAX: usize = 100;

fn not_a_map(path: &str, got: &Data) -> String {
    format!("'{path}' expected a map, got '{}'", got.type_name())
}

pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
