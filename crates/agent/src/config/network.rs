//! Where the agent listens and where others reach it, built from addresses, templates and ports.
//! Invariant: no two listeners of the result claim the same address and port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::environment::InterfaceAddress;
use super::error::ConfigErrors;
use super::runtime::{ListenAddress, NetworkConfig, PortRange, UnixSockets};
use super::settings::Settings;
use super::templates::{self, is_private, is_public};

/// Whether the machine's own addresses count: a configuration may be checked elsewhere than
/// where it will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine<'a> {
    This(&'a [InterfaceAddress]),
    Another(&'a [InterfaceAddress]),
}

pub fn build(settings: &Settings, machine: Machine, errors: &mut ConfigErrors) -> NetworkConfig {
    let addresses = match machine {
        Machine::This(addresses) | Machine::Another(addresses) => addresses,
    };
    let mut reader = Reader { settings, addresses, errors, machine_complaint: None };
    let bind = reader.one("bind_addr").unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let client = reader.client();
    let advertise = reader.advertise(bind, matches!(machine, Machine::This(_)));
    let advertise_wan = reader.advertise_wan(advertise);
    let dns = reader.dns(&client);
    let http = reader.listeners("addresses.http", "ports.http", &client);
    let https = reader.listeners("addresses.https", "ports.https", &client);
    let grpc = reader.listeners("addresses.grpc", "ports.grpc", &client);
    let grpc_tls = reader.listeners("addresses.grpc_tls", "ports.grpc_tls", &client);
    let serf_lan_ip = reader.one("serf_lan").unwrap_or(bind);
    let serf_wan_ip = reader.one("serf_wan").unwrap_or(bind);
    let network = NetworkConfig {
        bind,
        client,
        advertise,
        advertise_wan,
        translate_wan_addrs: settings.bool("translate_wan_addrs"),
        dns,
        http,
        https,
        grpc,
        grpc_tls,
        server: SocketAddr::new(bind, reader.needed_port("ports.server", 8300)),
        serf_lan: SocketAddr::new(serf_lan_ip, reader.needed_port("ports.serf_lan", 8301)),
        serf_wan: reader.port("ports.serf_wan").map(|port| SocketAddr::new(serf_wan_ip, port)),
        sidecar_ports: reader.range("ports.sidecar_min_port", "ports.sidecar_max_port"),
        expose_ports: reader.range("ports.expose_min_port", "ports.expose_max_port"),
        unix_sockets: reader.unix_sockets(),
    };
    let machine_complaint = reader.machine_complaint.take();
    refuse_shared(&network, settings.bool("server"), errors);
    // That the machine's addresses do not tell is worth a word only once the rest is right.
    if let Some(complaint) = machine_complaint
        && errors.is_empty()
    {
        errors.rule(complaint);
    }
    network
}

struct Reader<'a> {
    settings: &'a Settings,
    addresses: &'a [InterfaceAddress],
    errors: &'a mut ConfigErrors,
    machine_complaint: Option<String>,
}

