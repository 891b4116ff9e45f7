//! Where a value stands in a body, and how Go names that place and the type that is wanted there.
//! It reads and refuses nothing.
//! Invariant: a place is as deep as the body is nested, which the parser bounds; its text is short.

use crate::parse::shown;

/// A value's way from the top of the body, kept on the stack while it is read.
pub(super) struct Place<'p> {
    pub within: Option<&'p Place<'p>>,
    pub step: Step<'p>,
}

impl Place<'_> {
    /// `Checks[1].Header["A"]`.
    pub fn text(&self) -> String {
        let mut whole = String::new();
        for step in steps(Some(self)) {
            match step {
                Step::Field { name, .. } => push_name(&mut whole, name),
                Step::Item(number) => whole.push_str(&format!("[{number}]")),
                Step::Key(key) => whole.push_str(&format!("[{:?}]", shown(key))),
            }
        }
        shown(&whole)
    }
}

#[derive(Clone, Copy)]
pub(super) enum Step<'p> {
    /// A field of the type `of`.
    Field { of: &'static str, name: &'static str },
    /// An element of a list.
    Item(usize),
    /// An entry of a map.
    Key(&'p str),
}

/// Types whose fields Go reads through a nameless one, so that a new path starts there.
///
/// Source: transcripts agent/registration.txt, agent/types.txt.
const ALIASED: [&str; 3] = ["ServiceDefinition", "CheckDefinition", "CheckRegistration"];

/// Types that clients know under another name than ours.
///
/// Source: transcripts as above, txn/more.txt.
const GO_NAMES: [(&str, &str); 3] =
    [("KvOp", "KVTxnOp"), ("[]CheckDefinition", "structs.CheckTypes"), ("[]TxnOp", "api.TxnOps")];

/// `struct field .Alias.Port of type int`, and the whole place where Go leaves part of it out; a
/// value that is in no field is `value of type int`.
pub(super) fn field_of_type(place: Option<&Place<'_>>, wanted: &str) -> String {
    let (mut owner, mut path) = ("", String::new());
    let (mut is_aliased, mut is_partial) = (false, false);
    for step in steps(place) {
        let Step::Field { of, name } = step else {
            is_partial = true;
            continue;
        };
        if ALIASED.contains(&of) {
            is_partial |= !path.is_empty();
            (owner, path, is_aliased) = ("", "Alias".to_owned(), true);
        }
        if !is_aliased {
            owner = of;
        }
        push_name(&mut path, name);
    }
    let field = match path.as_str() {
        "" => format!("value of type {wanted}"),
        path => format!("struct field {}.{path} of type {wanted}", go_name(owner)),
    };
    match place.filter(|_| is_partial) {
        Some(place) => format!("{field} (at {})", place.text()),
        None => field,
    }
}

/// The steps from the top of the body down to a place.
fn steps<'p>(place: Option<&'p Place<'p>>) -> impl Iterator<Item = Step<'p>> {
    let mut steps = Vec::new();
    let mut next = place;
    while let Some(here) = next {
        steps.push(here.step);
        next = here.within;
    }
    steps.into_iter().rev()
}

fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// A type as Go writes it: `[]string`, `map[string]int`.
pub(super) fn go_type<T>() -> String {
    go_type_of(std::any::type_name::<T>())
}

/// From a type as the compiler writes it: good enough for people, and for nothing else.
fn go_type_of(name: &str) -> String {
    let (head, inner) = match name.split_once('<') {
        Some((head, rest)) => (head, rest.strip_suffix('>').unwrap_or(rest)),
        None => (name, ""),
    };
    let go = match head.rsplit("::").next().unwrap_or(head) {
        "String" => "string".to_owned(),
        "i64" => "int".to_owned(),
        "i32" => "int32".to_owned(),
        "u64" => "uint64".to_owned(),
        "f64" => "float64".to_owned(),
        "Value" => "interface {}".to_owned(),
        "Vec" => format!("[]{}", go_type_of(inner)),
        "Box" | "Option" => go_type_of(inner),
        "BTreeMap" | "Map" => {
            let (key, value) = inner.split_once(", ").unwrap_or((inner, ""));
            format!("map[{}]{}", go_type_of(key), go_type_of(value))
        }
        other => other.to_owned(),
    };
    go_name(&go).to_owned()
}

fn go_name(ours: &str) -> &str {
    GO_NAMES.iter().find(|(own, _)| *own == ours).map_or(ours, |(_, go)| *go)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::agent::CheckDefinition;

    #[test]
    fn types_are_written_as_go_writes_them() {
        assert_eq!(go_type::<Vec<String>>(), "[]string");
        assert_eq!(go_type::<BTreeMap<String, Vec<String>>>(), "map[string][]string");
        assert_eq!(go_type::<Option<Box<Vec<i64>>>>(), "[]int");
        assert_eq!(
            go_type::<serde_json::Map<String, serde_json::Value>>(),
            "map[string]interface {}"
        );
        assert_eq!(go_type::<Vec<CheckDefinition>>(), "structs.CheckTypes");
    }
}
