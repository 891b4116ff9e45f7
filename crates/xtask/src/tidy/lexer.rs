//! Finds the comments of a Rust text; the parser of syntax drops them.
//! Knows strings, raw strings, characters and lifetimes only so far as not to be fooled by them.

/// One line of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Counted from one.
    pub line: usize,
    /// Without the slashes, blanks at the ends taken off.
    pub text: String,
    /// `///` or `//!`: documentation, which may show code.
    pub is_doc: bool,
}

/// Every comment line of a source text, in order.
pub fn comments(text: &str) -> Vec<Comment> {
    let mut scan = Scan { rest: text, line: 1, found: Vec::new() };
    while !scan.rest.is_empty() {
        scan.next();
    }
    scan.found
}

struct Scan<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Comment>,
}

impl Scan<'_> {
    fn next(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.line_comment();
        } else if rest.starts_with("/*") {
            self.block_comment();
        } else if let Some(hashes) = raw_string(rest) {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = rest.find('"').map_or(rest.len(), |at| at + 1);
            let end = rest[open..].find(&close).map_or(rest.len(), |at| open + at + close.len());
            self.skip(end);
        } else if let Some(inner) = rest.strip_prefix('"') {
            self.skip(1 + quoted(inner, '"'));
        } else if rest.starts_with('\'') {
            self.skip(character(rest));
        } else {
            let word = rest.len() - rest.trim_start_matches(is_word).len();
            let one = rest.chars().next().map_or(1, char::len_utf8);
            // A word ending in r or b before a quote is a prefix, seen by `raw_string` above.
            self.skip(if word > 0 && !is_prefix(&rest[..word]) { word } else { one });
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    fn line_comment(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        let is_doc =
            text.starts_with("//!") || text.starts_with("///") && !text.starts_with("////");
        let text = text.trim_start_matches('/').trim_start_matches('!').trim().to_owned();
        self.found.push(Comment { line: self.line, text, is_doc });
        self.skip(end);
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        let mut end = 0;
        while let Some(tail) = self.rest.get(end..).filter(|tail| !tail.is_empty()) {
            if tail.starts_with("/*") {
                depth += 1;
                end += 2;
            } else if tail.starts_with("*/") {
                depth -= 1;
                end += 2;
                if depth == 0 {
                    break;
                }
            } else {
                end += tail.chars().next().map_or(1, char::len_utf8);
            }
        }
        let text = &self.rest[..end];
        let is_doc = text.starts_with("/**") || text.starts_with("/*!");
        for (offset, line) in text.lines().enumerate() {
            let text = line.trim_matches(|c: char| c == '/' || c == '*' || c == '!' || c == ' ');
            self.found.push(Comment { line: self.line + offset, text: text.to_owned(), is_doc });
        }
        self.skip(end);
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_prefix(word: &str) -> bool {
    matches!(word, "r" | "b" | "br" | "c" | "cr")
}

/// The number of hashes when a raw string starts here.
fn raw_string(text: &str) -> Option<usize> {
    let tail = ["br", "cr", "r"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    tail[hashes..].starts_with('"').then_some(hashes)
}

/// The length of what is left of a quoted text, its closing quote included.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal, or 1 for the quote of a lifetime.
fn character(text: &str) -> usize {
    let inner = &text[1..];
    let mut chars = inner.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => 1 + quoted(inner, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(usize, &str)]) {
        let found = comments(text);
        let found: Vec<_> = found.iter().map(|c| (c.line, c.text.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn comments_are_found_and_strings_are_not_mistaken_for_them() {
        check("let a = 1; // why\n// two", &[(1, "why"), (2, "two")]);
        check("let a = \"// no \\\" // no\"; // yes", &[(1, "yes")]);
        check("let a = r#\"// \" no\"#; // yes", &[(1, "yes")]);
        check("let a = r\"\\\"; // yes", &[(1, "yes")]);
        check("let a = br\"// no\"; // yes", &[(1, "yes")]);
        check("let q = '\"'; // yes\nfn f<'a>(x: &'a str) {} // too", &[(1, "yes"), (2, "too")]);
        check("let q = '\\''; // yes", &[(1, "yes")]);
        check("/* one\n   two /* in */ */ // three", &[(1, "one"), (2, "two /* in"), (2, "three")]);
        check("let s = \"a\nb\"; // after", &[(2, "after")]);
        check("let number = 'r'; let br = b'\"'; // yes", &[(1, "yes")]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in ".{0,200}") {
            let lines = text.matches('\n').count() + 1;
            for comment in comments(&text) {
                proptest::prop_assert!(comment.line <= lines);
            }
        }
    }
}
