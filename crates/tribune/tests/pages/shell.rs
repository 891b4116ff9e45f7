//! One shell for a whole page, so that what a block sets the next one knows.
//! Invariant: it ends with the value that holds it, and everything it has started with it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long one block may take: far more than any needs on a quiet machine.
const BLOCK_TIME_MAX: Duration = Duration::from_secs(30);

pub struct Shell {
    process: Child,
    input: ChildStdin,
    ended: Receiver<String>,
    /// Holds the blocks and what they said.
    folder: PathBuf,
    count: usize,
}

/// How a block ended.
#[derive(Debug)]
pub struct Ended {
    /// Both streams, as they were written.
    pub text: String,
    /// The first line of the page at which a command failed, and its exit code.
    pub failed: Option<(usize, String)>,
}

impl Shell {
    /// Starts it in a folder, with these variables beside those of the test.
    pub fn start(folder: &Path, variables: &[(&str, String)]) -> Shell {
        let own = folder.join(".blocks");
        std::fs::create_dir_all(&own).expect("a folder");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-s"]).current_dir(folder).process_group(0);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("bash starts");
        let input = process.stdin.take().expect("its input");
        let lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let (sender, ended) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Shell { process, input, ended, folder: own, count: 0 }
    }

    /// Runs the text of a block that begins at a line of the page, after a pause. A strict block
    /// ends where one of its commands fails.
    ///
    /// # Errors
    /// It did not end in time, or ended the shell.
    pub fn run(
        &mut self,
        text: &str,
        line: usize,
        is_strict: bool,
        pause: Duration,
    ) -> Result<Ended, String> {
        self.count += 1;
        let count = self.count;
        let name = |ending: &str| self.folder.join(format!("{count}.{ending}"));
        let (script, said) = (name("sh"), name("out"));
        // Empty lines before it, so that the shell counts as the page does.
        let padded = format!("{}{text}", "\n".repeat(line - 1));
        std::fs::write(&script, padded).expect("the block is written");
        let trap = match is_strict {
            // Fired once more by the failing of `source` itself, which is no news.
            true => "trap ': ${page_line:=$LINENO}; return 1' ERR",
            false => "trap - ERR",
        };
        let pause = pause.as_secs_f64();
        let orders = format!(
            "page_line=\nsleep {pause}\n{trap}\nsource {} > {} 2>&1 < /dev/null\n\
             page_code=$?\ntrap - ERR\necho \"$page_line $page_code\"\n",
            script.display(),
            said.display(),
        );
        let sent = self.input.write_all(orders.as_bytes());
        sent.map_err(|error| format!("the shell has ended: {error}"))?;
        let ended = self.ended.recv_timeout(BLOCK_TIME_MAX);
        let text = std::fs::read(&said).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        match ended {
            Ok(line) => {
                let (line, code) = line.split_once(' ').unwrap_or_default();
                let failed = line.parse().ok().map(|line| (line, code.to_owned()));
                Ok(Ended { text, failed })
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("did not end within {BLOCK_TIME_MAX:?} and said:\n{text}"))
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(format!("ended the shell and said:\n{text}"))
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // What was left in the background ends too; there may be nothing.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_shell_keeps_what_was_set_and_names_the_line_that_failed() {
        let folder = std::env::temp_dir().join(format!("tribune-shell-{}", std::process::id()));
        let mut shell = Shell::start(&folder, &[("GIVEN", "g".to_owned())]);
        assert_eq!(shell.run("x=1\n", 7, true, NOW).unwrap().text, "");
        let said = shell.run("echo $x $GIVEN\necho bad >&2\n", 9, true, NOW).unwrap();
        assert_eq!((said.text.as_str(), said.failed), ("1 g\nbad\n", None));
        let said = shell.run("if false; then x=2; fi\nfalse\necho no\n", 20, true, NOW).unwrap();
        assert_eq!((said.text.as_str(), said.failed), ("", Some((21, "1".to_owned()))));
        let said = shell.run("false\necho yes\n", 30, false, NOW).unwrap();
        assert_eq!((said.text.as_str(), said.failed), ("yes\n", None));
        let refused = shell.run("echo last\nexit 3\n", 40, true, NOW).unwrap_err();
        assert_eq!(refused, "ended the shell and said:\nlast\n");
        std::fs::remove_dir_all(&folder).expect("cleared");
    }
}
