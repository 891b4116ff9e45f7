//! Room for bytes that many share: a limit on what all of them hold together.
//! Invariant: what was taken is given back when its share is dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of bytes that may be held at a time.
#[derive(Debug)]
pub struct Room(Arc<Semaphore>);

/// What one holder has of a room.
#[derive(Debug)]
pub struct Share {
    room: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub fn new(bytes_max: usize) -> Room {
        Room(Arc::new(Semaphore::new(bytes_max)))
    }

    /// A share of nothing yet.
    pub fn share(&self) -> Share {
        Share { room: self.0.clone(), taken: None }
    }
}

impl Share {
    /// Makes it at least so large; false if there is no room.
    #[must_use]
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let Some(more) = self.missing(bytes) else { return true };
        self.room.clone().try_acquire_many_owned(more).is_ok_and(|permit| self.add(permit))
    }

    /// The same, but waits so long for room.
    #[must_use]
    pub async fn grow_to_within(&mut self, bytes: usize, time_max: Duration) -> bool {
        let Some(more) = self.missing(bytes) else { return true };
        let wanted = self.room.clone().acquire_many_owned(more);
        match tokio::time::timeout(time_max, wanted).await {
            Ok(Ok(permit)) => self.add(permit),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    fn missing(&self, bytes: usize) -> Option<u32> {
        let have = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.checked_sub(have).filter(|missing| *missing > 0)?;
        Some(u32::try_from(missing).unwrap_or(u32::MAX))
    }

    fn add(&mut self, permit: OwnedSemaphorePermit) -> bool {
        match &mut self.taken {
            Some(taken) => taken.merge(permit),
            None => self.taken = Some(permit),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_together_never_pass_the_limit_and_come_back() {
        let room = Room::new(10);
        let (mut one, mut other) = (room.share(), room.share());
        assert!(one.grow_to(6) && other.grow_to(4));
        assert!(one.grow_to(3), "a share does not shrink");
        assert!(!other.grow_to(5));
        drop(one);
        assert!(other.grow_to(10) && !other.grow_to(11));
        drop(other);
        assert_eq!(room.0.available_permits(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_waited_for_but_not_for_ever() {
        let room = Room::new(10);
        let (mut one, mut other) = (room.share(), room.share());
        assert!(one.grow_to(6));
        assert!(!other.grow_to_within(5, Duration::from_secs(2)).await);
        let freed = async {
            tokio::time::advance(Duration::from_secs(1)).await;
            drop(one);
        };
        let waits = other.grow_to_within(5, Duration::from_secs(2));
        assert!(tokio::join!(waits, freed).0);
    }
}
