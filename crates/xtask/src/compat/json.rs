//! Compares a recorded JSON value with a real one. Keys are free in order, lists are not;
//! null, an empty list, an absent key and an empty text all differ.

use serde_json::{Map, Value};

use super::binding::Bindings;
use super::pattern::{self, Kind};
use super::transcript::Modes;

/// Adds a line to `differences` for each place where the real value is not as recorded.
pub fn compare(
    recorded: &Value,
    real: &Value,
    modes: Modes,
    bindings: &mut Bindings,
    differences: &mut Vec<String>,
) {
    let mut comparer = Comparer { modes, bindings, differences };
    comparer.value("body", recorded, real);
}

struct Comparer<'a> {
    modes: Modes,
    bindings: &'a mut Bindings,
    differences: &'a mut Vec<String>,
}

impl Comparer<'_> {
    fn value(&mut self, at: &str, recorded: &Value, real: &Value) {
        match (recorded, real) {
            (Value::String(text), _) => self.text(at, text, real),
            (Value::Object(recorded), Value::Object(real)) => self.object(at, recorded, real),
            (Value::Array(recorded), Value::Array(real)) if self.modes.shape => {
                self.shape_of_list(at, recorded, real);
            }
            (Value::Array(recorded), Value::Array(real)) if self.modes.sorted => {
                self.sorted_list(at, recorded, real);
            }
            (Value::Array(recorded), Value::Array(real)) => self.list(at, recorded, real),
            (Value::Number(a), Value::Number(b)) if same_number(a, b) => {}
            _ if recorded == real => {}
            _ => self.differ(at, recorded, real),
        }
    }

    fn text(&mut self, at: &str, recorded: &str, real: &Value) {
        if self.modes.shape
            && let Some(fits) = fits_type(recorded, real)
        {
            if !fits {
                self.differences.push(format!("{at}: expected {recorded}, got {}", short(real)));
            }
            return;
        }
        if let Some(kind) = pattern::whole(recorded) {
            return self.placeholder(at, recorded, &kind, real);
        }
        let outcome = match real {
            Value::String(real) => pattern::matches(recorded, real, self.bindings),
            _ => Err(format!("expected {recorded:?}, got {}", short(real))),
        };
        self.note(at, outcome);
    }

    /// A placeholder is written as a string, also where the value is a number.
    fn placeholder(&mut self, at: &str, recorded: &str, kind: &Kind, real: &Value) {
        let wants_number = matches!(kind, Kind::Index(_) | Kind::AnyIndex);
        let value = match real {
            Value::Number(number) => number.to_string(),
            Value::String(text) if !wants_number => text.clone(),
            _ => return self.differ(at, &Value::String(recorded.to_owned()), real),
        };
        let wants_text = matches!(kind, Kind::Uuid(_) | Kind::Hash(_) | Kind::Time | Kind::Version);
        let outcome = if wants_text && real.is_number() || !pattern::may_be(kind, &value) {
            Err(format!("expected {recorded}, got {}", short(real)))
        } else {
            pattern::bind(kind, &value, self.bindings)
        };
        self.note(at, outcome);
    }

    fn object(&mut self, at: &str, recorded: &Map<String, Value>, real: &Map<String, Value>) {
        let mut seen = Vec::new();
        for (key, value) in recorded {
            let real_key = self.find_key(key, recorded, real);
            match real_key.and_then(|real_key| real.get_key_value(&real_key)) {
                Some((real_key, real_value)) => {
                    seen.push(real_key);
                    self.value(&format!("{at}.{real_key}"), value, real_value);
                }
                None => self.differences.push(format!("{at}.{key}: missing")),
            }
        }
        for (key, value) in real.iter().filter(|(key, _)| !seen.contains(key)) {
            self.differences.push(format!("{at}.{key}: not recorded, got {}", short(value)));
        }
    }

    /// A key may hold a placeholder; then any unclaimed key that matches is the one.
    fn find_key(
        &mut self,
        key: &str,
        recorded: &Map<String, Value>,
        real: &Map<String, Value>,
    ) -> Option<String> {
        if real.contains_key(key) {
            return Some(key.to_owned());
        }
        real.keys()
            .filter(|candidate| !recorded.contains_key(*candidate))
            .find(|candidate| pattern::matches(key, candidate, self.bindings).is_ok())
            .cloned()
    }

    fn list(&mut self, at: &str, recorded: &[Value], real: &[Value]) {
        if recorded.len() != real.len() {
            let (expected, got) = (recorded.len(), real.len());
            self.differences.push(format!("{at}: expected {expected} elements, got {got}"));
        }
        for (number, (recorded, real)) in recorded.iter().zip(real).enumerate() {
            self.value(&format!("{at}[{number}]"), recorded, real);
        }
    }

    /// Of a list only the first element was recorded, and whether there was one.
    fn shape_of_list(&mut self, at: &str, recorded: &[Value], real: &[Value]) {
        match (recorded.first(), real.first()) {
            (Some(recorded), Some(real)) => self.value(&format!("{at}[0]"), recorded, real),
            (None, None) => {}
            (Some(_), None) => self.differences.push(format!("{at}: expected elements, got []")),
            (None, Some(_)) => self.differences.push(format!("{at}: expected [], got elements")),
        }
    }

    /// The order is random: each recorded element claims the first real one that equals it.
    fn sorted_list(&mut self, at: &str, recorded: &[Value], real: &[Value]) {
        if recorded.len() != real.len() {
            return self.list(at, recorded, real);
        }
        let mut free: Vec<&Value> = real.iter().collect();
        for (number, recorded) in recorded.iter().enumerate() {
            let claimed = free.iter().position(|real| {
                let mut bindings = self.bindings.clone();
                let mut differences = Vec::new();
                compare(recorded, real, self.modes, &mut bindings, &mut differences);
                let equal = differences.is_empty();
                if equal {
                    *self.bindings = bindings;
                }
                equal
            });
            match claimed {
                Some(claimed) => {
                    free.remove(claimed);
                }
                None => self.differences.push(format!(
                    "{at}: no element is as the recorded [{number}] {}",
                    short(recorded)
                )),
            }
        }
    }

    fn note(&mut self, at: &str, outcome: Result<(), String>) {
        if let Err(error) = outcome {
            self.differences.push(format!("{at}: {error}"));
        }
    }

    fn differ(&mut self, at: &str, recorded: &Value, real: &Value) {
        let (recorded, real) = (short(recorded), short(real));
        self.differences.push(format!("{at}: expected {recorded}, got {real}"));
    }
}

/// Whether a value is of the recorded type; nothing where the text is no name of a type.
fn fits_type(name: &str, real: &Value) -> Option<bool> {
    Some(match name {
        "<string>" => real.is_string(),
        "<bool>" => real.is_boolean(),
        "<int>" => real.is_u64() || real.is_i64(),
        // A float that happens to be whole is printed without its point.
        "<float>" => real.is_number(),
        _ => return None,
    })
}

/// `1` and `1.0` are one value.
fn same_number(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
}

/// A value on one line, cut where it grows long.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHORT_CHARS_MAX) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}

/// Enough of a value to recognise it in a line of a report.
const SHORT_CHARS_MAX: usize = 120;
