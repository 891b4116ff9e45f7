//! JSON output as Go writes it: `<`, `>` and `&` as \u escapes, base64 for bytes, and four blanks
//! of indent without a final newline when asked to be pretty. It does not read JSON.
//! Invariant: what is written is valid UTF-8 and valid JSON for every value.

use std::io;

use bytes::Bytes;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Whether output is indented.
///
/// Source: consul-surface A.0: dev mode and `?pretty` indent by four blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    Compact,
    Pretty,
}

/// Go prints floats outside these bounds with an exponent, and whole ones without a point.
const EXPONENT_BELOW: f64 = 1e-6;
const EXPONENT_FROM: f64 = 1e21;

const INDENT: &[u8] = b"    ";

/// `value` as Go would print it. A value that cannot be serialised, which no type here is, gives
/// the error's text rather than half a document.
pub fn to_json<T: Serialize + ?Sized>(value: &T, layout: Layout) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let written = match layout {
        Layout::Compact => write(value, &mut out, CompactFormatter),
        Layout::Pretty => write(value, &mut out, PrettyFormatter::with_indent(INDENT)),
    };
    match written {
        Ok(()) => out,
        Err(error) => error.to_string().into_bytes(),
    }
}

fn write<T: Serialize + ?Sized, F: Formatter>(
    value: &T,
    out: &mut Vec<u8>,
    inner: F,
) -> serde_json::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, GoFormatter { inner });
    value.serialize(&mut serializer)
}

struct GoFormatter<F> {
    inner: F,
}

/// The calls that only the layout decides, passed on.
macro_rules! pass_on {
    ($($method:ident($($first:ident)?)),*) => {$(
        fn $method<W: ?Sized + io::Write>(
            &mut self,
            writer: &mut W
            $(, $first: bool)?
        ) -> io::Result<()> {
            self.inner.$method(writer $(, $first)?)
        }
    )*};
}

impl<F: Formatter> Formatter for GoFormatter<F> {
    pass_on!(
        begin_array(),
        end_array(),
        begin_array_value(first),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first),
        end_object_key(),
        begin_object_value(),
        end_object_value()
    );

    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size != 0.0 && !(EXPONENT_BELOW..EXPONENT_FROM).contains(&size) {
            return write!(writer, "{value:e}");
        }
        write!(writer, "{value}")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, escape, width)) = next_escape(rest)
            && let Some((before, from)) = rest.split_at_checked(at)
            && let Some((_, after)) = from.split_at_checked(width)
        {
            writer.write_all(before.as_bytes())?;
            writer.write_all(escape)?;
            rest = after;
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Where the next character that Go escapes stands, its escape and its width in bytes.
fn next_escape(text: &str) -> Option<(usize, &'static [u8], usize)> {
    text.bytes().enumerate().find_map(|(at, byte)| {
        let escape: (&[u8], usize) = match byte {
            b'<' => (b"\\u003c", 1),
            b'>' => (b"\\u003e", 1),
            b'&' => (b"\\u0026", 1),
            0xe2 if text.get(at..)?.starts_with('\u{2028}') => (b"\\u2028", 3),
            0xe2 if text.get(at..)?.starts_with('\u{2029}') => (b"\\u2029", 3),
            _ => return None,
        };
        Some((at, escape.0, escape.1))
    })
}

/// Bytes that travel as base64; none at all are `null`.
///
/// Source: transcripts/kv/basic.txt, an empty value is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base64(pub Bytes);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_empty() {
            return serializer.serialize_none();
        }
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64Visitor;
        impl<'de> Visitor<'de> for Base64Visitor {
            type Value = Base64;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a base64 text or null")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Base64, E> {
                Ok(Base64::default())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
                decode_base64(text).map(Base64).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Base64Visitor)
    }
}

/// Standard base64 with padding; line ends inside it are ignored, as Go ignores them.
///
/// # Errors
/// With Go's text when a byte is not of the alphabet or the length is wrong.
pub fn decode_base64(text: &str) -> Result<Bytes, String> {
    let stripped: String = text.chars().filter(|symbol| !matches!(symbol, '\r' | '\n')).collect();
    STANDARD.decode(&stripped).map(Bytes::from).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => stripped.len() / 4 * 4,
        };
        format!("illegal base64 data at input byte {at}")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn html_characters_and_line_separators_are_escaped() {
        let found = to_json("a<b>&\u{2028}é\"", Layout::Compact);
        assert_eq!(String::from_utf8_lossy(&found), r#""a\u003cb\u003e\u0026\u2028é\"""#);
    }

    #[test]
    fn pretty_output_indents_by_four_without_a_final_newline() {
        let found = to_json(&json!({"a":[1,{}],"b":[]}), Layout::Pretty);
        let expected = "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": []\n}";
        assert_eq!(String::from_utf8_lossy(&found), expected);
    }

    #[test]
    fn floats_print_as_go_prints_them() {
        let found = to_json(&[0.0, 1.5, -2.0, 1e-5, 1e-7, 1e300], Layout::Compact);
        assert_eq!(String::from_utf8_lossy(&found), "[0,1.5,-2,0.00001,1e-7,1e300]");
    }

    #[test]
    fn bytes_are_base64_and_no_bytes_are_null() {
        let some = Base64(Bytes::from_static(b"8080"));
        assert_eq!(to_json(&some, Layout::Compact), b"\"ODA4MA==\"");
        assert_eq!(to_json(&Base64::default(), Layout::Compact), b"null");
        let refused = decode_base64("not base64!");
        assert_eq!(refused, Err("illegal base64 data at input byte 3".into()));
    }

    proptest! {
        #[test]
        fn every_string_survives_writing_and_reading(text: String, pretty: bool) {
            let layout = if pretty { Layout::Pretty } else { Layout::Compact };
            let written = to_json(&json!({ "k": text }), layout);
            let read: serde_json::Value = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(read, json!({ "k": text }));
        }

        #[test]
        fn every_value_survives_base64(bytes: Vec<u8>) {
            let value = Base64(Bytes::from(bytes));
            let written = to_json(&value, Layout::Compact);
            let read: Base64 = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(read, value);
        }
    }
}
