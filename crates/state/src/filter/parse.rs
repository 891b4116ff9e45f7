//! The grammar: `or` binds less than `and`, `and` less than `not`; a match compares a selector.
//!
//! It accepts and refuses what Consul does, and tries the same things in the same order, so that
//! the places and expectations in errors are the same. Where the public grammar would read a part
//! twice, this goes on with the first reading: nested parentheses cost linear time.

use super::scan::{Class, Scanner, Word};
use super::{FILTER_BYTES_MAX, FILTER_DEPTH_MAX, FILTER_TESTS_MAX, FilterError};

/// A filter as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Or(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    Test(Test),
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub selector: Vec<String>,
    pub operator: Operator,
    pub negated: bool,
    /// Empty for operators without one.
    pub value: String,
}

/// What a comparison asks, before it is negated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    In,
    Empty,
    Matches,
}

pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(FilterError::Limit { what: "bytes", limit: FILTER_BYTES_MAX });
    }
    let mut parser = Parser { scan: Scanner::new(text), depth: 0, tests: 0, over: None };
    parser.scan.blanks();
    let found = parser.or();
    parser.scan.blanks();
    let ended = found.is_some() && parser.scan.end();
    match (parser.over, found) {
        (Some(limit), _) => Err(limit),
        (None, Some(found)) if ended && !parser.scan.has_complaint() => Ok(found),
        _ => Err(parser.scan.error()),
    }
}

struct Parser<'a> {
    scan: Scanner<'a>,
    depth: usize,
    tests: usize,
    /// The first limit that was passed.
    over: Option<FilterError>,
}

