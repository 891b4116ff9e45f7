//! The registry against plain arithmetic.

use super::sample::{bucket_of, middle_of};
use super::*;
use proptest::prelude::*;

fn only<T: Clone>(list: &[T]) -> T {
    assert_eq!(list.len(), 1);
    list[0].clone()
}

#[test]
fn the_interval_that_ended_last_is_shown_and_totals_are_kept() {
    let registry = Registry::new();
    let counter = registry.counter("a", Vec::new());
    counter.add(3);
    counter.incr();
    let first = only(&registry.snapshot().counters);
    assert_eq!((first.interval.count, first.interval.sum), (2, 4.0));
    assert_eq!((first.interval.min, first.interval.max), (1.0, 3.0));
    registry.rotate();
    counter.add(10);
    let second = only(&registry.snapshot().counters);
    assert_eq!(second.interval, first.interval, "the second interval has not ended");
    assert_eq!(second.total_sum, 14.0);
    registry.rotate();
    let third = only(&registry.snapshot().counters);
    assert_eq!((third.interval.count, third.interval.sum, third.total_sum), (1, 10.0, 14.0));
    registry.rotate();
    let fourth = only(&registry.snapshot().counters);
    assert_eq!((fourth.interval.count, fourth.total_count, fourth.total_sum), (0, 3, 14.0));
    assert_eq!(counter.total(), 14);
}

#[test]
fn a_sample_that_measured_nothing_is_not_shown() {
    let registry = Registry::new();
    let sample = registry.sample("s", vec![("method", "GET".to_owned())]);
    assert_eq!(registry.snapshot().samples, []);
    sample.record_time(Duration::from_millis(20));
    let shown = only(&registry.snapshot().samples);
    assert_eq!(shown.labels, [("method", "GET".to_owned())]);
    assert_eq!(shown.quantiles, Some([20.0; 3]));
    for _ in 0..3 {
        registry.rotate();
    }
    let later = only(&registry.snapshot().samples);
    assert_eq!((later.quantiles, later.total_count, later.total_sum), (None, 1, 20.0));
}

#[test]
fn computed_gauges_are_worked_out_when_shown_and_all_are_sorted() {
    let registry = Registry::new();
    registry.gauge("b", Vec::new()).set(2.5);
    registry.compute(|gauges| {
        gauges.push(Computed { name: "a", labels: Vec::new(), value: 1.0 });
    });
    let names: Vec<_> = registry.snapshot().gauges.iter().map(|g| (g.name, g.value)).collect();
    assert_eq!(names, [("a", 1.0), ("b", 2.5)]);
}

#[test]
fn a_family_has_a_counter_for_each_value_up_to_its_limit() {
    let registry = Registry::new();
    let family = CounterFamily::new(&registry, "f", "service");
    for number in 0..2000 {
        family.incr(&format!("s{number}"));
    }
    family.incr("s1");
    let counters = registry.snapshot().counters;
    assert_eq!(counters.len(), 1025);
    let of = |value: &str| {
        let labelled = |reading: &&Reading| reading.labels[0].1 == value;
        counters.iter().find(labelled).map(|reading| reading.total_sum)
    };
    assert_eq!((of("s1"), of("other"), of("s1999")), (Some(2.0), Some(976.0), None));
}

#[test]
fn a_value_that_is_not_seen_for_an_hour_is_forgotten() {
    let registry = Registry::new();
    let family = CounterFamily::new(&registry, "f", "service");
    family.incr("a");
    for _ in 0..400 {
        family.incr("b");
        registry.rotate();
    }
    assert_eq!(only(&registry.snapshot().counters).labels[0].1, "b");
}

#[test]
fn threads_that_count_together_lose_nothing() {
    let registry = Registry::new();
    let (counter, sample) = (registry.counter("c", Vec::new()), registry.sample("s", Vec::new()));
    let family = CounterFamily::new(&registry, "f", "v");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (counter, sample, family) = (counter.clone(), sample.clone(), family.clone());
            scope.spawn(move || {
                for number in 0..1000 {
                    counter.incr();
                    sample.record(1.0);
                    family.incr(&format!("{}", (number + thread) % 7));
                }
            });
        }
        registry.rotate();
    });
    let snapshot = registry.snapshot();
    assert_eq!(snapshot.samples[0].total_count, 4000);
    assert_eq!(snapshot.samples[0].total_sum, 4000.0);
    assert_eq!(snapshot.counters.iter().map(|c| c.total_sum).sum::<f64>(), 8000.0);
}

proptest! {
    #[test]
    fn a_quantile_is_off_by_a_sixteenth_at_most(value in 1e-5_f64..1e8) {
        let middle = middle_of(bucket_of(value));
        prop_assert!((middle - value).abs() <= value / 16.0, "{value} {middle}");
    }

    #[test]
    fn an_interval_is_as_plain_arithmetic_has_it(
        values in prop::collection::vec(0.0_f64..1e4, 1..50),
    ) {
        let registry = Registry::new();
        let sample = registry.sample("s", Vec::new());
        values.iter().for_each(|value| sample.record(*value));
        let shown = only(&registry.snapshot().samples).interval;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let scatter = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        let stddev = if count > 1.0 { (scatter / (count - 1.0)).sqrt() } else { 0.0 };
        prop_assert!((shown.mean() - mean).abs() < 1e-6);
        prop_assert!((shown.stddev() - stddev).abs() < 1e-3 * (1.0 + stddev));
        let min = values.iter().copied().fold(f64::MAX, f64::min);
        let max = values.iter().copied().fold(0.0, f64::max);
        prop_assert_eq!((shown.min, shown.max), (min, max));
    }

    #[test]
    fn any_number_can_be_recorded(value: f64) {
        let registry = Registry::new();
        registry.sample("s", Vec::new()).record(value);
        let shown = only(&registry.snapshot().samples);
        prop_assert_eq!(shown.total_count, 1);
        prop_assert!(shown.total_sum >= 0.0);
    }
}
