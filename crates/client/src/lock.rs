//! A lock on a key, by the convention Consul's clients share, so that ours and theirs exclude one
//! another: a flag value marks the key, a session with a TTL holds it. Not a semaphore.
//! Invariant: a [`LockGuard`] is `lost` no later than one TTL after the last renewal that worked,
//! and as soon as an answer shows that the key is not its own.
//!
//! Source: Consul 1.22 documentation, "Sessions and distributed locks"; consul-surface H.4.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::error::Error;
use crate::kv::Value;
use crate::session::{KeepAlive, SessionOptions};
use crate::watch::pause;

/// Marks a key as a lock. Shared with all clients of Consul.
pub const LOCK_FLAGS: u64 = 0x2ddc_cbc0_58a5_0c18;
/// The session's TTL unless told otherwise. Shared, since it bounds how long a dead holder holds.
pub const LOCK_SESSION_TTL: Duration = Duration::from_secs(15);
/// The session's name unless told otherwise.
pub const LOCK_SESSION_NAME: &str = "Consul API Lock";
/// How long one question waits for the holder to go.
const LOCK_WAIT: Duration = Duration::from_secs(15);
/// Before the next try of a key that is free and yet refused: its lock-delay has not passed.
const LOCK_DELAY_RETRY: Duration = Duration::from_secs(5);

/// Refusals in a row, with growing pauses about half a minute of them: longer than an election,
/// and not for ever, since a 500 may as well mean that the key itself is refused.
const FAILURES_MAX: u32 = 8;

/// A lock that is not held yet; see [`Client::lock`].
///
/// ```no_run
/// # async fn run(client: tribune_client::Client) -> Result<(), tribune_client::Error> {
/// let held = client.lock("service/web/leader").value("node1").acquire().await?;
/// tokio::select! {
///     () = held.lost() => eprintln!("another may lead now: stop at once"),
///     () = lead() => held.release().await?,
/// }
/// # Ok(()) }
/// # async fn lead() {}
/// ```
pub struct Lock {
    client: Client,
    key: String,
    value: Value,
    session: SessionOptions,
    ttl: Duration,
}

impl Lock {
    pub(crate) fn new(client: Client, key: String) -> Self {
        Lock {
            client,
            key,
            value: Value::default(),
            session: SessionOptions::new().name(LOCK_SESSION_NAME),
            ttl: LOCK_SESSION_TTL,
        }
    }

    /// What others can read in the key while it is held, such as who holds it.
    pub fn value(mut self, value: impl Into<Value>) -> Self {
        self.value = value.into();
        self
    }

    /// The session to be made: name, behaviour, lock-delay. Its TTL is [`Lock::ttl`]'s.
    pub fn session(mut self, options: SessionOptions) -> Self {
        self.session = options;
        self
    }

    /// How long a holder that died may hold, and a holder that is cut off goes on unaware.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Waits until the lock is ours.
    ///
    /// # Errors
    /// [`Error::LockConflict`]: the key holds something else. Any other error of the requests
    /// that is not transient, or that stays for half a minute.
    pub async fn acquire(self) -> Result<LockGuard, Error> {
        let held = self.acquire_until(None).await?;
        // Without a deadline there is no other way out.
        held.ok_or_else(|| Error::Invalid("waited for a lock without a deadline".to_string()))
    }

