//! One agent's world. It only holds the parts together and hands each event to the part that it
//! concerns. Storms and calms take turns: at the end of each calm the catalog must have converged.

use super::agent::{self, Agent, End};
use super::client::{self, Clients};
use super::cluster::{self, Cluster};
use super::invariants::{
    Rules, Verdict, Violation, converges, critical_time, removal_time, result,
};
use super::machine::Host;
use super::model::Model;
use super::nemesis;
use super::setup::{Fault, Setup};
use super::strangers;
use super::targets::{self, PORTS, Targets};
use crate::dice::{Dice, Stream};
use crate::disk::{Machine, SimDisk};
use crate::queue::Queue;
use crate::run::Simulated;
use crate::tally::Tally;
use crate::trace::Trace;
use std::time::Duration;
use tribune_durable::Disk as _;
use tribune_edge::{Input, RequestId, Taken, Ticket};

/// Something that happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something of the agent's process; void once that is gone.
    Agent(u64, AgentEvent),
    /// The machine starts the agent.
    Start,
    /// The next write of the cluster's log is done.
    Apply,
    /// A client does its next step.
    Client(usize),
    /// A client no longer waits for an answer.
    GiveUp(RequestId),
    /// Somebody else writes to the catalog.
    Stranger,
    /// The server looks after what is its own.
    Server,
    /// A server that checks look at changes its ways.
    Target(usize),
    /// The next fault strikes.
    Strike,
    /// A fault strikes that had waited for its moment.
    StrikeNow(Fault),
    /// A fault that lasts is over.
    Heal(nemesis::Lasting),
    /// It is looked whether anything is overdue.
    Audit,
}

/// Something that happens in the agent's process.
#[derive(Clone, Debug)]
pub enum AgentEvent {
    /// Its timer rings.
    Timer(u64),
    /// A request arrives.
    Ask(RequestId),
    /// A probe has ended.
    Probed(u64),
    /// A write is answered.
    Reported(Ticket, Taken),
    /// A read of the catalog is answered.
    CatalogRead,
    /// A save is done.
    Saved,
    /// The machine has slept for so long, and says so.
    Woken(Duration),
}

/// The random choices of a world, by part.
#[derive(Debug)]
pub struct DiceSet {
    pub clients: Dice,
    pub nemesis: Dice,
    pub latency: Dice,
    pub process: Dice,
    pub targets: Dice,
    pub strangers: Dice,
}

/// A world.
#[derive(Debug)]
pub struct World {
    pub setup: Setup,
    pub queue: Queue<Event>,
    pub dice: DiceSet,
    pub disk: SimDisk,
    pub host: Host,
    pub agent: Option<Box<Agent>>,
    /// Set until a process that starts has shown what it came back with: whether the clocks of
    /// the one before had parted.
    pub starting: Option<bool>,
    pub cluster: Cluster,
    pub targets: Targets,
    pub clients: Clients,
    pub model: Model,
    pub rules: Rules,
    pub tally: Tally,
    pub trace: Trace,
}

/// How much longer than its interval and a half the output of a check may wait to be told.
const OUTPUT_SLACK: Duration = Duration::from_secs(10);

/// At the end of a calm so many writes are awaited, for so long each.
const WRITES_AWAITED_MAX: u32 = 50;
const WRITE_AWAITED: Duration = Duration::from_millis(20);

/// How often it is looked whether anything is overdue.
const AUDIT: Duration = Duration::from_secs(2);

/// How long a calm is, beside what the agent's intervals ask for: the longest pause, restart,
/// wait after a failure, and late write.
const CALM: Duration = Duration::from_secs(100);

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
        let names = self.disk.list().unwrap_or_default();
        names.into_iter().map(|name| (name.clone(), self.disk.len(&name).unwrap_or(0))).collect()
    }
}

impl World {
    /// A world at its beginning.
    pub fn new(setup: Setup) -> World {
        let seed = setup.seed;
        let disk = SimDisk::new(Machine::new(Dice::new(seed, Stream::Disk)));
        let mut dice = DiceSet {
            clients: Dice::new(seed, Stream::Clients),
            nemesis: Dice::new(seed, Stream::Nemesis),
            latency: Dice::new(seed, Stream::Latency),
            process: Dice::new(seed, Stream::Process),
            targets: Dice::new(seed, Stream::Targets),
            strangers: Dice::new(seed, Stream::Strangers),
        };
        let mut world = World {
            queue: Queue::default(),
            disk,
            host: Host::new(setup.clock_per_mille),
            agent: None,
            starting: None,
            cluster: Cluster::default(),
            targets: Targets::new(&mut dice.targets),
            clients: Clients::new(&setup, &mut dice.clients),
            model: Model::default(),
            rules: Rules::default(),
            tally: Tally::default(),
            trace: Trace::default(),
            dice,
            setup,
        };
        strangers::begin(&mut world);
        world.queue.at(Duration::ZERO, Event::Start);
        client::begin(&mut world);
        for at in 0..PORTS.len() {
            targets::change(&mut world, at);
        }
        nemesis::next(&mut world);
        world.queue.after(AUDIT, Event::Audit);
        world
    }

