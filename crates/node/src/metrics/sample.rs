//! Samples: measured numbers, mostly milliseconds, with their quantiles.
//! A number is put into one of eight buckets between two powers of two, so that a quantile is off
//! by at most a sixteenth of itself.

use super::QUANTILES;
use super::series::{Aggregate, Epoch, Id, Reading, count_as_f64};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Takes measurements. A clone takes the same.
#[derive(Clone, Debug)]
pub struct Sample(pub(super) Arc<SampleSeries>);

#[derive(Debug)]
pub(super) struct SampleSeries {
    pub id: Id,
    epoch: Arc<Epoch>,
    slots: [SampleSlot; 2],
    folded_count: AtomicU64,
    folded_sum: AtomicU64,
}

#[derive(Debug, Default)]
struct SampleSlot {
    count: AtomicU64,
    /// The bits of floats.
    sum: AtomicU64,
    squares: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    buckets: OnceLock<Box<[AtomicU32]>>,
}

impl Sample {
    /// Takes a span of time, in milliseconds.
    pub fn record_time(&self, time: Duration) {
        self.record(time.as_secs_f64() * 1e3);
    }

    /// Takes a number. Negative ones and what is no number count as 0.
    pub fn record(&self, value: f64) {
        let value = if value > 0.0 && value.is_finite() { value } else { 0.0 };
        let slot = self.0.slot(self.0.epoch.now());
        slot.count.fetch_add(1, Ordering::Relaxed);
        update(&slot.sum, |sum| sum + value);
        update(&slot.squares, |squares| squares + value * value);
        // The bits of floats that are not negative have their order; for the minimum they are
        // turned around, so that an empty slot is 0.
        slot.max.fetch_max(value.to_bits(), Ordering::Relaxed);
        slot.min.fetch_max(u64::MAX - value.to_bits(), Ordering::Relaxed);
        let buckets =
            slot.buckets.get_or_init(|| (0..BUCKETS).map(|_| AtomicU32::new(0)).collect());
        if let Some(bucket) = buckets.get(bucket_of(value)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl SampleSeries {
    pub fn new(id: Id, epoch: Arc<Epoch>) -> SampleSeries {
        SampleSeries {
            id,
            epoch,
            slots: Default::default(),
            folded_count: AtomicU64::new(0),
            folded_sum: AtomicU64::new(0),
        }
    }

    fn slot(&self, epoch: usize) -> &SampleSlot {
        let [even, odd] = &self.slots;
        if epoch.is_multiple_of(2) { even } else { odd }
    }

    /// Empties the slot whose turn comes.
    pub fn fold(&self, next: usize) {
        let slot = self.slot(next);
        let count = slot.count.swap(0, Ordering::Relaxed);
        self.folded_count.fetch_add(count, Ordering::Relaxed);
        let sum = f64::from_bits(slot.sum.swap(0, Ordering::Relaxed));
        update(&self.folded_sum, |folded| folded + sum);
        slot.squares.store(0, Ordering::Relaxed);
        slot.min.store(0, Ordering::Relaxed);
        slot.max.store(0, Ordering::Relaxed);
        for bucket in slot.buckets.get().into_iter().flatten() {
            bucket.store(0, Ordering::Relaxed);
        }
    }

    pub fn read(&self, shown: usize) -> Reading {
        let [a, b] = &self.slots;
        let sum = [&self.folded_sum, &a.sum, &b.sum].map(float).iter().sum();
        let counts = [&self.folded_count, &a.count, &b.count];
        Reading {
            name: self.id.name,
            labels: self.id.labels.clone(),
            interval: self.slot(shown).aggregate(),
            total_count: counts.iter().map(|count| count.load(Ordering::Relaxed)).sum(),
            total_sum: sum,
            quantiles: self.quantiles(),
        }
    }

    /// Over this interval and the last.
    fn quantiles(&self) -> Option<[f64; 3]> {
        let mut sums = vec![0_u64; BUCKETS];
        let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
        for slot in &self.slots {
            let aggregate = slot.aggregate();
            if aggregate.count > 0 {
                least = least.min(aggregate.min);
                most = most.max(aggregate.max);
            }
            for (sum, bucket) in sums.iter_mut().zip(slot.buckets.get().into_iter().flatten()) {
                *sum += u64::from(bucket.load(Ordering::Relaxed));
            }
        }
        let total: u64 = sums.iter().sum();
        (total > 0).then(|| {
            QUANTILES.map(|quantile| {
                let wanted = quantile * count_as_f64(total);
                let mut passed = 0;
                let found = sums.iter().position(|sum| {
                    passed += sum;
                    count_as_f64(passed) >= wanted
                });
                middle_of(found.unwrap_or(BUCKETS - 1)).clamp(least.min(most), most)
            })
        })
    }
}

impl SampleSlot {
    fn aggregate(&self) -> Aggregate {
        let count = self.count.load(Ordering::Relaxed);
        let min = match self.min.load(Ordering::Relaxed) {
            0 => 0.0,
            turned => f64::from_bits(u64::MAX - turned),
        };
        Aggregate {
            count,
            sum: float(&self.sum),
            squares: float(&self.squares),
            min,
            max: float(&self.max),
        }
    }
}

fn float(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Ordering::Relaxed))
}

fn update(bits: &AtomicU64, change: impl Fn(f64) -> f64) {
    let changed = |old| Some(change(f64::from_bits(old)).to_bits());
    // The closure never refuses.
    let _ = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
}

/// The bucket of a number: its power of two and the first three digits after it.
pub(super) fn bucket_of(value: f64) -> usize {
    let key = value.to_bits() >> DIGITS_DROPPED;
    let from_first = key.saturating_sub(FIRST_KEY);
    usize::try_from(from_first).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The number in the middle of a bucket.
pub(super) fn middle_of(bucket: usize) -> f64 {
    if bucket == 0 {
        return 0.0;
    }
    let key = FIRST_KEY + u64::try_from(bucket).unwrap_or(0);
    f64::from_bits((key << DIGITS_DROPPED) | (1 << (DIGITS_DROPPED - 1)))
}

/// Of the 52 binary digits of a float three are kept.
const DIGITS_DROPPED: u32 = 49;
/// The first bucket holds what is below 2^-20, a thousandth of a microsecond in milliseconds.
const FIRST_KEY: u64 = (1023 - 20) << 3;
/// Up to 2^30 milliseconds, which is twelve days.
const BUCKETS: usize = 50 * 8;
