//! Opens the DNS door of an agent as its configuration says.

use super::{DnsSettings, Measure, Soa, Views, bind, serve};
use crate::config::RuntimeConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tribune_node::entropy::random_u64;
use tribune_node::metrics::Registry;

/// Listens on every address of the configuration; the doors answer until the shutdown, as the
/// settings say that were sent last.
///
/// # Errors
/// The address that cannot be listened on, and why.
pub async fn open(
    config: &RuntimeConfig,
    views: &Views,
    registry: &Registry,
    shutdown: &CancellationToken,
    doors: &mut JoinSet<()>,
) -> Result<watch::Sender<Arc<DnsSettings>>, (SocketAddr, std::io::Error)> {
    let (sender, settings) = watch::channel(Arc::new(settings(config)));
    let measure = Measure::new(registry, &config.node.name);
    for address in &config.network.dns {
        let listeners = bind(*address).await.map_err(|error| (*address, error))?;
        let door = serve(
            listeners,
            views.clone(),
            settings.clone(),
            measure.clone(),
            random_u64(),
            shutdown.clone(),
        );
        doors.spawn(door);
    }
    Ok(sender)
}

/// What a configuration says about DNS.
pub fn settings(config: &RuntimeConfig) -> DnsSettings {
    let dns = &config.dns;
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let ttls = dns.service_ttl.iter().map(|(name, ttl)| (name.to_lowercase(), seconds(*ttl)));
    DnsSettings {
        domain: dns.domain.clone(),
        alt_domain: dns.alt_domain.clone(),
        datacenter: config.node.datacenter.clone(),
        only_passing: dns.only_passing,
        udp_answers_max: count(dns.udp_answers_max),
        a_records_max: count(dns.a_records_max),
        enable_truncate: dns.enable_truncate,
        disable_compression: dns.disable_compression,
        node_meta_txt: dns.node_meta_txt,
        node_ttl_s: seconds(dns.node_ttl),
        service_ttls_s: ttls.collect(),
        soa: Soa {
            refresh_s: dns.soa.refresh_s,
            retry_s: dns.soa.retry_s,
            expire_s: dns.soa.expire_s,
            ttl_min_s: dns.soa.min_ttl_s,
        },
    }
}

fn seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX)
}
