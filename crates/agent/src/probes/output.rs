//! What a program says, kept within bounds: the end of it, with a word about what was left out.
//! It reads nothing itself.
//! Source: transcripts/agent/runs.txt.

use std::collections::VecDeque;

/// The last bytes of a stream.
#[derive(Debug)]
pub(super) struct Tail {
    bytes_max: usize,
    kept: VecDeque<u8>,
    total: usize,
}

impl Tail {
    /// Keeps at most so many bytes.
    pub fn new(bytes_max: usize) -> Tail {
        Tail { bytes_max, kept: VecDeque::new(), total: 0 }
    }

    /// Takes more of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len());
        let end = bytes.get(bytes.len().saturating_sub(self.bytes_max)..).unwrap_or_default();
        let surplus = (self.kept.len() + end.len()).saturating_sub(self.bytes_max);
        self.kept.drain(..surplus.min(self.kept.len()));
        self.kept.extend(end);
    }

    /// The text, with a preamble if something was left out.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        if self.total > self.kept.len() {
            format!("Captured {} of {} bytes\n...\n{text}", self.kept.len(), self.total)
        } else {
            text.into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_end_is_kept_and_the_rest_counted() {
        let mut tail = Tail::new(10);
        tail.push(b"0123456789abcdefghij\n");
        assert_eq!(tail.text(), "Captured 10 of 21 bytes\n...\nbcdefghij\n");
        let mut short = Tail::new(10);
        short.push(b"0123456789");
        assert_eq!(short.text(), "0123456789");
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_whole_stream(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
            bytes_max in 0usize..40,
        ) {
            let mut tail = Tail::new(bytes_max);
            parts.iter().for_each(|part| tail.push(part));
            let whole = parts.concat();
            let end = &whole[whole.len().saturating_sub(bytes_max)..];
            prop_assert!(tail.kept.iter().eq(end));
            prop_assert_eq!(tail.total, whole.len());
        }
    }
}
