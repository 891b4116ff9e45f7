//! What this process uses, from /proc/self.

use rustix::process::{Resource, getrlimit};
use tribune_node::metrics::count_as_f64;

use super::{cpu, read, uptime_s};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    pub resident_bytes: f64,
    pub virtual_bytes: f64,
    pub cpu_s: f64,
    pub fds: f64,
    pub fds_max: f64,
    pub start_unix_s: f64,
}

impl Process {
    /// What it uses now; nothing where there is no /proc.
    pub fn read() -> Option<Process> {
        let stat = read("/proc/self/stat");
        let numbers = Stat::parse(&stat)?;
        let page = count_as_f64(u64::try_from(rustix::param::page_size()).unwrap_or(4096));
        let fds = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(0);
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let booted = since.map_or(0, |since| since.as_secs()).saturating_sub(uptime_s());
        Some(Process {
            resident_bytes: count_as_f64(numbers.resident_pages) * page,
            virtual_bytes: count_as_f64(numbers.virtual_bytes),
            cpu_s: cpu::ticks_as_seconds(numbers.cpu_ticks),
            fds: count_as_f64(u64::try_from(fds).unwrap_or(0)),
            fds_max: count_as_f64(limit),
            start_unix_s: count_as_f64(booted) + cpu::ticks_as_seconds(numbers.start_ticks),
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The program's name may hold anything, also blanks and brackets: count from the last one.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        // Numbered as in proc(5), where the state that comes first here is the third.
        let field = |number: usize| words.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            cpu_ticks: field(14)?.saturating_add(field(15)?),
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_hides_nothing() {
        let text = "7 (a) b) S 1 1 1 0 -1 4194560 100 0 0 0 11 22 0 0 20 0 4 0 555 4096 77 18446";
        let expected =
            Stat { cpu_ticks: 33, start_ticks: 555, virtual_bytes: 4096, resident_pages: 77 };
        assert_eq!(Stat::parse(text), Some(expected));
    }

    #[test]
    fn this_process_uses_something() {
        let process = Process::read().unwrap();
        assert!(
            process.resident_bytes > 0.0 && process.fds > 2.0 && process.fds_max >= process.fds
        );
        assert!(process.start_unix_s > 1e9);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            let _ = Stat::parse(&text);
            let _ = Stat::parse(&format!("1 (x) S {text}"));
        }
    }
}
