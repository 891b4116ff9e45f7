//! Data from the command line: a word itself, `@file`, or `-` for standard input.

use std::fs::File;

use tribune_client::io_text;

use super::console::{Console, read_limited};

/// The bytes that `word` stands for. The error is a text without a prefix.
pub(crate) fn load(console: &mut Console, word: &str) -> Result<Vec<u8>, String> {
    if word == "-" {
        let read = console.read_input();
        return read.map_err(|error| format!("Failed to read stdin: {}", io_text(&error)));
    }
    let Some(path) = word.strip_prefix('@') else {
        return Ok(word.as_bytes().to_vec());
    };
    let failed = |verb: &str, error: &std::io::Error| {
        format!("Failed to read file: {verb} {path}: {}", io_text(error))
    };
    let mut file = File::open(path).map_err(|error| failed("open", &error))?;
    read_limited(&mut file).map_err(|error| failed("read", &error))
}
