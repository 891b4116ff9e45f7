//! An answer that many may share: it is encoded once for each form, by whoever comes first.

use bytes::Bytes;
use std::sync::OnceLock;
use tribune_state::Answer;

/// An answer with the encodings made of it so far.
#[derive(Debug)]
pub struct SharedAnswer {
    answer: Answer,
    encodings: [OnceLock<Bytes>; FORMS],
}

/// How many forms of one answer there can be; the front door numbers them.
pub const FORMS: usize = 4;

impl SharedAnswer {
    /// Wraps an answer.
    pub fn new(answer: Answer) -> SharedAnswer {
        SharedAnswer { answer, encodings: Default::default() }
    }

    /// The answer itself.
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// The bytes of a form, rendered now if nobody has yet. A form out of range is not shared.
    pub fn encoded(&self, form: usize, render: impl FnOnce(&Answer) -> Bytes) -> Bytes {
        match self.encodings.get(form) {
            Some(cell) => cell.get_or_init(|| render(&self.answer)).clone(),
            None => render(&self.answer),
        }
    }
}
