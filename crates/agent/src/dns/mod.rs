//! The DNS door: services, nodes and addresses by name, over UDP and TCP.
//!
//! [`answer`] is pure: a packet and a view in, a packet out; [`serve`] is the sockets. Names
//! outside our domain are refused: nothing is asked of other servers here.
//! Source: surface part E; transcripts dns/*.

mod lookup;
mod open;
mod question;
mod serve;
mod wire;

pub use open::{open, settings};
pub use serve::{Listeners, Measure, Newest, Views, bind, serve};

use std::collections::BTreeMap;
use tribune_state::View;
use wire::{KIND_PTR, KIND_SRV, Limits, Parsed, UDP_BYTES};

/// No requester takes a longer packet by UDP than this.
const UDP_BYTES_MAX: usize = 65_467;
/// A message by TCP carries its length in two bytes.
const TCP_BYTES_MAX: usize = 65_535;
/// Answers in one message by TCP; more would not fit.
const TCP_ANSWERS_MAX: usize = 4_096;
/// The same for SRV records, which bring others along.
const TCP_SRV_ANSWERS_MAX: usize = 1_024;
/// Above this `udp_answer_limit` has no effect.
const UDP_ANSWERS_MAX: usize = 8;

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct DnsSettings {
    /// Our domain, such as `consul`.
    pub domain: String,
    /// A second domain that is answered likewise.
    pub alt_domain: Option<String>,
    /// The datacenter whose names we know.
    pub datacenter: String,
    /// True to leave out warning instances too.
    pub only_passing: bool,
    /// Answers by UDP to those who speak no EDNS.
    pub udp_answers_max: usize,
    /// Addresses of a service in one answer, 0 for no limit.
    pub a_records_max: usize,
    /// True to set the truncation flag where answers were left out.
    pub enable_truncate: bool,
    /// True to write every name in full.
    pub disable_compression: bool,
    /// True to add node metadata as text records.
    pub node_meta_txt: bool,
    /// How long answers about nodes may be kept, in seconds.
    pub node_ttl_s: u32,
    /// The same for services, by name; `web*` stands for names that begin so, `*` for all.
    pub service_ttls_s: BTreeMap<String, u32>,
    /// The numbers of our SOA record.
    pub soa: Soa,
}

/// The numbers of an SOA record, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Soa {
    /// When secondaries look again.
    pub refresh_s: u32,
    /// When they try again after a failure.
    pub retry_s: u32,
    /// When they give up.
    pub expire_s: u32,
    /// How long an absence may be kept.
    pub ttl_min_s: u32,
}

impl Default for DnsSettings {
    fn default() -> DnsSettings {
        DnsSettings {
            domain: "consul".to_owned(),
            alt_domain: None,
            datacenter: "dc1".to_owned(),
            only_passing: false,
            udp_answers_max: 3,
            a_records_max: 0,
            enable_truncate: false,
            disable_compression: false,
            node_meta_txt: true,
            node_ttl_s: 0,
            service_ttls_s: BTreeMap::new(),
            soa: Soa { refresh_s: 3600, retry_s: 600, expire_s: 86_400, ttl_min_s: 0 },
        }
    }
}

impl DnsSettings {
    /// How long answers about a service may be kept: its own setting, else the longest prefix.
    fn service_ttl_s(&self, service: &str) -> u32 {
        let exact = self.service_ttls_s.get(service);
        let prefixes = self.service_ttls_s.iter().filter_map(|(name, ttl_s)| {
            let prefix = name.strip_suffix('*').filter(|prefix| service.starts_with(prefix))?;
            Some((prefix.len(), ttl_s))
        });
        exact.or_else(|| Some(prefixes.max()?.1)).copied().unwrap_or(0)
    }
}

/// By which way a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One packet each way.
    Udp,
    /// Messages of up to 64 KiB.
    Tcp,
}

/// What an answer is made from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The state.
    pub view: &'a View,
    /// The settings.
    pub settings: &'a DnsSettings,
    /// The serial number of our SOA record: the time in seconds since 1970.
    pub unix_s: u32,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nothing that could be read.
    Nothing,
    /// A name by its address.
    Pointer,
    /// Anything else.
    Name,
}

/// The answer to a request; none if there is nobody to answer to.
pub fn answer(
    request: &[u8],
    transport: Transport,
    source: &Source<'_>,
    shuffler: &mut Shuffler,
) -> Option<Vec<u8>> {
    respond(request, transport, source, shuffler).1
}

/// The same, and what was asked.
pub fn respond(
    request: &[u8],
    transport: Transport,
    source: &Source<'_>,
    shuffler: &mut Shuffler,
) -> (Asked, Option<Vec<u8>>) {
    match wire::parse(request) {
        Parsed::Silence => (Asked::Nothing, None),
        Parsed::Refusal(bytes) => (Asked::Nothing, Some(bytes)),
        Parsed::Request(request) => {
            let reply = lookup::reply(&request, source, shuffler);
            let limits = limits(&request, transport, source.settings);
            let asked = if request.kind == KIND_PTR { Asked::Pointer } else { Asked::Name };
            (asked, Some(wire::encode(&request, &reply, limits)))
        }
    }
}

fn limits(request: &wire::Request, transport: Transport, settings: &DnsSettings) -> Limits {
    let payload = request.edns.as_ref().map_or(0, |edns| usize::from(edns.payload_bytes));
    let (bytes_max, answers_max) = match transport {
        Transport::Tcp if request.kind == KIND_SRV => (TCP_BYTES_MAX, TCP_SRV_ANSWERS_MAX),
        Transport::Tcp => (TCP_BYTES_MAX, TCP_ANSWERS_MAX),
        Transport::Udp if payload > UDP_BYTES => (payload.min(UDP_BYTES_MAX), TCP_ANSWERS_MAX),
        Transport::Udp => (UDP_BYTES, settings.udp_answers_max.min(UDP_ANSWERS_MAX)),
    };
    Limits {
        bytes_max,
        answers_max,
        tells_truncation: settings.enable_truncate && transport == Transport::Udp,
        compresses: !settings.disable_compression,
    }
}

/// Puts instances in random order, so that requesters spread. SplitMix64: nothing secret hangs
/// on it.
#[derive(Clone, Debug)]
pub struct Shuffler(u64);

impl Shuffler {
    /// A shuffler whose orders follow from the seed.
    pub fn new(seed: u64) -> Shuffler {
        Shuffler(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u64::try_from(last).unwrap_or(u64::MAX) + 1;
            let chosen = usize::try_from(self.next() % bound).unwrap_or(last);
            items.swap(last, chosen);
        }
    }
}

#[cfg(test)]
mod tests;
