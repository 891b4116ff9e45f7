//! `/v1/agent/host` on the wire: the machine an agent runs on. Nothing is measured here.
//! Invariant: fields stand in the order Consul prints them. Sizes are bytes, times seconds.

use serde::{Deserialize, Serialize};

/// The machine.
///
/// Source: transcripts/agent/node.txt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HostInfo {
    pub memory: HostMemory,
    #[serde(rename = "CPU")]
    pub cpu: Vec<HostCpu>,
    pub host: HostSystem,
    pub disk: HostDisk,
    /// When this was found out, in nanoseconds since 1970.
    pub collection_time: u64,
    pub errors: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HostMemory {
    pub total: u64,
    pub available: u64,
    pub used: u64,
    pub used_percent: f64,
    pub free: u64,
    pub active: u64,
    pub inactive: u64,
    pub wired: u64,
    pub laundry: u64,
    pub buffers: u64,
    pub cached: u64,
    pub write_back: u64,
    pub dirty: u64,
    pub write_back_tmp: u64,
    pub shared: u64,
    pub slab: u64,
    pub sreclaimable: u64,
    pub sunreclaim: u64,
    pub page_tables: u64,
    pub swap_cached: u64,
    pub commit_limit: u64,
    #[serde(rename = "committedAS")]
    pub committed_as: u64,
    pub high_total: u64,
    pub high_free: u64,
    pub low_total: u64,
    pub low_free: u64,
    pub swap_total: u64,
    pub swap_free: u64,
    pub mapped: u64,
    pub vmalloc_total: u64,
    pub vmalloc_used: u64,
    pub vmalloc_chunk: u64,
    pub huge_pages_total: u64,
    pub huge_pages_free: u64,
    pub huge_pages_rsvd: u64,
    pub huge_pages_surp: u64,
    pub huge_page_size: u64,
}

/// One processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HostCpu {
    pub cpu: i64,
    pub vendor_id: String,
    pub family: String,
    pub model: String,
    pub stepping: i64,
    pub physical_id: String,
    pub core_id: String,
    pub cores: i64,
    pub model_name: String,
    pub mhz: f64,
    /// In KiB.
    pub cache_size: i64,
    pub flags: Vec<String>,
    pub microcode: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HostSystem {
    pub hostname: String,
    pub uptime: u64,
    /// Seconds since 1970.
    pub boot_time: u64,
    /// How many processes there are.
    pub procs: u64,
    pub os: String,
    pub platform: String,
    pub platform_family: String,
    pub platform_version: String,
    pub kernel_version: String,
    pub kernel_arch: String,
    pub virtualization_system: String,
    pub virtualization_role: String,
    pub host_id: String,
}

/// The file system of the agent's data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HostDisk {
    pub path: String,
    pub fstype: String,
    pub total: u64,
    pub free: u64,
    pub used: u64,
    pub used_percent: f64,
    pub inodes_total: u64,
    pub inodes_used: u64,
    pub inodes_free: u64,
    pub inodes_used_percent: f64,
}
