//! Compares one answer with the recorded one and says, line by line, what differs.
//! Binds the placeholders on the way; the rules are those of transcripts/README.md.

use serde_json::Value;

use super::binding::Bindings;
use super::transcript::{Ask, Exchange, Modes};
use super::{json, pattern};

/// What really came back.
#[derive(Debug, Clone)]
pub enum Answer {
    Http(HttpAnswer),
    /// The connection was closed, or refused, without an answer.
    NoConnection(String),
    Cli {
        exit: i32,
        out: String,
        err: String,
    },
    /// Lines as a transcript has them.
    Dns(Vec<String>),
}

#[derive(Debug, Clone, Default)]
pub struct HttpAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The differences between a recorded and a real answer; none means equal.
pub fn compare(exchange: &Exchange, real: &Answer, bindings: &mut Bindings) -> Vec<String> {
    let mut differences = Vec::new();
    let recorded = &exchange.answer;
    let first = recorded.first().map_or("", String::as_str);
    match (&exchange.ask, real) {
        (Ask::Http { .. }, Answer::NoConnection(_)) if first == NO_CONNECTION => {}
        (Ask::Http { .. }, Answer::Http(real)) => {
            http(recorded, real, exchange.modes, bindings, &mut differences);
        }
        (Ask::Cli { .. }, Answer::Cli { exit, out, err }) => {
            let real = CliAnswer { exit: *exit, out, err };
            cli(recorded, &real, exchange.modes, bindings, &mut differences);
        }
        (Ask::Dig { .. }, Answer::Dns(lines)) => {
            dns(recorded, lines, exchange.modes, bindings, &mut differences);
        }
        (_, Answer::NoConnection(error)) => differences.push(format!("no answer: {error}")),
        (ask, real) => differences.push(format!("{ask:?} cannot be answered by {real:?}")),
    }
    bindings.settle(differences.is_empty());
    differences
}

fn http(
    recorded: &[String],
    real: &HttpAnswer,
    modes: Modes,
    bindings: &mut Bindings,
    differences: &mut Vec<String>,
) {
    let body_at = recorded.iter().position(String::is_empty);
    let head = &recorded[..body_at.unwrap_or(recorded.len())];
    let body = body_at.map_or(String::new(), |at| recorded[at + 1..].join("\n"));
    let status = head.first().map_or("", String::as_str);
    if real.status.to_string() != status {
        let said = String::from_utf8_lossy(&real.body);
        differences.push(format!("status: expected {status}, got {} {said:?}", real.status));
    }
    if modes.status || is_of_another_decoder(&body) {
        return;
    }
    let mut is_json = false;
    for line in &head[1.min(head.len())..] {
        let (name, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
        is_json |= name == "Content-Type" && value.contains("json");
        let named = real.headers.iter().filter(|(real, _)| real.eq_ignore_ascii_case(name));
        let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
        if values.is_empty() {
            differences.push(format!("header {name}: missing, expected {value}"));
        } else if let Err(error) = pattern::matches(value, &values.join(", "), bindings) {
            differences.push(format!("header {name}: {error}"));
        }
    }
    // A shape without a body says nothing of the body: a text has no types.
    if modes.shape && body.is_empty() {
        return;
    }
    body_of(&body, is_json, &real.body, modes, bindings, differences);
}

fn body_of(
    recorded: &str,
    is_json: bool,
    real: &[u8],
    modes: Modes,
    bindings: &mut Bindings,
    differences: &mut Vec<String>,
) {
    let real_text = String::from_utf8_lossy(real);
    if is_json && let Ok(recorded) = serde_json::from_str::<Value>(recorded) {
        match serde_json::from_slice::<Value>(real) {
            Ok(real) => json::compare(&recorded, &real, modes, bindings, differences),
            Err(_) => differences.push(format!("body: expected JSON, got {real_text:?}")),
        }
        return;
    }
    let strip = |text: &str| text.strip_suffix('\n').unwrap_or(text).to_owned();
    if let Err(error) = matches_text(&strip(recorded), &strip(&real_text), bindings) {
        differences.push(format!("body: {error}"));
    }
}

/// As `pattern::matches`, but an empty text has no parts to lay over another.
fn matches_text(recorded: &str, real: &str, bindings: &mut Bindings) -> Result<(), String> {
    match recorded.is_empty() && !real.is_empty() {
        true => Err(format!("expected nothing, got {real:?}")),
        false => pattern::matches(recorded, real, bindings),
    }
}

struct CliAnswer<'a> {
    exit: i32,
    out: &'a str,
    err: &'a str,
}

