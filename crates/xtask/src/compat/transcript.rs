//! Reads a transcript: how its agent was started, and the exchanges in their order.
//! Knows the format, not how to play or compare.

use std::time::Duration;

use anyhow::{Context, Result, bail};

/// One file of recorded exchanges.
#[derive(Debug, Default)]
pub struct Transcript {
    /// Folder and file without its ending: `kv/basic`.
    pub name: String,
    /// Configuration of the agent, HCL.
    pub config: Vec<String>,
    /// Further arguments of the agent.
    pub args: Vec<String>,
    /// Files in the working directory of the command line: name and text.
    pub files: Vec<(String, String)>,
    pub exchanges: Vec<Exchange>,
}

/// One question and what the recorded agent answered.
#[derive(Debug)]
pub struct Exchange {
    /// Counted from one within the file.
    pub number: usize,
    /// Where it starts in the file, counted from one.
    pub line: usize,
    pub wait: Duration,
    pub modes: Modes,
    pub ask: Ask,
    /// The answer's lines without their mark.
    pub answer: Vec<String>,
}

/// What of an answer was written down.
#[derive(Debug, Default, Clone, Copy)]
pub struct Modes {
    pub shape: bool,
    pub status: bool,
    pub sorted: bool,
    pub noindex: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Http { method: String, path: String, headers: Vec<(String, String)>, body: Option<String> },
    Cli { line: String, stdin: Option<String> },
    Dig { line: String },
}

impl Ask {
    /// One line that names the exchange to a reader.
    pub fn title(&self) -> String {
        match self {
            Self::Http { method, path, .. } => format!("{method} {path}"),
            Self::Cli { line, .. } => format!("CLI {line}"),
            Self::Dig { line } => format!("DIG {line}"),
        }
    }
}

impl Transcript {
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mut transcript = Self { name: name.to_owned(), ..Self::default() };
        let mut block = Vec::new();
        // A last empty line closes the last block.
        for (at, line) in text.lines().chain([""]).enumerate() {
            if !line.is_empty() {
                block.push((at + 1, line));
                continue;
            }
            transcript.block(&block).with_context(|| format!("{name}.txt"))?;
            block.clear();
        }
        Ok(transcript)
    }

    fn block(&mut self, block: &[(usize, &str)]) -> Result<()> {
        let mut wait = Duration::ZERO;
        let mut modes = Modes::default();
        let mut request = Vec::new();
        let mut answer = Vec::new();
        let mut start = 0;
        for (number, line) in block {
            let (mark, rest) = split_mark(line);
            match mark {
                '#' => {}
                '@' => self.directive(rest).with_context(|| format!("line {number}"))?,
                '|' => match self.files.last_mut() {
                    Some((_, text)) => {
                        text.push_str(rest);
                        text.push('\n');
                    }
                    None => bail!("line {number}: text of a file before its name"),
                },
                '~' => wait = Duration::try_from_secs_f64(rest.parse()?)?,
                '!' => modes = Modes::parse(rest)?,
                '>' => {
                    start = if request.is_empty() { *number } else { start };
                    request.push(rest);
                }
                '<' => answer.push(rest.to_owned()),
                other => bail!("line {number}: unknown mark {other:?}"),
            }
        }
        if request.is_empty() {
            return Ok(());
        }
        let ask = parse_ask(&request).with_context(|| format!("line {start}"))?;
        let number = self.exchanges.len() + 1;
        self.exchanges.push(Exchange { number, line: start, wait, modes, ask, answer });
        Ok(())
    }

    fn directive(&mut self, text: &str) -> Result<()> {
        let (key, value) = text.split_once(' ').unwrap_or((text, ""));
        match key {
            "config" => self.config.push(value.to_owned()),
            "args" => self.args.extend(split_words(value)),
            "file" => self.files.push((value.to_owned(), String::new())),
            _ => bail!("unknown directive @{key}"),
        }
        Ok(())
    }
}

impl Modes {
    fn parse(text: &str) -> Result<Self> {
        let mut modes = Self::default();
        for word in text.split_whitespace() {
            match word {
                "shape" => modes.shape = true,
                "status" => modes.status = true,
                "sorted" => modes.sorted = true,
                "noindex" => modes.noindex = true,
                _ => bail!("unknown mode {word}"),
            }
        }
        Ok(modes)
    }
}