impl Parser<'_> {
    fn or(&mut self) -> Option<Expression> {
        let list = self.list(OR, Parser::and)?;
        Some(one_or(list, Expression::Or))
    }

    fn and(&mut self) -> Option<Expression> {
        let list = self.list(AND, Parser::not)?;
        Some(one_or(list, Expression::And))
    }

    fn list(
        &mut self,
        between: Word,
        mut part: impl FnMut(&mut Self) -> Option<Expression>,
    ) -> Option<Vec<Expression>> {
        let mut list = vec![part(self)?];
        loop {
            let at = self.scan.at();
            let goes_on = self.scan.blanks() && self.scan.word(between) && self.scan.blanks();
            match if goes_on { part(self) } else { None } {
                Some(next) => list.push(next),
                None => {
                    self.scan.back(at);
                    return Some(list);
                }
            }
        }
    }

    fn not(&mut self) -> Option<Expression> {
        if self.over.is_some() {
            return None;
        }
        if self.depth == FILTER_DEPTH_MAX {
            self.over = Some(FilterError::Limit { what: "levels", limit: FILTER_DEPTH_MAX });
            return None;
        }
        self.depth += 1;
        let at = self.scan.at();
        let mut found = None;
        if self.scan.word(NOT) && self.scan.blanks() {
            found = self.not().map(|inner| Expression::Not(Box::new(inner)));
        }
        if found.is_none() {
            self.scan.back(at);
            found = self.group();
        }
        if found.is_none() {
            self.scan.back(at);
            found = self.test().map(Expression::Test);
        }
        self.depth -= 1;
        found
    }

    fn group(&mut self) -> Option<Expression> {
        if !self.scan.word(OPEN) {
            return None;
        }
        self.scan.blanks();
        let found = self.or()?;
        self.scan.blanks();
        if self.scan.word(CLOSE) {
            return Some(found);
        }
        let at = self.scan.at();
        self.scan.complain(at, "grouping", "Unmatched parentheses");
        None
    }

    fn test(&mut self) -> Option<Test> {
        let at = self.scan.at();
        let mut found = None;
        if let Some(selector) = self.selector() {
            let rest = self.scan.at();
            found = self.compared(&selector);
            if found.is_none() {
                self.scan.back(rest);
                found = self.emptiness(&selector);
            }
        }
        if found.is_none() {
            self.scan.back(at);
            found = self.value_in();
        }
        if found.is_some() {
            self.tests += 1;
            if self.tests > FILTER_TESTS_MAX && self.over.is_none() {
                self.over = Some(FilterError::Limit { what: "tests", limit: FILTER_TESTS_MAX });
            }
        }
        found
    }

    /// `selector operator value`.
    fn compared(&mut self, selector: &[String]) -> Option<Test> {
        let rest = self.scan.at();
        for (words, operator, negated) in COMPARISONS {
            self.scan.back(rest);
            let symbol = matches!(operator, Operator::Equal);
            let found = if symbol { self.symbol(words) } else { self.words(words) };
            if found {
                let value = self.value()?;
                let selector = selector.to_vec();
                return Some(Test { selector, operator: *operator, negated: *negated, value });
            }
        }
        None
    }

    /// `selector is empty`, `selector is not empty`.
    fn emptiness(&mut self, selector: &[String]) -> Option<Test> {
        let rest = self.scan.at();
        for (words, negated) in [([IS, EMPTY].as_slice(), false), (&[IS, NOT, EMPTY], true)] {
            self.scan.back(rest);
            if words.iter().all(|word| self.scan.blanks() && self.scan.word(*word)) {
                return Some(Test {
                    selector: selector.to_vec(),
                    operator: Operator::Empty,
                    negated,
                    value: String::new(),
                });
            }
        }
        None
    }

    /// `value in selector`.
    fn value_in(&mut self) -> Option<Test> {
        let value = self.value()?;
        let rest = self.scan.at();
        for (words, negated) in [([IN].as_slice(), false), (&[NOT, IN], true)] {
            self.scan.back(rest);
            if self.words(words) {
                let at = self.scan.at();
                let Some(selector) = self.selector() else {
                    self.scan.complain(at, "match", "Invalid selector");
                    return None;
                };
                return Some(Test { selector, operator: Operator::In, negated, value });
            }
        }
        None
    }

    /// A sign, which needs no blanks around it.
    fn symbol(&mut self, words: &[Word]) -> bool {
        self.scan.blanks();
        let found = words.iter().all(|word| self.scan.word(*word));
        if found {
            self.scan.blanks();
        }
        found
    }

    /// Words with blanks before, between and after them.
    fn words(&mut self, words: &[Word]) -> bool {
        words.iter().all(|word| self.scan.blanks() && self.scan.word(*word)) && self.scan.blanks()
    }

    /// The steps of a selector: identifiers after dots, or texts in brackets.
    fn selector(&mut self) -> Option<Vec<String>> {
        let mut steps = vec![self.identifier()?];
        loop {
            let at = self.scan.at();
            let step = if self.scan.word(DOT) {
                self.identifier()
            } else if self.scan.word(BRACKET_OPEN) {
                self.index()
            } else {
                None
            };
            match step {
                Some(step) => steps.push(step),
                None => {
                    self.scan.back(at);
                    return Some(steps);
                }
            }
        }
    }

    fn identifier(&mut self) -> Option<String> {
        let at = self.scan.at();
        if !self.scan.one(LETTER) {
            return None;
        }
        self.scan.many(LETTER_OR_DIGIT);
        Some(self.scan.since(at).to_owned())
    }

    fn index(&mut self) -> Option<String> {
        self.scan.blanks();
        let at = self.scan.at();
        let Some(key) = self.text() else {
            self.scan.complain(at, "index", "Invalid index");
            return None;
        };
        self.scan.blanks();
        if self.scan.word(BRACKET_CLOSE) {
            return Some(key);
        }
        let at = self.scan.at();
        self.scan.complain(at, "index", "Unclosed index expression");
        None
    }

    /// A value: a bare word that looks like a selector, a number, or a text in quotes.
    fn value(&mut self) -> Option<String> {
        let at = self.scan.at();
        if let Some(steps) = self.selector() {
            return Some(steps.join("."));
        }
        self.scan.back(at);
        if let Some(number) = self.number() {
            return Some(number);
        }
        self.scan.back(at);
        self.text()
    }

    fn number(&mut self) -> Option<String> {
        let start = self.scan.at();
        self.scan.word(MINUS);
        if !self.scan.word(ZERO) {
            if !self.scan.one(DIGIT_FIRST) {
                return None;
            }
            self.scan.many(DIGIT);
        }
        let whole = self.scan.at();
        if !(self.scan.word(DOT) && self.scan.one(DIGIT)) {
            self.scan.back(whole);
        } else {
            self.scan.many(DIGIT);
        }
        let at = self.scan.at();
        let number = self.scan.since(start).to_owned();
        let ends = self.scan.blanks() || self.scan.end() || self.scan.peek(')');
        self.scan.back(at);
        if !ends {
            self.scan.complain(at, "number", "Invalid number literal");
            return None;
        }
        Some(number)
    }

    fn text(&mut self) -> Option<String> {
        let start = self.scan.at();
        let (stop, word) = if self.scan.word(BACKTICK) {
            ('`', BACKTICK)
        } else if self.scan.word(QUOTE) {
            ('"', QUOTE)
        } else {
            return None;
        };
        let at = self.scan.at();
        if !self.scan.until(stop) {
            let end = self.scan.at();
            self.scan.complain(end, "string", "Unterminated string literal");
            return None;
        }
        let inside = self.scan.since(at);
        self.scan.word(word);
        if stop == '`' {
            return Some(inside.replace('\r', ""));
        }
        let unquoted = unquote(inside);
        if unquoted.is_none() {
            self.scan.complain(start, "string", "invalid syntax");
        }
        Some(unquoted.unwrap_or_default())
    }
}

