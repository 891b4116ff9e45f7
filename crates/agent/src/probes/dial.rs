//! Connects by TCP to a host and port, with errors in the words of Go's dialer.
//! It sets no limit of time; the probe does.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::resolve::Resolver;

/// A further address of a name is tried when those before it have not answered in this time.
/// Source: RFC 8305, section 8, rounded.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(300);

/// Connects to `host:port`; all addresses of a name are tried, each a little later.
pub(super) async fn dial(address: &str, resolver: &Resolver) -> Result<TcpStream, String> {
    let found = resolver.find(address).await.map_err(|why| format!("dial tcp: {why}"))?;
    if let [only] = found.as_slice() {
        return connect(*only).await;
    }
    let mut attempts = JoinSet::new();
    let mut rest = found.into_iter();
    let mut last = format!("dial tcp: lookup {}: no such host", host(address));
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
