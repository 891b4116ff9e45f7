//! Two clients never hold one lock, and a lock whose session ended stays free for its lock-delay.
//!
//! A client believes to hold a lock from the answer until it gives it back, or until the time to
//! live of its session has passed since it last sent a renewal that was answered. Lock-delay is
//! counted in the time the server was running, from the moment at which the end could be seen.

use super::{Verdict, hold};
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_state::{Key, SessionId};

const RULE: &str = "one holder, and a lock-delay";

/// How much of its own time a server may gain in one gap of its clock.
const GAP_GAIN: Duration = Duration::from_millis(500);

/// How much later than due a lock may still be refused for its delay.
const REFUSAL_SLACK: Duration = Duration::from_secs(2);

/// What clients believe, and which keys are in lock-delay.
#[derive(Debug, Default)]
pub struct Locks {
    /// Until when, in virtual time, a session is sure to live; none is for ever.
    sure: BTreeMap<SessionId, Option<Duration>>,
    holders: BTreeMap<Key, SessionId>,
    delays: BTreeMap<Key, Delay>,
}

#[derive(Clone, Copy, Debug)]
struct Delay {
    /// Whose end began it.
    session: SessionId,
    /// Running time.
    from: Duration,
    to: Duration,
    /// Gaps of the server's clock before it began.
    gaps: u64,
}

/// The server's time: how long it ran, and how many gaps its clock had.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunningTime {
    pub running: Duration,
    pub gaps: u64,
}

/// How a lock was asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub time: RunningTime,
    /// Who held the keys in question, as anybody could see.
    pub held: Vec<(Key, SessionId)>,
}

impl Locks {
    /// A client knows of a session, and of its renewal, that it asked for at `sent`.
    pub fn sure(&mut self, id: SessionId, sent: Duration, ttl: Option<Duration>) {
        self.sure.insert(id, ttl.map(|ttl| sent + ttl));
    }

    /// A client is about to give a lock back.
    pub fn gives_back(&mut self, key: &Key, id: SessionId) {
        if self.holders.get(key) == Some(&id) {
            self.holders.remove(key);
        }
    }

    /// A client is about to end a session.
    pub fn ends(&mut self, id: SessionId) {
        self.sure.remove(&id);
    }

    /// A client was told that it holds a lock.
    pub fn granted(&mut self, key: &Key, id: SessionId, now: Duration) -> Verdict {
        let before = self.holders.insert(key.clone(), id);
        let still = before.filter(|other| {
            *other != id
                && self.sure.get(other).is_some_and(|until| until.is_none_or(|until| until > now))
        });
        hold(RULE, still.is_none(), || {
            format!("{key} is held by {id}, and {still:?} believes to hold it")
        })
    }

    /// A session's end was published.
    pub fn released(
        &mut self,
        session: SessionId,
        keys: &[Key],
        delay_ms: u64,
        RunningTime { running: from, gaps }: RunningTime,
    ) {
        let to = from + Duration::from_millis(delay_ms);
        for key in keys {
            self.delays.insert(key.clone(), Delay { session, from, to, gaps });
        }
    }

    /// A lock was taken.
    pub fn taken(&self, key: &Key, asked: &Asked) -> Verdict {
        let Some(delay) = self.delays.get(key) else { return Ok(()) };
        let RunningTime { running, gaps } = asked.time;
        let gaps = u32::try_from(gaps.saturating_sub(delay.gaps)).unwrap_or(u32::MAX);
        let end = delay.to.saturating_sub(GAP_GAIN * gaps);
        // Who asked before the end could be seen must still not get it if the lock was held then.
        let seen = running >= delay.from || asked.held.contains(&(key.clone(), delay.session));
        let free = running >= end || delay.from == delay.to || !seen;
        hold(RULE, free, || {
            let left = delay.to.saturating_sub(running);
            format!("{key} was taken {left:?} before its lock-delay was over")
        })
    }

    /// True if a lock may be refused without an entry, which only a lock-delay allows.
    pub fn may_refuse(&self, key: &Key, running: Duration) -> bool {
        self.delays.get(key).is_some_and(|delay| running < delay.to + REFUSAL_SLACK)
    }

    /// The server restarted: lock-delay lives in its memory, and is not known any more.
    pub fn restarted(&mut self) {
        self.delays.clear();
    }
}
