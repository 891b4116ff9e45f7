//! The handle of a server, which front doors hold: it never blocks a thread.

use super::jobs::{Jobs, NotTaken};
use super::replica_thread::Job;
use crate::blocking::Parked;
use crate::clock::Clock;
use crate::cluster::{
    Cluster, ClusterError, ClusterSignal, Consistency, Contact, Member, Pending, Read,
    SignalAnswer, Status, Wait, Write,
};
use crate::entropy::random_u64;
use crate::metrics::server::RequestMetrics;
use crate::shared::SharedAnswer;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tribune_replica::{Role, Signal, SignalOutcome};
use tribune_state::{Command, Outcome, Query, View};

/// What the threads of a server share.
pub(crate) struct Shared {
    pub view: ArcSwap<View>,
    role: watch::Sender<Role>,
}

impl Shared {
    pub fn new(view: View) -> Shared {
        Shared { view: ArcSwap::from_pointee(view), role: watch::Sender::new(Role::default()) }
    }

    /// Sets the role, and gives the one before.
    pub fn set_role(&self, role: Role) -> Role {
        self.role.send_replace(role)
    }
}

/// A running server.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) jobs: Jobs,
    pub(crate) parked: Parked,
    pub(crate) clock: Clock,
    pub(crate) about: Arc<About>,
    pub(crate) metrics: RequestMetrics,
}

/// What a server says of itself.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub datacenter: String,
    pub rpc_address: String,
    pub member: Member,
    /// How long a request waits for a leader before it is refused.
    pub hold: Duration,
}

/// A blocking query waits up to this part of its time longer, at random, so that many that began
/// together do not end together. Source: surface B.1.
const JITTER_FRACTION: u32 = 16;

impl Server {
    fn check_datacenter(&self, datacenter: Option<&String>) -> Result<(), ClusterError> {
        match datacenter {
            Some(name)
                if !name.is_empty() && !name.eq_ignore_ascii_case(&self.about.datacenter) =>
            {
                Err(ClusterError::NoPathToDatacenter)
            }
            _ => Ok(()),
        }
    }

    /// Waits for a leader, for the hold time at most.
    async fn hold_for_leader(&self) -> Result<(), ClusterError> {
        self.hold_until(|role| role.is_leader).await
    }

