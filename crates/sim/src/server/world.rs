//! One world: a server on a machine, its clients, what strikes them, and the rules. It only holds
//! the parts together and hands each event to the part that it concerns.

use crate::dice::{Dice, Stream};
use crate::disk::{Machine, SimDisk};
use crate::queue::Queue;
use crate::run::Simulated;
use crate::server::client::{self, Clients};
use crate::server::invariants::{Rules, Verdict, hold};
use crate::server::machine::Host;
use crate::server::nemesis;
use crate::server::process::{self, Process};
use crate::server::setup::{Fault, Setup};
use crate::server::witness::Witness;
use crate::tally::Tally;
use crate::trace::Trace;
use std::time::Duration;
use tribune_replica::RequestId;

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something of the server; void once that process is gone.
    Server(u64, ServerEvent),
    /// The machine starts the server.
    Start,
    /// A client does its next step.
    Client(usize),
    /// A client no longer waits for an answer.
    GiveUp(RequestId),
    /// The next fault strikes.
    Strike,
    /// A fault that lasts is over.
    Heal(nemesis::Lasting),
    /// A fault strikes that had waited for its moment.
    StrikeNow(Fault),
}

/// Something that happens in the server's process.
#[derive(Clone, Debug)]
pub enum ServerEvent {
    /// A request arrives.
    Arrive(RequestId),
    /// The replica's loop takes what has arrived, and its tick.
    Turn,
    /// The disk thread has done its job.
    DiskDone,
    /// The disk thread has had nothing to do for a while.
    DiskIdle(u64),
    /// A segment is prefilled beside the log.
    Beside,
    /// The snapshot's thread has a question.
    Snapshot,
    /// The call that the snapshot's thread asked for happens.
    Grant,
    /// The notifier wakes waiters.
    Notify,
    /// A blocking query parks.
    Park(RequestId),
    /// A blocking query's time is up.
    Deadline(RequestId),
}

/// The random choices of a world, by part.
#[derive(Debug)]
pub struct DiceSet {
    pub clients: Dice,
    pub nemesis: Dice,
    pub latency: Dice,
    pub process: Dice,
}

/// A world.
#[derive(Debug)]
pub struct World {
    pub setup: Setup,
    pub queue: Queue<Event>,
    pub dice: DiceSet,
    pub disk: SimDisk,
    pub host: Host,
    pub process: Option<Box<Process>>,
    pub clients: Clients,
    pub witness: Witness,
    pub rules: Rules,
    pub tally: Tally,
    pub trace: Trace,
}

/// How long after the faults a world goes on: twice the longest time to live, its retries, and
/// then some.
const QUIET: Duration = Duration::from_secs(90);

/// How long it takes at most until a server serves again once nothing strikes any more.
const RECOVERED_AFTER: Duration = Duration::from_secs(120);

impl Simulated for World {
    fn run(&mut self) -> Verdict {
        self.run_all()
    }

    fn now(&self) -> Duration {
        self.queue.now()
    }

    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    fn trace(&mut self) -> &mut Trace {
        &mut self.trace
    }

    fn files(&self) -> Vec<(String, u64)> {
        process::life::files(self)
    }
}

impl World {
    /// A world at its beginning.
    pub fn new(setup: Setup) -> World {
        let seed = setup.seed;
        let disk = SimDisk::new(Machine::new(Dice::new(seed, Stream::Disk)));
        let mut world = World {
            queue: Queue::default(),
            dice: DiceSet {
                clients: Dice::new(seed, Stream::Clients),
                nemesis: Dice::new(seed, Stream::Nemesis),
                latency: Dice::new(seed, Stream::Latency),
                process: Dice::new(seed, Stream::Process),
            },
            disk,
            host: Host::default(),
            process: None,
            clients: Clients::new(&setup),
            witness: Witness::default(),
            rules: Rules::default(),
            tally: Tally::default(),
            trace: Trace::default(),
            setup,
        };
        world.queue.at(Duration::ZERO, Event::Start);
        client::begin(&mut world);
        nemesis::next(&mut world);
        world
    }

    /// The virtual time.
    pub fn now(&self) -> Duration {
        self.queue.now()
    }

    /// Something of the running process happens after a while.
    pub fn server_after(&mut self, delay: Duration, event: ServerEvent) {
        let epoch = self.host.epoch;
        self.queue.after(delay, Event::Server(epoch, event));
    }

    /// Takes note of something for the trace.
    pub fn note(&mut self, what: &'static str, number: u64, text: std::fmt::Arguments<'_>) {
        let now = self.queue.now();
        self.trace.note(now, what, number, text);
    }

    /// True while a snapshot is being written.
    pub fn snapshotting(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.snapshot.is_some())
    }

    /// A fault struck.
    pub fn struck(&mut self, what: &'static str) {
        let during = self.snapshotting();
        self.tally.struck(what, during);
        self.note("struck", u64::from(during), format_args!("{what}"));
    }

    /// Runs to the end.
    fn run_all(&mut self) -> Verdict {
        let end = self.setup.duration;
        self.run_until(end)?;
        nemesis::peace(self);
        let mut calm = end + RECOVERED_AFTER;
        self.run_until(calm)?;
        client::retire(self);
        calm += QUIET;
        self.run_until(calm)?;
        process::quiet(self)?;
        // Once more from the disk alone: the state must be the same.
        process::life::crash(self, process::life::End::Clean, "the end");
        self.run_until(calm + RECOVERED_AFTER)?;
        process::quiet(self)?;
        let (all, during) = {
            let machine = self.disk.machine();
            (machine.tally, machine.tally_during)
        };
        self.tally.disk(&all, &during);
        let unwitnessed = self.tally.counted(process::door::UNWITNESSED);
        hold("publish after the disk", unwitnessed == 0 || self.setup.plant.is_some(), || {
            format!("{unwitnessed} answers stand on what no disk was given")
        })
    }

    fn run_until(&mut self, end: Duration) -> Verdict {
        while let Some(event) = self.queue.pop() {
            self.happen(event)?;
            if self.now() >= end {
                break;
            }
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Verdict {
        match event {
            Event::Server(epoch, event) => {
                if epoch != self.host.epoch {
                    return Ok(());
                }
                if let Some(until) = self.host.paused_until(self.now()) {
                    self.queue.at(until, Event::Server(epoch, event));
                    return Ok(());
                }
                self.host.pass(self.queue.now());
                process::happen(self, event)
            }
            Event::Start => process::life::start(self),
            Event::Client(who) => {
                client::step(self, who);
                Ok(())
            }
            Event::GiveUp(request) => {
                client::give_up(self, request);
                Ok(())
            }
            Event::Strike => {
                nemesis::strike(self);
                nemesis::next(self);
                Ok(())
            }
            Event::Heal(fault) => {
                nemesis::heal(self, fault);
                Ok(())
            }
            Event::StrikeNow(fault) => {
                nemesis::strike_now(self, fault);
                Ok(())
            }
        }
    }
}
