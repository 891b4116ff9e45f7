//! What happened, folded into one number: two runs of one seed must give the same. On request it
//! is printed too.

use std::fmt::Arguments;
use std::time::Duration;

/// The trace of one run.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    /// Events from this time on are printed.
    pub print_from: Option<Duration>,
}

impl Trace {
    /// Something happened.
    pub fn note(&mut self, now: Duration, what: &'static str, number: u64, text: Arguments<'_>) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        for word in [micros, number] {
            self.fold(&word.to_le_bytes());
        }
        self.fold(what.as_bytes());
        if self.print_from.is_some_and(|from| now >= from) {
            println!("{:>14.6} {what:<10} {number:>8} {text}", now.as_secs_f64());
        }
    }

    /// Everything so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    fn fold(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