    /// The virtual time.
    pub fn now(&self) -> Duration {
        self.queue.now()
    }

    /// Takes note of something for the trace.
    pub fn note(&mut self, what: &'static str, number: u64, text: std::fmt::Arguments<'_>) {
        let now = self.queue.now();
        self.trace.note(now, what, number, text);
    }

    /// A fault struck.
    pub fn struck(&mut self, what: &'static str) {
        let during = self.agent.as_ref().is_some_and(|agent| agent.proposing.is_some());
        self.tally.struck(what, during);
        self.note("struck", u64::from(during), format_args!("{what}"));
    }

    fn run_all(&mut self) -> Verdict {
        let (storm, sync) = (self.setup.storm, self.setup.sync_interval);
        let calm = CALM + sync * 5 / 2 + self.setup.output_interval * 2;
        while self.now() < self.setup.duration {
            nemesis::war(self);
            self.run_until(self.now() + storm)?;
            nemesis::peace(self);
            self.run_until(self.now() + calm)?;
            self.quiet()?;
        }
        // Once more from the disk alone.
        agent::crash(self, End::Clean, "the end")?;
        self.run_until(self.now() + calm)?;
        self.quiet()?;
        let (all, during) = {
            let machine = self.disk.machine();
            (machine.tally, machine.tally_during)
        };
        self.tally.disk(&all, &during);
        Ok(())
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

    /// All has been quiet for long enough.
    fn quiet(&mut self) -> Verdict {
        for _ in 0..WRITES_AWAITED_MAX {
            // A check may just have changed: then the write that tells of it is under way.
            if self.agent.as_ref().is_none_or(|agent| agent.proposing.is_none()) {
                break;
            }
            self.run_until(self.now() + WRITE_AWAITED)?;
        }
        let Some(agent) = &self.agent else {
            let what = format!("no agent runs at {:?}, long after the last fault", self.now());
            return Err(Violation { rule: "an agent comes back by itself", what });
        };
        let wait = self.setup.output_interval * 3 / 2 + OUTPUT_SLACK;
        let since = self.now().saturating_sub(wait);
        let recent = |id: &str, output: &str| agent.said_since(id, output, since);
        converges::quiet(agent, &self.cluster, self.setup.server, recent)?;
        self.tally.count("times that all was quiet", 1);
        Ok(())
    }

    /// Nothing is overdue.
    fn audit(&mut self) -> Verdict {
        self.queue.after(AUDIT, Event::Audit);
        let Some(now) = self.host.look(self.now()).filter(|_| self.agent.is_some()) else {
            return Ok(());
        };
        for check in self.model.checks.values() {
            result::rests(check, &now)?;
            critical_time::overdue(check, &now)?;
            removal_time::silent(check, &now)?;
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> Verdict {
        match event {
            Event::Agent(epoch, event) => {
                if epoch != self.host.epoch {
                    return Ok(());
                }
                if let Some(until) = self.host.paused_until(self.now()) {
                    self.queue.at(until, Event::Agent(epoch, event));
                    return Ok(());
                }
                self.agent_happens(event)
            }
            Event::Start => agent::start(self),
            Event::Apply => cluster::apply(self),
            Event::Client(who) => {
                client::step(self, who);
                Ok(())
            }
            Event::GiveUp(request) => {
                client::give_up(self, request);
                Ok(())
            }
            Event::Stranger => {
                strangers::step(self);
                Ok(())
            }
            Event::Server => {
                strangers::server(self);
                Ok(())
            }
            Event::Target(at) => {
                targets::change(self, at);
                Ok(())
            }
            Event::Strike => nemesis::strike(self),
            Event::StrikeNow(fault) => nemesis::strike_now(self, fault),
            Event::Heal(fault) => {
                nemesis::heal(self, fault);
                Ok(())
            }
            Event::Audit => self.audit(),
        }
    }

    fn agent_happens(&mut self, event: AgentEvent) -> Verdict {
        match event {
            AgentEvent::Timer(timer) => agent::ring(self, timer),
            AgentEvent::Ask(request) => match client::ask_of(self, request) {
                Some(ask) => agent::step(self, Input::Ask(request, Box::new(ask))),
                None => Ok(()),
            },
            AgentEvent::Probed(number) => agent::probed(self, number),
            AgentEvent::Reported(ticket, taken) => {
                if taken == Taken::No {
                    self.clients.write_failed();
                }
                if let Some(agent) = &mut self.agent {
                    agent.proposing = None;
                }
                agent::step(self, Input::Proposed(ticket, taken))
            }
            AgentEvent::CatalogRead => {
                let view = self.agent.as_mut().and_then(|agent| agent.reading.take());
                match view {
                    Some(view) => {
                        let snapshot = cluster::snapshot(&view);
                        agent::step(self, Input::Catalog(Box::new(snapshot)))
                    }
                    None => Ok(()),
                }
            }
            AgentEvent::Saved => agent::saved(self),
            AgentEvent::Woken(span) => agent::step(self, Input::Slept(span)),
        }
    }
}
