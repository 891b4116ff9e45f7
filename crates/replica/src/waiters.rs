//! Who waits for which change. Identical queries form one group: one answer for all of them.
//!
//! The rule that no change is missed: register first, then look again at the newest view. A parked
//! query holds no view. Generic over the waiter, so that the simulator runs the same code.

use std::collections::{BTreeMap, BTreeSet};
use tribune_state::{Answer, Event, Index, Query, Topic, View, Visible, watch};

/// Groups of waiting queries, found by topic.
#[derive(Debug)]
pub struct Waiters<W> {
    groups: BTreeMap<u64, Group<W>>,
    by_query: BTreeMap<(Query, Visible), u64>,
    by_topic: BTreeMap<Topic, BTreeSet<u64>>,
    /// How many groups wait for a prefix of each length, so that only these are looked up.
    prefix_lengths: BTreeMap<usize, usize>,
    next: u64,
    waiting: usize,
    /// Planted in tests of the simulator: every so-manieth wake-up is lost; 0 loses none.
    pub lose_every: u64,
    woken: u64,
}

#[derive(Debug)]
struct Group<W> {
    query: Query,
    visible: Visible,
    topics: Vec<Topic>,
    waiting: BTreeMap<u64, (Index, W)>,
}

/// A group whose answer may have changed, to be worked out without the waiters at hand.
#[derive(Clone, Debug)]
pub struct Touched {
    group: u64,
    /// What it asks.
    pub query: Query,
    /// For whom.
    pub visible: Visible,
}

/// Names one waiter, so that it can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    group: u64,
    waiter: u64,
}

impl<W> Default for Waiters<W> {
    fn default() -> Waiters<W> {
        Waiters {
            groups: BTreeMap::new(),
            by_query: BTreeMap::new(),
            by_topic: BTreeMap::new(),
            prefix_lengths: BTreeMap::new(),
            next: 0,
            waiting: 0,
            lose_every: 0,
            woken: 0,
        }
    }
}

impl<W> Waiters<W> {
    /// How many queries wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// True if nobody waits.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Parks a query until its answer's index is past `index`. The caller then looks once more at
    /// the newest view and leaves if the answer is there already.
    pub fn register(&mut self, query: Query, visible: Visible, index: Index, waiter: W) -> Ticket {
        let group = match self.by_query.get(&(query.clone(), visible.clone())) {
            Some(group) => *group,
            None => self.add_group(query, visible),
        };
        self.next += 1;
        let number = self.next;
        if let Some(found) = self.groups.get_mut(&group) {
            found.waiting.insert(number, (index, waiter));
            self.waiting += 1;
        }
        Ticket { group, waiter: number }
    }

    /// Takes a waiter out; none if it has been woken meanwhile.
    pub fn leave(&mut self, ticket: Ticket) -> Option<W> {
        let group = self.groups.get_mut(&ticket.group)?;
        let (_, waiter) = group.waiting.remove(&ticket.waiter)?;
        self.waiting -= 1;
        if group.waiting.is_empty() {
            self.drop_group(ticket.group);
        }
        Some(waiter)
    }

    /// Looks at every group that the events touch, and gives each waiter whose answer has passed
    /// its index that answer. `share` is called once a group.
    pub fn wake<S: Clone>(
        &mut self,
        view: &View,
        events: &[Event],
        mut share: impl FnMut(Answer) -> S,
        mut give: impl FnMut(W, S),
    ) {
        for group in self.touched(events) {
            let answer = view.answer(&group.query, &group.visible);
            let due = self.take_due(&group, answer.index);
            if due.is_empty() {
                continue;
            }
            let shared = share(answer);
            for waiter in due {
                give(waiter, shared.clone());
            }
        }
    }

    /// The groups that the events touch: the first half of [`Waiters::wake`]. Who registers
    /// between the halves looks at the newest view anyway.
    pub fn touched(&mut self, events: &[Event]) -> Vec<Touched> {
        let mut touched = Vec::new();
        for number in self.numbers_touched(events) {
            self.woken += 1;
            if self.lose_every > 0 && self.woken.is_multiple_of(self.lose_every) {
                continue;
            }
            if let Some(Group { query, visible, .. }) = self.groups.get(&number) {
                let (query, visible) = (query.clone(), visible.clone());
                touched.push(Touched { group: number, query, visible });
            }
        }
        touched
    }

    /// Takes out who waits in that group for an index before this one: the second half.
    pub fn take_due(&mut self, touched: &Touched, index: Index) -> Vec<W> {
        let Some(group) = self.groups.get_mut(&touched.group) else { return Vec::new() };
        let due: Vec<W> = group
            .waiting
            .extract_if(.., |_, (wanted, _)| index > *wanted)
            .map(|(_, (_, waiter))| waiter)
            .collect();
        self.waiting -= due.len();
        if group.waiting.is_empty() {
            self.drop_group(touched.group);
        }
        due
    }

    /// Takes everyone out, when the server stops.
    pub fn drain(&mut self) -> Vec<W> {
        self.by_query.clear();
        self.by_topic.clear();
        self.prefix_lengths.clear();
        self.waiting = 0;
        std::mem::take(&mut self.groups)
            .into_values()
            .flat_map(|group| group.waiting.into_values().map(|(_, waiter)| waiter))
            .collect()
    }

    fn numbers_touched(&self, events: &[Event]) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        for event in events {
            if matches!(event, Event::Reset) {
                return self.groups.keys().copied().collect();
            }
            watch::touched(event, |topic| self.collect(&topic, &mut found));
            if let Event::Kv { key, .. } = event {
                for length in self.prefix_lengths.keys().take_while(|n| **n <= key.as_bytes().len())
                {
                    let prefix = Topic::KvPrefix(tribune_state::Key(key.0.slice(..*length)));
                    self.collect(&prefix, &mut found);
                }
            }
        }
        found
    }

    fn collect(&self, topic: &Topic, found: &mut BTreeSet<u64>) {
        if let Some(groups) = self.by_topic.get(topic) {
            found.extend(groups);
        }
    }

    fn add_group(&mut self, query: Query, visible: Visible) -> u64 {
        self.next += 1;
        let number = self.next;
        let topics = query.topics();
        for topic in &topics {
            self.by_topic.entry(topic.clone()).or_default().insert(number);
            if let Topic::KvPrefix(prefix) = topic {
                *self.prefix_lengths.entry(prefix.as_bytes().len()).or_default() += 1;
            }
        }
        self.by_query.insert((query.clone(), visible.clone()), number);
        let group = Group { query, visible, topics, waiting: BTreeMap::new() };
        self.groups.insert(number, group);
        number
    }

    fn drop_group(&mut self, number: u64) {
        let Some(group) = self.groups.remove(&number) else { return };
        for topic in &group.topics {
            if let Some(groups) = self.by_topic.get_mut(topic) {
                groups.remove(&number);
                if groups.is_empty() {
                    self.by_topic.remove(topic);
                }
            }
            if let Topic::KvPrefix(prefix) = topic {
                self.forget_length(prefix.as_bytes().len());
            }
        }
        self.by_query.remove(&(group.query, group.visible));
    }

    fn forget_length(&mut self, length: usize) {
        if let Some(count) = self.prefix_lengths.get_mut(&length) {
            *count -= 1;
            if *count == 0 {
                self.prefix_lengths.remove(&length);
            }
        }
    }
}
