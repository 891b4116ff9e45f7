//! Reading a DNS request and writing an answer: the bytes, nothing of what they mean.
//!
//! Invariant: any bytes give a request, a refusal or silence; no packet is longer than asked.
//! Own code, since an answer is cut to a size while it is written; a test reads every answer back
//! with an independent decoder. Source: RFC 1035, 2782, 6891, 7871.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

pub const KIND_A: u16 = 1;
pub const KIND_NS: u16 = 2;
pub const KIND_CNAME: u16 = 5;
pub const KIND_SOA: u16 = 6;
pub const KIND_PTR: u16 = 12;
pub const KIND_TXT: u16 = 16;
pub const KIND_AAAA: u16 = 28;
pub const KIND_SRV: u16 = 33;
pub const KIND_OPT: u16 = 41;
pub const KIND_IXFR: u16 = 251;
pub const KIND_AXFR: u16 = 252;
pub const KIND_ANY: u16 = 255;
pub const CLASS_IN: u16 = 1;
pub const CLASS_ANY: u16 = 255;

const HEADER_BYTES: usize = 12;
const LABEL_BYTES_MAX: usize = 63;
const NAME_BYTES_MAX: usize = 255;
/// A TXT record is a list of strings of at most this length.
const STRING_BYTES_MAX: usize = 255;
/// A pointer has 14 bits for its offset.
const POINTER_MAX: usize = 0x3fff;
const POINTER_TAG: u16 = 0xc000;
const FLAG_RESPONSE: u16 = 0x8000;
const FLAG_AUTHORITATIVE: u16 = 0x0400;
const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
const OPCODE_MASK: u16 = 0x7800;
const OPTION_SUBNET: u16 = 8;
/// Family, source and scope lengths stand before a subnet's address.
const SUBNET_HEAD_BYTES: usize = 4;
const SUBNET_BYTES_MAX: usize = SUBNET_HEAD_BYTES + 16;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    NoError = 0,
    FormErr = 1,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
}

/// A name in its uncompressed form on the wire: labels, each behind its length, and a zero.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Vec<u8>);

impl Name {
    /// A name from text; none if it has an empty or overlong label, or is too long itself.
    pub fn parse(text: &str) -> Option<Name> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut bytes = Vec::with_capacity(text.len() + 2);
        for label in text.split('.').filter(|_| !text.is_empty()) {
            if label.is_empty() || label.len() > LABEL_BYTES_MAX {
                return None;
            }
            bytes.push(u8::try_from(label.len()).ok()?);
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        (bytes.len() <= NAME_BYTES_MAX).then_some(Name(bytes))
    }

    /// Reads a name without pointers, such as a question has.
    fn read(bytes: &[u8]) -> Option<(Name, &[u8])> {
        let mut at = 0;
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            if length > LABEL_BYTES_MAX {
                return None;
            }
            at += length;
            if at >= NAME_BYTES_MAX {
                return None;
            }
        }
        Some((Name(bytes.get(..at)?.to_vec()), bytes.get(at..)?))
    }

    /// The labels, first to last.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            let label = tail.get(..usize::from(*length)).filter(|label| !label.is_empty())?;
            rest = tail.get(usize::from(*length)..)?;
            Some(label)
        })
    }
}

/// A request for one question.
#[derive(Clone, Debug)]
pub struct Request {
    pub id: u16,
    flags: u16,
    pub name: Name,
    pub kind: u16,
    pub class: u16,
    pub edns: Option<Edns>,
}

/// What a requester says of itself beyond the plain protocol.
#[derive(Clone, Debug)]
pub struct Edns {
    /// The longest answer by UDP that it takes.
    pub payload_bytes: u16,
    /// The subnet it asks for, as it was sent.
    subnet: Option<Vec<u8>>,
}

/// What became of the bytes of a request.
#[derive(Clone, Debug)]
pub enum Parsed {
    Request(Request),
    /// Not understood, but it has an id to answer to.
    Refusal(Vec<u8>),
    /// Nothing to answer to: no header, or an answer itself.
    Silence,
}

/// Reads a request.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut head = Reader(bytes);
    let (Some(id), Some(flags)) = (head.u16(), head.u16()) else { return Parsed::Silence };
    if bytes.len() < HEADER_BYTES || flags & FLAG_RESPONSE != 0 {
        return Parsed::Silence;
    }
    if flags & OPCODE_MASK != 0 {
        return Parsed::Refusal(refusal(id, flags, Code::NotImp));
    }
    match read_request(id, flags, head) {
        Some(request) => Parsed::Request(request),
        None => Parsed::Refusal(refusal(id, flags, Code::FormErr)),
    }
}

fn refusal(id: u16, flags: u16, code: Code) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    let kept = flags & (OPCODE_MASK | FLAG_RECURSION_DESIRED);
    for word in [id, FLAG_RESPONSE | kept | code as u16, 0, 0, 0, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out
}

