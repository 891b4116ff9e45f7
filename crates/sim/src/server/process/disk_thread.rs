//! The thread that owns the log: one job at a time, each after its latency.

use super::turn;
use crate::disk::SimDisk;
use crate::server::nemesis::{self, Within};
use crate::server::process::life::{self, End};
use crate::server::world::{ServerEvent, World};
use std::collections::VecDeque;
use std::time::Duration;
use tribune_durable::ballast::Space;
use tribune_durable::{AppendError, Batch, SegmentPlan, Wal};
use tribune_replica::Input;

/// After this long without work the log is closed with a small frame.
const IDLE: Duration = Duration::from_millis(200);

/// How often a full disk is looked at again.
const SPACE_LOOK: Duration = Duration::from_secs(1);

/// A sync of a good disk takes about so long.
const SYNC_USUAL: Duration = Duration::from_micros(400);

/// To prefill a segment beside the log takes so long.
const PREFILL_USUAL: Duration = Duration::from_millis(3);

/// A sync of this length counts as one of a slow disk.
const SYNC_SLOW: Duration = Duration::from_millis(300);

/// Of how many calls a job consists, as a rule and when it changes files; a crash in the middle
/// of one is after less.
const CALLS_OF_JOB: [u64; 4] = [3, 3, 3, 12];

/// What the thread is asked to do.
#[derive(Debug)]
enum DiskJob {
    Append(Batch),
    Compact(u64),
}

/// The thread and its log.
#[derive(Debug)]
pub struct DiskThread {
    wal: Wal<SimDisk>,
    low: bool,
    /// The segment that is being prefilled beside the log.
    beside: Option<SegmentPlan>,
    /// While the log is busy: when space is looked for again, and a segment prefilled.
    look_at: Duration,
    jobs: VecDeque<DiskJob>,
    /// Counts jobs, so that an idle thread knows that it was.
    number: u64,
}

impl DiskThread {
    pub fn new(wal: Wal<SimDisk>) -> DiskThread {
        let low = wal.space() != Space::Ample;
        let jobs = VecDeque::new();
        DiskThread { wal, low, beside: None, look_at: Duration::ZERO, jobs, number: 0 }
    }

