//! What the configuration needs from the machine: files, folders, the host's name and addresses.
//! A trait, since tests have machines of their own; everything else here is pure.

use std::fs;
use std::io;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use super::value::FILE_BYTES_MAX;

pub trait Environment {
    /// The whole file.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than a configuration may be.
    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Whether the path is a folder; symbolic links are followed.
    ///
    /// # Errors
    /// When there is nothing at the path.
    fn is_dir(&self, path: &Path) -> io::Result<bool>;

    /// The names in a folder, in any order.
    ///
    /// # Errors
    /// When it cannot be read.
    fn list_dir(&self, path: &Path) -> io::Result<Vec<String>>;

    /// # Errors
    /// When the host's name cannot be found out.
    fn hostname(&self) -> io::Result<String>;

    /// The addresses of the machine, with the interfaces they belong to.
    fn addresses(&self) -> Vec<InterfaceAddress>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    pub interface: String,
    pub address: IpAddr,
}

/// The machine the program runs on.
pub struct Machine;

impl Environment for Machine {
    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() > FILE_BYTES_MAX {
            return Err(io::Error::other(format!("larger than {FILE_BYTES_MAX} bytes")));
        }
        Ok(bytes)
    }

    fn is_dir(&self, path: &Path) -> io::Result<bool> {
        Ok(fs::metadata(path)?.is_dir())
    }

    fn list_dir(&self, path: &Path) -> io::Result<Vec<String>> {
        let name =
            |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        fs::read_dir(path)?.map(name).collect()
    }

    fn hostname(&self) -> io::Result<String> {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        if name.is_empty() { Err(io::Error::other("the host has no name")) } else { Ok(name) }
    }

    fn addresses(&self) -> Vec<InterfaceAddress> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mut addresses = ipv4_addresses(&read("/proc/net/fib_trie"), &read("/proc/net/route"));
        addresses.extend(ipv6_addresses(&read("/proc/net/if_inet6")));
        addresses
    }
}

/// The local addresses of the kernel's routing trie. Which interface they belong to is told by
/// the routes: the first one whose network holds the address; `lo` for addresses of loopback.
fn ipv4_addresses(trie: &str, routes: &str) -> Vec<InterfaceAddress> {
    let mut found: Vec<InterfaceAddress> = Vec::new();
    let mut leaf = None;
    for line in trie.lines().map(str::trim_start) {
        if let Some(text) = line.strip_prefix("|-- ") {
            leaf = text.parse::<std::net::Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(address) = leaf.take()
        {
            let interface = match address.is_loopback() {
                true => "lo".to_owned(),
                false => interface_of(address, routes).unwrap_or_default(),
            };
            let entry = InterfaceAddress { interface, address: IpAddr::V4(address) };
            if !found.contains(&entry) {
                found.push(entry);
            }
        }
    }
    found
}

fn interface_of(address: std::net::Ipv4Addr, routes: &str) -> Option<String> {
    // The kernel writes network order as one number of the machine's own order.
    let hex = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::from_be);
    let network = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [name, destination, _, _, _, _, _, mask, ..] = columns.as_slice() else { return None };
        Some(((*name).to_owned(), hex(destination)?, hex(mask)?))
    };
    routes
        .lines()
        .filter_map(network)
        .find(|(_, destination, mask)| *mask != 0 && address.to_bits() & mask == *destination)
        .map(|(name, _, _)| name)
}

fn ipv6_addresses(text: &str) -> Vec<InterfaceAddress> {
    let parse = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [address, _, _, _, _, interface] = columns.as_slice() else { return None };
        let bits = u128::from_str_radix(address, 16).ok()?;
        Some(InterfaceAddress { interface: (*interface).to_owned(), address: bits_to_ip(bits) })
    };
    text.lines().filter_map(parse).collect()
}

fn bits_to_ip(bits: u128) -> IpAddr {
    IpAddr::V6(std::net::Ipv6Addr::from_bits(bits))
}

/// The reason of a failed read as Go's programs word it.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
pub mod testing {
    use super::*;
    use std::collections::BTreeMap;

    /// A machine with a few files and one address.
    pub struct Sandbox {
        pub files: BTreeMap<String, String>,
        pub addresses: Vec<InterfaceAddress>,
    }

    impl Sandbox {
        pub fn new(files: &[(&str, &str)]) -> Self {
            let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
            Sandbox { files: files.iter().map(own).collect(), addresses: vec![eth0("10.1.2.3")] }
        }
    }

    pub fn eth0(address: &str) -> InterfaceAddress {
        InterfaceAddress { interface: "eth0".to_owned(), address: address.parse().unwrap() }
    }

    impl Environment for Sandbox {
        fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
            let text = self.files.get(&path.to_string_lossy().into_owned());
            text.map(|text| text.clone().into_bytes()).ok_or(io::ErrorKind::NotFound.into())
        }

        fn is_dir(&self, path: &Path) -> io::Result<bool> {
            if self.files.contains_key(&path.to_string_lossy().into_owned()) {
                return Ok(false);
            }
            if self.list_dir(path)?.is_empty() {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(true)
        }

        fn list_dir(&self, path: &Path) -> io::Result<Vec<String>> {
            let prefix = format!("{}/", path.to_string_lossy());
            let names = self.files.keys().rev().filter_map(|name| name.strip_prefix(&prefix));
            let mut names: Vec<String> =
                names.map(|rest| rest.split('/').next().unwrap().to_owned()).collect();
            names.dedup();
            Ok(names)
        }

        fn hostname(&self) -> io::Result<String> {
            Ok("Sandbox.local".to_owned())
        }

        fn addresses(&self) -> Vec<InterfaceAddress> {
            self.addresses.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_give_addresses_with_their_interfaces() {
        let trie = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.1.2.0\n        /24 link UNICAST\n\
                    \x20    |-- 10.1.2.3\n        /32 host LOCAL\n     |-- 127.0.0.1\n\
                    \x20       /32 host LOCAL\n     |-- 10.1.2.3\n        /32 host LOCAL\n";
        let hex = |address: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(address));
        let routes = format!(
            "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
             eth0 {} {} 0003 0 0 0 {} 0 0 0\neth1 {} {} 0001 0 0 0 {} 0 0 0\n",
            hex([0, 0, 0, 0]),
            hex([10, 1, 2, 1]),
            hex([0, 0, 0, 0]),
            hex([10, 1, 2, 0]),
            hex([0, 0, 0, 0]),
            hex([255, 255, 255, 0]),
        );
        let found = ipv4_addresses(trie, &routes);
        let shown: Vec<String> =
            found.iter().map(|found| format!("{} {}", found.interface, found.address)).collect();
        assert_eq!(shown, ["eth1 10.1.2.3", "lo 127.0.0.1"]);
    }

    #[test]
    fn ipv6_addresses_come_with_their_interfaces() {
        let text = "00000000000000000000000000000001 01 80 10 80       lo\nnonsense\n";
        let found = ipv6_addresses(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].interface, "lo");
        assert_eq!(found[0].address.to_string(), "::1");
    }

    #[test]
    fn this_machine_has_loopback_and_a_name() {
        assert!(Machine.addresses().iter().any(|found| found.address.is_loopback()));
        assert!(!Machine.hostname().unwrap().is_empty());
    }
}
