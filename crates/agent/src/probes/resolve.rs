//! Names to addresses, for all probes: one question at a time for each name, its answer shared
//! for a moment, and a bounded number of threads that wait for the system's resolver.
//! Invariant: no more threads than [`LOOKUPS_MAX`] wait, and for each name no more than one, also
//! when nobody waits for them any more.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Who looks names up; a clone shares its answers.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    questions: Arc<Mutex<Questions>>,
    threads: Arc<Semaphore>,
    system: System,
}

/// What blocks a thread until it knows the addresses of a host.
#[derive(Clone)]
struct System(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Those under way, and those answered a moment ago.
#[derive(Debug, Default)]
struct Questions {
    by_host: BTreeMap<String, Question>,
    /// They go on when those who asked have gone: who asks next finds the same question, so that a
    /// name that nobody answers for never holds more than one thread.
    tasks: JoinSet<()>,
}

/// One question, which may still be under way.
#[derive(Debug)]
struct Question {
    asked: Instant,
    found: watch::Receiver<Option<Found>>,
}

/// Addresses, perhaps none, or the reason in Go's words.
type Found = Result<Vec<IpAddr>, String>;

/// The system's resolver blocks a thread: a dead name server must not take those of others.
const LOOKUPS_MAX: usize = 64;
/// Long enough for checks of one host that run together, and short enough to see a change at
/// the next run of any of them.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// Old answers are thrown away when there are more than this.
const ANSWERS_MAX: usize = 1024;
/// Names that may be asked for at a time: as many as there are checks on a large agent, and no
/// more tasks than a few MiB.
const UNDER_WAY_MAX: usize = 16 * 1024;
/// No more addresses of one name are tried.
const ADDRESSES_MAX: usize = 8;

impl Default for Resolver {
    fn default() -> Resolver {
        Resolver::asking(|host| {
            Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
        })
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

    fn asking<F>(system: F) -> Resolver
    where
        F: Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    {
        Resolver {
            questions: Arc::default(),
            threads: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            system: System(Arc::new(system)),
        }
    }

    async fn lookup(&self, host: &str) -> Found {
        let host = if host.is_empty() { "localhost" } else { host };
        let failed = |why: &str| format!("lookup {host}: {why}");
        let mut found = self.question(host).ok_or_else(|| failed(TOO_MANY))?;
        // Nobody answers if the resolver has gone, or its thread has ended badly.
        let found = found.wait_for(Option::is_some).await.map_err(|_| failed(UNKNOWN))?;
        match found.as_ref() {
            Some(Ok(found)) if !found.is_empty() => Ok(found.clone()),
            Some(Err(why)) => Err(failed(why)),
            Some(Ok(_)) | None => Err(failed(UNKNOWN)),
        }
    }

    /// The question about a host: the one that is under way or was just answered, or a new one;
    /// none if too many are under way.
    fn question(&self, host: &str) -> Option<watch::Receiver<Option<Found>>> {
        let now = Instant::now();
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let Questions { by_host, tasks } = &mut *questions;
        if let Some(question) = by_host.get(host).filter(|question| question.is_usable(now)) {
            return Some(question.found.clone());
        }
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= UNDER_WAY_MAX {
            return None;
        }
        if by_host.len() >= ANSWERS_MAX {
            by_host.retain(|_, question| question.is_usable(now));
        }
        let (answer, found) = watch::channel(None);
        by_host.insert(host.to_owned(), Question { asked: now, found: found.clone() });
        tasks.spawn(ask(self.system.clone(), self.threads.clone(), host.to_owned(), answer));
        Some(found)
    }
}

impl Question {
    /// One without an answer yet is as good as new, however long it takes; a failure is for those
    /// who wait for it.
    fn is_usable(&self, now: Instant) -> bool {
        match &*self.found.borrow() {
            None => self.found.has_changed().is_ok(),
            Some(Ok(_)) => now.duration_since(self.asked) < SHARED_FOR,
            Some(Err(_)) => false,
        }
    }
}

async fn ask(
    System(system): System,
    threads: Arc<Semaphore>,
    host: String,
    answer: watch::Sender<Option<Found>>,
) {
    let Ok(permit) = threads.acquire_owned().await else { return };
    let work = tokio::task::spawn_blocking(move || {
        // The place is taken until the system has answered.
        let _permit = permit;
        let mut found = system(&host)?;
        found.truncate(ADDRESSES_MAX);
        Ok(found)
    });
    let found = work.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    answer.send_replace(Some(found.map_err(|error| why(&error))));
}

impl fmt::Debug for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("System")
    }
}

