//! Connects by TCP to a host and port, with errors in the words of Go's dialer.
//! It sets no limit of time; the probe does.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

/// A further address of a name is tried when those before it have not answered in this time.
/// Source: RFC 8305, section 8, rounded.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(300);
/// No more addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;

/// Connects to `host:port`; all addresses of a name are tried, each a little later.
pub(super) async fn dial(address: &str) -> Result<TcpStream, String> {
    if !address.contains(':') {
        return Err(format!("dial tcp: address {address}: missing port in address"));
    }
    let found = lookup_host(address).await.map_err(|error| unknown(address, &error))?;
    let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
    let mut attempts = JoinSet::new();
    let mut rest = found.into_iter();
    let mut last = unknown(address, &io::Error::from(io::ErrorKind::NotFound));
    if let Some(first) = rest.next() {
        attempts.spawn(connect(first));
    }
    while !attempts.is_empty() {
        let next_step = tokio::time::timeout(NEXT_ADDRESS_AFTER, attempts.join_next()).await;
        match next_step {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => last = error,
            Ok(Some(Err(_)) | None) | Err(_) => {}
        }
        if let Some(next) = rest.next() {
            attempts.spawn(connect(next));
        }
    }
    Err(last)
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    TcpStream::connect(address)
        .await
        .map_err(|error| format!("dial tcp {address}: connect: {}", system_text(&error)))
}

/// The host of `host:port`, without the brackets of an IPv6 address.
pub(super) fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The system's text for an error, as C and Go print it: lower case, without its number.
pub(super) fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn unknown(address: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidInput => format!("dial tcp: address {address}: invalid port"),
        _ => format!("dial tcp: lookup {}: no such host", host(address)),
    }
}