    /// True if a job is under way.
    pub fn busy(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// True if the ballast is spent.
    pub fn low(&self) -> bool {
        self.low
    }

    /// The process ends in the middle of the job: some calls of it happen.
    pub fn cut_short(&mut self) {
        if let Some(DiskJob::Append(batch)) = self.jobs.pop_front() {
            // The disk is armed to fail after some calls; how far it comes is the point.
            let _ = self.wal.append(&batch);
        }
    }

    /// The process ends as it should.
    pub fn close(&mut self) {
        let _ = self.wal.close_frame();
    }

    fn look_idle(&mut self) -> Result<bool, String> {
        match self.wal.close_frame() {
            Ok(()) | Err(AppendError::Full) => {}
            Err(error) => return Err(error.to_string()),
        }
        // As in the node: a segment that could not be prepared is made when it is needed.
        if self.beside.is_none() {
            self.wal.prepare_next_segment().map(|_| ()).or_else(|error| error.survived())?;
        }
        self.look_for_space()
    }

    /// Prefills the segment that was planned, and takes it over.
    fn adopt(
        &mut self,
        plan: SegmentPlan,
        mut handle: SimDisk,
        now: Duration,
    ) -> Result<(), String> {
        let made = plan.run(&mut handle).and_then(|()| self.wal.adopt_segment(plan));
        made.map(|_| ()).or_else(|error| {
            self.look_at = now + SPACE_LOOK;
            error.survived()
        })
    }

    /// True if space has come back.
    fn look_for_space(&mut self) -> Result<bool, String> {
        if !self.low {
            return Ok(false);
        }
        let held = self.wal.restore_ballast().or_else(|error| error.survived().map(|()| false))?;
        self.low = !held;
        Ok(held)
    }
}

/// How many calls of a job may happen before a crash in the middle of it.
pub fn calls_before_crash(world: &mut World) -> u32 {
    let calls = world.dice.nemesis.pick(&CALLS_OF_JOB).copied().unwrap_or(1);
    u32::try_from(world.dice.nemesis.below(calls)).unwrap_or(0)
}

/// A batch is to be made durable.
pub fn append(world: &mut World, batch: Batch) {
    ask(world, DiskJob::Append(batch));
}

/// A snapshot covers the log up to a position.
pub fn compact(world: &mut World, through: u64) {
    ask(world, DiskJob::Compact(through));
}

fn ask(world: &mut World, job: DiskJob) {
    let Some(process) = &mut world.process else { return };
    process.disk.number += 1;
    process.disk.jobs.push_back(job);
    if process.disk.jobs.len() == 1 {
        begin(world);
    }
}

fn begin(world: &mut World) {
    let mut latency = world.dice.latency.around(SYNC_USUAL);
    if let Some(slow) = world.host.slow_disk {
        latency = world.dice.latency.around(slow);
    }
    if latency >= SYNC_SLOW {
        world.struck("slow disk");
    }
    nemesis::begins(world, Within::Batch, latency);
    world.server_after(latency, ServerEvent::DiskDone);
}

/// As in the node: a segment that the job needs and that is being prefilled is waited for. False if
/// the process has ended over it.
fn prepare(world: &mut World) -> bool {
    let (handle, now) = (world.disk.clone(), world.queue.now());
    let Some(process) = &mut world.process else { return false };
    let disk = &mut process.disk;
    let Some(DiskJob::Append(batch)) = disk.jobs.front() else { return true };
    let Some(plan) = disk.beside.take_if(|_| !disk.wal.has_room(batch)) else { return true };
    let adopted = disk.adopt(plan, handle, now);
    survives(world, adopted.map(|()| false))
}

/// The job under way is done.
pub fn done(world: &mut World) -> crate::server::invariants::Verdict {
    if !prepare(world) {
        return Ok(());
    }
    let Some(process) = &mut world.process else { return Ok(()) };
    let disk = &mut process.disk;
    let Some(job) = disk.jobs.front() else { return Ok(()) };
    let result = match job {
        DiskJob::Append(batch) => match disk.wal.append(batch) {
            Ok(()) => {
                disk.low = disk.wal.space() != Space::Ample;
                Ok(Some(Input::Appended { space_low: disk.low }))
            }
            Err(AppendError::Full) => {
                world.server_after(SPACE_LOOK, ServerEvent::DiskDone);
                turn::arrives(world, Input::AppendWaits);
                return Ok(());
            }
            Err(error) => Err(error.to_string()),
        },
        // What was not removed goes at the next call.
        DiskJob::Compact(through) => disk
            .wal
            .compact(*through)
            .map(|_| None)
            .or_else(|error| error.survived().map(|()| None)),
    };
    let appended = matches!(result, Ok(Some(_)));
    disk.jobs.pop_front();
    let (number, more) = (disk.number, !disk.jobs.is_empty());
    let handle = world.disk.clone();
    if turn::died(world, &handle) {
        return Ok(());
    }
    match result {
        Ok(input) => {
            if let Some(input) = input {
                turn::arrives(world, input);
            }
            if appended && !tend(world) {
                return Ok(());
            }
            if more {
                begin(world);
            } else {
                world.server_after(IDLE, ServerEvent::DiskIdle(number));
            }
        }
        Err(why) => exit(world, &why),
    }
    Ok(())
}

/// What is seen to between two batches. False if the process has ended over it.
fn tend(world: &mut World) -> bool {
    let now = world.queue.now();
    let Some(process) = &mut world.process else { return false };
    let disk = &mut process.disk;
    if now < disk.look_at {
        return true;
    }
    let plan = if disk.beside.is_none() { disk.wal.plan_next_segment() } else { None };
    let begins = plan.is_some();
    disk.beside = disk.beside.take().or(plan);
    let looked = if disk.low {
        disk.look_at = now + SPACE_LOOK;
        disk.look_for_space()
    } else {
        Ok(false)
    };
    if begins {
        world.server_after(world.host.slow_disk.unwrap_or(PREFILL_USUAL), ServerEvent::Beside);
    }
    survives(world, looked)
}

/// The segment beside the log is prefilled, and taken over.
pub fn beside(world: &mut World) -> crate::server::invariants::Verdict {
    let now = world.queue.now();
    let handle = world.disk.clone();
    let Some(process) = &mut world.process else { return Ok(()) };
    let disk = &mut process.disk;
    let Some(plan) = disk.beside.take() else { return Ok(()) };
    let adopted = disk.adopt(plan, handle, now);
    survives(world, adopted.map(|()| false));
    Ok(())
}

/// Tells that space has come back; false if the process has ended over what it did.
fn survives(world: &mut World, looked: Result<bool, String>) -> bool {
    let handle = world.disk.clone();
    if turn::died(world, &handle) {
        return false;
    }
    match looked {
        Ok(true) => turn::arrives(world, Input::Space { low: false }),
        Ok(false) => {}
        Err(why) => {
            exit(world, &why);
            return false;
        }
    }
    true
}

/// The thread has had nothing to do since that job.
pub fn idle(world: &mut World, job: u64) -> crate::server::invariants::Verdict {
    let Some(process) = &mut world.process else { return Ok(()) };
    if process.disk.number != job || process.disk.busy() {
        return Ok(());
    }
    let looked = process.disk.look_idle();
    let low = process.disk.low;
    if survives(world, looked) && low {
        world.server_after(SPACE_LOOK, ServerEvent::DiskIdle(job));
    }
    Ok(())
}

/// The disk is in doubt: the process ends, and is started again.
pub fn exit(world: &mut World, why: &str) {
    world.note("exit", 0, format_args!("{why}"));
    world.struck("process gave up over its disk");
    life::crash(world, End::Kill, "its disk failed");
}
