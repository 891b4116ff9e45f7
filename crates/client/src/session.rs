//! Sessions, and the task that keeps one alive. It decides nothing about locks.
//! Invariant: a [`KeepAlive`] reports its session lost no later than one TTL after the last
//! renewal that is known to have worked, whatever the agent does; servers wait twice as long.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tribune_api::duration::GoDuration;
use tribune_api::session::{LockDelay, Session, SessionCreate, SessionCreated};

use crate::call::{Call, Read, Reply, Write, first, list, nothing};
use crate::client::Client;
use crate::error::Error;
use crate::watch::pause;

/// See [`Client::session`].
pub struct Sessions<'a>(pub(crate) &'a Client);

/// What a new session should be; the default has no TTL and depends on its node's health.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    request: SessionCreate,
}

impl SessionOptions {
    pub fn new() -> Self {
        SessionOptions::default()
    }

    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.request.name = name.into();
        self
    }

    /// Another node than that of the agent asked.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.request.node = node.into();
        self
    }

    /// Ends the session unless it is renewed within this time; from 10 s to 24 h.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.request.ttl = GoDuration::from_std(ttl).to_string();
        self
    }

    /// How long a key stays unavailable after this session lost it; at most a minute.
    pub fn lock_delay(mut self, delay: Duration) -> Self {
        self.request.lock_delay = Some(LockDelay(GoDuration::from_std(delay)));
        self
    }

    /// When the session ends, the keys it holds are deleted instead of released.
    pub fn delete_keys(mut self) -> Self {
        self.request.behavior = "delete".to_string();
        self
    }

    /// Checks of the node on which the session depends, instead of `serfHealth`; none at all makes
    /// it independent of the node's health.
    pub fn node_checks<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.request.node_checks = Some(ids.into_iter().map(Into::into).collect());
        self
    }
}

impl From<SessionCreate> for SessionOptions {
    fn from(request: SessionCreate) -> Self {
        SessionOptions { request }
    }
}

impl Sessions<'_> {
    /// A new session's id.
    pub fn create(&self, options: SessionOptions) -> Write<String> {
        let call = Call::new("PUT", "/v1/session/create", "").with_json(&options.request);
        Write::try_new(self.0, call, created)
    }

    /// Starts its TTL anew. None: there is no such session (any more).
    pub fn renew(&self, id: &str) -> Write<Option<Session>> {
        Write::new(self.0, Call::new("PUT", "/v1/session/renew/", id), first)
    }

    /// Ends it; one that is unknown is no error.
    pub fn destroy(&self, id: &str) -> Write<()> {
        Write::new(self.0, Call::new("PUT", "/v1/session/destroy/", id), nothing)
    }

    pub fn info(&self, id: &str) -> Read<Option<Session>> {
        Read::new(self.0, Call::new("GET", "/v1/session/info/", id), first)
    }

    pub fn list(&self) -> Read<Vec<Session>> {
        Read::new(self.0, Call::new("GET", "/v1/session/list", ""), list)
    }

    /// The sessions of one node.
    pub fn node(&self, node: &str) -> Read<Vec<Session>> {
        Read::new(self.0, Call::new("GET", "/v1/session/node/", node), list)
    }

    /// Renews a session until the answer is dropped. `ttl` is that of the session.
    pub fn keep_alive(&self, id: &str, ttl: Duration) -> KeepAlive {
        KeepAlive::start(self.0.clone(), id.to_string(), ttl)
    }
}

fn created(reply: Reply) -> Result<String, Error> {
    Ok(reply.success()?.json::<SessionCreated>()?.id)
}

/// A task that renews a session. Dropping it stops the renewals, so the session then ends by its
/// TTL; [`KeepAlive::destroy`] ends it at once.
pub struct KeepAlive {
    client: Client,
    id: String,
    lost: watch::Receiver<bool>,
    /// The task that renews; it ends with the set.
    renewals: JoinSet<()>,
}

impl KeepAlive {
    fn start(client: Client, id: String, ttl: Duration) -> Self {
        let (sender, lost) = watch::channel(false);
        let renewing = client.clone();
        let renewed = id.clone();
        let mut renewals = JoinSet::new();
        renewals.spawn(async move {
            renew_until_lost(&renewing, &renewed, ttl).await;
            // Nobody may be left to hear it, which is fine.
            let _ = sender.send(true);
        });
        KeepAlive { client, id, lost, renewals }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn is_lost(&self) -> bool {
        *self.lost.borrow()
    }

    /// Returns when the session must be taken as lost.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        // A closed channel means that the task is gone, and with it the renewals.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Stops renewing and ends the session.
    ///
    /// # Errors
    /// The agent could not be reached; the session then ends by its TTL.
    pub async fn destroy(self) -> Result<(), Error> {
        let KeepAlive { client, id, renewals, .. } = self;
        drop(renewals);
        client.session().destroy(&id).await
    }
}

async fn renew_until_lost(client: &Client, id: &str, ttl: Duration) {
    let mut confirmed = Instant::now();
    let mut failures = 0;
    let mut next = confirmed + ttl / 2;
    loop {
        sleep_until(next.min(confirmed + ttl)).await;
        // Counted from before the request: the servers cannot have started later than that.
        let asked = Instant::now();
        match timeout_at(confirmed + ttl, client.session().renew(id).into_future()).await {
            Ok(Ok(Some(_))) => {
                confirmed = asked;
                failures = 0;
                next = asked + ttl / 2;
            }
            Ok(Err(error)) if error.is_transient() => {
                next = Instant::now() + pause(failures).min(ttl / 8);
                failures += 1;
            }
            // Unknown to the servers, refused, or silent until the TTL had passed.
            _ => return,
        }
        if Instant::now() >= confirmed + ttl {
            return;
        }
    }
}
