//! Reads terminals and remembers the farthest place where one was missing, and which would have
//! done there: that is what an error says. It knows no grammar.

use super::FilterError;
use std::collections::BTreeSet;

/// Where the text is read, and what was wrong so far.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    farthest: usize,
    wanted: BTreeSet<Wanted>,
    complaints: Vec<String>,
}

/// A terminal as errors show it; they name the end last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Terminal(&'static str),
    End,
}

/// A fixed text, and how an error shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub text: &'static str,
    pub shown: &'static str,
}

/// A set of characters, and how an error shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Class {
    pub holds: fn(char) -> bool,
    pub shown: &'static str,
}

const BLANK: Class =
    Class { holds: |c| matches!(c, ' ' | '\t' | '\r' | '\n'), shown: "[ \\t\\r\\n]" };

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Scanner<'a> {
        let wanted = BTreeSet::new();
        Scanner { text, at: 0, farthest: 0, wanted, complaints: Vec::new() }
    }

    /// The place reached, to come back to.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place that was reached before.
    pub fn back(&mut self, at: usize) {
        self.at = at;
    }

    /// What was read since a place.
    pub fn since(&self, at: usize) -> &'a str {
        self.text.get(at..self.at).unwrap_or_default()
    }

    /// Reads a fixed text.
    pub fn word(&mut self, word: Word) -> bool {
        if self.rest().starts_with(word.text) {
            self.at += word.text.len();
            return true;
        }
        self.want(Wanted::Terminal(word.shown));
        false
    }

    /// Reads one character of a class.
    pub fn one(&mut self, class: Class) -> bool {
        match self.rest().chars().next() {
            Some(next) if (class.holds)(next) => {
                self.at += next.len_utf8();
                true
            }
            _ => {
                self.want(Wanted::Terminal(class.shown));
                false
            }
        }
    }

    /// Reads as many characters of a class as there are.
    pub fn many(&mut self, class: Class) {
        while self.one(class) {}
    }

    /// Reads blanks, at least one.
    pub fn blanks(&mut self) -> bool {
        let some = self.one(BLANK);
        if some {
            self.many(BLANK);
        }
        some
    }

    /// True at the end of the text.
    pub fn end(&mut self) -> bool {
        let ended = self.rest().is_empty();
        if !ended {
            self.want(Wanted::End);
        }
        ended
    }

    /// True if this comes next; nothing is read, and an error will not mention it.
    pub fn peek(&self, text: char) -> bool {
        self.rest().starts_with(text)
    }

    /// Reads up to a character, without it. False if it does not come.
    pub fn until(&mut self, stop: char) -> bool {
        match self.rest().find(stop) {
            Some(length) => {
                self.at += length;
                true
            }
            None => {
                self.at = self.text.len();
                false
            }
        }
    }

    /// Notes a mistake at a place: the text will be refused whatever else is found.
    pub fn complain(&mut self, at: usize, rule: &str, why: &str) {
        let complaint = format!("{}: rule \"{rule}\": {why}", self.place(at));
        if !self.complaints.contains(&complaint) {
            self.complaints.push(complaint);
        }
    }

    /// True if there was a mistake.
    pub fn has_complaint(&self) -> bool {
        !self.complaints.is_empty()
    }

    /// What is wrong with the text: the mistakes noted, or what was expected where it ended to
    /// make sense.
    pub fn error(&self) -> FilterError {
        if self.has_complaint() {
            return FilterError::Syntax(self.complaints.join("\n"));
        }
        let shown: Vec<&str> = self
            .wanted
            .iter()
            .map(|wanted| match wanted {
                Wanted::Terminal(shown) => shown,
                Wanted::End => "EOF",
            })
            .collect();
        let list = match shown.split_last() {
            None => String::new(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, before)) => format!("{} or {last}", before.join(", ")),
        };
        let place = self.place(self.farthest);
        FilterError::Syntax(format!("{place}: no match found, expected: {list}"))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn want(&mut self, wanted: Wanted) {
        if self.at > self.farthest {
            self.farthest = self.at;
            self.wanted.clear();
        }
        if self.at == self.farthest {
            self.wanted.insert(wanted);
        }
    }

    /// Line, column in characters and offset in bytes. A line break counts as the start of the
    /// line it begins.
    fn place(&self, at: usize) -> String {
        let (before, rest) = self.text.split_at_checked(at).unwrap_or((self.text, ""));
        let line = before.matches('\n').count() + 1;
        let since = before.rsplit('\n').next().unwrap_or_default();
        if rest.starts_with('\n') {
            return format!("{}:0 ({at})", line + 1);
        }
        format!("{line}:{} ({at})", since.chars().count() + 1)
    }
}
