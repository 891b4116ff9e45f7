//! The machine the agent runs on, as the kernel tells it under /proc and /sys: memory, processors,
//! the system, the disk. Whatever the kernel does not tell is left empty.
//! Invariant: nothing here waits for anything but the kernel, and no text of it is trusted.
//!
//! Source: the manual page proc(5); transcripts/agent/node.txt for the names.

mod cpu;
mod memory;
pub mod process;
mod system;

use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tribune_api::agent::host::{HostDisk, HostInfo, HostMemory};

pub use cpu::CpuTimes;

/// All of it. What could not be found out is told in `errors`.
pub fn collect(data_path: &Path) -> HostInfo {
    let mut errors = Vec::new();
    let mut note = |what: &str, error: io::Error| errors.push(format!("{what}: {error}"));
    let memory = memory().unwrap_or_else(|error| {
        note("memory", error);
        HostMemory::default()
    });
    let disk = disk(data_path).unwrap_or_else(|error| {
        note("disk", error);
        HostDisk::default()
    });
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    HostInfo {
        memory,
        cpu: cpu::processors(&read("/proc/cpuinfo")),
        host: system::system(),
        disk,
        collection_time: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
        errors: Some(errors).filter(|errors| !errors.is_empty()),
    }
}

/// The machine's memory.
///
/// # Errors
/// If the kernel does not tell.
pub fn memory() -> io::Result<HostMemory> {
    Ok(memory::parse(&std::fs::read_to_string("/proc/meminfo")?))
}

/// Seconds since the machine was started.
pub fn uptime_s() -> u64 {
    let text = read("/proc/uptime");
    text.split(['.', ' ']).next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

/// The file system that a path is on.
///
/// # Errors
/// If there is nothing at the path.
pub fn disk(path: &Path) -> io::Result<HostDisk> {
    let found = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    let (total, free) = (bytes(found.f_blocks), bytes(found.f_bavail));
    let used = bytes(found.f_blocks.saturating_sub(found.f_bfree));
    let inodes_used = found.f_files.saturating_sub(found.f_ffree);
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Ok(HostDisk {
        path: path.display().to_string(),
        fstype: system::file_system(&read("/proc/mounts"), &whole),
        total,
        free,
        used,
        used_percent: percent(used, used.saturating_add(free)),
        inodes_total: found.f_files,
        inodes_used,
        inodes_free: found.f_ffree,
        inodes_used_percent: percent(inodes_used, found.f_files),
    })
}

/// A file of the kernel's; empty if there is none.
fn read(path: &str) -> String {
    std::fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

/// 0 of nothing.
fn percent(part: u64, whole: u64) -> f64 {
    use tribune_node::metrics::count_as_f64;
    if whole == 0 { 0.0 } else { count_as_f64(part) * 100.0 / count_as_f64(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_what_it_is() {
        let found = collect(Path::new("/"));
        assert_eq!(found.errors, None);
        assert!(found.memory.total > 0 && found.memory.used_percent <= 100.0);
        assert!(!found.cpu.is_empty() && found.disk.total > 0);
        assert!(!found.host.hostname.is_empty() && found.host.procs > 0);
        assert!(!found.disk.fstype.is_empty());
    }

    #[test]
    fn a_path_that_is_not_there_is_told_and_the_rest_still_found() {
        let found = collect(Path::new("/no/such/folder"));
        assert_eq!(found.errors.map(|errors| errors.len()), Some(1));
        assert!(found.memory.total > 0);
    }
}
