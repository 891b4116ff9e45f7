//! Plays one page from its beginning to its end, and says at which line it is not as written.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::page::{self, Complaint, Expected, Run, Step, What};
use crate::shell::{Ended, Shell};
use crate::stage::{Stage, is_there};
use crate::targets::Targets;

/// How long a page waits for what it says happens in a moment.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// The agent of a page that starts none itself.
const AGENT: &str = "tribune agent -dev";

/// Where the pages are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/user")
}

/// Plays a page; panics with its name and line.
pub fn page(name: &str) {
    let path = folder().join(format!("{name}.md"));
    let text = std::fs::read_to_string(&path).expect("the page");
    let number = crate::PAGES.iter().position(|page| *page == name).expect("a page of the list");
    let played = page::parse(&text).and_then(|steps| match steps.is_empty() {
        true => Ok(()),
        false => Player::new(number).play(&steps),
    });
    if let Err(Complaint { line, what }) = played {
        let shown = format!("docs/user/{name}.md").replace("docs/user/../../", "");
        panic!("{shown}:{line}: {what}");
    }
}

struct Player {
    stage: Stage,
    shell: Shell,
    _targets: Targets,
    has_agent: bool,
}

impl Player {
    fn new(number: usize) -> Player {
        let stage = Stage::new(number);
        let shell = Shell::start(&stage.folder, &stage.variables);
        let targets = Targets::start(stage.address, &stage.folder);
        Player { stage, shell, _targets: targets, has_agent: false }
    }

    fn play(&mut self, steps: &[Step]) -> Result<(), Complaint> {
        for step in steps {
            let at = |what| Complaint { line: step.line, what };
            match &step.what {
                What::File(name) => self.write(name, &step.text),
                What::Agent => self.start(&step.text).map_err(at)?,
                What::Run(run) => {
                    if !self.has_agent {
                        self.start(AGENT).map_err(at)?;
                    }
                    match &run.needs {
                        Some(program) if !is_there(program) => {
                            println!("line {} left out: no {program} here", step.line);
                        }
                        _ => self.run(step, run)?,
                    }
                }
            }
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.stage.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, self.stage.on_stage(text)).expect("the file is written");
    }

    fn start(&mut self, command: &str) -> Result<(), String> {
        self.has_agent = true;
        self.stage.start_agent(command)
    }

    fn run(&mut self, step: &Step, run: &Run) -> Result<(), Complaint> {
        let deadline = Instant::now() + PATIENCE;
        let text = self.stage.on_stage(&step.text);
        let mut pause = Duration::ZERO;
        loop {
            let strict = run.expected.is_none();
            let ended = self.shell.run(&text, step.line + 1, strict, pause);
            let ended = ended.map_err(|what| Complaint {
                line: step.line,
                what: format!("{what}\nthe agent:\n{}", self.stage.log()),
            })?;
            let Err(complaint) = self.judge(&ended, run.expected.as_ref()) else { return Ok(()) };
            if !run.eventually || Instant::now() > deadline {
                return Err(complaint);
            }
            pause = PAUSE;
        }
    }

    fn judge(&self, ended: &Ended, expected: Option<&Expected>) -> Result<(), Complaint> {
        let said = self.stage.on_page(&ended.text);
        let Some(expected) = expected else {
            let Some((line, code)) = &ended.failed else { return Ok(()) };
            let what = format!("ended with {code} and said:\n{said}");
            return Err(Complaint { line: *line, what });
        };
        match page::compare(&expected.text, &said) {
            None => Ok(()),
            Some(difference) => Err(Complaint {
                line: expected.line + 1 + difference.line,
                what: format!(
                    "{:?} is expected and not {:?}; all that was said:\n{said}",
                    difference.expected, difference.found
                ),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(page: &str) -> Result<(), Complaint> {
        // A page that begins with its own agent gets no other; this one needs none at all.
        let steps = page::parse(page)?;
        let mut player = Player::new(crate::PAGES.len());
        player.has_agent = true;
        player.play(&steps)
    }

    #[test]
    fn a_page_that_is_wrong_is_caught_with_its_line() {
        let page = |said: &str| {
            format!(
                "```sh\nx=127.0.0.1\n```\n\n```sh\necho $x; echo b\n```\n\
            ```text\n{said}\n```\n```txt f\nin a file\n```\n```sh\ncat f\ncat none\n```\n"
            )
        };
        let wrong = judged(&page("127.0.0.1\nc")).unwrap_err();
        assert_eq!(wrong.line, 10, "{}", wrong.what);
        assert!(wrong.what.starts_with("\"c\" is expected and not \"b\""), "{}", wrong.what);
        let failed = judged(&page("127.0.0.1\n...")).unwrap_err();
        assert_eq!(failed.line, 17, "{}", failed.what);
        assert!(failed.what.starts_with("ended with 1 and said:\nin a file\n"), "{}", failed.what);
    }
}
