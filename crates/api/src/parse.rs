//! JSON text as Go reads it: one value from bytes, whatever follows it left alone.
//! It is not a general JSON library: it exists because Go accepts invalid UTF-8 and lone
//! surrogates (both become U+FFFD), and because clients see its error texts.
//! Invariant: any bytes give a value or an error, within `DEPTH_MAX` levels of stack.

use serde_json::{Map, Number, Value};

/// Levels of nesting: deeper than any real body, shallow enough for every thread's stack.
pub const DEPTH_MAX: usize = 256;

/// Why bytes are not JSON, worded as Go words it.
///
/// Source: transcripts/session/basic.txt, transcripts/txn/more.txt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("EOF")]
    Empty,
    #[error("unexpected EOF")]
    Truncated,
    #[error("invalid character {} {context}", quote(*.found))]
    Unexpected { found: u8, context: String },
    #[error("exceeded max depth")]
    TooDeep,
    #[error("json: cannot unmarshal number {0} into Go value of type float64")]
    NumberRange(String),
}

/// Bytes of a client's own text that an error repeats; what is longer is cut.
const SHOWN_BYTES_MAX: usize = 512;

/// A client's text as errors repeat it.
pub(crate) fn shown(text: &str) -> String {
    if text.len() <= SHOWN_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=SHOWN_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}...", text.get(..end).unwrap_or_default())
}

/// The first JSON value in `text`; bytes after it are ignored, as Go's decoder ignores them.
///
/// # Errors
/// When there is no value or it is malformed.
pub fn parse(text: &[u8]) -> Result<Value, ParseError> {
    let mut parser = Parser { text, at: 0 };
    parser.skip_blanks();
    if parser.peek().is_none() {
        return Err(ParseError::Empty);
    }
    parser.value(0)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, ParseError> {
        let byte = self.peek().ok_or(ParseError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, ParseError> {
        if depth > DEPTH_MAX {
            return Err(ParseError::TooDeep);
        }
        self.skip_blanks();
        match self.next()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => Ok(Value::String(self.string()?)),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Null),
            b'-' | b'0'..=b'9' => {
                self.at -= 1;
                self.number()
            }
            found => Err(unexpected(found, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, ParseError> {
        for wanted in word.bytes().skip(1) {
            let found = self.next()?;
            if found != wanted {
                let wanted = char::from(wanted);
                return Err(unexpected(
                    found,
                    &format!("in literal {word} (expecting '{wanted}')"),
                ));
            }
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value, ParseError> {
        let mut fields = Map::new();
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(fields));
        }
        loop {
            self.skip_blanks();
            match self.next()? {
                b'"' => {}
                found => {
                    return Err(unexpected(found, "looking for beginning of object key string"));
                }
            }
            let name = self.string()?;
            self.skip_blanks();
            match self.next()? {
                b':' => {}
                found => return Err(unexpected(found, "after object key")),
            }
            let value = self.value(depth + 1)?;
            fields.insert(name, value);
            self.skip_blanks();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(Value::Object(fields)),
                found => return Err(unexpected(found, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, ParseError> {
        let mut items = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.skip_blanks();
            match self.next()? {
                b',' => {}
                b']' => return Ok(Value::Array(items)),
                found => return Err(unexpected(found, "after array element")),
            }
        }
    }

    /// The rest of a string whose opening quote has been read.
    fn string(&mut self) -> Result<String, ParseError> {
        let mut bytes = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                b'\\' => self.escape(&mut bytes)?,
                found @ 0..=0x1f => return Err(unexpected(found, "in string literal")),
                byte => bytes.push(byte),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), ParseError> {
        let plain = match self.next()? {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let symbol = self.unicode_escape()?;
                bytes.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            found => return Err(unexpected(found, "in string escape code")),
        };
        bytes.push(plain);
        Ok(())
    }

    fn unicode_escape(&mut self) -> Result<char, ParseError> {
        let first = self.four_hex_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        // A high surrogate counts only with a low one right behind it.
        let resume = self.at;
        if self.text.get(self.at..self.at + 2) == Some(b"\\u") {
            self.at += 2;
            let second = self.four_hex_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = resume;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_hex_digits(&mut self) -> Result<u32, ParseError> {
        let mut code = 0;
        for _ in 0..4 {
            let found = self.next()?;
            let digit = char::from(found)
                .to_digit(16)
                .ok_or_else(|| unexpected(found, "in \\u hexadecimal character escape"))?;
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn number(&mut self) -> Result<Value, ParseError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let digits = self.text.get(start..self.at).unwrap_or_default();
        let text = String::from_utf8_lossy(digits);
        to_number(&text).map(Value::Number).ok_or_else(|| ParseError::NumberRange(shown(&text)))
    }

    fn digits(&mut self, context: &str) -> Result<(), ParseError> {
        let found = self.next()?;
        if !found.is_ascii_digit() {
            return Err(unexpected(found, context));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }
}

fn to_number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

fn unexpected(found: u8, context: &str) -> ParseError {
    ParseError::Unexpected { found, context: context.to_owned() }
}

fn quote(found: u8) -> String {
    match found {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        0..=0x1f | 0x7f => format!("'\\x{found:02x}'"),
        other => format!("'{}'", char::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn well_formed_text_gives_its_value() {
        for (text, expected) in [
            (
                r#" {"a":[1,-2,3.5,true,false,null,"x"]} "#,
                json!({"a":[1,-2,3.5,true,false,null,"x"]}),
            ),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            (r#""\u00e9\ud83d\ude00\n""#, json!("é😀\n")),
            (r#""\ud800x""#, json!("\u{fffd}x")),
            ("[] trailing", json!([])),
            ("{}{", json!({})),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn invalid_utf8_in_a_string_becomes_the_replacement_character() {
        assert_eq!(parse(b"\"a\xffb\""), Ok(json!("a\u{fffd}b")));
    }

    #[test]
    fn errors_are_worded_as_go_words_them() {
        for (text, expected) in [
            ("", "EOF"),
            ("  ", "EOF"),
            ("{", "unexpected EOF"),
            ("nonsense", "invalid character 'o' in literal null (expecting 'u')"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("{a", "invalid character 'a' looking for beginning of object key string"),
            (r#"{"a" 1}"#, "invalid character '1' after object key"),
            ("[1 2]", "invalid character '2' after array element"),
            ("-x", "invalid character 'x' in numeric literal"),
        ] {
            let found = parse(text.as_bytes()).map_err(|error| error.to_string());
            assert_eq!(found, Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn nesting_past_the_bound_is_refused_and_not_a_crash() {
        let deep = "[".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()), Err(ParseError::TooDeep));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn json_like_text_agrees_with_serde_json(text in r#"[\[\]{}:,"a0-9.e\-\\u tn]{0,24}"#) {
            if let Ok(expected) = serde_json::from_str::<Value>(&text) {
                prop_assert_eq!(parse(text.as_bytes()), Ok(expected));
            }
        }
    }
}
