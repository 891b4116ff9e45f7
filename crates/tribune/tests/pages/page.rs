//! A page of `docs/user` as what is to be done, in its order: files to write, agents to start,
//! commands to run and what they must say. The rules are told to readers in docs/user/README.md.
//! It reads and compares texts; it runs nothing.

/// One fenced block that asks for something.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the fence, from 1 on; the text begins in the next.
    pub line: usize,
    pub what: What,
    pub text: String,
}

impl Step {
    fn waits_for_nothing(&self) -> bool {
        let What::Run(run) = &self.what else { return false };
        run.eventually && run.expected.is_none()
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// Write the text into this file.
    File(String),
    /// The text is the command of an agent, which takes the place of the one before.
    Agent,
    /// Run the text.
    Run(Run),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Again and again until it says what is expected.
    pub eventually: bool,
    /// Leave it out where there is no such program.
    pub needs: Option<String>,
    /// What it must say; otherwise none of its commands may fail.
    pub expected: Option<Expected>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    /// The line of the fence.
    pub line: usize,
    pub text: String,
}

/// What is wrong with a page, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Complaint {
    pub line: usize,
    pub what: String,
}

/// What the page asks for.
///
/// # Errors
/// The first block that is not written by the rules.
pub fn parse(page: &str) -> Result<Vec<Step>, Complaint> {
    let mut steps: Vec<Step> = Vec::new();
    // Whether only empty lines were seen since the last step's end.
    let mut follows = false;
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let number = number + 1;
        let complain = |what: String| Err(Complaint { line: number, what });
        let Some(info) = line.strip_prefix(FENCE) else {
            if line.trim_start().starts_with(FENCE) {
                return complain("a fence begins its line".to_owned());
            }
            follows &= line.trim().is_empty();
            continue;
        };
        let mut text = String::new();
        let mut closed = false;
        for (_, line) in lines.by_ref() {
            if line == FENCE {
                closed = true;
                break;
            }
            text.push_str(line);
            text.push('\n');
        }
        if !closed {
            return complain("a block without its end".to_owned());
        }
        let last = steps.last_mut().filter(|_| follows);
        if info == "text" {
            if let Some(Step { what: What::Run(run), .. }) = last {
                run.expected = Some(Expected { line: number, text });
            }
            follows = false;
            continue;
        }
        match asked(info) {
            Ok(Some(what)) => {
                follows = true;
                steps.push(Step { line: number, what, text });
            }
            Ok(None) => follows = false,
            Err(what) => return complain(what),
        }
    }
    match steps.iter().find(|step| step.waits_for_nothing()) {
        Some(step) => Err(Complaint {
            line: step.line,
            what: "`eventually` needs a text block that says what to wait for".to_owned(),
        }),
        None => Ok(steps),
    }
}

/// What the words behind a fence ask for; nothing if the block is only to be read.
fn asked(info: &str) -> Result<Option<What>, String> {
    let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
    let (word, argument) = rest.split_once(' ').unwrap_or((rest, ""));
    match (language, word) {
        ("bash" | "shell" | "console" | "shell-session", _) => {
            Err("commands stand in `sh` blocks".to_owned())
        }
        ("sh", "") => Ok(Some(What::Run(Run::default()))),
        ("sh", "agent") if argument.is_empty() => Ok(Some(What::Agent)),
        ("sh", "eventually") if argument.is_empty() => {
            Ok(Some(What::Run(Run { eventually: true, ..Run::default() })))
        }
        ("sh", "if") if !argument.is_empty() => {
            Ok(Some(What::Run(Run { needs: Some(argument.to_owned()), ..Run::default() })))
        }
        ("sh", "no-run") if !argument.is_empty() => Ok(None),
        ("sh", "no-run") => Err("`no-run` is followed by the reason".to_owned()),
        ("sh", _) => Err(format!("`sh {rest}` is not known")),
        (_, "") => Ok(None),
        (_, name) if name.starts_with('/') || name.split('/').any(|part| part == "..") => {
            Err(format!("{name:?} is outside of the page's folder"))
        }
        (_, name) => Ok(Some(What::File(name.to_owned()))),
    }
}

/// Where a text is not what was expected.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line of what was expected, from 0 on; one past the last for what was said beyond it.
    pub line: usize,
    pub expected: String,
    pub found: String,
}

/// Compares a text with what was expected. Three dots stand for any text within a line, and alone
/// on a line for any number of lines. Blanks at the ends of lines do not count.
pub fn compare(expected: &str, found: &str) -> Option<Difference> {
    let expected: Vec<&str> = expected.lines().map(str::trim_end).collect();
    let found: Vec<&str> = found.lines().map(str::trim_end).collect();
    let shown = |line: usize| found.get(line).copied().unwrap_or("the end").to_owned();
    // How many found lines the expected ones so far can have taken.
    let mut taken = vec![0];
    for (number, pattern) in expected.iter().enumerate() {
        let before = taken.clone();
        taken = match pattern.trim() {
            DOTS => (before.first().copied().unwrap_or(0)..=found.len()).collect(),
            _ => before
                .iter()
                .filter(|line| found.get(**line).is_some_and(|own| matches(pattern, own)))
                .map(|line| line + 1)
                .collect(),
        };
        if taken.is_empty() {
            // With dots before it there are many lines it could have been; the first will do.
            let line = before.first().copied().unwrap_or(0);
            let expected = (*pattern).to_owned();
            return Some(Difference { line: number, expected, found: shown(line) });
        }
    }
    if taken.last() == Some(&found.len()) {
        return None;
    }
    let line = taken.last().copied().unwrap_or(0);
    Some(Difference { line: expected.len(), expected: "the end".to_owned(), found: shown(line) })
}