fn read_request(id: u16, flags: u16, mut reader: Reader<'_>) -> Option<Request> {
    let questions = reader.u16()?;
    let records = (reader.u16()?, reader.u16()?, reader.u16()?);
    if questions != 1 {
        return None;
    }
    let (name, rest) = Name::read(reader.0)?;
    reader.0 = rest;
    let (kind, class) = (reader.u16()?, reader.u16()?);
    let mut edns = None;
    for _ in 0..usize::from(records.0) + usize::from(records.1) + usize::from(records.2) {
        let found = read_record(&mut reader)?;
        edns = edns.or(found);
    }
    Some(Request { id, flags, name, kind, class, edns })
}

/// Skips a record, unless it is the one that carries the extensions.
fn read_record(reader: &mut Reader<'_>) -> Option<Option<Edns>> {
    reader.skip_name()?;
    let (kind, class) = (reader.u16()?, reader.u16()?);
    reader.take(4)?;
    let length = reader.u16()?;
    let mut data = Reader(reader.take(usize::from(length))?);
    if kind != KIND_OPT {
        return Some(None);
    }
    let mut subnet = None;
    while !data.0.is_empty() {
        let (option, length) = (data.u16()?, data.u16()?);
        let value = data.take(usize::from(length))?;
        if option == OPTION_SUBNET && (SUBNET_HEAD_BYTES..=SUBNET_BYTES_MAX).contains(&value.len())
        {
            subnet = Some(value.to_vec());
        }
    }
    Some(Some(Edns { payload_bytes: class, subnet }))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Passes over a name, which may end in a pointer; pointers are not followed.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            let length = usize::from(*self.take(1)?.first()?);
            match length {
                0 => return Some(()),
                1..=LABEL_BYTES_MAX => self.take(length)?,
                _ => {
                    self.take(1)?;
                    return Some(());
                }
            };
        }
    }
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub owner: Name,
    pub ttl_s: u32,
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Cname(Name),
    Ns(Name),
    Ptr(Name),
    Srv { weight: u16, port: u16, target: Name },
    Txt(String),
    Soa { server: Name, mailbox: Name, numbers: [u32; 5] },
}

/// An answer before it is cut to size.
#[derive(Clone, Debug)]
pub struct Reply {
    pub code: Code,
    pub is_authoritative: bool,
    /// Each with the records that go when it goes.
    pub answers: Vec<(Record, Vec<Record>)>,
    pub authority: Vec<Record>,
    pub additional: Vec<Record>,
}

/// How much of an answer may be sent.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes_max: usize,
    pub answers_max: usize,
    /// True to tell the requester that something was left out.
    pub tells_truncation: bool,
    pub compresses: bool,
}

/// The bytes of an answer: as many records as the limits allow, each with its own additions.
pub fn encode(request: &Request, reply: &Reply, limits: Limits) -> Vec<u8> {
    let most = reply.answers.len().min(limits.answers_max);
    let whole = build(request, reply, most, limits);
    if whole.len() <= limits.bytes_max {
        return whole;
    }
    // The size grows with the number of answers, so the largest that fits is found by halving.
    let (mut fits, mut too_many) = (None, most);
    let mut low = 0;
    while low < too_many {
        let middle = low + (too_many - low) / 2;
        let bytes = build(request, reply, middle, limits);
        if bytes.len() <= limits.bytes_max {
            fits = Some(bytes);
            low = middle + 1;
        } else {
            too_many = middle;
        }
    }
    match fits {
        Some(bytes) if low > 1 => bytes,
        // Not even one fits with its additions: it goes without.
        _ => {
            let bare = Reply {
                answers: reply.answers.iter().map(|(a, _)| (a.clone(), Vec::new())).collect(),
                authority: Vec::new(),
                additional: Vec::new(),
                ..*reply
            };
            let one = build(request, &bare, most.min(1), limits);
            if one.len() <= limits.bytes_max { one } else { build(request, &bare, 0, limits) }
        }
    }
}