fn one_or(mut list: Vec<Expression>, of: fn(Vec<Expression>) -> Expression) -> Expression {
    match (list.len(), list.pop()) {
        (1, Some(only)) => only,
        (_, Some(last)) => {
            list.push(last);
            of(list)
        }
        (_, None) => of(list),
    }
}

/// The inside of a Go string literal in double quotes; none if it is not one.
fn unquote(inside: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(inside.len());
    let mut rest = inside.chars();
    while let Some(next) = rest.next() {
        match next {
            '\n' => return None,
            '\\' => escape(&mut rest, &mut bytes)?,
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    // Bytes given by number need not be UTF-8; nothing they are compared with holds such bytes.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn escape(rest: &mut std::str::Chars<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    const SIMPLE: [(char, u8); 9] = [
        ('a', 7),
        ('b', 8),
        ('f', 12),
        ('n', b'\n'),
        ('r', b'\r'),
        ('t', b'\t'),
        ('v', 11),
        ('\\', b'\\'),
        ('"', b'"'),
    ];
    let kind = rest.next()?;
    if let Some((_, byte)) = SIMPLE.iter().find(|(symbol, _)| *symbol == kind) {
        bytes.push(*byte);
        return Some(());
    }
    let (length, radix) = match kind {
        'x' => (2, 16),
        'u' => (4, 16),
        'U' => (8, 16),
        '0'..='7' => (3, 8),
        _ => return None,
    };
    let mut value = if radix == 8 { kind.to_digit(8)? } else { 0 };
    for _ in usize::from(radix == 8)..length {
        value = value.checked_mul(radix)?.checked_add(rest.next()?.to_digit(radix)?)?;
    }
    if matches!(kind, 'u' | 'U') {
        let symbol = char::from_u32(value)?;
        bytes.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        bytes.push(u8::try_from(value).ok()?);
    }
    Some(())
}

macro_rules! word {
    ($text:literal) => {
        Word { text: $text, shown: concat!("\"", $text, "\"") }
    };
}

const OR: Word = word!("or");
const AND: Word = word!("and");
const NOT: Word = word!("not");
const IN: Word = word!("in");
const IS: Word = word!("is");
const EMPTY: Word = word!("empty");
const CONTAINS: Word = word!("contains");
const MATCHES: Word = word!("matches");
const EQUAL: Word = word!("==");
const UNEQUAL: Word = word!("!=");
const OPEN: Word = word!("(");
const CLOSE: Word = word!(")");
const BRACKET_OPEN: Word = word!("[");
const BRACKET_CLOSE: Word = word!("]");
const DOT: Word = word!(".");
const MINUS: Word = word!("-");
const ZERO: Word = word!("0");
const BACKTICK: Word = word!("`");
const QUOTE: Word = Word { text: "\"", shown: "\"\\\"\"" };

const LETTER: Class = Class { holds: |c| c.is_ascii_alphabetic(), shown: "[a-zA-Z]" };
const LETTER_OR_DIGIT: Class =
    Class { holds: |c| c.is_ascii_alphanumeric() || c == '_', shown: "[a-zA-Z0-9_]" };
const DIGIT_FIRST: Class = Class { holds: |c| matches!(c, '1'..='9'), shown: "[1-9]" };
const DIGIT: Class = Class { holds: |c| c.is_ascii_digit(), shown: "[0-9]" };

/// The operators between a selector and a value, in the order in which they are tried.
const COMPARISONS: &[(&[Word], Operator, bool)] = &[
    (&[EQUAL], Operator::Equal, false),
    (&[UNEQUAL], Operator::Equal, true),
    (&[CONTAINS], Operator::In, false),
    (&[NOT, CONTAINS], Operator::In, true),
    (&[MATCHES], Operator::Matches, false),
    (&[NOT, MATCHES], Operator::Matches, true),
];
