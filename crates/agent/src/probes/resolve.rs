//! Names to addresses, for all probes: one question at a time for each name, its answer shared
//! for a moment, and a bounded number of threads that wait for the system's resolver.
//! Invariant: no more threads than [`LOOKUPS_MAX`] wait, also when nobody waits for them any more.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

/// Who looks names up; a clone shares its answers.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    answers: Arc<Mutex<BTreeMap<String, Arc<Answer>>>>,
    threads: Arc<Semaphore>,
}

/// One question, which may still be under way.
#[derive(Debug)]
struct Answer {
    asked: Instant,
    addresses: OnceCell<Vec<IpAddr>>,
}

/// The system's resolver blocks a thread: a dead name server must not take those of others.
const LOOKUPS_MAX: usize = 64;
/// Long enough for checks of one host that run together, and short enough to see a change at
/// the next run of any of them.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// Old answers are thrown away when there are more than this.
const ANSWERS_MAX: usize = 1024;
/// No more addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;

impl Default for Resolver {
    fn default() -> Resolver {
        Resolver { answers: Arc::default(), threads: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Resolver {
    /// The addresses of `host:port`, never none. The error comes in Go's words, without `dial`.
    pub async fn find(&self, address: &str) -> Result<Vec<SocketAddr>, String> {
        if let Ok(literal) = address.parse() {
            return Ok(vec![literal]);
        }
        let missing = || format!("address {address}: missing port in address");
        let (host, port) = address.rsplit_once(':').ok_or_else(missing)?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(format!("address {address}: too many colons in address"));
        }
        let port: u16 = port.parse().map_err(|_| format!("address {address}: invalid port"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = self.lookup(host).await?;
        Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    async fn lookup(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let host = if host.is_empty() { "localhost" } else { host };
        let answer = self.answer(host);
        let found = answer.addresses.get_or_try_init(|| self.ask(host)).await;
        match found {
            Ok(found) if !found.is_empty() => Ok(found.clone()),
            Ok(_) => Err(format!("lookup {host}: {UNKNOWN}")),
            Err(error) => Err(format!("lookup {host}: {}", why(&error))),
        }
    }

    /// The question about a host: the one that is under way or was just answered, or a new one.
    fn answer(&self, host: &str) -> Arc<Answer> {
        let now = Instant::now();
        let is_fresh = |answer: &Answer| now.duration_since(answer.asked) < SHARED_FOR;
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // A question without an answer yet is as good as new, however long it takes.
        let usable = |answer: &&Arc<Answer>| !answer.addresses.initialized() || is_fresh(answer);
        if let Some(answer) = answers.get(host).filter(usable) {
            return answer.clone();
        }
        if answers.len() >= ANSWERS_MAX {
            answers.retain(|_, answer| is_fresh(answer) || Arc::strong_count(answer) > 1);
        }
        let answer = Arc::new(Answer { asked: now, addresses: OnceCell::new() });
        answers.insert(host.to_owned(), answer.clone());
        answer
    }

    async fn ask(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let permit = self.threads.clone().acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        let work = tokio::task::spawn_blocking(move || {
            // The place is taken until the system has answered, even if nobody waits any more.
            let _permit = permit;
            let found = (host.as_str(), 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).take(ADDRESSES_MAX).collect())
        });
        work.await.map_err(io::Error::other)?
    }
}

/// What Go says of a name that does not exist.
const UNKNOWN: &str = "no such host";

/// A name that does not exist, or that nobody could be asked about.
fn why(error: &io::Error) -> String {
    let text = error.to_string();
    let temporary = text.split_once(": ").map(|(_, rest)| rest.to_lowercase());
    temporary.filter(|text| text.contains("temporary")).unwrap_or(UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_asked_for_once_by_all_who_come_together() {
        let resolver = Resolver::default();
        let first = resolver.answer("localhost");
        assert!(Arc::ptr_eq(&first, &resolver.answer("localhost")));
        assert!(!Arc::ptr_eq(&first, &resolver.answer("elsewhere")));
        let found = resolver.find("localhost:1").await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        assert!(first.addresses.initialized());
        tokio::time::pause();
        tokio::time::advance(SHARED_FOR).await;
        assert!(!Arc::ptr_eq(&first, &resolver.answer("localhost")));
    }

    #[tokio::test]
    async fn literals_need_no_lookup_and_mistakes_are_named_as_go_names_them() {
        let resolver = Resolver::default();
        for (address, expected) in [
            ("127.0.0.1:80", Ok("127.0.0.1:80")),
            ("[::1]:80", Ok("[::1]:80")),
            ("nowhere", Err("address nowhere: missing port in address")),
            ("::1:80:", Err("address ::1:80:: too many colons in address")),
            ("localhost:99999", Err("address localhost:99999: invalid port")),
        ] {
            let found = resolver.find(address).await;
            let first = found.map(|all| all[0].to_string());
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(first, expected, "{address}");
        }
    }
}
