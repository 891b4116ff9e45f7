//! What a name asks for: the forms of names under our domain, and the reverse names.
//!
//! Source: surface E.1; transcripts dns/basic, dns/service.

use super::DnsSettings;
use super::wire::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tribune_state::{NodeName, ServiceName};

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The instances of a service; mesh endpoints if so named.
    Service { service: ServiceName, tag: Option<String>, connect: bool },
    /// A node.
    Node(NodeName),
    /// The address that is spelt in the name.
    Address(IpAddr),
    /// The virtual address of a service.
    Virtual(ServiceName),
    /// Who has this address.
    Reverse(IpAddr),
    /// Nothing we know, though it is ours to say so.
    Unknown,
}

/// A name of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub lookup: Lookup,
    /// Our domain as the question spells it, without a dot at its end.
    pub domain: String,
    /// True for reverse names, which have no records of a zone.
    pub is_reverse: bool,
}

/// Finds what a name stands for; none if it is not ours to answer.
pub fn place(name: &Name, settings: &DnsSettings) -> Option<Place> {
    let labels: Vec<String> =
        name.labels().map(|label| String::from_utf8_lossy(label).into_owned()).collect();
    let folded: Vec<String> = labels.iter().map(|label| label.to_lowercase()).collect();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    if let Some(lookup) = reverse(&folded) {
        let domain = settings.domain.trim_end_matches('.').to_owned();
        return Some(Place { lookup, domain, is_reverse: true });
    }
    let domains = std::iter::once(&settings.domain).chain(&settings.alt_domain);
    let rest_len = domains.filter_map(|domain| before(&folded, domain)).min()?;
    let domain = labels.get(rest_len..).unwrap_or_default().join(".");
    let rest = folded.get(..rest_len).unwrap_or_default();
    // A label with a dot inside would read as two.
    let is_plain = rest.iter().all(|label| !label.contains('.'));
    let lookup = if is_plain { forward(rest, settings) } else { None };
    Some(Place { lookup: lookup.unwrap_or(Lookup::Unknown), domain, is_reverse: false })
}

/// How many labels stand before a domain, if the name is in it.
fn before(labels: &[&str], domain: &str) -> Option<usize> {
    let domain = domain.trim_end_matches('.').to_lowercase();
    let wanted: Vec<&str> = domain.split('.').filter(|label| !label.is_empty()).collect();
    let rest = labels.strip_suffix(wanted.as_slice())?;
    Some(rest.len())
}

/// The labels in lower case, without the domain.
fn forward(labels: &[&str], settings: &DnsSettings) -> Option<Lookup> {
    let is_local = |name: &str| name.eq_ignore_ascii_case(&settings.datacenter);
    match labels {
        [rest @ .., datacenter, "dc"] if is_kind(rest.last()) => {
            is_local(datacenter).then(|| of_kind(rest))?
        }
        [service, tag] if service.starts_with('_') && tag.starts_with('_') => rfc2782(service, tag),
        [service, tag, datacenter] if service.starts_with('_') && tag.starts_with('_') => {
            match of_kind(labels) {
                None if is_local(datacenter) => rfc2782(service, tag),
                found => found,
            }
        }
        [.., last] if is_kind(Some(last)) => of_kind(labels),
        [rest @ .., datacenter] if is_kind(rest.last()) => {
            is_local(datacenter).then(|| of_kind(rest))?
        }
        _ => None,
    }
}

fn is_kind(label: Option<&&str>) -> bool {
    label.is_some_and(|label| ["service", "connect", "virtual", "node", "addr"].contains(label))
}

/// The labels with the kind as the last one.
fn of_kind(labels: &[&str]) -> Option<Lookup> {
    let (kind, rest) = labels.split_last()?;
    match (*kind, rest) {
        ("service", [service, tag]) if service.starts_with('_') && tag.starts_with('_') => {
            rfc2782(service, tag)
        }
        ("service", [tag @ .., service]) => Some(Lookup::Service {
            service: (*service).into(),
            tag: (!tag.is_empty()).then(|| tag.join(".")),
            connect: false,
        }),
        ("connect", [.., service]) => {
            Some(Lookup::Service { service: (*service).into(), tag: None, connect: true })
        }
        ("virtual", [.., service]) => Some(Lookup::Virtual((*service).into())),
        ("node", [_, ..]) => Some(Lookup::Node(rest.join(".").into())),
        ("addr", [hex]) => address(hex).map(Lookup::Address),
        _ => None,
    }
}

/// `_service._tag`; the tag `tcp` stands for none.
fn rfc2782(service: &str, tag: &str) -> Option<Lookup> {
    let (service, tag) = (service.strip_prefix('_')?, tag.strip_prefix('_')?);
    let tag = (tag != "tcp").then(|| tag.to_owned());
    (!service.is_empty()).then(|| Lookup::Service { service: service.into(), tag, connect: false })
}

/// An address as 8 or 32 hexadecimal digits.
fn address(hex: &str) -> Option<IpAddr> {
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match hex.len() {
        8 => Some(Ipv4Addr::from(u32::from_str_radix(hex, 16).ok()?).into()),
        32 => Some(Ipv6Addr::from(u128::from_str_radix(hex, 16).ok()?).into()),
        _ => None,
    }
}

/// The label that spells an address.
pub fn address_label(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{:08x}", u32::from(address)),
        IpAddr::V6(address) => format!("{:032x}", u128::from(address)),
    }
}

fn reverse(labels: &[&str]) -> Option<Lookup> {
    let found = match labels {
        [rest @ .., "in-addr", "arpa"] => reverse_v4(rest).map(IpAddr::V4),
        [rest @ .., "ip6", "arpa"] => reverse_v6(rest).map(IpAddr::V6),
        _ => return None,
    };
    Some(found.map_or(Lookup::Unknown, Lookup::Reverse))
}

fn reverse_v4(labels: &[&str]) -> Option<Ipv4Addr> {
    let [d, c, b, a] = labels else { return None };
    format!("{a}.{b}.{c}.{d}").parse().ok()
}

fn reverse_v6(labels: &[&str]) -> Option<Ipv6Addr> {
    let digits: String = labels.iter().rev().copied().collect();
    let is_exact = labels.len() == 32 && labels.iter().all(|label| label.len() == 1);
    match address(&digits) {
        Some(IpAddr::V6(address)) if is_exact => Some(address),
        _ => None,
    }
}
