//! Counters and gauges, and what a series is called. Each write is a handful of relaxed atomics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The labels of a series, in the order in which they are shown.
pub type Labels = Vec<(&'static str, String)>;

/// What a series is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    /// Without prefix, with points: `raft.apply`.
    pub name: &'static str,
    pub labels: Labels,
}

/// Which of the two slots is being written; its lowest bit says it, the rest counts intervals.
#[derive(Debug, Default)]
pub(super) struct Epoch(pub AtomicUsize);

impl Epoch {
    pub fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an interval came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// How many numbers there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
    /// The smallest, 0 if there was none.
    pub min: f64,
    /// The largest, 0 if there was none.
    pub max: f64,
}

impl Aggregate {
    /// The mean, 0 if there was no number.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / count_as_f64(self.count) }
    }

    /// The standard deviation of the sample.
    pub fn stddev(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let count = count_as_f64(self.count);
        let scatter = (count * self.squares - self.sum * self.sum) / (count * (count - 1.0));
        // Rounding may leave a little less than nothing.
        scatter.max(0.0).sqrt()
    }
}

/// One series as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Its name without prefix, with points.
    pub name: &'static str,
    /// Its labels.
    pub labels: Labels,
    /// The interval that is shown.
    pub interval: Aggregate,
    /// How many numbers there ever were.
    pub total_count: u64,
    /// Their sum.
    pub total_sum: f64,
    /// Of a sample: its quantiles now, none if there was no number lately.
    pub quantiles: Option<[f64; 3]>,
}

/// Counts something. A clone counts the same.
#[derive(Clone, Debug)]
pub struct Counter(pub(super) Arc<CounterSeries>);

#[derive(Debug)]
pub(super) struct CounterSeries {
    pub id: Id,
    epoch: Arc<Epoch>,
    slots: [CounterSlot; 2],
    folded_count: AtomicU64,
    folded_sum: AtomicU64,
    /// For how many intervals nothing was counted.
    idle: AtomicUsize,
}

#[derive(Debug, Default)]
struct CounterSlot {
    count: AtomicU64,
    sum: AtomicU64,
    squares: AtomicU64,
    /// One more than the smallest; 0 while there is none.
    min_and_one: AtomicU64,
    max: AtomicU64,
}

impl Counter {
    /// Counts one.
    pub fn incr(&self) {
        self.add(1);
    }

    /// Counts several at once.
    pub fn add(&self, number: u64) {
        let slot = self.0.slot(self.0.epoch.now());
        slot.count.fetch_add(1, Ordering::Relaxed);
        slot.sum.fetch_add(number, Ordering::Relaxed);
        slot.squares.fetch_add(number.saturating_mul(number), Ordering::Relaxed);
        slot.max.fetch_max(number, Ordering::Relaxed);
        let above = number.saturating_add(1);
        let known = slot.min_and_one.load(Ordering::Relaxed);
        if known == 0 || above < known {
            // Two first numbers at once may leave the larger one: a minimum is worth no loop.
            slot.min_and_one.store(above, Ordering::Relaxed);
        }
    }

    /// What was ever counted.
    pub fn total(&self) -> u64 {
        let live = |slot: &CounterSlot| slot.sum.load(Ordering::Relaxed);
        let [a, b] = &self.0.slots;
        self.0.folded_sum.load(Ordering::Relaxed) + live(a) + live(b)
    }
}

impl CounterSeries {
    pub fn new(id: Id, epoch: Arc<Epoch>) -> CounterSeries {
        CounterSeries {
            id,
            epoch,
            slots: Default::default(),
            folded_count: AtomicU64::new(0),
            folded_sum: AtomicU64::new(0),
            idle: AtomicUsize::new(0),
        }
    }

    fn slot(&self, epoch: usize) -> &CounterSlot {
        let [even, odd] = &self.slots;
        if epoch.is_multiple_of(2) { even } else { odd }
    }

    /// Empties the slot whose turn comes, and tells for how many intervals nothing was counted.
    pub fn fold(&self, next: usize) -> usize {
        let slot = self.slot(next);
        let count = slot.count.swap(0, Ordering::Relaxed);
        self.folded_count.fetch_add(count, Ordering::Relaxed);
        self.folded_sum.fetch_add(slot.sum.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        slot.squares.store(0, Ordering::Relaxed);
        slot.min_and_one.store(0, Ordering::Relaxed);
        slot.max.store(0, Ordering::Relaxed);
        match count {
            0 => self.idle.fetch_add(1, Ordering::Relaxed) + 1,
            _ => {
                self.idle.store(0, Ordering::Relaxed);
                0
            }
        }
    }

    pub fn read(&self, shown: usize) -> Reading {
        let slot = self.slot(shown);
        let count = slot.count.load(Ordering::Relaxed);
        let [a, b] = &self.slots;
        let live = |slot: &CounterSlot| {
            (slot.count.load(Ordering::Relaxed), slot.sum.load(Ordering::Relaxed))
        };
        let ((count_a, sum_a), (count_b, sum_b)) = (live(a), live(b));
        let sum = self.folded_sum.load(Ordering::Relaxed) + sum_a + sum_b;
        Reading {
            name: self.id.name,
            labels: self.id.labels.clone(),
            interval: Aggregate {
                count,
                sum: count_as_f64(slot.sum.load(Ordering::Relaxed)),
                squares: count_as_f64(slot.squares.load(Ordering::Relaxed)),
                min: count_as_f64(slot.min_and_one.load(Ordering::Relaxed).saturating_sub(1)),
                max: count_as_f64(slot.max.load(Ordering::Relaxed)),
            },
            total_count: self.folded_count.load(Ordering::Relaxed) + count_a + count_b,
            total_sum: count_as_f64(sum),
            quantiles: None,
        }
    }
}

/// A number that goes up and down. A clone sets the same.
#[derive(Clone, Debug)]
pub struct Gauge(pub(super) Arc<GaugeSeries>);

#[derive(Debug)]
pub(super) struct GaugeSeries {
    pub id: Id,
    bits: AtomicU64,
}

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Sets it to a whole number.
    pub fn set_count(&self, value: u64) {
        self.set(count_as_f64(value));
    }
}

impl GaugeSeries {
    pub fn new(id: Id) -> GaugeSeries {
        GaugeSeries { id, bits: AtomicU64::new(0) }
    }

    pub fn value(&self) -> f64 {
        f64::from_bits(self.bits.load(Ordering::Relaxed))
    }
}

/// A count as the number that is shown; beyond 2^53 it is rounded.
#[expect(clippy::cast_precision_loss, reason = "shown numbers are floats")]
pub fn count_as_f64(count: u64) -> f64 {
    count as f64
}
