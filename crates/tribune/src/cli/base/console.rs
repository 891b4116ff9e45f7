//! What a command sees of the process: its streams, its environment and the name it was called by.
//! Tests hand in others. A stream that is closed is no error: `| head` is a usual thing.

use std::io::{self, Read, Write};

use tokio::runtime::{Builder, Runtime};
use tribune_client::Client;

use super::command::Failure;
use super::flags::Parsed;
use super::http;

/// The largest input that is read from standard input or a file: above any value or export that a
/// server takes, and below what ends the process.
const INPUT_BYTES_MAX: u64 = 1 << 30;

/// The value of an environment variable.
type Variables = dyn Fn(&str) -> Option<String>;

pub(crate) struct Console {
    program: String,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    input: Box<dyn Read>,
    variables: Box<Variables>,
}

impl Console {
    pub(crate) fn of_process(program: &str) -> Self {
        Console {
            program: program.to_string(),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(io::stdin()),
            variables: Box::new(|name| std::env::var(name).ok()),
        }
    }

    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name)
    }

    /// A line of output.
    pub(crate) fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    /// Output as it is.
    pub(crate) fn print(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.out.write_all(bytes);
        let _ = self.out.flush();
    }

    /// A line to standard error.
    pub(crate) fn error(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }

    pub(crate) fn eprint(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }

    pub(crate) fn read_input(&mut self) -> io::Result<Vec<u8>> {
        read_limited(&mut self.input)
    }

    pub(crate) fn client(&self, flags: &Parsed) -> Result<Client, Failure> {
        http::client(self, flags)
    }

    /// Runs a conversation with the agent to its end.
    pub(crate) fn wait<T>(&self, conversation: impl Future<Output = T>) -> Result<T, Failure> {
        Ok(runtime()?.block_on(conversation))
    }

    #[cfg(test)]
    pub(crate) fn for_test(
        out: impl Write + 'static,
        err: impl Write + 'static,
        input: impl Read + 'static,
        variables: impl Fn(&str) -> Option<String> + 'static,
    ) -> Self {
        Console {
            program: "consul".to_string(),
            out: Box::new(out),
            err: Box::new(err),
            input: Box::new(input),
            variables: Box::new(variables),
        }
    }
}

/// For a command that prints while it converses.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::text(format!("cannot start: {error}")))
}

/// All of a stream, or an error where it is longer than anything could use.
pub(crate) fn read_limited(stream: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = stream.take(INPUT_BYTES_MAX).read_to_end(&mut bytes)?;
    if u64::try_from(count).is_ok_and(|count| count == INPUT_BYTES_MAX) {
        return Err(io::Error::other("input is too large"));
    }
    Ok(bytes)
}
