//! HCL, version 1, to the generic tree: the language of configuration files as people write them
//! (two attributes on a line, quoted keys, repeated and labelled blocks, heredocs). Not HCL 2: no
//! expressions; `${...}` stays as it is written. A text that opens with a brace is read as JSON.
//! Invariant: never panics and never recurses deeper than DEPTH_MAX.

use super::json;
use super::value::{Cursor, DEPTH_MAX, Data, Member, Position, SyntaxError, Value};

/// Parses one document to an object.
///
/// # Errors
/// The first place where the text is not HCL.
pub fn parse(text: &str) -> Result<Value, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return json::parse(text);
    }
    let mut parser = Parser { cursor: Cursor::new(text) };
    let members = parser.members(0, true)?;
    Ok(Value { position: Position::START, data: Data::Object(members) })
}

struct Parser<'a> {
    cursor: Cursor<'a>,
}

impl Parser<'_> {
    /// The attributes and blocks up to the closing brace, or up to the end when at the root.
    fn members(&mut self, depth: usize, at_root: bool) -> Result<Vec<Member>, SyntaxError> {
        if depth > DEPTH_MAX {
            return Err(self.cursor.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        let mut members = Vec::new();
        loop {
            self.skip_blanks()?;
            match self.cursor.peek() {
                None if at_root => return Ok(members),
                None => return Err(self.cursor.error("object expected closing RBRACE got: EOF")),
                Some('}') if !at_root => {
                    self.cursor.advance();
                    return Ok(members);
                }
                Some(_) => members.push(self.member(depth)?),
            }
            self.skip_blanks()?;
            if !at_root {
                self.cursor.eat(",");
            }
        }
    }

    fn member(&mut self, depth: usize) -> Result<Member, SyntaxError> {
        let mut keys: Vec<(String, Position)> = Vec::new();
        let value = loop {
            self.skip_blanks()?;
            let position = self.cursor.position();
            match self.cursor.peek() {
                Some('=') if keys.len() == 1 => {
                    self.cursor.advance();
                    break self.value(depth + 1)?;
                }
                Some('=') if keys.len() > 1 => {
                    return Err(self.cursor.error("nested object expected: LBRACE got: ASSIGN"));
                }
                Some('{') if !keys.is_empty() => {
                    self.cursor.advance();
                    let data = Data::Object(self.members(depth + 1, false)?);
                    break Value { position, data };
                }
                Some('"') => keys.push((self.string()?, position)),
                Some(c) if is_word_start(c) => keys.push((self.word(), position)),
                _ => return Err(self.key_error(&keys)),
            }
            if keys.len() > DEPTH_MAX {
                return Err(self.cursor.error(format!("more than {DEPTH_MAX} labels")));
            }
        };
        Ok(nest(keys, value))
    }

    fn key_error(&self, keys: &[(String, Position)]) -> SyntaxError {
        if keys.is_empty() {
            let found = self.cursor.peek().map_or("EOF".to_owned(), |c| c.escape_debug().collect());
            return self.cursor.error(format!("expected: IDENT | STRING got: {found}"));
        }
        let words: Vec<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
        self.cursor.error(format!(
            "key '{}' expected start of object ('{{') or assignment ('=')",
            words.join(" ")
        ))
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        if depth > DEPTH_MAX {
            return Err(self.cursor.error(format!("nested deeper than {DEPTH_MAX}")));
        }
        self.skip_blanks()?;
        let position = self.cursor.position();
        let data = match self.cursor.peek() {
            Some('"') => Data::Text(self.string()?),
            Some('{') => {
                self.cursor.advance();
                Data::Object(self.members(depth + 1, false)?)
            }
            Some('[') => self.list(depth)?,
            Some('<') => Data::Text(self.heredoc()?),
            Some('-' | '0'..='9') => self.number()?,
            Some(c) if is_word_start(c) => match self.word().as_str() {
                "true" => Data::Bool(true),
                "false" => Data::Bool(false),
                word => {
                    let message = format!("Unknown token: {position} IDENT {word}");
                    return Err(SyntaxError { position, message });
                }
            },
            Some(c) => {
                let message = format!("Unknown token: {position} {}", c.escape_debug());
                return Err(SyntaxError { position, message });
            }
            None => {
                let message = format!("Unknown token: {position} EOF");
                return Err(SyntaxError { position, message });
            }
        };
        Ok(Value { position, data })
    }

    fn list(&mut self, depth: usize) -> Result<Data, SyntaxError> {
        self.cursor.advance();
        let mut items = Vec::new();
        loop {
            self.skip_blanks()?;
            if self.cursor.eat("]") {
                return Ok(Data::List(items));
            }
            if self.cursor.peek().is_none() {
                return Err(self.list_error());
            }
            items.push(self.value(depth + 1)?);
            self.skip_blanks()?;
            if !self.cursor.eat(",") && self.cursor.peek() != Some(']') {
                return Err(self.list_error());
            }
        }
    }

    fn list_error(&self) -> SyntaxError {
        let found = self.cursor.peek().map_or("EOF".to_owned(), |c| c.escape_debug().collect());
        let message = format!("error parsing list, expected comma or list end, got: {found}");
        self.cursor.error(message)
    }

    fn word(&mut self) -> String {
        self.cursor.take_while(is_word_part).to_owned()
    }

    /// A quoted string. Between `${` and its brace nothing is an escape and quotes do not end it.
    fn string(&mut self) -> Result<String, SyntaxError> {
        self.cursor.advance();
        let mut text = String::new();
        let mut braces = 0usize;
        loop {
            if braces == 0 && self.cursor.eat("${") {
                text.push_str("${");
                braces = 1;
                continue;
            }
            match self.cursor.peek() {
                None => return Err(self.cursor.error("literal not terminated")),
                Some('\n') if braces == 0 => {
                    return Err(self.cursor.error("literal not terminated"));
                }
                Some('"') if braces == 0 => {
                    self.cursor.advance();
                    return Ok(text);
                }
                Some('\\') if braces == 0 => {
                    self.cursor.advance();
                    text.push(self.escape()?);
                }
                Some(c) => {
                    match c {
                        '{' if braces > 0 => braces += 1,
                        '}' if braces > 0 => braces -= 1,
                        _ => {}
                    }
                    self.cursor.advance();
                    text.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let illegal = self.cursor.error("illegal char escape");
        match self.cursor.peek() {
            Some('0'..='7') => return self.coded(8, 3).ok_or(illegal),
            Some(kind @ ('x' | 'u' | 'U')) => {
                self.cursor.advance();
                let digits = match kind {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                return self.coded(16, digits).ok_or(illegal);
            }
            _ => {}
        }
        let plain = match self.cursor.advance() {
            Some('a') => '\u{7}',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some(c @ ('\\' | '"')) => c,
            _ => return Err(illegal),
        };
        Ok(plain)
    }

    fn coded(&mut self, radix: u32, digits: usize) -> Option<char> {
        let mut code = 0u32;
        for _ in 0..digits {
            let digit = self.cursor.peek()?.to_digit(radix)?;
            code = code.checked_mul(radix)?.checked_add(digit)?;
            self.cursor.advance();
        }
        char::from_u32(code)
    }

    /// `<<EOF` keeps its lines as they are, `<<-EOF` drops the indentation they share.
    fn heredoc(&mut self) -> Result<String, SyntaxError> {
        if !self.cursor.eat("<<") {
            return Err(self.cursor.error("heredoc expected second '<'"));
        }
        let indented = self.cursor.eat("-");
        let anchor = self.word();
        self.cursor.eat("\r");
        if anchor.is_empty() || !self.cursor.eat("\n") {
            return Err(self.cursor.error("invalid characters in heredoc anchor"));
        }
        let mut lines: Vec<&str> = Vec::new();
        loop {
            let line = self.cursor.take_while(|c| c != '\n');
            if line.trim() == anchor {
                // The line end stays: it separates this attribute from the next one.
                let shared = if indented { shared_indentation(&lines, line) } else { 0 };
                let rest = |line: &&str| format!("{}\n", line.get(shared..).unwrap_or(""));
                return Ok(lines.iter().map(rest).collect());
            }
            lines.push(line);
            if !self.cursor.eat("\n") {
                return Err(self.cursor.error("heredoc not terminated"));
            }
        }
    }

    fn number(&mut self) -> Result<Data, SyntaxError> {
        let position = self.cursor.position();
        let mut text = self.cursor.take_while(|c| is_word_part(c) || c == '+').to_owned();
        let digits = text.strip_prefix('-').unwrap_or(&text).to_ascii_lowercase();
        let sign = if text.starts_with('-') { "-" } else { "" };
        let based = |digits: &str, radix| {
            i64::from_str_radix(&format!("{sign}{digits}"), radix).ok().map(Data::Int)
        };
        let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = match digits.strip_prefix("0x") {
            Some(hex) if hex.starts_with(|c: char| c.is_ascii_hexdigit()) => based(hex, 16),
            Some(_) => None,
            None if digits.starts_with('0') && digits.len() > 1 && all_digits => based(&digits, 8),
            None if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                text.make_ascii_lowercase();
                json::number_data(&text, !all_digits)
            }
            None => None,
        };
        number.ok_or_else(|| SyntaxError { position, message: format!("illegal number {text:?}") })
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            self.cursor.take_while(char::is_whitespace);
            if self.cursor.rest().starts_with('#') || self.cursor.rest().starts_with("//") {
                self.cursor.take_while(|c| c != '\n');
            } else if self.cursor.rest().starts_with("/*") {
                let start = self.cursor.position();
                self.cursor.skip(2);
                while !self.cursor.eat("*/") {
                    if self.cursor.advance().is_none() {
                        let message = "comment not terminated".to_owned();
                        return Err(SyntaxError { position: start, message });
                    }
                }
            } else {
                return Ok(());
            }
        }
    }
}

/// `a "b" { .. }` is the member `a` holding an object whose member is `b`.
fn nest(mut keys: Vec<(String, Position)>, mut value: Value) -> Member {
    while keys.len() > 1
        && let Some((key, position)) = keys.pop()
    {
        let data = Data::Object(vec![Member { key, position, value }]);
        value = Value { position, data };
    }
    let (key, position) = keys.pop().unwrap_or((String::new(), value.position));
    Member { key, position, value }
}

fn shared_indentation(lines: &[&str], closing: &str) -> usize {
    lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .chain([&closing])
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len())
        .chain(lines.iter().filter(|line| line.trim().is_empty()).map(|line| line.len()))
        .min()
        .unwrap_or(0)
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_word_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[cfg(test)]
mod tests;