    async fn hold_until(&self, ready: impl FnMut(&Role) -> bool) -> Result<(), ClusterError> {
        let mut role = self.shared.role.subscribe();
        let led = role.wait_for(ready);
        match tokio::time::timeout(self.about.hold, led).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(ClusterError::Stopping),
            Err(_) => Err(ClusterError::NoLeader),
        }
    }

    async fn send<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, ClusterError>>) -> Job,
    ) -> Result<T, ClusterError> {
        let (answer, answered) = oneshot::channel();
        self.jobs.request(job(answer)).map_err(|error| match error {
            NotTaken::Full => ClusterError::Overloaded,
            NotTaken::Ended => ClusterError::Stopping,
        })?;
        answered.await.unwrap_or(Err(ClusterError::Stopping))
    }

    /// The newest view that is fresh enough. The view is taken first, then the lease is checked.
    async fn fresh(&self, consistency: Consistency) -> Result<Arc<View>, ClusterError> {
        let view = self.shared.view.load_full();
        match consistency {
            Consistency::Stale => return self.stale().await,
            Consistency::Default if self.lease_holds() => return Ok(view),
            Consistency::Default | Consistency::Consistent => {}
        }
        if !self.shared.role.borrow().is_leader {
            self.hold_for_leader().await?;
        }
        self.send(Job::Read).await?;
        // Publish precedes the answer to a read: the newest view has reached its position.
        Ok(self.shared.view.load_full())
    }

    /// Any view, but none older than what this server showed before it was restarted. Without a
    /// leader it answers after the hold time with what it has.
    async fn stale(&self) -> Result<Arc<View>, ClusterError> {
        let caught_up = self.shared.role.borrow().caught_up;
        if !caught_up {
            match self.hold_until(|role| role.caught_up).await {
                Ok(()) | Err(ClusterError::NoLeader) => {}
                Err(error) => return Err(error),
            }
        }
        // Taken after the role was looked at: the state that caught up was published before.
        Ok(self.shared.view.load_full())
    }

    fn lease_holds(&self) -> bool {
        let role = *self.shared.role.borrow();
        role.is_leader && self.clock.now() < role.lease_until
    }

    async fn ask_inner(&self, query: Query, read: Read) -> Result<Arc<SharedAnswer>, ClusterError> {
        self.check_datacenter(read.datacenter.as_ref())?;
        let view = self.fresh(read.consistency).await?;
        let wait = read.wait.filter(|wait| wait.index.0 > 0 && !query.topics().is_empty());
        let Some(wait) = wait else {
            return Ok(self.parked.answers.answer(&view, &query, &read.visible));
        };
        if let Some(answer) = self.past(&view, &query, &read, wait) {
            return Ok(answer);
        }
        let at = view.at();
        drop(view);
        self.park(query, &read, wait, at).await
    }

    /// The answer, if it is past the index that is waited for. Where the index is found without
    /// the answer, one that is not due is not made.
    fn past(
        &self,
        view: &View,
        query: &Query,
        read: &Read,
        wait: Wait,
    ) -> Option<Arc<SharedAnswer>> {
        if view.indexes(query).is_some_and(|indexes| indexes.change <= wait.index) {
            return None;
        }
        let answer = self.parked.answers.answer(view, query, &read.visible);
        (answer.answer().index > wait.index).then_some(answer)
    }

    /// Register first, then look again: no change between the two looks is missed.
    async fn park(
        &self,
        query: Query,
        read: &Read,
        wait: Wait,
        seen: tribune_state::LogIndex,
    ) -> Result<Arc<SharedAnswer>, ClusterError> {
        let parking = self.parked.park(query.clone(), read.visible.clone(), wait.index);
        let mut parking = parking.ok_or(ClusterError::TooManyWait)?;
        let view = self.shared.view.load_full();
        if view.at() > seen
            && let Some(answer) = self.past(&view, &query, read, wait)
        {
            return Ok(answer);
        }
        drop(view);
        let most = wait.max + jitter(wait.max / JITTER_FRACTION);
        let woken = tokio::select! {
            woken = &mut parking.woken => Some(woken),
            () = tokio::time::sleep(most) => None,
            () = self.parked.ending.cancelled() => None,
        };
        match woken {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(_)) => Err(ClusterError::Stopping),
            None => {
                let view = self.fresh(read.consistency).await?;
                Ok(self.parked.answers.answer(&view, &query, &read.visible))
            }
        }
    }

    async fn propose_inner(&self, command: Command, write: Write) -> Result<Outcome, ClusterError> {
        self.check_datacenter(write.datacenter.as_ref())?;
        if !self.shared.role.borrow().is_leader {
            self.hold_for_leader().await?;
        }
        let began = self.clock.now();
        let sample = self.metrics.write(&command).cloned();
        let outcome = self.send(|answer| Job::Write(command, write.source, answer)).await;
        if let Some(sample) = sample {
            sample.record_time(self.clock.now().saturating_sub(began));
        }
        outcome
    }

    async fn signal_inner(&self, signal: ClusterSignal) -> Result<SignalAnswer, ClusterError> {
        if !self.shared.role.borrow().is_leader {
            self.hold_for_leader().await?;
        }
        let outcome = match signal {
            ClusterSignal::SessionRenew(id) => {
                let began = self.clock.now();
                let signal = Signal::SessionRenew(id);
                let renewed = self.send(|answer| Job::Signal(signal, answer)).await;
                self.metrics.session_renew.record_time(self.clock.now().saturating_sub(began));
                renewed
            }
            ClusterSignal::Coordinate(update) => {
                let signal = Signal::Coordinate(Box::new(update));
                self.send(|answer| Job::Signal(signal, answer)).await
            }
        };
        match outcome? {
            SignalOutcome::Done => Ok(SignalAnswer::Done),
            SignalOutcome::NotFound => Ok(SignalAnswer::NotFound),
        }
    }

    /// From now on no query waits: those that do are answered with what there is, as if their time
    /// were up. For a server that is about to stop.
    pub fn end_waits(&self) {
        self.parked.ending.cancel();
    }

    /// How many queries wait.
    pub fn parked(&self) -> usize {
        self.parked.len()
    }

    /// Resolves once this server can write.
    ///
    /// # Errors
    /// If it does not come to lead within the hold time, or is stopping.
    pub async fn writable(&self) -> Result<(), ClusterError> {
        self.hold_for_leader().await
    }
}

fn jitter(most: Duration) -> Duration {
    let most_us = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(if most_us == 0 { 0 } else { random_u64() % most_us })
}

impl Cluster for Server {
    fn propose(
        &self,
        command: Command,
        write: Write,
    ) -> Pending<'_, Result<Outcome, ClusterError>> {
        Box::pin(async move {
            self.metrics.request_comes();
            let outcome = self.propose_inner(command, write).await;
            if matches!(outcome, Err(_) | Ok(Outcome::Refused(_))) {
                self.metrics.request_fails();
            }
            outcome
        })
    }

    fn ask(
        &self,
        query: Query,
        read: Read,
    ) -> Pending<'_, Result<Arc<SharedAnswer>, ClusterError>> {
        Box::pin(async move {
            self.metrics.request_comes();
            self.metrics.read_comes();
            let transaction_began = matches!(query, Query::Txn(_)).then(|| self.clock.now());
            let answer = self.ask_inner(query, read).await;
            if let Some(began) = transaction_began {
                self.metrics.transaction_read(self.clock.now().saturating_sub(began));
            }
            if answer.is_err() {
                self.metrics.request_fails();
            }
            answer
        })
    }

    fn signal(&self, signal: ClusterSignal) -> Pending<'_, Result<SignalAnswer, ClusterError>> {
        Box::pin(async move {
            self.metrics.request_comes();
            let answer = self.signal_inner(signal).await;
            if answer.is_err() {
                self.metrics.request_fails();
            }
            answer
        })
    }

    fn view(&self) -> View {
        View::clone(&self.shared.view.load())
    }

    fn members(&self) -> Vec<Member> {
        vec![self.about.member.clone()]
    }

    fn contact(&self) -> Contact {
        Contact { known_leader: self.shared.role.borrow().is_leader, last_contact_ms: 0 }
    }

    fn status(&self) -> Status {
        let role = *self.shared.role.borrow();
        let address = self.about.rpc_address.clone();
        Status {
            leader: role.is_leader.then(|| address.clone()),
            peers: vec![address],
            is_leader: role.is_leader,
            term: role.term,
            applied: self.shared.view.load().at().0,
            committed: role.committed,
            last: role.last,
            last_contact_ms: 0,
        }
    }
}
