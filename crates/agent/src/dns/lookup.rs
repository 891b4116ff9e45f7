//! Finding the records that answer a question, from one view of the state.
//!
//! An instance with a critical check, or on a node with one, does not exist here. A name that is
//! ours but has no record of the kind is told by an empty answer with our SOA.
//! Source: surface E.2; transcripts dns/basic, dns/service.

use super::question::{Lookup, Place, address_label, place};
use super::wire::{
    CLASS_ANY, CLASS_IN, Code, Data, KIND_A, KIND_AAAA, KIND_ANY, KIND_AXFR, KIND_CNAME, KIND_IXFR,
    KIND_NS, KIND_SOA, KIND_SRV, KIND_TXT, Name, Record, Reply, Request,
};
use super::{Shuffler, Source};
use std::net::IpAddr;
use std::sync::Arc;
use tribune_state::catalog::{CatalogTables, CheckStatus, Door, NodeRow, ServiceRow, has_tag};
use tribune_state::{ServiceName, TextMap};

/// How many name servers an answer names.
const NAME_SERVERS_MAX: usize = 3;
/// How many aliases within our domain are followed, so that a circle ends.
const ALIAS_DEPTH_MAX: u8 = 3;
/// How many aliases within our domain are followed for one answer: each may fan out.
const ALIASES_MAX: u8 = 16;
/// The service that every server is an instance of.
const SERVER_SERVICE: &str = "consul";
/// Node metadata with such a key is shown as its bare value.
const META_BARE_PREFIX: &str = "rfc1035-";

/// Answers a request.
pub fn reply(request: &Request, source: &Source<'_>, shuffler: &mut Shuffler) -> Reply {
    let place = place(&request.name, source.settings);
    let class_is_ours = [CLASS_IN, CLASS_ANY].contains(&request.class);
    let Some(place) = place.filter(|_| class_is_ours) else {
        return Reply { is_authoritative: false, ..empty(Code::Refused) };
    };
    let mut finder = Finder { source, domain: &place.domain, shuffler, aliases_left: ALIASES_MAX };
    match request.kind {
        KIND_AXFR | KIND_IXFR => empty(Code::NotImp),
        KIND_SOA if !place.is_reverse => finder.soa_reply(),
        KIND_NS if !place.is_reverse => finder.ns_reply(),
        _ => finder.reply(request, &place),
    }
}

fn empty(code: Code) -> Reply {
    Reply {
        code,
        is_authoritative: true,
        answers: Vec::new(),
        authority: Vec::new(),
        additional: Vec::new(),
    }
}

/// An address as it was registered.
enum Host {
    Ip(IpAddr),
    Alias(Name),
    Nothing,
}

fn host(address: &str) -> Host {
    match address.parse() {
        Ok(ip) => Host::Ip(ip),
        Err(_) if address.is_empty() => Host::Nothing,
        Err(_) => Name::parse(address).map_or(Host::Nothing, Host::Alias),
    }
}

/// One instance that may be shown.
struct Live {
    node: Arc<NodeRow>,
    service: Arc<ServiceRow>,
    is_passing: bool,
}

impl Live {
    fn address(&self) -> &str {
        if self.service.address.is_empty() { &self.node.address } else { &self.service.address }
    }
}

struct Finder<'a> {
    source: &'a Source<'a>,
    domain: &'a str,
    shuffler: &'a mut Shuffler,
    aliases_left: u8,
}

