//! Memory, from /proc/meminfo: names and kibibytes.

use tribune_api::agent::host::HostMemory;

use super::percent;

pub(super) fn parse(text: &str) -> HostMemory {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let mut words = line.unwrap_or_default().split_whitespace();
        let number: u64 = words.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        // Counts of huge pages have no unit.
        if words.next() == Some("kB") { number.saturating_mul(1024) } else { number }
    };
    let (total, free, buffers) = (value("MemTotal"), value("MemFree"), value("Buffers"));
    let cached = value("Cached").saturating_add(value("SReclaimable"));
    let used = total.saturating_sub(free).saturating_sub(buffers).saturating_sub(cached);
    HostMemory {
        total,
        available: value("MemAvailable"),
        used,
        used_percent: percent(used, total),
        free,
        active: value("Active"),
        inactive: value("Inactive"),
        wired: 0,
        laundry: 0,
        buffers,
        cached,
        write_back: value("Writeback"),
        dirty: value("Dirty"),
        write_back_tmp: value("WritebackTmp"),
        shared: value("Shmem"),
        slab: value("Slab"),
        sreclaimable: value("SReclaimable"),
        sunreclaim: value("SUnreclaim"),
        page_tables: value("PageTables"),
        swap_cached: value("SwapCached"),
        commit_limit: value("CommitLimit"),
        committed_as: value("Committed_AS"),
        high_total: value("HighTotal"),
        high_free: value("HighFree"),
        low_total: value("LowTotal"),
        low_free: value("LowFree"),
        swap_total: value("SwapTotal"),
        swap_free: value("SwapFree"),
        mapped: value("Mapped"),
        vmalloc_total: value("VmallocTotal"),
        vmalloc_used: value("VmallocUsed"),
        vmalloc_chunk: value("VmallocChunk"),
        huge_pages_total: value("HugePages_Total"),
        huge_pages_free: value("HugePages_Free"),
        huge_pages_rsvd: value("HugePages_Rsvd"),
        huge_pages_surp: value("HugePages_Surp"),
        huge_page_size: value("Hugepagesize"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_bytes_and_counts_are_counts() {
        let found = parse(
            "MemTotal:       1000 kB\nMemFree:         200 kB\nBuffers: 100 kB\nCached:  300 kB\n\
             SwapCached: 5 kB\nSReclaimable: 100 kB\nHugePages_Total:       3\n",
        );
        assert_eq!((found.total, found.used, found.cached), (1_024_000, 307_200, 409_600));
        assert_eq!((found.used_percent, found.huge_pages_total), (30.0, 3));
    }

    proptest! {
        #[test]
        fn any_text_gives_numbers(text: String, number: u64) {
            parse(&text);
            parse(&format!("MemTotal: {number} kB\nMemFree: {text} kB"));
        }
    }
}
