//! Entropy from the operating system: the only source of randomness in a node.

use rustix::rand::{GetRandomFlags, getrandom};

/// A random number.
pub fn random_u64() -> u64 {
    let mut bytes = [0_u8; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A random (version 4) UUID.
pub fn random_uuid() -> uuid::Uuid {
    let mut bytes = [0_u8; 16];
    fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn fill(mut bytes: &mut [u8]) {
    while !bytes.is_empty() {
        // An interrupted call is tried again; any other failure has no better answer than trying.
        if let Ok(count) = getrandom(&mut *bytes, GetRandomFlags::empty()) {
            bytes = bytes.get_mut(count..).unwrap_or_default();
        }
    }
}
