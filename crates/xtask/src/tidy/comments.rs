//! Rules about comments: the header of a file, code left in comments, marks of unfinished work.
//! Says nothing about whether a comment is good; that is for reviewers.

use super::Complaint;
use super::lexer::{self, Comment};
use super::tree::{Source, Tree};

/// Every file opens with what it is, what it is not, which invariant it keeps.
pub fn header(tree: &Tree) -> Vec<Complaint> {
    let complain = |source: &Source, found: String| Complaint {
        path: source.path.clone(),
        line: 1,
        rule: "header",
        found,
        instead: "open the file with `//!`, in at most ten lines: what it is, what it is not, \
                  which invariant it keeps",
    };
    let mut complaints = Vec::new();
    for source in &tree.sources {
        let lines = source.text.lines().take_while(|line| line.starts_with("//!")).count();
        if lines == 0 {
            complaints.push(complain(source, "no `//!` on the first line".into()));
        } else if lines > HEADER_LINES_MAX {
            complaints.push(complain(source, format!("a header of {lines} lines")));
        }
    }
    complaints
}

/// Code belongs to the program or to git's history, not to a comment.
pub fn no_dead_code(tree: &Tree) -> Vec<Complaint> {
    let of = |source: &Source| -> Vec<Complaint> {
        let comments = lexer::comments(&source.text);
        let dead = comments.iter().filter(|comment| !comment.is_doc && is_code(&comment.text));
        dead.map(|comment| Complaint {
            path: source.path.clone(),
            line: comment.line,
            rule: "dead code",
            found: format!("`{}` is code in a comment", comment.text),
            instead: "delete it; git remembers",
        })
        .collect()
    };
    tree.sources.iter().flat_map(of).collect()
}

/// What is left to do is an issue, and the comment names it.
pub fn todo_names_an_issue(tree: &Tree) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in &tree.sources {
        for Comment { line, text, .. } in lexer::comments(&source.text) {
            if let Some(word) = loose_mark(&text) {
                complaints.push(Complaint {
                    path: source.path.clone(),
                    line,
                    rule: "todo",
                    found: format!("a `{word}` without an issue"),
                    instead: "open an issue and write its number in round brackets after the word",
                });
            }
        }
    }
    complaints
}

/// The first mark of unfinished work that names no issue.
fn loose_mark(text: &str) -> Option<&'static str> {
    MARKS.iter().copied().find(|mark| {
        text.match_indices(mark).any(|(at, _)| {
            let word_before = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
            let after = &text[at + mark.len()..];
            let word_after = after.chars().next().is_some_and(char::is_alphanumeric);
            let quoted = text[..at].ends_with('`');
            let excused = *mark == MARKS[0] && names_issue(after);
            !(word_before || word_after || quoted || excused)
        })
    })
}

fn names_issue(after: &str) -> bool {
    after
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(number, _)| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// Whether a comment line reads as a statement, an item or the head of a block.
fn is_code(text: &str) -> bool {
    let has_sign = text.contains(['=', '(', '!', '{', '}']) || text.contains("::");
    let body = match text.chars().next_back() {
        Some(';') if has_sign || starts_item(text) => text.to_owned(),
        Some('{') => format!("{text} }}"),
        Some(',') if text.contains("=>") => {
            format!("match it {{ {text} }}")
        }
        _ => return false,
    };
    syn::parse_str::<syn::Block>(&format!("{{ {body} }}")).is_ok()
}

fn starts_item(text: &str) -> bool {
    ["use ", "mod ", "let ", "return", "break", "continue"].iter().any(|s| text.starts_with(s))
}

/// A header longer than this is a document; it belongs into docs/.
const HEADER_LINES_MAX: usize = 10;
/// Marks of unfinished work. Only the first may stay, with its issue.
const MARKS: &[&str] = &["TODO", "FIXME", "XXX"];