/// Whether a line is as its pattern says.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split(DOTS);
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(last)
}

const FENCE: &str = "```";
const DOTS: &str = "...";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(text: &str, line: usize, run: Run) -> Step {
        Step { line, what: What::Run(run), text: text.to_owned() }
    }

    #[test]
    fn blocks_become_steps_with_their_lines() {
        let page = "# A page\n```sh agent\ntribune agent -dev\n```\nText.\n\
            ```hcl conf/a.hcl\nx = 1\n\
            ```\n```sh\none\n```\n\n```text\n1\n```\n```sh no-run it never ends\ntwo\n```\n\
            ```text\nno output of anything\n```\n```sh if dig\nthree\n```\nWords between.\n\
            ```text\nfour\n```\n```json\n{}\n```\n```sh eventually\nfive\n```\n```text\n5\n```\n";
        let steps = parse(page).unwrap();
        let of = |line, text: &str| Some(Expected { line, text: text.to_owned() });
        let expected = [
            Step { line: 2, what: What::Agent, text: "tribune agent -dev\n".to_owned() },
            Step { line: 6, what: What::File("conf/a.hcl".to_owned()), text: "x = 1\n".to_owned() },
            run("one\n", 9, Run { expected: of(13, "1\n"), ..Run::default() }),
            run("three\n", 22, Run { needs: Some("dig".to_owned()), ..Run::default() }),
            run("five\n", 32, Run { eventually: true, expected: of(35, "5\n"), needs: None }),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn what_is_against_the_rules_is_named_with_its_line() {
        let check = |page: &str, line: usize, what: &str| {
            let complaint = parse(page).unwrap_err();
            assert_eq!((complaint.line, complaint.what.contains(what)), (line, true), "{page}");
        };
        check("x\n```sh\none\n", 2, "without its end");
        check("```sh no-run\none\n```\n", 1, "the reason");
        check("\n```console\n$ one\n```\n", 2, "`sh` blocks");
        check("```sh now\none\n```\n", 1, "not known");
        check("- a\n  ```sh\n  one\n  ```\n", 2, "begins its line");
        check("```hcl ../x.hcl\n```\n", 1, "outside");
        check("```hcl /etc/x.hcl\n```\n", 1, "outside");
        check("```sh eventually\none\n```\nNothing.\n", 1, "what to wait for");
    }

    #[test]
    fn a_wrong_output_is_caught_where_it_is_wrong() {
        let check = |expected: &str, found: &str, line: usize, seen: &str| {
            let difference = compare(expected, found).expect("a difference");
            assert_eq!((difference.line, difference.found.as_str()), (line, seen), "{expected}");
        };
        check("a\nb\n", "a\nc\n", 1, "c");
        check("a\n", "", 0, "the end");
        check("a\n", "a\nb\n", 1, "b");
        check("a\n...\nz\n", "a\nb\n", 2, "b");
        check("port ... of web\n", "port 80 of api\n", 0, "port 80 of api");
        check("...\nin\n", "out: it fails\n", 1, "out: it fails");
        check("", "unasked\n", 0, "unasked");
    }

    #[test]
    fn dots_stand_for_what_differs_from_run_to_run() {
        let check = |expected: &str, found: &str| assert_eq!(compare(expected, found), None);
        check("a\n...\nb\n", "a\nb\n");
        check("a\n...\nb\n...\n", "a\nx\nb\ny\nb\n");
        check("...\n", "");
        check("took ...ms, next in ...s\n", "took 12ms, next in 3.5s\n");
        check("a\n", "a  \n");
        check("  ...\n}\n", "  x\n  y\n}\n");
        // The first fitting line is not always the right one.
        check("...\nb\nc\n", "b\nb\nc\n");
    }

    proptest! {
        #[test]
        fn any_page_is_read_or_refused(
            page in "(```|sh|text|hcl|a\\.b|no-run|\\.\\.|/| |\n){0,60}"
        ) {
            if let Ok(steps) = parse(&page) {
                let lines = page.lines().count();
                prop_assert!(steps.iter().all(|step| step.line <= lines));
                prop_assert!(steps.windows(2).all(|pair| pair[0].line < pair[1].line));
            }
        }

        #[test]
        fn a_text_is_what_it_says(text in "([a-c .]{0,6}\n){0,6}") {
            prop_assert_eq!(compare(&text, &text), None);
        }

        #[test]
        fn a_changed_line_is_found(
            before in "([a-c]{1,4}\n){0,4}", line in "[a-c]{1,4}", after in "([a-c]{1,4}\n){0,4}"
        ) {
            let expected = format!("{before}{line}\n{after}");
            let found = format!("{before}{line}x\n{after}");
            let difference = compare(&expected, &found).expect("a difference");
            prop_assert_eq!(difference.line, before.lines().count());
        }
    }
}