    /// Waits at most so long; `None`: another holds it still.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn try_acquire(self, patience: Duration) -> Result<Option<LockGuard>, Error> {
        self.acquire_until(Some(Instant::now() + patience)).await
    }

    async fn acquire_until(self, deadline: Option<Instant>) -> Result<Option<LockGuard>, Error> {
        let options = self.session.clone().ttl(self.ttl);
        let id = self.client.session().create(options).await?;
        let session = self.client.session().keep_alive(&id, self.ttl);
        let won = tokio::select! {
            won = self.compete(&id, deadline) => won,
            () = session.lost() => Err(Error::SessionLost(id.clone())),
        };
        match won {
            Ok(true) => Ok(Some(LockGuard::start(self, session))),
            Ok(false) => {
                session.destroy().await?;
                Ok(None)
            }
            Err(error) => {
                // The first error is the one to tell; the session ends by its TTL anyhow.
                let _ = session.destroy().await;
                Err(error)
            }
        }
    }

    /// True once the key is ours, false at the deadline.
    async fn compete(&self, session: &str, deadline: Option<Instant>) -> Result<bool, Error> {
        let mut index = 0;
        let mut failures = 0;
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if index > 0 && left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            match self.attempt(session, &mut index, left).await {
                Ok(Attempt::Won) => return Ok(true),
                Ok(Attempt::Held) => failures = 0,
                Ok(Attempt::Delayed) => {
                    sleep(left.map_or(LOCK_DELAY_RETRY, |left| left.min(LOCK_DELAY_RETRY))).await;
                }
                Err(error) if is_final(&error) || failures == FAILURES_MAX => return Err(error),
                Err(_) => {
                    sleep(pause(failures)).await;
                    failures += 1;
                    index = 0;
                }
            }
        }
    }

    async fn attempt(
        &self,
        session: &str,
        index: &mut u64,
        left: Option<Duration>,
    ) -> Result<Attempt, Error> {
        let wait = left.map_or(LOCK_WAIT, |left| left.min(LOCK_WAIT));
        let mut read = self.client.kv().get(&self.key).consistent();
        if *index > 0 {
            read = read.after(*index).wait(wait);
        }
        let answer = read.answer().await?;
        // An index that went backwards must not be waited for.
        *index = if answer.meta.index < *index { 0 } else { answer.meta.index.max(1) };
        if let Some(pair) = &answer.value {
            if pair.flags != LOCK_FLAGS {
                return Err(Error::LockConflict(self.key.clone()));
            }
            if pair.session == session {
                return Ok(Attempt::Won);
            }
            if !pair.session.is_empty() {
                return Ok(Attempt::Held);
            }
        }
        let value = self.value.clone().flags(LOCK_FLAGS);
        if self.client.kv().acquire(&self.key, value, session).await? {
            return Ok(Attempt::Won);
        }
        // Either somebody was faster, or a lock-delay runs.
        match self.client.kv().get(&self.key).consistent().await? {
            Some(pair) if !pair.session.is_empty() => Ok(Attempt::Held),
            _ => Ok(Attempt::Delayed),
        }
    }
}

/// A session that is gone answers 500, as a server without a leader does, but waiting cannot help.
///
/// Source: transcripts/cli/kv.txt.
fn is_final(error: &Error) -> bool {
    let is_bad_session =
        matches!(error, Error::Status { body, .. } if body.contains("invalid session"));
    is_bad_session || !error.is_transient()
}

enum Attempt {
    Won,
    Held,
    Delayed,
}

/// A held lock. Dropping it leaves the lock to the session's TTL; [`LockGuard::release`] frees it
/// at once.
pub struct LockGuard {
    client: Client,
    key: String,
    value: Value,
    session: KeepAlive,
    lost: watch::Receiver<bool>,
    /// The task that watches the key; it ends with the set.
    _monitor: JoinSet<()>,
}

impl LockGuard {
    fn start(lock: Lock, session: KeepAlive) -> Self {
        let (sender, lost) = watch::channel(false);
        let (client, key, id) = (lock.client.clone(), lock.key.clone(), session.id().to_string());
        let mut monitor = JoinSet::new();
        monitor.spawn(async move {
            watch_until_lost(&client, &key, &id).await;
            // Nobody may be left to hear it, which is fine.
            let _ = sender.send(true);
        });
        LockGuard {
            client: lock.client,
            key: lock.key,
            value: lock.value,
            session,
            lost,
            _monitor: monitor,
        }
    }

    pub fn session_id(&self) -> &str {
        self.session.id()
    }

    pub fn is_lost(&self) -> bool {
        *self.lost.borrow() || self.session.is_lost()
    }

    /// Returns when another may hold the lock. Whoever works under it must stop then.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        tokio::select! {
            // A closed channel means that nobody watches the key any more.
            _ = lost.wait_for(|lost| *lost) => {}
            () = self.session.lost() => {}
        }
    }

    /// Gives the lock up and ends its session. The key stays, so that others need not create it.
    ///
    /// # Errors
    /// [`Error::SessionLost`]: it was not held any more. Or the agent could not be reached; the
    /// lock then goes with the session's TTL.
    pub async fn release(self) -> Result<(), Error> {
        let LockGuard { client, key, value, session, .. } = self;
        let id = session.id().to_string();
        let released = client.kv().release(&key, value.flags(LOCK_FLAGS), &id).await?;
        session.destroy().await?;
        if released { Ok(()) } else { Err(Error::SessionLost(id)) }
    }
}

/// Errors that may pass are for the session's renewals to judge: those have a deadline.
async fn watch_until_lost(client: &Client, key: &str, session: &str) {
    let mut index = 0;
    let mut failures = 0;
    loop {
        let mut read = client.kv().get(key).consistent();
        if index > 0 {
            read = read.after(index).wait(LOCK_WAIT);
        }
        match read.answer().await {
            Ok(answer) => {
                let held = answer.value.is_some_and(|pair| pair.session == session);
                if !held {
                    return;
                }
                failures = 0;
                index = if answer.meta.index < index { 0 } else { answer.meta.index.max(1) };
            }
            Err(error) if error.is_transient() => {
                sleep(pause(failures)).await;
                failures += 1;
                index = 0;
            }
            Err(_) => return,
        }
    }
}