fn build(request: &Request, reply: &Reply, count: usize, limits: Limits) -> Vec<u8> {
    let mut writer = Writer {
        out: Vec::with_capacity(512),
        names: BTreeMap::new(),
        compresses: limits.compresses,
    };
    let kept = reply.answers.get(..count).unwrap_or_default();
    let mut seen: BTreeSet<&Record> = kept.iter().map(|(record, _)| record).collect();
    let own = kept.iter().flat_map(|(_, own)| own);
    let additional: Vec<&Record> =
        own.chain(&reply.additional).filter(|record| seen.insert(record)).collect();
    let edns = request.edns.as_ref().filter(|edns| usize::from(edns.payload_bytes) > UDP_BYTES);
    let mut flags = FLAG_RESPONSE | request.flags & FLAG_RECURSION_DESIRED | reply.code as u16;
    if reply.is_authoritative {
        flags |= FLAG_AUTHORITATIVE;
    }
    if limits.tells_truncation && count < reply.answers.len() {
        flags |= FLAG_TRUNCATED;
    }
    let lengths = [1, count, reply.authority.len(), additional.len() + edns.iter().len()];
    writer.u16(request.id);
    writer.u16(flags);
    for length in lengths {
        writer.u16(u16::try_from(length).unwrap_or(u16::MAX));
    }
    writer.name(&request.name, true);
    writer.u16(request.kind);
    writer.u16(request.class);
    let answers = kept.iter().map(|(record, _)| record);
    for record in answers.chain(&reply.authority).chain(additional) {
        writer.record(record);
    }
    if let Some(edns) = edns {
        writer.edns(edns);
    }
    writer.out
}

/// Without extensions an answer by UDP has at most this many bytes.
pub const UDP_BYTES: usize = 512;

struct Writer {
    out: Vec<u8>,
    /// Where each name, or end of a name, was first written.
    names: BTreeMap<Vec<u8>, u16>,
    compresses: bool,
}

impl Writer {
    fn u16(&mut self, number: u16) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.out.extend_from_slice(&number.to_be_bytes());
    }

    fn name(&mut self, name: &Name, may_point: bool) {
        let mut rest = name.0.as_slice();
        while let Some((&length, _)) = rest.split_first().filter(|(length, _)| **length > 0) {
            match self.names.get(rest) {
                Some(&at) if may_point && self.compresses => {
                    self.u16(POINTER_TAG | at);
                    return;
                }
                Some(_) => {}
                None => {
                    let at = self.out.len();
                    if let Ok(at) = u16::try_from(at)
                        && usize::from(at) <= POINTER_MAX
                    {
                        self.names.insert(rest.to_vec(), at);
                    }
                }
            }
            let (label, tail) = rest.split_at(rest.len().min(usize::from(length) + 1));
            self.out.extend_from_slice(label);
            rest = tail;
        }
        self.out.push(0);
    }

    fn record(&mut self, record: &Record) {
        self.name(&record.owner, true);
        self.u16(match &record.data {
            Data::A(_) => KIND_A,
            Data::Aaaa(_) => KIND_AAAA,
            Data::Cname(_) => KIND_CNAME,
            Data::Ns(_) => KIND_NS,
            Data::Ptr(_) => KIND_PTR,
            Data::Srv { .. } => KIND_SRV,
            Data::Txt(_) => KIND_TXT,
            Data::Soa { .. } => KIND_SOA,
        });
        self.u16(CLASS_IN);
        self.u32(record.ttl_s);
        let length_at = self.out.len();
        self.u16(0);
        self.data(&record.data);
        let length = self.out.len() - length_at - 2;
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        if let Some(place) = self.out.get_mut(length_at..length_at + 2) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    fn data(&mut self, data: &Data) {
        match data {
            Data::A(address) => self.out.extend_from_slice(&address.octets()),
            Data::Aaaa(address) => self.out.extend_from_slice(&address.octets()),
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => self.name(name, true),
            Data::Srv { weight, port, target } => {
                for number in [PRIORITY, *weight, *port] {
                    self.u16(number);
                }
                // A target is never a pointer: RFC 2782.
                self.name(target, false);
            }
            Data::Txt(text) => {
                let mut chunks = text.as_bytes().chunks(STRING_BYTES_MAX).peekable();
                if chunks.peek().is_none() {
                    self.out.push(0);
                }
                for chunk in chunks {
                    self.out.push(u8::try_from(chunk.len()).unwrap_or(u8::MAX));
                    self.out.extend_from_slice(chunk);
                }
            }
            Data::Soa { server, mailbox, numbers } => {
                self.name(server, true);
                self.name(mailbox, true);
                for number in numbers {
                    self.u32(*number);
                }
            }
        }
    }

    fn edns(&mut self, edns: &Edns) {
        self.out.push(0);
        self.u16(KIND_OPT);
        self.u16(edns.payload_bytes);
        self.u32(0);
        let Some(subnet) = &edns.subnet else { return self.u16(0) };
        let length = u16::try_from(subnet.len()).unwrap_or(u16::MAX);
        self.u16(length + 4);
        self.u16(OPTION_SUBNET);
        self.u16(length);
        let start = self.out.len();
        self.out.extend_from_slice(subnet);
        // The scope: our answers do not depend on the subnet.
        if let Some(scope) = self.out.get_mut(start + 3) {
            *scope = 0;
        }
    }
}

/// Every SRV record has the same priority: weights do the choosing.
const PRIORITY: u16 = 1;
