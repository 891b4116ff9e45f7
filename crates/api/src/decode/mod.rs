//! Request bodies into types, with the rules of Go's decoder: names match without regard to case,
//! an unknown name is an error unless the caller is lenient, `null` leaves the default.
//! A type needs only serde's `Deserialize` with `#[serde(default)]`; this is not for output.
//! Invariant: any bytes give a value or a `DecodeError`, whose text names the place, is short, and
//! can be shown to a client.

mod place;
mod value;

use serde::de::{self, DeserializeOwned};
use serde_json::Value;

use self::place::Place;
use self::value::GoValue;
use crate::parse::{self, ParseError, shown};

/// What to do with a field the type does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Refuse,
    Ignore,
}

/// Why a body is refused. The texts are Go's; where Go leaves out the place in a list or map, it
/// stands behind them.
///
/// Source: transcripts agent/registration.txt, agent/types.txt, txn/more.txt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error(transparent)]
    Syntax(#[from] ParseError),
    #[error("json: unknown field \"{0}\"")]
    UnknownField(String),
    #[error("json: cannot unmarshal {found} into Go {at}")]
    WrongType {
        /// The kind of value that is there, a number with its digits.
        found: String,
        /// The field as Go names it, and the type it has.
        at: String,
    },
    /// As [`DecodeError::WrongType`], from a type's own reader: it does not know its place.
    #[error("json: cannot unmarshal {found} into Go value of type {wanted}")]
    Misfit { found: String, wanted: String },
    #[error("json: too many elements (at {0})")]
    TooMany(String),
    #[error("{0}")]
    Other(String),
}

impl DecodeError {
    /// The error with its place, if it came from a reader that did not know it.
    fn at(self, place: Option<&Place<'_>>) -> DecodeError {
        match self {
            DecodeError::Misfit { found, wanted } => {
                DecodeError::WrongType { found, at: place::field_of_type(place, &wanted) }
            }
            placed => placed,
        }
    }
}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        DecodeError::Other(shown(&message.to_string()))
    }

    fn invalid_type(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        let found = match found {
            de::Unexpected::Bool(_) => "bool".to_owned(),
            de::Unexpected::Unsigned(number) => format!("number {number}"),
            de::Unexpected::Signed(number) => format!("number {number}"),
            de::Unexpected::Float(number) => format!("number {number}"),
            de::Unexpected::Str(_) => "string".to_owned(),
            de::Unexpected::Unit => "null".to_owned(),
            de::Unexpected::Seq => "array".to_owned(),
            de::Unexpected::Map => "object".to_owned(),
            other => other.to_string(),
        };
        DecodeError::Misfit { found, wanted: wanted.to_string() }
    }

    fn invalid_value(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Self::invalid_type(found, wanted)
    }
}

/// The first JSON value of `body` as a `T`; `null` is the default.
///
/// # Errors
/// When the body is no JSON, has a field unknown to `T`, or a value of another type.
pub fn decode<T: DeserializeOwned + Default>(
    body: &[u8],
    unknown: Unknown,
) -> Result<T, DecodeError> {
    from_value(parse::parse(body)?, unknown)
}

/// As [`decode`], from a value that is already parsed.
///
/// # Errors
/// As [`decode`], but for the syntax.
pub fn from_value<T: DeserializeOwned + Default>(
    value: Value,
    unknown: Unknown,
) -> Result<T, DecodeError> {
    match value {
        Value::Null => Ok(T::default()),
        value => {
            T::deserialize(GoValue { value, unknown, at: None }).map_err(|error| error.at(None))
        }
    }
}

#[cfg(test)]
mod tests;