impl Finder<'_> {
    fn reply(&mut self, request: &Request, place: &Place) -> Reply {
        let owner = &request.name;
        match &place.lookup {
            Lookup::Service { service, tag, connect } => {
                let live = self.live(service, tag.as_deref(), *connect);
                if live.is_empty() {
                    return self.nothing(Code::NxDomain);
                }
                let ttl_s = self.source.settings.service_ttl_s(service.as_str());
                let answers = match request.kind {
                    KIND_SRV => self.srv(owner, &live, ttl_s),
                    kind => {
                        let found = self.addresses(owner, &live, kind, ttl_s, 0);
                        found.into_iter().map(|record| (record, Vec::new())).collect()
                    }
                };
                if answers.is_empty() {
                    return self.nothing(Code::NoError);
                }
                Reply { answers, ..empty(Code::NoError) }
            }
            Lookup::Node(name) => match self.catalog().node(name).cloned() {
                Some(node) => self.node_reply(owner, &node, request.kind),
                None => self.nothing(Code::NxDomain),
            },
            Lookup::Address(address) => {
                let record = ip_record(owner, *address, self.source.settings.node_ttl_s);
                if wants(request.kind, *address) {
                    Reply { answers: vec![(record, Vec::new())], ..empty(Code::NoError) }
                } else {
                    Reply { additional: vec![record], ..empty(Code::NoError) }
                }
            }
            Lookup::Virtual(service) => {
                let found = self.catalog().virtual_address(service).map(IpAddr::V4);
                let found = found.filter(|address| wants(request.kind, *address));
                let record = |ip| ip_record(owner, ip, self.source.settings.node_ttl_s);
                let answers = found.map(|ip| (record(ip), Vec::new())).into_iter().collect();
                Reply { answers, ..empty(Code::NoError) }
            }
            Lookup::Reverse(address) => match self.pointer(*address) {
                Some(target) => {
                    let data = Data::Ptr(target);
                    let record = Record { owner: owner.clone(), ttl_s: 0, data };
                    Reply { answers: vec![(record, Vec::new())], ..empty(Code::NoError) }
                }
                None => self.nothing(Code::NxDomain),
            },
            Lookup::Unknown => self.nothing(Code::NxDomain),
        }
    }

    fn catalog(&self) -> &CatalogTables {
        self.source.view.catalog()
    }

    /// No records; our SOA says for how long that may be believed.
    fn nothing(&self, code: Code) -> Reply {
        Reply { authority: self.soa().into_iter().collect(), ..empty(code) }
    }

    fn soa(&self) -> Option<Record> {
        let soa = &self.source.settings.soa;
        Some(Record {
            owner: Name::parse(self.domain)?,
            ttl_s: soa.ttl_min_s,
            data: Data::Soa {
                server: Name::parse(&format!("ns.{}", self.domain))?,
                mailbox: Name::parse(&format!("hostmaster.{}", self.domain))?,
                numbers: [
                    self.source.unix_s,
                    soa.refresh_s,
                    soa.retry_s,
                    soa.expire_s,
                    soa.ttl_min_s,
                ],
            },
        })
    }

    fn soa_reply(&mut self) -> Reply {
        let (authority, additional) = self.name_servers().into_iter().unzip();
        let answers = self.soa().into_iter().map(|record| (record, Vec::new())).collect();
        let additional: Vec<Option<Record>> = additional;
        let additional = additional.into_iter().flatten().collect();
        Reply { answers, authority, additional, ..empty(Code::NoError) }
    }

    fn ns_reply(&mut self) -> Reply {
        let servers = self.name_servers().into_iter();
        let answers = servers.map(|(record, glue)| (record, Vec::from_iter(glue))).collect();
        Reply { answers, ..empty(Code::NoError) }
    }

    /// Some of the servers, each with its address.
    fn name_servers(&mut self) -> Vec<(Record, Option<Record>)> {
        let ttl_s = self.source.settings.node_ttl_s;
        let live = self.live(&ServiceName::from(SERVER_SERVICE), None, false);
        let named = live.iter().filter_map(|live| {
            let name = self.node_name(&live.node)?;
            let owner = Name::parse(self.domain)?;
            let glue = match host(&live.node.address) {
                Host::Ip(ip) => Some(ip_record(&name, ip, ttl_s)),
                _ => None,
            };
            Some((Record { owner, ttl_s, data: Data::Ns(name) }, glue))
        });
        named.take(NAME_SERVERS_MAX).collect()
    }

    /// The instances that may be shown, in random order.
    fn live(&mut self, service: &ServiceName, tag: Option<&str>, connect: bool) -> Vec<Live> {
        let catalog = self.source.view.catalog();
        let door = Door::Dns { only_passing: self.source.settings.only_passing };
        let usable = |row: &Arc<ServiceRow>| {
            if tag.is_some_and(|tag| !has_tag(row, tag)) {
                return None;
            }
            let mut is_passing = true;
            let own = catalog.checks_of(&row.node, &row.id);
            for check in catalog.checks_of(&row.node, &"".into()).chain(own) {
                if door.is_barred_by(&check.status) {
                    return None;
                }
                is_passing &= check.status == CheckStatus::Passing;
            }
            let node = catalog.node(&row.node)?.clone();
            Some(Live { node, service: row.clone(), is_passing })
        };
        let mut live: Vec<Live> = if connect {
            catalog.endpoints(service).filter_map(usable).collect()
        } else {
            catalog.instances(service).filter_map(usable).collect()
        };
        self.shuffler.shuffle(&mut live);
        live
    }

    /// The addresses of instances; if none has one, the first alias with what it leads to.
    fn addresses(
        &mut self,
        owner: &Name,
        live: &[Live],
        kind: u16,
        ttl_s: u32,
        depth: u8,
    ) -> Vec<Record> {
        let mut found: Vec<Record> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut alias = None;
        for one in live {
            match host(one.address()) {
                Host::Ip(ip) if wants(kind, ip) && seen.insert(ip) => {
                    found.push(ip_record(owner, ip, ttl_s));
                }
                Host::Alias(name) => alias = alias.or(Some(name)),
                Host::Ip(_) | Host::Nothing => {}
            }
        }
        let limit = self.source.settings.a_records_max;
        if limit > 0 && [KIND_A, KIND_AAAA, KIND_ANY].contains(&kind) {
            found.truncate(limit);
        }
        match alias {
            Some(alias) if found.is_empty() => self.alias(owner, alias, kind, ttl_s, depth),
            _ => found,
        }
    }

    fn alias(
        &mut self,
        owner: &Name,
        target: Name,
        kind: u16,
        ttl_s: u32,
        depth: u8,
    ) -> Vec<Record> {
        if ![KIND_A, KIND_AAAA, KIND_ANY, KIND_TXT, KIND_CNAME].contains(&kind) {
            return Vec::new();
        }
        let followed =
            if kind == KIND_CNAME { Vec::new() } else { self.follow(&target, kind, depth + 1) };
        let data = Data::Cname(target);
        let mut records = vec![Record { owner: owner.clone(), ttl_s, data }];
        // A circle of aliases leads back to this very record.
        records.extend(followed.into_iter().filter(|record| record.owner != *owner));
        records
    }

    /// What a name of ours leads to; nothing for others, which are the requester's to resolve.
    fn follow(&mut self, name: &Name, kind: u16, depth: u8) -> Vec<Record> {
        if depth > ALIAS_DEPTH_MAX || self.aliases_left == 0 {
            return Vec::new();
        }
        self.aliases_left -= 1;
        match place(name, self.source.settings).map(|place| place.lookup) {
            Some(Lookup::Service { service, tag, connect }) => {
                let live = self.live(&service, tag.as_deref(), connect);
                let ttl_s = self.source.settings.service_ttl_s(service.as_str());
                self.addresses(name, &live, kind, ttl_s, depth)
            }
            Some(Lookup::Node(node)) => match self.catalog().node(&node).cloned() {
                Some(node) => self.node_address(name, &node.address, kind, depth),
                None => Vec::new(),
            },
            Some(Lookup::Address(ip)) if wants(kind, ip) => {
                vec![ip_record(name, ip, self.source.settings.node_ttl_s)]
            }
            _ => Vec::new(),
        }
    }

    fn srv(&mut self, owner: &Name, live: &[Live], ttl_s: u32) -> Vec<(Record, Vec<Record>)> {
        let mut seen = std::collections::BTreeSet::new();
        let mut answers = Vec::new();
        for one in live {
            let Some((target, additional)) = self.target(one, ttl_s) else { continue };
            let weights = one.service.weights;
            let weight = if one.is_passing { weights.passing } else { weights.warning };
            let data = Data::Srv {
                weight: u16::try_from(weight.max(0)).unwrap_or(u16::MAX),
                port: u16::try_from(one.service.port).unwrap_or(0),
                target,
            };
            let record = Record { owner: owner.clone(), ttl_s, data };
            if seen.insert(record.clone()) {
                answers.push((record, additional));
            }
        }
        answers
    }

    /// Where an instance is reached: a name, and the records that resolve it.
    fn target(&mut self, one: &Live, ttl_s: u32) -> Option<(Name, Vec<Record>)> {
        let datacenter = self.datacenter(&one.node);
        match host(one.address()) {
            Host::Ip(ip) if one.service.address.is_empty() => {
                let name = self.node_name(&one.node)?;
                let mut additional = vec![ip_record(&name, ip, ttl_s)];
                additional.extend(self.meta(&name, &one.node, ttl_s));
                Some((name, additional))
            }
            Host::Ip(ip) => {
                let label = address_label(ip);
                let name = Name::parse(&format!("{label}.addr.{datacenter}.{}", self.domain))?;
                let additional = vec![ip_record(&name, ip, ttl_s)];
                Some((name, additional))
            }
            Host::Alias(name) => {
                let additional = self.follow(&name, KIND_ANY, 1);
                Some((name, additional))
            }
            Host::Nothing => None,
        }
    }

    fn node_name(&self, node: &NodeRow) -> Option<Name> {
        let datacenter = self.datacenter(node);
        Name::parse(&format!("{}.node.{datacenter}.{}", node.node, self.domain))
    }

    fn node_reply(&mut self, owner: &Name, node: &NodeRow, kind: u16) -> Reply {
        let own = |records: Vec<Record>| records.into_iter().map(|r| (r, Vec::new())).collect();
        let meta = self.meta(owner, node, self.source.settings.node_ttl_s);
        let mut reply = empty(Code::NoError);
        match kind {
            KIND_A | KIND_AAAA | KIND_CNAME => {
                reply.answers = own(self.node_address(owner, &node.address, kind, 0));
                reply.additional = meta;
            }
            KIND_ANY => {
                let mut records = self.node_address(owner, &node.address, kind, 0);
                records.extend(meta);
                reply.answers = own(records);
            }
            KIND_TXT => reply.answers = own(meta),
            _ => {}
        }
        reply
    }

    fn node_address(&mut self, owner: &Name, address: &str, kind: u16, depth: u8) -> Vec<Record> {
        let ttl_s = self.source.settings.node_ttl_s;
        match host(address) {
            Host::Ip(ip) if wants(kind, ip) => vec![ip_record(owner, ip, ttl_s)],
            Host::Alias(name) => self.alias(owner, name, kind, ttl_s, depth),
            Host::Ip(_) | Host::Nothing => Vec::new(),
        }
    }

    /// A node's metadata as text records.
    fn meta(&self, owner: &Name, node: &NodeRow, ttl_s: u32) -> Vec<Record> {
        if !self.source.settings.node_meta_txt {
            return Vec::new();
        }
        let pairs = node.meta.iter().flat_map(TextMap::iter);
        let text = |(key, value): (&str, &str)| {
            let data = Data::Txt(meta_text(key, value));
            Record { owner: owner.clone(), ttl_s, data }
        };
        pairs.map(text).collect()
    }

    /// The name of who has an address: a node, else a service.
    fn pointer(&self, address: IpAddr) -> Option<Name> {
        let is_it = |text: &str| text.parse() == Ok(address);
        let catalog = self.catalog();
        if let Some(node) = catalog.all_nodes().find(|node| is_it(&node.address)) {
            return self.node_name(node);
        }
        let service = catalog.all_services().find(|service| is_it(&service.address))?;
        let datacenter = self.datacenter(catalog.node(&service.node)?);
        Name::parse(&format!("{}.service.{datacenter}.{}", service.service, self.domain))
    }

    /// A node's datacenter; one that names none is in ours.
    fn datacenter<'n>(&'n self, node: &'n NodeRow) -> &'n str {
        if node.datacenter.is_empty() { &self.source.settings.datacenter } else { &node.datacenter }
    }
}

/// Whether a question of some kind is answered by an address of this family. A question for text
/// is answered by addresses too: Source: transcript dns/service.
fn wants(kind: u16, ip: IpAddr) -> bool {
    match kind {
        KIND_A => ip.is_ipv4(),
        KIND_AAAA => ip.is_ipv6(),
        KIND_ANY | KIND_TXT => true,
        _ => false,
    }
}

fn ip_record(owner: &Name, ip: IpAddr, ttl_s: u32) -> Record {
    let data = match ip {
        IpAddr::V4(ip) => Data::A(ip),
        IpAddr::V6(ip) => Data::Aaaa(ip),
    };
    Record { owner: owner.clone(), ttl_s, data }
}

/// A pair as RFC 1464 writes it: in the key, marks that would end it stand behind a grave accent.
fn meta_text(key: &str, value: &str) -> String {
    if key.to_lowercase().starts_with(META_BARE_PREFIX) {
        return value.to_owned();
    }
    let mut text = String::with_capacity(key.len() + value.len() + 1);
    for letter in key.chars() {
        if matches!(letter, '`' | '=' | ' ' | '\t') {
            text.push('`');
        }
        text.push(letter);
    }
    text.push('=');
    text.push_str(value);
    text
}
