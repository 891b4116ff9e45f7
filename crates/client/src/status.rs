//! Who leads and who votes.

use crate::call::{Call, Read, json, list};
use crate::client::Client;

/// See [`Client::status`].
pub struct Status<'a>(pub(crate) &'a Client);

impl Status<'_> {
    /// The leader's address; empty while there is none.
    pub fn leader(&self) -> Read<String> {
        Read::new(self.0, Call::new("GET", "/v1/status/leader", ""), json)
    }

    /// The addresses of all voting servers.
    pub fn peers(&self) -> Read<Vec<String>> {
        Read::new(self.0, Call::new("GET", "/v1/status/peers", ""), list)
    }
}
