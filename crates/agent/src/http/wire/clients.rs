//! How many connections each client address has, and all of them together.
//! Invariant: a place is given back when its [`Slot`] is dropped.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections of one listener.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<IpAddr, usize>>);

/// One connection's place.
#[derive(Debug)]
pub struct Slot {
    clients: Arc<Clients>,
    client: IpAddr,
    _of_all: OwnedSemaphorePermit,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// This client has too many.
    Client,
    /// All clients together have.
    All,
}

impl Clients {
    /// A place for one more connection of `client`, which may have `per_client_max` (0 is no
    /// limit), while `all` still has one.
    ///
    /// # Errors
    /// If there is none.
    pub fn take(
        self: &Arc<Self>,
        client: IpAddr,
        per_client_max: usize,
        all: &Arc<Semaphore>,
    ) -> Result<Slot, NoPlace> {
        let of_all = all.clone().try_acquire_owned().map_err(|_| NoPlace::All)?;
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client).or_default();
        if per_client_max != 0 && *count >= per_client_max {
            return Err(NoPlace::Client);
        }
        *count += 1;
        Ok(Slot { clients: self.clone(), client, _of_all: of_all })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn places_are_counted_by_client_and_in_all_and_given_back() {
        let (clients, all) = (Arc::new(Clients::default()), Arc::new(Semaphore::new(3)));
        let address = |last| IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
        let take = |last| clients.take(address(last), 2, &all);
        let first = take(1).unwrap();
        let _second = take(1).unwrap();
        assert_eq!(take(1).unwrap_err(), NoPlace::Client);
        let _third = take(2).unwrap();
        assert_eq!(take(2).unwrap_err(), NoPlace::All);
        drop(first);
        assert!(take(1).is_ok());
    }
}
