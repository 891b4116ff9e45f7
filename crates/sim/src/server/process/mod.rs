//! The server's process as the node builds it, with every thread turned into events: the
//! replica's loop, the disk thread, the snapshot's thread, the notifier, and the front door.

pub mod disk_thread;
pub mod door;
pub mod life;
mod notifier;
mod snapshot;
pub mod turn;

use crate::server::client::Watch;
use crate::server::invariants::{Verdict, Violation, history};
use crate::server::world::{ServerEvent, World};
use disk_thread::DiskThread;
use snapshot::Snapshotting;
use std::collections::BTreeMap;
use std::time::Duration;
use tribune_replica::waiters::{Ticket, Waiters};
use tribune_replica::{Input, Published, Replica, RequestId, Role};
use tribune_state::View;

/// A running process.
pub struct Process {
    pub replica: Replica,
    pub disk: DiskThread,
    pub snapshot: Option<Snapshotting>,
    /// The state that readers see.
    pub view: View,
    pub role: Role,
    /// What has arrived for the replica's loop.
    pub inbox: Vec<Input>,
    /// Requests that wait for a leader.
    pub held: Vec<RequestId>,
    /// When the loop ticked last, on its own clock.
    pub ticked: Duration,
    /// When the loop runs next.
    pub turn_at: Option<Duration>,
    /// What the notifier has not told yet.
    pub untold: Option<Published>,
    pub waiters: Waiters<RequestId>,
    pub parked: BTreeMap<RequestId, (Ticket, Watch)>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("role", &self.role).finish_non_exhaustive()
    }
}

/// Something happens in the process.
pub fn happen(world: &mut World, event: ServerEvent) -> Verdict {
    match event {
        ServerEvent::Arrive(request) => door::arrive(world, request),
        ServerEvent::Turn => turn::turn(world),
        ServerEvent::DiskDone => disk_thread::done(world),
        ServerEvent::DiskIdle(job) => disk_thread::idle(world, job),
        ServerEvent::Beside => disk_thread::beside(world),
        ServerEvent::Snapshot => snapshot::step(world),
        ServerEvent::Grant => snapshot::grant(world),
        ServerEvent::Notify => notifier::notify(world),
        ServerEvent::Park(request) => door::park(world, request),
        ServerEvent::Deadline(request) => door::deadline(world, request),
    }
}

/// Nothing has struck for a while and no client does anything: what must hold then.
///
/// # Errors
/// What does not.
pub fn quiet(world: &mut World) -> Verdict {
    let Some(process) = &world.process else {
        let what = format!("no server runs at {:?}, long after the last fault", world.now());
        return Err(Violation { rule: "a server recovers", what });
    };
    if !process.role.is_leader {
        let what = format!("the server does not lead: {:?}", process.role);
        return Err(Violation { rule: "a server recovers", what });
    }
    history::same_state(&process.view, world.witness.twin())?;
    world.rules.wakeup.quiet(&process.view)?;
    world.rules.index.again(&process.view)?;
    world.rules.session.quiet()
}
