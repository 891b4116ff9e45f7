//! Everything that is counted, to be shown. Series are made at start; making one locks, counting
//! does not. It formats nothing.

use super::family::{CounterFamily, Family};
use super::sample::{Sample, SampleSeries};
use super::series::{Counter, CounterSeries, Epoch, Gauge, GaugeSeries, Id, Labels, Reading};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A gauge that is worked out when it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    /// Its name without prefix, with points.
    pub name: &'static str,
    /// Its labels.
    pub labels: Labels,
    /// What it says.
    pub value: f64,
}

/// All series, each sorted by name and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Numbers that go up and down.
    pub gauges: Vec<Computed>,
    /// Numbers that only rise.
    pub counters: Vec<Reading>,
    /// Measurements.
    pub samples: Vec<Reading>,
}

type Source = Box<dyn Fn(&mut Vec<Computed>) + Send + Sync>;

/// The series of a process. A clone is the same registry.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    epoch: Arc<Epoch>,
    series: Mutex<Series>,
    /// How many intervals have ended.
    ended: watch::Sender<usize>,
}

#[derive(Default)]
struct Series {
    counters: Vec<Arc<CounterSeries>>,
    gauges: Vec<Arc<GaugeSeries>>,
    samples: Vec<Arc<SampleSeries>>,
    families: Vec<Arc<Family>>,
    sources: Vec<Source>,
}

impl Default for Registry {
    fn default() -> Registry {
        Registry::new()
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Registry")
    }
}

impl Registry {
    /// One without series.
    pub fn new() -> Registry {
        Registry {
            shared: Arc::new(Shared {
                epoch: Arc::default(),
                series: Mutex::default(),
                ended: watch::Sender::new(0),
            }),
        }
    }

    fn series(&self) -> MutexGuard<'_, Series> {
        // A panic while it was held leaves whole vectors.
        self.shared.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a counter.
    pub fn counter(&self, name: &'static str, labels: Labels) -> Counter {
        let id = Id { name, labels };
        let series = Arc::new(CounterSeries::new(id, self.shared.epoch.clone()));
        self.series().counters.push(series.clone());
        Counter(series)
    }

    /// Makes a gauge, at 0.
    pub fn gauge(&self, name: &'static str, labels: Labels) -> Gauge {
        let series = Arc::new(GaugeSeries::new(Id { name, labels }));
        self.series().gauges.push(series.clone());
        Gauge(series)
    }

    /// Makes a sample. It is shown once something was measured.
    pub fn sample(&self, name: &'static str, labels: Labels) -> Sample {
        let id = Id { name, labels };
        let series = Arc::new(SampleSeries::new(id, self.shared.epoch.clone()));
        self.series().samples.push(series.clone());
        Sample(series)
    }

    pub(super) fn family(&self, name: &'static str, label: &'static str) -> CounterFamily {
        let family = Arc::new(Family::new(name, label, self.shared.epoch.clone()));
        self.series().families.push(family.clone());
        CounterFamily(family)
    }

    /// Adds gauges that are worked out whenever the series are shown. The function must be quick.
    pub fn compute(&self, source: impl Fn(&mut Vec<Computed>) + Send + Sync + 'static) {
        self.series().sources.push(Box::new(source));
    }

    /// Ends an interval and begins the next. Called every [`super::INTERVAL`].
    pub fn rotate(&self) {
        let series = self.series();
        let next = self.shared.epoch.now().wrapping_add(1);
        series.counters.iter().for_each(|counter| {
            counter.fold(next);
        });
        series.samples.iter().for_each(|sample| sample.fold(next));
        series.families.iter().for_each(|family| family.fold(next));
        self.shared.epoch.0.store(next, Ordering::Relaxed);
        drop(series);
        self.shared.ended.send_replace(next);
    }

    /// Changes whenever an interval has ended.
    pub fn intervals(&self) -> watch::Receiver<usize> {
        self.shared.ended.subscribe()
    }

    /// Everything, with the numbers of the interval that ended last; of the first while none has.
    pub fn snapshot(&self) -> Snapshot {
        let series = self.series();
        let shown = self.shared.epoch.now().saturating_sub(1);
        let gauge = |gauge: &Arc<GaugeSeries>| Computed {
            name: gauge.id.name,
            labels: gauge.id.labels.clone(),
            value: gauge.value(),
        };
        let mut gauges: Vec<Computed> = series.gauges.iter().map(gauge).collect();
        for source in &series.sources {
            source(&mut gauges);
        }
        let mut counters: Vec<Reading> =
            series.counters.iter().map(|counter| counter.read(shown)).collect();
        for family in &series.families {
            family.read(shown, &mut counters);
        }
        let mut samples: Vec<Reading> =
            series.samples.iter().map(|sample| sample.read(shown)).collect();
        drop(series);
        samples.retain(|sample| sample.total_count > 0);
        gauges.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        counters.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        samples.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        Snapshot { gauges, counters, samples }
    }
}
