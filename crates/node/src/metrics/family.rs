//! Counters that differ in one label, made as its values appear. Finding one locks nothing: the
//! map is replaced as a whole when a value is new.
//! Invariant: at most `VALUES_MAX` values are told apart; what comes later counts as `other`.

use super::registry::Registry;
use super::series::{Counter, CounterSeries, Epoch, Id, Reading};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;

/// Values of a label that are told apart: services of a large catalog, and an end to it.
const VALUES_MAX: usize = 1024;
/// After so many intervals without an event a value is forgotten: an hour.
const IDLE_INTERVALS_MAX: usize = 360;
/// The value for all that is beyond the limit.
const OTHER: &str = "other";

/// Counters of one name that differ in one label.
#[derive(Clone, Debug)]
pub struct CounterFamily(pub(super) Arc<Family>);

#[derive(Debug)]
pub(super) struct Family {
    name: &'static str,
    label: &'static str,
    epoch: Arc<Epoch>,
    counters: ArcSwap<HashMap<String, Counter>>,
}

impl CounterFamily {
    /// Makes a family; it is shown by its registry from now on.
    pub fn new(registry: &Registry, name: &'static str, label: &'static str) -> CounterFamily {
        registry.family(name, label)
    }

    /// Counts one for a value of the label.
    pub fn incr(&self, value: &str) {
        let counters = self.0.counters.load();
        match counters.get(value) {
            Some(counter) => counter.incr(),
            None => self.0.grow(value).incr(),
        }
    }
}

impl Family {
    pub fn new(name: &'static str, label: &'static str, epoch: Arc<Epoch>) -> Family {
        Family { name, label, epoch, counters: ArcSwap::default() }
    }

    fn grow(&self, value: &str) -> Counter {
        let full = self.counters.load().len() >= VALUES_MAX;
        let value = if full { OTHER } else { value };
        let labels = vec![(self.label, value.to_owned())];
        let series = CounterSeries::new(Id { name: self.name, labels }, self.epoch.clone());
        let fresh = Counter(Arc::new(series));
        self.counters.rcu(|known| {
            let mut grown = HashMap::clone(known);
            grown.entry(value.to_owned()).or_insert_with(|| fresh.clone());
            grown
        });
        // Another thread may have been first.
        self.counters.load().get(value).cloned().unwrap_or(fresh)
    }

    pub fn fold(&self, next: usize) {
        let counters = self.counters.load_full();
        let idle: Vec<&String> = counters
            .iter()
            .filter(|(_, counter)| counter.0.fold(next) >= IDLE_INTERVALS_MAX)
            .map(|(value, _)| value)
            .collect();
        if !idle.is_empty() {
            self.counters.rcu(|known| {
                let mut left = HashMap::clone(known);
                left.retain(|value, _| !idle.contains(&value));
                left
            });
        }
    }

    pub fn read(&self, shown: usize, into: &mut Vec<Reading>) {
        into.extend(self.counters.load().values().map(|counter| counter.0.read(shown)));
    }
}