/// The first character, and what follows it and one blank. `@` stands without a blank.
fn split_mark(line: &str) -> (char, &str) {
    let mut chars = line.chars();
    let mark = chars.next().unwrap_or(' ');
    let rest = chars.as_str();
    (mark, rest.strip_prefix(' ').unwrap_or(rest))
}

fn parse_ask(lines: &[&str]) -> Result<Ask> {
    let first = lines.first().copied().unwrap_or_default();
    let body_at = lines.iter().skip(1).position(|line| line.is_empty()).map(|at| at + 1);
    let body = body_at.map(|at| lines[at + 1..].join("\n"));
    if let Some(line) = first.strip_prefix("DIG ") {
        return Ok(Ask::Dig { line: line.to_owned() });
    }
    if first == "CLI" || first.starts_with("CLI ") {
        let line = first.trim_start_matches("CLI").trim_start().to_owned();
        return Ok(Ask::Cli { line, stdin: body });
    }
    let (method, path) = first.split_once(' ').context("a request without a path")?;
    let mut headers = Vec::new();
    for line in &lines[1..body_at.unwrap_or(lines.len())] {
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Ask::Http { method: method.to_owned(), path: path.to_owned(), headers, body })
}

/// Splits a command line as a shell does: blanks part words, quotes hold them together.
pub fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == ' ' => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Writes out `${rep 9 <text>}`; other `${...}` stay as they stand.
pub fn expand(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${rep ") {
        out.push_str(before);
        let parsed = after.split_once(" <").and_then(|(count, tail)| {
            let (inner, tail) = tail.split_once(">}")?;
            Some((inner.repeat(count.parse().ok()?), tail))
        });
        match parsed {
            Some((repeated, tail)) => {
                out.push_str(&repeated);
                rest = tail;
            }
            None => {
                out.push_str("${rep ");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_with_its_directives_and_numbers() {
        let text = "# kv__x: recorded\n@config a = 1\n@args -x 'b c'\n\n@file v.txt\n| one\n| \n\n\
                    # why\n~ 0.5\n! shape noindex\n> PUT /v1/kv/a b\n> X-A: b: c\n>\n> 1\n> \n> 2\n\
                    < 200\n< A: b\n<\n< x\n\n> CLI kv get \"\"\n< exit 0\n\n> DIG a. A +tcp\n\
                    < status NOERROR\n";
        let t = Transcript::parse("kv/x", text).unwrap();
        assert_eq!(t.config, ["a = 1"]);
        assert_eq!(t.args, ["-x", "b c"]);
        assert_eq!(t.files, [("v.txt".to_owned(), "one\n\n".to_owned())]);
        let first = &t.exchanges[0];
        assert_eq!((first.number, first.line, first.wait.as_millis()), (1, 12, 500));
        assert!(first.modes.shape && first.modes.noindex && !first.modes.status);
        let asked = Ask::Http {
            method: "PUT".into(),
            path: "/v1/kv/a b".into(),
            headers: vec![("X-A".into(), "b: c".into())],
            body: Some("1\n\n2".into()),
        };
        assert_eq!(first.ask, asked);
        assert_eq!(first.answer, ["200", "A: b", "", "x"]);
        assert_eq!(t.exchanges[1].ask, Ask::Cli { line: "kv get \"\"".into(), stdin: None });
        assert_eq!(t.exchanges[2].ask, Ask::Dig { line: "a. A +tcp".into() });
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(
            split_words("kv get \"\" -x='a \"b\"'  c"),
            ["kv", "get", "", "-x=a \"b\"", "c"]
        );
    }

    #[test]
    fn repetitions_are_written_out_and_other_dollars_stay() {
        assert_eq!(expand("[${rep 2 <{\"a\":{}},>}x]"), "[{\"a\":{}},{\"a\":{}},x]");
        assert_eq!(expand("${value.user} ${rep x"), "${value.user} ${rep x");
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "([#@|~!<> a1.\n]|CLI |\\$\\{rep 2 <|>\\})*") {
            let _ = Transcript::parse("x", &text);
            let _ = expand(&text);
            let _ = split_words(&text);
        }
    }
}
