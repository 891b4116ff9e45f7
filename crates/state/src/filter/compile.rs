//! Checks a filter against a model: selectors exist, operators fit, values are of the type.
//!
//! The order of the checks is Consul's: the first mistake from the left, and of one comparison the
//! selector, then the operator, then the value.

use super::model::{Kind, Member, Model, find};
use super::parse::{Expression, Operator, Test};
use super::{FILTER_DEPTH_MAX, FILTER_REGEX_BYTES_MAX, FILTER_REGEXES_MAX, FilterError};
use regex::{Regex, RegexBuilder};

/// A filter ready to run.
#[derive(Debug)]
pub(super) enum Program {
    Or(Vec<Program>),
    And(Vec<Program>),
    Not(Box<Program>),
    Test { steps: Vec<Step>, check: Check, negated: bool },
}

/// One step from a row towards what a test looks at.
#[derive(Debug)]
pub(super) enum Step {
    Field(&'static str),
    Key(String),
}

/// What a test asks of what it finds.
#[derive(Debug)]
pub(super) enum Check {
    /// A text that is equal.
    EqualText(String),
    EqualBool(bool),
    EqualInt(i64),
    EqualUint(u64),
    /// A list or the keys of a map hold it, or a text contains it.
    Holds(String),
    /// A list or map is empty.
    Empty,
    Matches(Regex),
}

pub(super) fn compile(
    expression: &Expression,
    model: &'static Model,
) -> Result<Program, FilterError> {
    Compiler { model, regexes: 0 }.program(expression)
}

struct Compiler {
    model: &'static Model,
    regexes: usize,
}

impl Compiler {
    fn program(&mut self, expression: &Expression) -> Result<Program, FilterError> {
        match expression {
            Expression::Or(parts) => Ok(Program::Or(self.programs(parts)?)),
            Expression::And(parts) => Ok(Program::And(self.programs(parts)?)),
            Expression::Not(inner) => Ok(Program::Not(Box::new(self.program(inner)?))),
            Expression::Test(test) => self.test(test),
        }
    }

    fn programs(&mut self, parts: &[Expression]) -> Result<Vec<Program>, FilterError> {
        parts.iter().map(|part| self.program(part)).collect()
    }

    fn test(&mut self, test: &Test) -> Result<Program, FilterError> {
        let (steps, found) = resolve(self.model.members, &test.selector)?;
        let check = match (test.operator, found) {
            (Operator::Equal, Kind::Text) => Check::EqualText(test.value.clone()),
            (Operator::Equal, Kind::Bool) => Check::EqualBool(coerced(test, go_bool)?),
            (Operator::Equal, Kind::Int) => Check::EqualInt(coerced(test, go_int)?),
            (Operator::Equal, Kind::Uint(bits)) => {
                Check::EqualUint(coerced(test, |text| go_uint(text, bits))?)
            }
            (Operator::In, Kind::Text | Kind::Texts | Kind::TextMap | Kind::StructMap(_)) => {
                Check::Holds(test.value.clone())
            }
            (
                Operator::Empty,
                Kind::Texts | Kind::TextMap | Kind::Structs(_) | Kind::StructMap(_),
            ) => Check::Empty,
            (Operator::Matches, Kind::Text) => Check::Matches(self.regex(&test.value)?),
            _ => return Err(misfit(test)),
        };
        Ok(Program::Test { steps, check, negated: test.negated })
    }

    fn regex(&mut self, text: &str) -> Result<Regex, FilterError> {
        self.regexes += 1;
        if self.regexes > FILTER_REGEXES_MAX {
            let what = "regular expressions";
            return Err(FilterError::Limit { what, limit: FILTER_REGEXES_MAX });
        }
        let nest = u32::try_from(FILTER_DEPTH_MAX).unwrap_or(u32::MAX);
        RegexBuilder::new(text)
            .size_limit(FILTER_REGEX_BYTES_MAX)
            .dfa_size_limit(FILTER_REGEX_BYTES_MAX)
            .nest_limit(nest)
            .build()
            .map_err(|error| FilterError::Regex {
                expression: text.to_owned(),
                why: reason(&error),
            })
    }
}

/// The last line says what is wrong; those before it draw a picture.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    let last = last.trim_start_matches("error: ");
    format!("error parsing regexp: {last}")
}

