//! What the HTTP front door needs to know of the agent's configuration. It reads no file.
//! Invariant: the defaults are Consul's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;

use super::routes::UI_PATTERN;
use super::wire::ServerLimits;

/// Source: consul-surface B.1, B.8, B.9 for the defaults.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub node_name: String,
    pub datacenter: String,
    /// Answers are always indented.
    pub dev_mode: bool,
    pub limits: ServerLimits,
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    /// Prefixes of paths that are answered 403.
    pub block_endpoints: Vec<String>,
    /// Who may use methods that write; everybody if it is empty.
    pub allow_write_http_from: Vec<Network>,
    pub disable_unprintable_filter: bool,
    pub disable_kv_key_validation: bool,
    pub kv_value_bytes_max: usize,
    pub txn_body_bytes_max: usize,
    pub session_ttl_min: Duration,
    pub wait_default: Duration,
    pub wait_max: Duration,
    /// How stale reads of the catalog and of health may be that chose no mode; zero is not at all.
    pub discovery_stale_max: Duration,
    /// Nodes measure no distances: `coordinate/` answers 401.
    pub disable_coordinates: bool,
    pub ui_enabled: bool,
    /// Where the page for people lies; begins and ends with a slash. Fixed when the door opens.
    pub ui_path: String,
    pub use_cache: bool,
    pub use_streaming: bool,
    pub connect_enabled: bool,
    /// DNS leaves out warnings: for whoever asks why something is not there.
    pub dns_only_passing: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            node_name: String::new(),
            datacenter: "dc1".to_owned(),
            dev_mode: false,
            limits: ServerLimits::default(),
            response_headers: Vec::new(),
            block_endpoints: Vec::new(),
            allow_write_http_from: Vec::new(),
            disable_unprintable_filter: false,
            disable_kv_key_validation: false,
            kv_value_bytes_max: 512 * 1024,
            txn_body_bytes_max: 512 * 1024,
            session_ttl_min: Duration::from_secs(10),
            wait_default: Duration::from_secs(300),
            wait_max: Duration::from_secs(600),
            discovery_stale_max: Duration::ZERO,
            disable_coordinates: false,
            ui_enabled: true,
            ui_path: UI_PATTERN.to_owned(),
            use_cache: true,
            use_streaming: true,
            connect_enabled: true,
            dns_only_passing: false,
        }
    }
}

/// What the agent says of itself in `agent/self` and `agent/version`.
#[derive(Clone, Debug, Default)]
pub struct AgentInfo {
    pub node_id: String,
    /// The compatible Consul version, such as `1.22.0`.
    pub version: String,
    pub revision: String,
    /// RFC 3339.
    pub build_date: String,
    pub bind_address: String,
    pub primary_datacenter: String,
    pub server: bool,
    /// The node's own metadata.
    pub meta: BTreeMap<String, String>,
    /// Configuration as `DebugConfig` shows it, over the defaults.
    pub debug_config: serde_json::Map<String, serde_json::Value>,
    /// Ports of the mesh's control plane; -1 is off.
    pub grpc_port: i32,
    pub grpc_tls_port: i32,
    /// Where servers of all datacenters gossip.
    pub wan_port: Option<u16>,
    /// Cancelled by `agent/leave`: whoever runs the agent then ends it.
    pub leave: CancellationToken,
}

impl HttpConfig {
    /// True if `client` may use a method that writes.
    pub fn may_write(&self, client: IpAddr) -> bool {
        let from = &self.allow_write_http_from;
        from.is_empty() || from.iter().any(|network| network.contains(client))
    }
}

/// A block of addresses, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// True if `address` is of this block; an IPv4 address may come mapped into IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let bits = u32::from(self.prefix_bits).min(32);
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let bits = u32::from(self.prefix_bits).min(128);
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("invalid CIDR address: {text}");
        let (address, bits) = text.split_once('/').ok_or_else(refused)?;
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let prefix_bits: u8 = bits.parse().map_err(|_| refused())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        if prefix_bits > bits_max {
            return Err(refused());
        }
        Ok(Network { address, prefix_bits })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "127.0.0.1", false),
            ("0.0.0.0/0", "127.0.0.1", true),
            ("127.0.0.1/32", "::ffff:127.0.0.1", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "10.0.0.1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{address}");
        }
        for wrong in ["10.0.0.0", "10.0.0.0/33", "x/8", ""] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_network_or_named_in_the_error(text in "[0-9a-f.:/]{0,24}", ip: IpAddr) {
            match text.parse::<Network>() {
                Ok(network) => drop(network.contains(ip)),
                Err(error) => prop_assert!(error.ends_with(&text)),
            }
            let own: Network = format!("{ip}/0").parse().unwrap();
            prop_assert!(own.contains(ip) || ip.to_canonical() != ip);
        }
    }
}