impl Reader<'_> {
    /// The addresses a key names, templates expanded. Unix sockets come as they stand.
    fn words(&mut self, key: &'static str) -> Vec<String> {
        match templates::expand(&self.settings.text(key), self.addresses) {
            Ok(text) => text.split_whitespace().map(str::to_owned).collect(),
            Err(reason) => {
                self.errors.value(format!("{key}: unable to parse address template: {reason}"));
                Vec::new()
            }
        }
    }

    fn ip(&mut self, key: &'static str, word: &str) -> Option<IpAddr> {
        let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
        let address = bare.parse().ok();
        if address.is_none() {
            self.errors.value(format!("{key}: invalid ip address: {word}"));
        }
        address
    }

    fn one(&mut self, key: &'static str) -> Option<IpAddr> {
        let words = self.words(key);
        match words.as_slice() {
            [] => None,
            [word] => self.ip(key, word),
            several => {
                let several = several.join(" ");
                self.errors.value(format!("{key}: multiple addresses found: {several}"));
                None
            }
        }
    }

    fn client(&mut self) -> Vec<IpAddr> {
        let words = self.words("client_addr");
        words.iter().filter_map(|word| self.ip("client_addr", word)).collect()
    }

    fn advertise(&mut self, bind: IpAddr, detect: bool) -> IpAddr {
        let given = match self.one("advertise_addr") {
            Some(address) => Some(address),
            None if bind.is_ipv6() => self.one("advertise_addr_ipv6"),
            None => self.one("advertise_addr_ipv4"),
        };
        match given {
            Some(address) if address.is_unspecified() => {
                self.errors.rule("Advertise address cannot be 0.0.0.0, :: or [::]");
                address
            }
            Some(address) => address,
            None if bind.is_unspecified() => self.detected(bind, detect),
            None => bind,
        }
    }

    /// Bound to every address, the agent is reached at the machine's one private IPv4 address,
    /// or, bound to IPv6, at its one public address.
    fn detected(&mut self, bind: IpAddr, detect: bool) -> IpAddr {
        let wanted = |address: IpAddr| match bind {
            IpAddr::V4(_) => address.is_ipv4() && is_private(address),
            IpAddr::V6(_) => address.is_ipv6() && is_public(address),
        };
        let kind = if bind.is_ipv4() { "private IPv4" } else { "public IPv6" };
        let found: Vec<IpAddr> =
            self.addresses.iter().map(|found| found.address).filter(|ip| wanted(*ip)).collect();
        let complaint = match found.as_slice() {
            [only] => return *only,
            [] => format!("No {kind} address found"),
            _ => format!(
                "Multiple {kind} addresses found. Please configure one with 'bind' and/or \
                 'advertise'."
            ),
        };
        self.machine_complaint = Some(complaint).filter(|_| detect);
        bind
    }

    fn advertise_wan(&mut self, advertise: IpAddr) -> IpAddr {
        let given = match self.one("advertise_addr_wan") {
            Some(address) => Some(address),
            None if advertise.is_ipv6() => self.one("advertise_addr_wan_ipv6"),
            None => self.one("advertise_addr_wan_ipv4"),
        };
        if given.is_some_and(|address| address.is_unspecified()) {
            self.errors.rule("Advertise WAN address cannot be 0.0.0.0, :: or [::]");
        }
        given.unwrap_or(advertise)
    }

    fn listeners(
        &mut self,
        address_key: &'static str,
        port_key: &'static str,
        client: &[IpAddr],
    ) -> Vec<ListenAddress> {
        let port = self.port(port_key);
        let words = self.words(address_key);
        if words.is_empty() {
            let tcp = |port| client.iter().map(move |ip| SocketAddr::new(*ip, port));
            return port.into_iter().flat_map(tcp).map(ListenAddress::Tcp).collect();
        }
        let mut listeners = Vec::new();
        for word in &words {
            if let Some(path) = word.strip_prefix("unix://") {
                // A socket in the file system has no port that could turn it off.
                listeners.push(ListenAddress::Unix(PathBuf::from(path)));
            } else if let (Some(ip), Some(port)) = (self.ip(address_key, word), port) {
                listeners.push(ListenAddress::Tcp(SocketAddr::new(ip, port)));
            }
        }
        listeners
    }

    fn dns(&mut self, client: &[IpAddr]) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for listener in self.listeners("addresses.dns", "ports.dns", client) {
            match listener {
                ListenAddress::Tcp(address) => addresses.push(address),
                ListenAddress::Unix(_) => {
                    self.errors.rule("DNS address cannot be a unix socket");
                }
            }
        }
        addresses
    }

    /// None: turned off.
    fn port(&mut self, key: &'static str) -> Option<u16> {
        let default = match key {
            "ports.grpc_tls" if self.settings.bool("server") => 8503,
            _ => -1,
        };
        let number = self.settings.optional_int(key).unwrap_or(default);
        if number == -1 || number == 0 {
            return None;
        }
        let port = u16::try_from(number).ok();
        if port.is_none() {
            self.errors.value(format!("{key}: invalid port: {number}"));
        }
        port
    }

    fn needed_port(&mut self, key: &'static str, default: u16) -> u16 {
        let number = self.settings.int(key);
        if number == -1 || number == 0 {
            self.errors.rule(format!("{key} must be a valid port from 1 to 65535"));
            return default;
        }
        self.port(key).unwrap_or(default)
    }

    fn range(&mut self, min_key: &'static str, max_key: &'static str) -> PortRange {
        let off = PortRange { min: 0, max: 0 };
        let (Some(min), Some(max)) = (self.port(min_key), self.port(max_key)) else { return off };
        if max < min {
            self.errors.rule(format!(
                "{min_key} must be less than {max_key}. To disable, set both to zero."
            ));
            return off;
        }
        PortRange { min, max }
    }

    fn unix_sockets(&mut self) -> UnixSockets {
        let mode = self.settings.optional_text("unix_sockets.mode");
        let bits = mode.as_ref().and_then(|text| u32::from_str_radix(text, 8).ok());
        if let (Some(text), None) = (&mode, bits.filter(|bits| *bits <= 0o7777)) {
            self.errors.value(format!("unix_sockets.mode: invalid mode: {text}"));
        }
        UnixSockets {
            user: self.settings.optional_text("unix_sockets.user"),
            group: self.settings.optional_text("unix_sockets.group"),
            mode: bits,
        }
    }
}

/// Two listeners on one address would fail only later, and one of them at random.
fn refuse_shared(network: &NetworkConfig, server: bool, errors: &mut ConfigErrors) {
    let mut claims: Vec<(&str, ListenAddress)> = Vec::new();
    let tcp = |address: &SocketAddr| ListenAddress::Tcp(*address);
    claims.extend(network.dns.iter().map(|address| ("DNS", tcp(address))));
    let listeners = [
        ("HTTP", &network.http),
        ("HTTPS", &network.https),
        ("GRPC", &network.grpc),
        ("GRPC_TLS", &network.grpc_tls),
    ];
    for (name, addresses) in listeners {
        claims.extend(addresses.iter().map(|address| (name, address.clone())));
    }
    if server {
        claims.push(("RPC", tcp(&network.server)));
        claims.extend(network.serf_wan.iter().map(|address| ("Serf WAN", tcp(address))));
    }
    claims.push(("Serf LAN", tcp(&network.serf_lan)));
    for (at, (name, address)) in claims.iter().enumerate() {
        let earlier = claims.iter().take(at).find(|(_, other)| collide(address, other));
        if let Some((holder, _)) = earlier {
            errors.rule(format!("{name} address {address} already configured for {holder}"));
        }
    }
}

fn collide(a: &ListenAddress, b: &ListenAddress) -> bool {
    match (a, b) {
        (ListenAddress::Tcp(a), ListenAddress::Tcp(b)) => {
            let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
            a.port() == b.port() && (a.ip() == b.ip() || everywhere)
        }
        (a, b) => a == b,
    }
}
