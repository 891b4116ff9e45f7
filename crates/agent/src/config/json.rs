//! JSON to the generic tree, with positions. Our own scanner, since positions are the point and
//! serde_json keeps none. Complaints are worded as Go's decoder words them.
//! Invariant: accepts exactly JSON (no comments, no trailing commas), nested to DEPTH_MAX.

use super::value::{Cursor, DEPTH_MAX, Data, Member, SyntaxError, Value};

/// Parses one document; nothing but blanks may follow it.
///
/// # Errors
/// The first place where the text is not JSON.
pub fn parse(text: &str) -> Result<Value, SyntaxError> {
    let mut parser = Parser { cursor: Cursor::new(text) };
    parser.skip_blanks();
    let value = parser.value(0)?;
    parser.skip_blanks();
    match parser.cursor.peek() {
        None => Ok(value),
        Some(_) => Err(parser.unexpected("after top-level value")),
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        if depth > DEPTH_MAX {
            return Err(self.cursor.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        let position = self.cursor.position();
        let data = match self.cursor.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Data::Text(self.string()?),
            Some('t') => self.literal("true", Data::Bool(true))?,
            Some('f') => self.literal("false", Data::Bool(false))?,
            Some('n') => self.literal("null", Data::Null)?,
            Some('-' | '0'..='9') => self.number()?,
            _ => return Err(self.unexpected("looking for beginning of value")),
        };
        Ok(Value { position, data })
    }

    fn object(&mut self, depth: usize) -> Result<Data, SyntaxError> {
        self.cursor.advance();
        let mut members = Vec::new();
        self.skip_blanks();
        if self.cursor.eat("}") {
            return Ok(Data::Object(members));
        }
        loop {
            self.skip_blanks();
            let position = self.cursor.position();
            if self.cursor.peek() != Some('"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.skip_blanks();
            if !self.cursor.eat(":") {
                return Err(self.unexpected("after object key"));
            }
            self.skip_blanks();
            let value = self.value(depth + 1)?;
            members.push(Member { key, position, value });
            self.skip_blanks();
            if self.cursor.eat("}") {
                return Ok(Data::Object(members));
            }
            if !self.cursor.eat(",") {
                return Err(self.unexpected("after object key:value pair"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Data, SyntaxError> {
        self.cursor.advance();
        let mut items = Vec::new();
        self.skip_blanks();
        if self.cursor.eat("]") {
            return Ok(Data::List(items));
        }
        loop {
            self.skip_blanks();
            items.push(self.value(depth + 1)?);
            self.skip_blanks();
            if self.cursor.eat("]") {
                return Ok(Data::List(items));
            }
            if !self.cursor.eat(",") {
                return Err(self.unexpected("after array element"));
            }
        }
    }

    fn literal(&mut self, word: &str, data: Data) -> Result<Data, SyntaxError> {
        for wanted in word.chars() {
            if self.cursor.peek() != Some(wanted) {
                let place = format!("in literal {word} (expecting '{wanted}')");
                return Err(self.unexpected(&place));
            }
            self.cursor.advance();
        }
        Ok(data)
    }

    fn number(&mut self) -> Result<Data, SyntaxError> {
        let position = self.cursor.position();
        let mut text = String::new();
        if self.cursor.eat("-") {
            text.push('-');
        }
        let whole = self.digits("in numeric literal")?;
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(SyntaxError {
                position,
                message: "invalid character '0' in numeric literal".to_owned(),
            });
        }
        text.push_str(&whole);
        let mut is_float = false;
        if self.cursor.eat(".") {
            is_float = true;
            text.push('.');
            text.push_str(&self.digits("after decimal point in numeric literal")?);
        }
        if matches!(self.cursor.peek(), Some('e' | 'E')) {
            is_float = true;
            self.cursor.advance();
            text.push('e');
            if let Some(sign @ ('-' | '+')) = self.cursor.peek() {
                self.cursor.advance();
                text.push(sign);
            }
            text.push_str(&self.digits("in exponent of numeric literal")?);
        }
        number_data(&text, is_float)
            .ok_or_else(|| SyntaxError { position, message: format!("number {text} out of range") })
    }

    fn digits(&mut self, place: &str) -> Result<String, SyntaxError> {
        let digits = self.cursor.take_while(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.unexpected(place));
        }
        Ok(digits.to_owned())
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.cursor.advance();
        let mut text = String::new();
        loop {
            match self.cursor.peek() {
                Some('"') => {
                    self.cursor.advance();
                    return Ok(text);
                }
                Some('\\') => {
                    self.cursor.advance();
                    text.push(self.escape()?);
                }
                Some(c) if c >= ' ' => {
                    self.cursor.advance();
                    text.push(c);
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let plain = match self.cursor.peek() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                self.cursor.advance();
                return self.unicode_escape();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.cursor.advance();
        Ok(plain)
    }

    /// Half of a surrogate pair without the other becomes U+FFFD, as in Go.
    fn unicode_escape(&mut self) -> Result<char, SyntaxError> {
        let first = self.hex4()?;
        if (0xd800..0xdc00).contains(&first) && self.cursor.rest().starts_with("\\u") {
            let digits: String = self.cursor.rest().chars().skip(2).take(4).collect();
            let low = u32::from_str_radix(&digits, 16).unwrap_or(0);
            if digits.len() == 4 && (0xdc00..0xe000).contains(&low) {
                self.cursor.skip(6);
                let code = 0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32, SyntaxError> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.cursor.peek().and_then(|c| c.to_digit(16)) else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            self.cursor.advance();
            code = code * 16 + digit;
        }
        Ok(code)
    }

    fn skip_blanks(&mut self) {
        self.cursor.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
    }

    fn unexpected(&self, place: &str) -> SyntaxError {
        match self.cursor.peek() {
            None => self.cursor.error("unexpected end of JSON input"),
            Some('\'') => self.cursor.error(format!("invalid character '\\'' {place}")),
            Some(c) if c.is_control() => {
                self.cursor.error(format!("invalid character '{}' {place}", c.escape_debug()))
            }
            Some(c) => self.cursor.error(format!("invalid character '{c}' {place}")),
        }
    }
}

/// Whole numbers that fit stay whole; others become floats, which must be finite.
pub fn number_data(text: &str, is_float: bool) -> Option<Data> {
    if !is_float && let Ok(whole) = text.parse::<i64>() {
        return Some(Data::Int(whole));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Data::Float)
}

#[cfg(test)]
mod tests {
    use super::super::value::Position;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_part_knows_its_place() {
        let tree = parse("{\n  \"a\": [1,\n  -2.5]}").unwrap();
        let Data::Object(members) = &tree.data else { panic!("no object") };
        assert_eq!(members[0].position, Position { line: 2, column: 3 });
        let Data::List(items) = &members[0].value.data else { panic!("no list") };
        assert_eq!(items[0].position, Position { line: 2, column: 9 });
        assert_eq!(items[1].position, Position { line: 3, column: 3 });
        assert_eq!(items[1].data, Data::Float(-2.5));
    }

    #[test]
    fn complaints_are_worded_as_go_words_them() {
        let cases = [
            ("{\"a\":1,}", "1:8 invalid character '}' looking for beginning of object key string"),
            ("{\"a\" 1}", "1:6 invalid character '1' after object key"),
            ("{\"a\":1 2}", "1:8 invalid character '2' after object key:value pair"),
            ("[1 2]", "1:4 invalid character '2' after array element"),
            ("{} x", "1:4 invalid character 'x' after top-level value"),
            ("", "1:1 unexpected end of JSON input"),
            ("{\"a\":", "1:6 unexpected end of JSON input"),
            ("tru", "1:4 unexpected end of JSON input"),
            ("trux", "1:4 invalid character 'x' in literal true (expecting 'e')"),
            ("\"a\nb\"", "1:3 invalid character '\\n' in string literal"),
            ("\"\\q\"", "1:3 invalid character 'q' in string escape code"),
            ("01", "1:1 invalid character '0' in numeric literal"),
            ("1e999", "1:1 number 1e999 out of range"),
        ];
        for (text, complaint) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(format!("{} {}", error.position, error.message), complaint, "{text}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).unwrap_err().message.contains("nested deeper"));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:,\"a\\\\u0-9eE+. tfn-]{0,24}") {
            let ours = parse(&text).map(|tree| tree.to_json());
            match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(theirs) => prop_assert!(
                    ours.as_ref().is_ok_and(|ours| same(ours, &theirs)), "{:?} {}", ours, theirs
                ),
                // The replacement of half surrogates is Go's way; serde_json refuses them.
                Err(_) => prop_assert!(ours.is_err() || text.contains("\\u")),
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = parse(&text);
        }
    }

    fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
        match (a, b) {
            (serde_json::Value::Number(a), serde_json::Value::Number(b)) => {
                let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
                a == b || (a - b).abs() / a.abs().max(b.abs()) < 1e-15
            }
            (serde_json::Value::Array(a), serde_json::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (serde_json::Value::Object(a), serde_json::Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            _ => a == b,
        }
    }
}