/// Finds what a selector names; an error names it up to the first step that leads nowhere.
fn resolve(
    members: &'static [Member],
    selector: &[String],
) -> Result<(Vec<Step>, Kind), FilterError> {
    let mut steps = Vec::with_capacity(selector.len());
    let mut kind = Kind::Struct(members);
    for name in selector {
        let next = match kind {
            Kind::Struct(members) | Kind::Structs(members) => {
                find(members, name).map(|member| (Step::Field(member.name), member.kind))
            }
            Kind::StructMap(members) => Some((Step::Key(name.clone()), Kind::Struct(members))),
            Kind::TextMap => Some((Step::Key(name.clone()), Kind::Text)),
            Kind::Text | Kind::Bool | Kind::Int | Kind::Uint(_) | Kind::Texts => None,
        };
        let Some((step, next)) = next else {
            let good: Vec<&str> =
                selector.iter().take(steps.len() + 1).map(String::as_str).collect();
            return Err(FilterError::Selector(good.join(".")));
        };
        steps.push(step);
        kind = next;
    }
    Ok((steps, kind))
}

fn misfit(test: &Test) -> FilterError {
    let operator = match (test.operator, test.negated) {
        (Operator::Equal, false) => "Equal",
        (Operator::Equal, true) => "Not Equal",
        (Operator::In, false) => "In",
        (Operator::In, true) => "Not In",
        (Operator::Empty, false) => "Is Empty",
        (Operator::Empty, true) => "Is Not Empty",
        (Operator::Matches, false) => "Matches",
        (Operator::Matches, true) => "Not Matches",
    };
    FilterError::Operator { operator, selector: test.selector.join(".") }
}

/// Why a text is no number or truth value: the function of Go that says so, and its words.
type Refused = (&'static str, &'static str);

const SYNTAX: &str = "invalid syntax";
const RANGE: &str = "value out of range";

fn coerced<T>(test: &Test, read: impl Fn(&str) -> Result<T, Refused>) -> Result<T, FilterError> {
    read(&test.value).map_err(|(function, why)| FilterError::Coerce {
        value: test.value.clone(),
        selector: test.selector.join("."),
        why: format!("strconv.{function}: parsing {:?}: {why}", test.value),
    })
}

fn go_bool(text: &str) -> Result<bool, Refused> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(("ParseBool", SYNTAX)),
    }
}

/// A signed number as Go reads it when the text may name its base.
fn go_int(text: &str) -> Result<i64, Refused> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let size = magnitude(digits).map_err(|why| ("ParseInt", why))?;
    let signed = if negative { -i128::from(size) } else { i128::from(size) };
    i64::try_from(signed).map_err(|_| ("ParseInt", RANGE))
}

fn go_uint(text: &str, bits: u32) -> Result<u64, Refused> {
    let size = magnitude(text).map_err(|why| ("ParseUint", why))?;
    let most = u64::MAX >> 64_u32.saturating_sub(bits).min(63);
    if size > most { Err(("ParseUint", RANGE)) } else { Ok(size) }
}

/// Digits with an optional base, `_` allowed between digits if a base is given.
fn magnitude(text: &str) -> Result<u64, &'static str> {
    let lower = text.to_ascii_lowercase();
    let bases = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)];
    let based = bases.iter().find(|(prefix, _)| lower.len() > 1 && lower.starts_with(prefix));
    let (digits, base) = match based {
        Some((prefix, base)) => (lower.get(prefix.len()..).unwrap_or_default(), *base),
        None => (lower.as_str(), 10),
    };
    let misplaced = digits.ends_with('_') || digits.contains("__");
    if digits.contains('_') && (based.is_none() || misplaced) {
        return Err(SYNTAX);
    }
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(SYNTAX);
    }
    u64::from_str_radix(&digits, base).map_err(|_| RANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("80", Ok(80)),
            ("-1", Ok(-1)),
            ("+5", Ok(5)),
            ("0x50", Ok(80)),
            ("0X5_0", Ok(80)),
            ("0b11", Ok(3)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("0", Ok(0)),
            ("0_7", Ok(7)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(RANGE)),
            ("-9223372036854775809", Err(RANGE)),
            ("99999999999999999999", Err(RANGE)),
            ("", Err(SYNTAX)),
            ("-", Err(SYNTAX)),
            ("1_000", Err(SYNTAX)),
            ("0x", Err(SYNTAX)),
            ("08", Err(SYNTAX)),
            ("0x_", Err(SYNTAX)),
            (" 80", Err(SYNTAX)),
            ("eighty", Err(SYNTAX)),
        ] {
            assert_eq!(go_int(text).map_err(|(_, why)| why), expected, "{text}");
        }
        assert_eq!(go_uint("65535", 16), Ok(65_535));
        assert_eq!(go_uint("65536", 16), Err(("ParseUint", RANGE)));
        assert_eq!(go_uint("-1", 16), Err(("ParseUint", SYNTAX)));
        assert_eq!(go_uint("18446744073709551615", 64), Ok(u64::MAX));
    }
}
