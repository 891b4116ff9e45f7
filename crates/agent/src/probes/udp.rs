//! One UDP check: an empty datagram. Silence is well and so is any answer; a refusal is not.
//! Source: consul-surface C; transcripts/agent/runs.txt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tribune_node::local::Probed;

use super::dial::system_text;
use super::resolve::Resolver;
use super::{critical, passing};

/// Runs the probe; it waits for an answer until `limit`.
pub(super) async fn probe(address: &str, resolver: &Resolver, limit: Duration) -> Probed {
    match tokio::time::timeout(limit, exchange(address, resolver)).await {
        Ok(Err(why)) => critical(why),
        Ok(Ok(())) | Err(_) => passing(format!("UDP connect {address}: Success")),
    }
}

async fn exchange(address: &str, resolver: &Resolver) -> Result<(), String> {
    let found = resolver.find(address).await.map_err(|why| format!("dial udp: {why}"))?;
    let unknown = || format!("dial udp: address {address}: no such host");
    let to = *found.first().ok_or_else(unknown)?;
    let any = match to {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let dialled = |error| format!("dial udp {to}: {}", system_text(&error));
    let socket = UdpSocket::bind((any, 0)).await.map_err(dialled)?;
    socket.connect(to).await.map_err(dialled)?;
    let from = socket.local_addr().map_err(dialled)?;
    let failed =
        |verb: &str, error| format!("{verb} udp {from}->{to}: {verb}: {}", system_text(&error));
    socket.send(&[]).await.map_err(|error| failed("write", error))?;
    socket.recv(&mut [0; 1]).await.map_err(|error| failed("read", error))?;
    Ok(())
}
