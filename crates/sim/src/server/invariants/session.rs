//! A session never ends before its time to live has passed since its last renewal, counted in the
//! time the server was running; and one that is not renewed ends.

use super::{Verdict, hold};
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_state::SessionId;

const RULE: &str = "a session ends in its time";

/// When each session was last renewed, in running time.
#[derive(Debug, Default)]
pub struct Sessions(BTreeMap<SessionId, (Duration, u64)>);

impl Sessions {
    /// A session began.
    pub fn begun(&mut self, id: SessionId, ttl_ms: u64, running: Duration) {
        self.0.insert(id, (running, ttl_ms));
    }

    /// A renewal was acknowledged.
    pub fn renewed(&mut self, id: SessionId, running: Duration) {
        if let Some((since, _)) = self.0.get_mut(&id) {
            *since = running;
        }
    }

    /// A session ended; `asked` if a client had asked for it.
    pub fn ended(&mut self, id: SessionId, asked: bool, running: Duration) -> Verdict {
        let Some((since, ttl_ms)) = self.0.remove(&id) else { return Ok(()) };
        let lived = running.saturating_sub(since);
        let ttl = Duration::from_millis(ttl_ms);
        hold(RULE, asked || (ttl_ms > 0 && lived >= ttl), || {
            format!("session {id} of {ttl:?} ended by itself after {lived:?}")
        })
    }

    /// All has been quiet for so long that no session with a time to live may be left.
    pub fn quiet(&self) -> Verdict {
        let left = self.0.iter().find(|(_, (_, ttl_ms))| *ttl_ms > 0);
        hold(RULE, left.is_none(), || format!("it has not ended: {left:?}"))
    }
}
