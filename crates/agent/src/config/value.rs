//! The generic tree that both configuration languages parse to, with a position on every part.
//! It knows no keys and no types of the configuration; the table does.
//! Invariant: the same document in JSON and in HCL gives the same tree but for the positions.

use std::fmt;

/// Where something stands in a file; both numbers start at 1, columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    pub const START: Position = Position { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.line, self.column)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub position: Position,
    pub data: Data,
}

impl Value {
    /// The tree as plain JSON; of a repeated key the last one counts.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.data {
            Data::Null => serde_json::Value::Null,
            Data::Bool(truth) => (*truth).into(),
            Data::Int(number) => (*number).into(),
            Data::Float(number) => (*number).into(),
            Data::Text(text) => text.clone().into(),
            Data::List(items) => items.iter().map(Value::to_json).collect(),
            Data::Object(members) => serde_json::Value::Object(
                members.iter().map(|m| (m.key.clone(), m.value.to_json())).collect(),
            ),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    /// In the order of the file. A repeated key stays repeated: what that means is the table's.
    Object(Vec<Member>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub key: String,
    pub position: Position,
    pub value: Value,
}

impl Data {
    /// The type's name as it appears in complaints about a wrong type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Data::Null => "nil",
            Data::Bool(_) => "bool",
            Data::Int(_) => "int",
            Data::Float(_) => "float64",
            Data::Text(_) => "string",
            Data::List(_) => "[]interface {}",
            Data::Object(_) => "map[string]interface {}",
        }
    }
}

/// A file that is not in its language: what is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub position: Position,
    pub message: String,
}

/// A file is read into memory whole; more than this is no configuration.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// Nesting of lists and objects. Real files stay below 10; the parsers recurse once per level.
pub const DEPTH_MAX: usize = 64;

/// A cursor over text that keeps the position of the next character.
pub struct Cursor<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Cursor { rest: text, position: Position::START }
    }

    pub fn position(&self) -> Position {
        self.position
    }

    pub fn rest(&self) -> &'a str {
        self.rest
    }

    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub fn advance(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next()?;
        self.rest = chars.as_str();
        if next == '\n' {
            self.position = Position { line: self.position.line + 1, column: 1 };
        } else {
            self.position.column += 1;
        }
        Some(next)
    }

    /// Takes the text if it comes next.
    pub fn eat(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            self.skip(text.chars().count());
        }
        found
    }

    pub fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.advance();
        }
    }

    /// Takes characters as long as they are wanted.
    pub fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let start = self.rest;
        while self.peek().is_some_and(&wanted) {
            self.advance();
        }
        start.get(..start.len() - self.rest.len()).unwrap_or(start)
    }

    pub fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError { position: self.position, message: message.into() }
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// The tree without positions, for comparing documents of both languages.
    pub fn unplaced(value: &Value) -> Value {
        let data = match &value.data {
            Data::List(items) => Data::List(items.iter().map(unplaced).collect()),
            Data::Object(members) => Data::Object(
                members
                    .iter()
                    .map(|member| Member {
                        key: member.key.clone(),
                        position: Position::START,
                        value: unplaced(&member.value),
                    })
                    .collect(),
            ),
            plain => plain.clone(),
        };
        Value { position: Position::START, data }
    }
}
