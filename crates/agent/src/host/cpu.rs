//! Processors, from /proc/cpuinfo; and what they were busy with, from /proc/stat.

use std::collections::BTreeMap;

use tribune_api::agent::host::HostCpu;
use tribune_node::metrics::count_as_f64;

pub(super) fn processors(text: &str) -> Vec<HostCpu> {
    let mut found: Vec<HostCpu> = Vec::new();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.trim(), value.trim());
        if name == "processor" {
            let cpu = value.parse().unwrap_or(0);
            found.push(HostCpu { cpu, cores: 1, ..HostCpu::default() });
        }
        if let Some(cpu) = found.last_mut() {
            take(cpu, name, value);
        }
    }
    found
}

fn take(cpu: &mut HostCpu, name: &str, value: &str) {
    let number = |text: &str| text.parse().unwrap_or(0);
    match name {
        "vendor_id" => value.clone_into(&mut cpu.vendor_id),
        "cpu family" => value.clone_into(&mut cpu.family),
        "model" => value.clone_into(&mut cpu.model),
        "model name" => value.clone_into(&mut cpu.model_name),
        "stepping" => cpu.stepping = number(value),
        "microcode" => value.clone_into(&mut cpu.microcode),
        "cpu MHz" => {
            cpu.mhz = value.parse().ok().filter(|mhz: &f64| mhz.is_finite()).unwrap_or(0.0)
        }
        "cache size" => cpu.cache_size = number(value.split(' ').next().unwrap_or_default()),
        "physical id" => value.clone_into(&mut cpu.physical_id),
        "core id" => value.clone_into(&mut cpu.core_id),
        "flags" | "Features" => cpu.flags = value.split_whitespace().map(str::to_owned).collect(),
        _ => {}
    }
}

/// What processors did up to the last look, in the kernel's ticks.
#[derive(Clone, Debug, Default)]
pub struct CpuTimes(BTreeMap<String, Ticks>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    user: u64,
    system: u64,
    idle: u64,
    iowait: u64,
    all: u64,
}

/// Parts of the time between two looks, in per cent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuShare {
    pub user: f64,
    pub system: f64,
    pub idle: f64,
    pub iowait: f64,
}

impl CpuTimes {
    /// What each processor did since the last call; nothing at the first.
    pub fn shares_since_last(&mut self) -> Vec<(String, CpuShare)> {
        self.shares(&super::read("/proc/stat"))
    }

    fn shares(&mut self, stat: &str) -> Vec<(String, CpuShare)> {
        let now = ticks(stat);
        let before = std::mem::replace(&mut self.0, now.clone());
        let share = |(name, now): (String, Ticks)| {
            let before = before.get(&name)?;
            let all = now.all.checked_sub(before.all).filter(|all| *all > 0)?;
            let part = |now: u64, before: u64| super::percent(now.saturating_sub(before), all);
            let share = CpuShare {
                user: part(now.user, before.user),
                system: part(now.system, before.system),
                idle: part(now.idle, before.idle),
                iowait: part(now.iowait, before.iowait),
            };
            Some((name, share))
        };
        now.into_iter().filter_map(share).collect()
    }
}

/// The lines `cpu0`, `cpu1` and so on.
fn ticks(stat: &str) -> BTreeMap<String, Ticks> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let is_one = name.strip_prefix("cpu").is_some_and(|number| !number.is_empty());
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap_or(0)).collect();
        let [user, nice, system, idle, iowait, ..] = numbers.as_slice() else { return None };
        let ticks = Ticks {
            user: user.saturating_add(*nice),
            system: *system,
            idle: *idle,
            iowait: *iowait,
            // The guests' time is part of the user's already.
            all: numbers.iter().take(8).fold(0, |sum, number| u64::saturating_add(sum, *number)),
        };
        is_one.then(|| (name.to_owned(), ticks))
    };
    stat.lines().filter_map(line).collect()
}

/// Ticks of the kernel's clock in seconds: it counts in hundredths for everybody who asks.
pub(super) fn ticks_as_seconds(ticks: u64) -> f64 {
    count_as_f64(ticks) / 100.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_processor_has_its_own_lines() {
        let found = processors(
            "processor\t: 0\nvendor_id\t: X\ncpu MHz\t\t: 2250.5\ncache size\t: 512 KB\n\
             flags\t\t: fpu vme\n\nprocessor\t: 1\nvendor_id\t: Y\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].mhz, found[0].cache_size), (2250.5, 512));
        assert_eq!((found[0].flags.len(), found[1].vendor_id.as_str()), (2, "Y"));
    }

    #[test]
    fn shares_are_of_the_time_between_two_looks() {
        let mut times = CpuTimes::default();
        assert_eq!(times.shares("cpu  9 9 9 9 9\ncpu0 10 0 10 70 10 0 0 0 0 0"), []);
        let shares = times.shares("cpu  9 9 9 9 9\ncpu0 20 10 20 130 20 0 0 0 0 0");
        let expected = CpuShare { user: 20.0, system: 10.0, idle: 60.0, iowait: 10.0 };
        assert_eq!(shares, [("cpu0".to_owned(), expected)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String, numbers in prop::collection::vec(any::<u64>(), 0..12)) {
            processors(&text);
            let mut times = CpuTimes::default();
            let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
            times.shares(&format!("cpu0 {}\n{text}", words.join(" ")));
            times.shares(&text);
        }
    }
}