fn cli(
    recorded: &[String],
    real: &CliAnswer<'_>,
    modes: Modes,
    bindings: &mut Bindings,
    differences: &mut Vec<String>,
) {
    let first = recorded.first().map_or("", String::as_str);
    if first != format!("exit {}", real.exit) {
        let said = format!("{}{}", real.out, real.err);
        differences.push(format!("expected {first}, got exit {} {:?}", real.exit, said.trim_end()));
    }
    if modes.status || recorded.iter().any(|line| is_of_another_decoder(line)) {
        return;
    }
    for (name, text) in [("out", real.out), ("err", real.err)] {
        let expected =
            recorded.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        lines(name, &cleaned(expected), &cleaned(text.lines()), bindings, differences);
    }
}

/// Compares line by line. A recorded `...` stands for all that follows.
fn lines(
    name: &str,
    expected: &[String],
    found: &[String],
    bindings: &mut Bindings,
    differences: &mut Vec<String>,
) {
    let is_cut = expected.last().is_some_and(|line| line == CUT);
    let expected = if is_cut { &expected[..expected.len() - 1] } else { expected };
    for number in 0..expected.len().max(found.len()) {
        let at = format!("{name} line {}", number + 1);
        match (expected.get(number), found.get(number)) {
            (Some(expected), Some(found)) => {
                if let Err(error) = matches_text(expected, found, bindings) {
                    differences.push(format!("{at}: {error}"));
                }
            }
            (Some(expected), None) => differences.push(format!("{at}: missing, {expected:?}")),
            (None, Some(_)) if is_cut => break,
            (None, Some(found)) => differences.push(format!("{at}: not recorded, {found:?}")),
            (None, None) => {}
        }
    }
}

fn dns(
    recorded: &[String],
    real: &[String],
    modes: Modes,
    bindings: &mut Bindings,
    differences: &mut Vec<String>,
) {
    let (head, sections) = dns_sections(recorded);
    let (real_head, real_sections) = dns_sections(real);
    if modes.status {
        if head.first() != real_head.first() {
            differences.push(format!("expected {:?}, got {:?}", head.first(), real_head.first()));
        }
        return;
    }
    for line in &head {
        if !real_head.contains(line) {
            differences.push(format!("{line:?} is missing, got {real_head:?}"));
        }
    }
    for line in real_head.iter().filter(|line| !head.contains(line)) {
        differences.push(format!("{line:?} is not recorded"));
    }
    for (title, records) in &sections {
        let name = title.split(' ').next().unwrap_or(title);
        let found = real_sections.iter().find(|(title, _)| title.split(' ').next() == Some(name));
        let Some((real_title, real_records)) = found else {
            differences.push(format!("section {name}: missing"));
            continue;
        };
        if title != real_title {
            differences.push(format!("expected {title:?}, got {real_title:?}"));
        }
        if !modes.shape || name == QUESTION {
            dns_records(name, records, real_records, bindings, differences);
        }
    }
}

/// Records are a set: each recorded one claims a real one.
fn dns_records(
    name: &str,
    recorded: &[&String],
    real: &[&String],
    bindings: &mut Bindings,
    differences: &mut Vec<String>,
) {
    let mut free: Vec<&String> = real.to_vec();
    for record in recorded {
        let claimed = free.iter().position(|real| {
            let mut attempt = bindings.clone();
            let fits = pattern::matches(record, real, &mut attempt).is_ok();
            if fits {
                *bindings = attempt;
            }
            fits
        });
        match claimed {
            Some(claimed) => {
                free.remove(claimed);
            }
            None => differences.push(format!("{name}: missing {:?}", record.trim())),
        }
    }
    for record in free {
        differences.push(format!("{name}: not recorded {:?}", record.trim()));
    }
}

type Sections<'a> = Vec<(&'a String, Vec<&'a String>)>;

/// The lines before the first section, and each section's title with its indented lines.
fn dns_sections(lines: &[String]) -> (Vec<&String>, Sections<'_>) {
    let mut head = Vec::new();
    let mut sections: Sections<'_> = Vec::new();
    for line in lines {
        let is_title = ["question", "answer", "authority", "additional"]
            .iter()
            .any(|title| line.split(' ').next() == Some(title));
        if is_title {
            sections.push((line, Vec::new()));
        } else if let (Some((_, records)), true) = (sections.last_mut(), line.starts_with(' ')) {
            records.push(line);
        } else {
            head.push(line);
        }
    }
    (head, sections)
}

/// The text of a decoder of another language cannot be ours.
fn is_of_another_decoder(text: &str) -> bool {
    ["json: ", "strconv.", "Go struct field"].iter().any(|mark| text.contains(mark))
}

/// Lines with their blanks made one, without the empty ones at the end.
fn cleaned<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<String> = lines.map(one_blank).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// Columns move with the width of ids: a run of blanks counts as one, at the ends as none.
fn one_blank(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

const NO_CONNECTION: &str = "no connection";
/// Stands for the rest of a usage text.
const CUT: &str = "...";
const QUESTION: &str = "question";
