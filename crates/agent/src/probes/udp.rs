//! One UDP check: an empty datagram. Silence is well and so is any answer; a refusal is not.
//! Source: consul-surface C; transcripts/agent/runs.txt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;
use tribune_node::local::Probed;

use super::dial::{host, system_text};
use super::resolve::Resolver;
use super::{critical, passing};

/// Runs the probe within `limit`. Silence counts only from whom it has asked: a name that is not
/// found in that time is a failure, and half of it is left for the target to refuse.
pub(super) async fn probe(address: &str, resolver: &Resolver, limit: Duration) -> Probed {
    let end = Instant::now() + limit;
    let to = match tokio::time::timeout(limit / 2, find(address, resolver)).await {
        Ok(Ok(to)) => to,
        Ok(Err(why)) => return critical(why),
        Err(_) => return critical(format!("dial udp: lookup {}: i/o timeout", host(address))),
    };
    match tokio::time::timeout_at(end, exchange(to)).await {
        Ok(Err(why)) => critical(why),
        Ok(Ok(())) | Err(_) => passing(format!("UDP connect {address}: Success")),
    }
}

async fn find(address: &str, resolver: &Resolver) -> Result<SocketAddr, String> {
    let found = resolver.find(address).await.map_err(|why| format!("dial udp: {why}"))?;
    let unknown = || format!("dial udp: address {address}: no such host");
    found.first().copied().ok_or_else(unknown)
}

async fn exchange(to: SocketAddr) -> Result<(), String> {
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

#[cfg(test)]
mod tests {
    use tribune_state::catalog::CheckStatus;

    use super::super::resolve::hanging;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_name_that_nobody_answers_for_is_no_silence_of_the_target() {
        let (resolver, _held) = hanging();
        let probe = probe("dead.example:53", &resolver, LIMIT);
        let (found, ()) = tokio::join!(probe, tokio::time::advance(LIMIT / 2));
        let expected = "dial udp: lookup dead.example: i/o timeout";
        assert_eq!((found.status, found.output.as_str()), (CheckStatus::Critical, expected));
    }
}