const TOO_MANY: &str = "too many other names are being looked up";
/// What Go says of a name that does not exist.
const UNKNOWN: &str = "no such host";

/// A name that does not exist, or that nobody could be asked about.
fn why(error: &io::Error) -> String {
    let text = error.to_string();
    let temporary = text.split_once(": ").map(|(_, rest)| rest.to_lowercase());
    temporary.filter(|text| text.contains("temporary")).unwrap_or(UNKNOWN.to_owned())
}

/// A resolver that nobody answers until what comes with it is dropped.
#[cfg(test)]
pub(super) fn hanging() -> (Resolver, std::sync::mpsc::Sender<()>) {
    let (release, held) = std::sync::mpsc::channel();
    let held = Mutex::new(held);
    let resolver = Resolver::asking(move |_| {
        let held = held.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = held.recv();
        Err(io::Error::other("released"))
    });
    (resolver, release)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    const HERE: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)];

    #[tokio::test]
    async fn the_system_is_asked_and_its_answer_has_the_port() {
        let found = Resolver::default().find("localhost:1").await.unwrap();
        assert!(found.iter().all(|own| own.ip().is_loopback() && own.port() == 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_asked_for_once_by_all_who_come_together() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let resolver = Resolver::asking(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(HERE.to_vec())
        });
        let (one, other) = tokio::join!(resolver.find("a:1"), resolver.find("a:2"));
        assert_eq!((one.unwrap()[0].port(), other.unwrap()[0].port()), (1, 2));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        resolver.find("b:1").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        tokio::time::advance(SHARED_FOR).await;
        resolver.find("a:1").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_nobody_answers_for_holds_one_thread_however_often_it_is_asked_for() {
        let (release, held) = mpsc::channel::<()>();
        let (held, asked) = (Mutex::new(held), Arc::new(AtomicUsize::new(0)));
        let count = asked.clone();
        let resolver = Resolver::asking(move |host| {
            if host == "dead" {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = held.lock().unwrap().recv();
            }
            Ok(HERE.to_vec())
        });
        let limit = Duration::from_secs(1);
        for _ in 0..2 * LOOKUPS_MAX {
            let asks = tokio::time::timeout(limit, resolver.find("dead:1"));
            let (found, ()) = tokio::join!(asks, tokio::time::advance(limit));
            assert!(found.is_err());
            // Others are served meanwhile.
            resolver.find("alive:1").await.unwrap();
        }
        assert_eq!(resolver.threads.available_permits(), LOOKUPS_MAX - 1);
        // Whoever waits when the answer comes has it.
        let released = async { drop(release) };
        let (found, ()) = tokio::join!(resolver.find("dead:1"), released);
        found.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_those_who_wait_and_the_next_one_asks_again() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let resolver = Resolver::asking(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Err(io::Error::other("no such name")),
            _ => Ok(HERE.to_vec()),
        });
        let (one, other) = tokio::join!(resolver.find("a:1"), resolver.find("a:1"));
        let expected = "lookup a: no such host";
        assert_eq!((one.unwrap_err(), other.unwrap_err()), (expected.into(), expected.into()));
        resolver.find("a:1").await.unwrap();
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
