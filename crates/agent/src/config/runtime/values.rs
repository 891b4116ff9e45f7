//! The kinds of value that a configuration is made of: what is more than a text or a number.
//! Which key has which of them is said in runtime.rs.
//! Invariant: a secret shows itself in no log, dump or complaint.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(out),
            ListenAddress::Unix(path) => write!(out, "unix://{}", path.display()),
        }
    }
}

/// Ports from `min` to `max`, both included; both 0: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    pub min: u16,
    pub max: u16,
}

/// Owner and permissions of unix sockets; None: as the process makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSockets {
    pub user: Option<String>,
    pub group: Option<String>,
    pub mode: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl LogLevel {
    /// The level of a name as files and requests give it, in any case.
    pub fn parse(name: &str) -> Option<LogLevel> {
        Some(match name.to_ascii_uppercase().as_str() {
            "TRACE" => LogLevel::Trace,
            "DEBUG" => LogLevel::Debug,
            "INFO" => LogLevel::Info,
            "WARN" => LogLevel::Warn,
            "ERR" | "ERROR" => LogLevel::Error,
            _ => return None,
        })
    }
}

/// A text that no log, dump or complaint shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for comparing and for sending to whom it is meant.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("hidden")
    }
}

/// A value that may hold secrets somewhere within; it is used as it is, and never shown.
#[derive(Clone, PartialEq)]
pub struct Hidden<T>(pub T);

impl<T> std::ops::Deref for Hidden<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("hidden")
    }
}

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub address: IpAddr,
    pub bits: u8,
}

impl Cidr {
    /// `10.0.0.0/8`; None when it is not of that form.
    pub fn parse(text: &str) -> Option<Cidr> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        (bits <= bits_max).then_some(Cidr { address, bits })
    }

    /// Whether the address is of this network. IPv4 inside IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let (secret, hidden) = (Secret::new("s3cret"), Hidden(vec!["s3cret"]));
        assert!(!format!("{secret:?} {hidden:?}").contains("s3cret"));
    }

    #[test]
    fn a_network_knows_its_addresses() {
        let cases = [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("fd00::/8", "fd12::1", true),
            ("127.0.0.1/32", "127.0.0.2", false),
        ];
        for (network, address, inside) in cases {
            let network = Cidr::parse(network).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), inside, "{network:?} {address}");
        }
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129", "10.0.0.0/-1", ""] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_network_is_read_as_it_is_written(address: IpAddr, bits: u8, text in "\\PC{0,20}") {
            let written = format!("{address}/{bits}");
            let fits = bits <= if address.is_ipv4() { 32 } else { 128 };
            let read = Cidr::parse(&written);
            prop_assert_eq!(read, fits.then_some(Cidr { address, bits }));
            // A mapped address is IPv4 to whoever asks, and IPv6 as a network.
            if let Some(network) = read.filter(|_| address.to_canonical() == address) {
                prop_assert!(network.contains(address));
            }
            let _ = Cidr::parse(&text);
        }
    }
}
