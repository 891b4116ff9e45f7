//! A read that is asked again and again: each change of its answer, once. It is not a queue: of
//! two changes between two questions only the later is seen, as with every blocking query.
//! Invariant: an index that goes backwards starts the watch anew, so a restored or replaced
//! cluster is never waited for with an index that it may take days to reach.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use tokio::time::{Instant, sleep_until};

use crate::call::{Answer, Read, Reply};
use crate::error::Error;

/// The pause after the first failure; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause: an agent that comes back is noticed within it.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The changes of a [`Read`]; see [`Read::watch`].
///
/// ```no_run
/// # async fn run(client: tribune_client::Client) {
/// let mut greeting = client.kv().get("greeting").watch();
/// loop {
///     match greeting.next().await {
///         Ok(change) => println!("{:?}", change.value.map(|pair| pair.value)),
///         Err(error) => eprintln!("{error}"), // the next call pauses before it asks again
///     }
/// }
/// # }
/// ```
pub struct Watch<T> {
    read: Read<T>,
    /// What to ask with; zero asks for the present answer.
    index: u64,
    /// The last answer given out, to pass over an index that rose without a change.
    seen: Option<(u16, Bytes)>,
    failures: u32,
    not_before: Option<Instant>,
}

impl<T> Watch<T> {
    pub(crate) fn new(read: Read<T>) -> Self {
        Watch { read, index: 0, seen: None, failures: 0, not_before: None }
    }

    /// The present answer at the first call, then each change.
    ///
    /// Dropping the future loses nothing: the next call asks from the same index.
    ///
    /// # Errors
    /// See [`Error`]. The watch goes on after an error: the next call waits for a growing pause
    /// and asks again. Whoever finds an error final stops calling; [`Error::is_transient`] helps.
    pub async fn next(&mut self) -> Result<Answer<T>, Error> {
        loop {
            if let Some(instant) = self.not_before {
                sleep_until(instant).await;
                self.not_before = None;
            }
            let reply = match self.ask().await {
                Ok(reply) => reply,
                Err(error) => return Err(self.failed(error)),
            };
            let meta = reply.meta.clone();
            self.index = next_index(self.index, meta.index);
            if self.is_known(&reply) {
                // Costs no change, since the index keeps the place; and it bounds the rate at
                // which an agent is asked that answers at once without one.
                self.failures = 0;
                self.not_before = Some(Instant::now() + PAUSE_MIN);
                continue;
            }
            let seen = (reply.status, reply.body.clone());
            match (self.read.decode)(reply) {
                Ok(value) => {
                    self.failures = 0;
                    self.seen = Some(seen);
                    return Ok(Answer { value, meta });
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// The same as a stream that never ends.
    pub fn into_stream(self) -> impl Stream<Item = Result<Answer<T>, Error>>
    where
        T: 'static,
    {
        unfold(self, |mut watch| async move { Some((watch.next().await, watch)) })
    }

    async fn ask(&self) -> Result<Reply, Error> {
        let read = Read {
            client: self.read.client.clone(),
            call: self.read.call.clone(),
            decode: self.read.decode,
        };
        let read = if self.index > 0 { read.after(self.index) } else { read };
        read.client.send(&read.call?).await
    }

    fn is_known(&self, reply: &Reply) -> bool {
        matches!(&self.seen, Some((status, body)) if *status == reply.status && *body == reply.body)
    }

    /// Errors begin anew from the present answer: the agent may have been another one.
    fn failed(&mut self, error: Error) -> Error {
        self.not_before = Some(Instant::now() + pause(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.index = 0;
        error
    }
}

/// The index to ask with after an answer.
///
/// Source: Consul 1.22 documentation, "Blocking queries": reset an index that goes backwards, and
/// never block with one below 1.
fn next_index(asked: u64, answered: u64) -> u64 {
    if answered < asked { 0 } else { answered.max(1) }
}

/// A pause that doubles with each failure, spread over its upper half so that the clients of one
/// agent do not come back together.
pub(crate) fn pause(failures: u32) -> Duration {
    let full = PAUSE_MIN.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX);
    let half = full / 2;
    let steps = half.as_millis().max(1);
    // The hasher's keys are random per instance: enough to spread, and no dependency.
    let random = u128::from(RandomState::new().build_hasher().finish());
    half + Duration::from_millis(u64::try_from(random % steps).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_goes_backwards_starts_anew() {
        assert_eq!(next_index(7, 9), 9);
        assert_eq!(next_index(7, 7), 7);
        assert_eq!(next_index(7, 6), 0);
        assert_eq!(next_index(0, 0), 1);
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        for failures in 0..40 {
            let full = PAUSE_MIN.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX);
            let pause = pause(failures);
            assert!(pause >= full / 2 && pause <= full, "{failures}: {pause:?}");
        }
    }
}
