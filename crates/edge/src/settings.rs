//! What the agent's brain is told at its start: whose node it speaks for and its limits. Some of
//! it may be renewed later.
//! It reads no configuration; the front door fills it in.

use std::ops::RangeInclusive;
use std::time::Duration;

use tribune_state::catalog::NodeRow;

use crate::check::flap::FlapSettings;
use crate::check::lanes::ProbesMax;

/// The settings of one agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node's own row, as the catalog shall hold it; its indexes do not count.
    pub node: NodeRow,
    /// True on a server, whose `consul` service belongs to the leader.
    pub server: bool,
    /// True if scripts may be registered by the API.
    pub scripts_by_api: bool,
    /// True if scripts may be declared by configuration files.
    pub scripts_by_file: bool,
    /// The most probes at a time.
    pub probes_max: ProbesMax,
    /// How checks that keep changing are held; none to never hold one.
    pub flap: Option<FlapSettings>,
    /// The most bytes of a check's output that are kept; a check may ask for fewer.
    pub check_output_bytes_max: usize,
    /// About how long a change of output alone waits before the catalog hears of it.
    pub check_update_interval: Duration,
    /// True to keep no output at all.
    pub discard_check_output: bool,
    /// The time between two comparisons with the catalog.
    pub sync_interval: Duration,
    /// The ports that proxies are given.
    pub proxy_ports: ProxyPorts,
    /// True if registrations are to be kept on disk.
    pub persist: bool,
    /// The wall clock when `now` was zero, in milliseconds of the Unix epoch.
    pub wall_ms_at_zero: u64,
    /// Where all randomness comes from.
    pub seed: [u8; 32],
    /// A deliberate bug on the production path, for the simulator to find.
    #[cfg(feature = "planted-bugs")]
    pub bug: Option<Bug>,
}

/// The ports that proxies are given.
#[derive(Clone, Debug)]
pub struct ProxyPorts {
    /// To sidecars.
    pub sidecar: RangeInclusive<u16>,
    /// To listeners through which they expose checks.
    pub expose: RangeInclusive<u16>,
}

/// Deliberate bugs, switched on at run time in test builds only.
#[cfg(feature = "planted-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// Now and then the catalog is not told that a service is gone.
    LostDeregistration,
    /// The result of a probe counts for whatever is registered under its id by then.
    StaleResult,
    /// Services are removed for their critical checks after two thirds of their time.
    EarlyRemoval,
    /// What the server itself keeps on its node is removed as nobody's.
    GreedySync,
    /// Registrations are answered before they are on the disk.
    HastyAnswer,
}

/// Source: Consul 1.22 documentation, `check_output_max_size`.
pub const CHECK_OUTPUT_BYTES_MAX: usize = 4096;
/// Source: Consul 1.22 documentation, `check_update_interval`.
pub const CHECK_UPDATE_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// Source: consul-surface D.1.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(60);
/// Source: consul-surface D.2.
pub const SIDECAR_PORTS: RangeInclusive<u16> = 21_000..=21_255;
/// Source: Consul 1.22 documentation, `expose_min_port` and `expose_max_port`.
pub const EXPOSE_PORTS: RangeInclusive<u16> = 21_500..=21_755;

impl Settings {
    /// The defaults of a server in development mode, for this node.
    pub fn for_node(node: NodeRow, seed: [u8; 32]) -> Settings {
        Settings {
            node,
            server: true,
            scripts_by_api: false,
            scripts_by_file: false,
            probes_max: ProbesMax::DEFAULT,
            flap: None,
            check_output_bytes_max: CHECK_OUTPUT_BYTES_MAX,
            check_update_interval: CHECK_UPDATE_INTERVAL,
            discard_check_output: false,
            sync_interval: SYNC_INTERVAL,
            proxy_ports: ProxyPorts { sidecar: SIDECAR_PORTS, expose: EXPOSE_PORTS },
            persist: false,
            wall_ms_at_zero: 0,
            seed,
            #[cfg(feature = "planted-bugs")]
            bug: None,
        }
    }
}
