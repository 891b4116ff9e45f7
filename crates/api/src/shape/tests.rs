//! What the walk finds, and what every body of a request does with documents made from it.

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::*;
use crate::agent::{CheckRegistration, CheckUpdate, ServiceDefinition};
use crate::catalog::{CatalogDeregistration, CatalogRegistration, Weights};
use crate::coordinate::CoordinateEntry;
use crate::decode::{DecodeError, Unknown, decode};
use crate::json::{Layout, to_json};
use crate::session::SessionCreate;
use crate::txn::TxnOp;

#[test]
fn each_field_is_found_once_with_its_kind() {
    let field = |name| Way::Field(name, vec![]);
    let whole = Kind::Whole(i128::from(i64::MIN), i128::from(i64::MAX));
    let expected = [
        Part { way: vec![], kind: Kind::Object },
        Part { way: vec![field("Passing")], kind: whole },
        Part { way: vec![field("Warning")], kind: whole },
    ];
    assert_eq!(parts::<Weights>().unwrap(), expected);
    let all = parts::<ServiceDefinition>().unwrap();
    let has = |way: &[Way], kind| all.iter().any(|part| part.way == way && part.kind == kind);
    assert!(has(&[field("Check"), field("Header"), Way::Entry, Way::Item], Kind::Text));
    assert!(has(&[field("Check"), field("Interval")], Kind::Own));
    let aliased = Way::Field("TaggedAddresses", vec!["tagged_addresses"]);
    assert!(has(&[aliased, Way::Entry, field("Port")], whole));
    for (at, part) in all.iter().enumerate() {
        assert!(!all[at + 1..].iter().any(|other| other.way == part.way), "{part:?}");
    }
}

fn right(kind: Kind, choose: usize) -> Value {
    let pick = |all: &[Value]| all[choose % all.len()].clone();
    match kind {
        Kind::Bool => pick(&[json!(true), json!(false)]),
        Kind::Whole(min, max) => {
            let edge = |own: i128| serde_json::from_str::<Value>(&own.to_string()).unwrap();
            pick(&[json!(7), edge(min), edge(max), json!(0)])
        }
        Kind::Float => pick(&[json!(1.5), json!(-3), json!(1e300)]),
        Kind::Text => pick(&[json!("x"), json!(""), json!("é\u{202e}\u{0}\u{fffd}😀<&>\"\\")]),
        Kind::List => json!([]),
        Kind::Map | Kind::Object => json!({}),
        Kind::Own => pick(&[json!(""), json!(null)]),
    }
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(true)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<u64>().prop_map(|number| json!(number)),
        // A whole number with a point is written, as Go writes it, without one.
        any::<i32>().prop_map(|number| json!(f64::from(number) + 0.5)),
        Just(json!(1e300)),
        any::<String>().prop_map(|text| json!(text)),
        Just(json!([])),
        Just(json!([[1]])),
        Just(json!({})),
        Just(json!({"a": {"b": 1}})),
    ]
}

/// Some parts with right values, then perhaps one with any value.
#[derive(Clone, Debug)]
struct Plan {
    right: Vec<(prop::sample::Index, usize)>,
    other: Option<(prop::sample::Index, Value)>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let right = prop::collection::vec((any::<prop::sample::Index>(), 0..24_usize), 0..12);
    let other = prop::option::of((any::<prop::sample::Index>(), anything()));
    (right, other).prop_map(|(right, other)| Plan { right, other })
}

/// Decodes what the plan makes. What is accepted is written and read as the same; what is refused
/// is refused shortly, and by the name of the field if its type is wrong.
fn check<T>(plan: &Plan, kept: impl Fn(&mut T)) -> Result<(), TestCaseError>
where
    T: DeserializeOwned + Serialize + Default + PartialEq + std::fmt::Debug,
{
    let all = parts::<T>().unwrap();
    let mut body = json!(null);
    for (index, choose) in &plan.right {
        let part = index.get(&all);
        put(&mut body, &part.way, right(part.kind, *choose), *choose);
    }
    let mut name = None;
    if let Some((index, value)) = &plan.other {
        let part = index.get(&all);
        put(&mut body, &part.way, value.clone(), 0);
        name = part.way.iter().rev().find_map(|step| match step {
            Way::Field(name, _) => Some(*name),
            _ => None,
        });
    }
    let sent = body.to_string();
    match decode::<T>(sent.as_bytes(), Unknown::Refuse) {
        Ok(mut read) => {
            kept(&mut read);
            let written = to_json(&read, Layout::Compact);
            let again = decode::<T>(&written, Unknown::Refuse);
            prop_assert_eq!(again, Ok(read), "{}", sent);
        }
        Err(error) => {
            let text = error.to_string();
            prop_assert!(text.len() < 6 * 1024, "{}", text);
            prop_assert!(plan.other.is_some(), "{}: {}", sent, text);
            if matches!(error, DecodeError::WrongType { .. } | DecodeError::Misfit { .. }) {
                prop_assert!(name.is_none_or(|name| text.contains(name)), "{}: {}", sent, text);
            }
        }
    }
    Ok(())
}

fn without_sidecar(of: &mut Option<crate::proxy::ServiceConnect>) {
    // A sidecar is asked for and never shown.
    if let Some(connect) = of {
        connect.sidecar_service = None;
    }
}

proptest! {
    #[test]
    fn a_registration_of_a_service_is_read_as_it_is_written(plan in plan()) {
        check(&plan, |own: &mut ServiceDefinition| without_sidecar(&mut own.connect))?;
    }

    #[test]
    fn a_registration_of_a_check_is_read_as_it_is_written(plan in plan()) {
        check(&plan, |_: &mut CheckRegistration| {})?;
        check(&plan, |_: &mut CheckUpdate| {})?;
    }

    #[test]
    fn a_registration_in_the_catalog_is_read_as_it_is_written(plan in plan()) {
        check(&plan, |own: &mut CatalogRegistration| {
            if let Some(service) = &mut own.service {
                service.connect.sidecar_service = None;
            }
        })?;
        check(&plan, |_: &mut CatalogDeregistration| {})?;
    }

    #[test]
    fn a_transaction_is_read_as_it_is_written(plan in plan()) {
        check(&plan, |own: &mut Vec<TxnOp>| {
            for service in own.iter_mut().filter_map(|op| op.service.as_mut()) {
                service.service.connect.sidecar_service = None;
            }
        })?;
    }

    #[test]
    fn other_bodies_are_read_as_they_are_written(plan in plan()) {
        check(&plan, |_: &mut SessionCreate| {})?;
        check(&plan, |_: &mut CoordinateEntry| {})?;
    }
}
