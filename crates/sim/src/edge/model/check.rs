//! One check of the naive agent.

use super::Moment;
use crate::edge::machine::Mark;
use crate::edge::wish::{CheckWish, Kind};
use std::collections::VecDeque;
use tribune_state::catalog::CheckStatus;

/// A registered check.
#[derive(Clone, Debug)]
pub struct Check {
    pub wish: CheckWish,
    pub declared: bool,
    /// Counts registrations: a result of an older one must not count.
    pub incarnation: u64,
    pub status: CheckStatus,
    pub output: String,
    /// Successes and failures in a row.
    pub streak: (u32, u32),
    /// Since when its service may be removed for it.
    pub removal: Option<Removal>,
    /// When this registration began.
    pub begun: Mark,
    /// True once a check without a target is past its beginning.
    pub steady: bool,
    /// When the owner of a TTL check last spoke; none once its time is up.
    pub heard: Option<super::Heard>,
    /// When it last came to a result, or began.
    pub ran: Mark,
    /// The probe under way.
    pub probing: Option<u64>,
    /// What the disk may hold of its state.
    pub states: VecDeque<Kept>,
    /// After a restart, until it is shown: the states that it may have come back with.
    pub unsure: Vec<Kept>,
    /// When it last changed, as the model counts.
    pub changed: u64,
}

/// A state as the disk may hold it.
#[derive(Clone, Debug)]
pub struct Kept {
    pub seq: u64,
    pub status: CheckStatus,
    /// Until when a TTL check keeps it, by the wall clock; none if nobody can say.
    pub until_ms: Option<u64>,
}

/// Since when a check's critical state counts.
#[derive(Clone, Copy, Debug)]
pub struct Removal {
    /// No earlier than this.
    pub from: Mark,
    /// For sure since this; none while it may still be starting.
    pub sure: Option<Mark>,
}

impl Check {
    /// A check that has not begun.
    pub fn new(wish: CheckWish, declared: bool) -> Check {
        Check {
            status: wish.initial.clone().unwrap_or(CheckStatus::Critical),
            wish,
            declared,
            incarnation: 0,
            output: String::new(),
            streak: (0, 0),
            removal: None,
            begun: Mark::default(),
            steady: false,
            heard: None,
            ran: Mark::default(),
            probing: None,
            states: VecDeque::new(),
            unsure: Vec::new(),
            changed: 0,
        }
    }

    pub fn id(&self) -> String {
        self.wish.id.clone()
    }

    /// Its registration begins, or begins anew.
    pub fn begin(&mut self, incarnation: u64, seq: u64, now: Moment) {
        self.incarnation = incarnation;
        self.changed = seq;
        self.begun = now.mark;
        self.ran = now.mark;
        self.probing = None;
        self.steady = !matches!(self.wish.kind, Kind::Eager(_));
        self.streak = match self.wish.kind.probe() {
            Some(probe) => (probe.thresholds[0], probe.thresholds[2]),
            None => (0, 0),
        };
        self.renew(now);
    }

    /// A client has said again that it means this check.
    pub fn renew(&mut self, now: Moment) {
        self.removal = None;
        self.arm_if_critical(now);
        if matches!(self.wish.kind, Kind::Ttl(_)) {
            self.heard = Some(super::Heard::at(now.mark));
        }
    }

    pub fn arm_if_critical(&mut self, now: Moment) {
        // One without a target counts from its first failure past its beginning.
        if self.status == CheckStatus::Critical && self.steady {
            self.arm(now.mark, true);
        }
    }

    /// Its critical state counts from now on, unless it does already.
    pub fn arm(&mut self, now: Mark, sure: bool) {
        if self.wish.remove_after.is_none() || self.wish.service.is_empty() {
            return;
        }
        let removal = self.removal.get_or_insert(Removal { from: now, sure: None });
        if sure && removal.sure.is_none() {
            removal.sure = Some(now);
        }
    }

    /// It comes to a state. True if that is another one.
    pub fn set(&mut self, status: CheckStatus, output: &str) -> bool {
        let other = self.status != status;
        if status != CheckStatus::Critical {
            self.removal = None;
        }
        self.status = status;
        output.clone_into(&mut self.output);
        other
    }

    /// The disk will be told of its state.
    pub fn keep(&mut self, seq: u64, now: Moment) {
        let until_ms = match (&self.wish.kind, self.heard) {
            (Kind::Ttl(ttl), Some(heard)) => {
                let until = (heard.mark.clock + *ttl).saturating_sub(heard.head_start);
                let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
                Some(now.wall_ms_at_zero.saturating_add(until))
            }
            _ => None,
        };
        self.states.push_back(Kept { seq, status: self.status.clone(), until_ms });
    }

    /// The disk holds the newest state up to `seq`, or one after it.
    pub fn forget_states(&mut self, seq: u64) {
        while self.states.get(1).is_some_and(|second| second.seq <= seq) {
            self.states.pop_front();
        }
    }
}
