//! Asks a DNS server what a transcript's `DIG` line asks, and writes the answer as it does.
//! No resolver: one question, one server, no retry by TCP when an answer is cut.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

/// What a `DIG` line asks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Question {
    name: String,
    kind: String,
    class: String,
    tcp: bool,
    recurse: bool,
    edns_bytes: Option<u16>,
    subnet: Option<(IpAddr, u8)>,
}

/// Asks and returns the answer's lines.
pub fn dig(to: SocketAddr, line: &str) -> Result<Vec<String>> {
    let question = Question::parse(line)?;
    let bytes = question.message()?.to_vec().context("write the question")?;
    let answer = if question.tcp { by_tcp(to, &bytes)? } else { by_udp(to, &bytes)? };
    let message = Message::from_vec(&answer).context("read the answer")?;
    if message.id() != QUESTION_ID {
        bail!("the answer has the id {}", message.id());
    }
    Ok(lines(&message))
}

impl Question {
    fn parse(line: &str) -> Result<Self> {
        let mut words = line.split_whitespace();
        let mut question = Self {
            name: String::new(),
            kind: String::new(),
            class: "IN".to_owned(),
            tcp: false,
            recurse: true,
            edns_bytes: None,
            subnet: None,
        };
        let first = words.next().context("a question without a name")?;
        if first == "-x" {
            question.name = reverse(words.next().context("-x without an address")?.parse()?);
            question.kind = "PTR".to_owned();
        } else {
            question.name = first.to_owned();
            question.kind = words.next().context("a question without a type")?.to_owned();
        }
        for word in words {
            question.option(word)?;
        }
        Ok(question)
    }

    fn option(&mut self, word: &str) -> Result<()> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "+tcp" => self.tcp = true,
            "+norecurse" => self.recurse = false,
            // An answer that was cut is kept as it is; we never ask again.
            "+ignore" => {}
            "+edns" => _ = self.edns_bytes.get_or_insert(EDNS_BYTES),
            "+bufsize" => self.edns_bytes = Some(value.parse().context("+bufsize")?),
            "+subnet" => {
                let (address, prefix) = value.split_once('/').context("+subnet")?;
                self.subnet = Some((address.parse()?, prefix.parse()?));
                self.edns_bytes.get_or_insert(EDNS_BYTES);
            }
            class if !class.starts_with('+') => self.class = class.to_owned(),
            _ => bail!("unknown option {word}"),
        }
        Ok(())
    }

    fn message(&self) -> Result<Message> {
        let labels: Vec<&[u8]> =
            self.name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes).collect();
        let mut name = Name::from_labels(labels)?;
        name.set_fqdn(true);
        let mut query = Query::query(name, self.kind.parse::<RecordType>()?);
        query.set_query_class(self.class.parse::<DNSClass>()?);
        let mut message = Message::new();
        message.set_id(QUESTION_ID);
        message.set_message_type(MessageType::Query);
        message.set_op_code(OpCode::Query);
        message.set_recursion_desired(self.recurse);
        message.add_query(query);
        if let Some(bytes) = self.edns_bytes {
            let mut edns = Edns::new();
            edns.set_max_payload(bytes);
            if let Some((address, prefix)) = self.subnet {
                let subnet = ClientSubnet::new(address, prefix, 0);
                edns.options_mut().insert(EdnsOption::Subnet(subnet));
            }
            message.set_edns(edns);
        }
        Ok(message)
    }
}

fn by_udp(to: SocketAddr, question: &[u8]) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.connect(to)?;
    socket.send(question)?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    let bytes = socket.recv(&mut answer).context("no answer by UDP")?;
    answer.truncate(bytes);
    Ok(answer)
}

fn by_tcp(to: SocketAddr, question: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&to, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&u16::try_from(question.len())?.to_be_bytes())?;
    stream.write_all(question)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).context("no answer by TCP")?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).context("the answer by TCP is cut short")?;
    Ok(answer)
}

/// The answer as a transcript has it.
fn lines(message: &Message) -> Vec<String> {
    let mut lines = vec![format!("status {}", status(message.response_code()))];
    let flags = [
        ("qr", message.message_type() == MessageType::Response),
        ("aa", message.authoritative()),
        ("tc", message.truncated()),
        ("rd", message.recursion_desired()),
        ("ra", message.recursion_available()),
        ("ad", message.authentic_data()),
        ("cd", message.checking_disabled()),
    ];
    let set: Vec<&str> = flags.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    lines.push(format!("flags {}", set.join(" ")));
    if let Some(edns) = message.extensions() {
        lines.push(format!("edns udp {}", edns.max_payload()));
        if let Some(EdnsOption::Subnet(subnet)) = edns.option(EdnsCode::Subnet) {
            let (address, source) = (subnet.addr(), subnet.source_prefix());
            lines.push(format!("subnet {address}/{source}/{}", subnet.scope_prefix()));
        }
    }
    lines.push("question".to_owned());
    for query in message.queries() {
        let (class, kind) = (query.query_class(), query.query_type());
        lines.push(format!("  {} {class} {kind}", query.name().to_ascii()));
    }
    for (name, records) in [
        ("answer", message.answers()),
        ("authority", message.name_servers()),
        ("additional", message.additionals()),
    ] {
        lines.push(format!("{name} {}", records.len()));
        let mut written: Vec<String> = records.iter().map(record).collect();
        written.sort();
        lines.extend(written);
    }
    lines
}

fn record(record: &Record) -> String {
    let (name, ttl) = (record.name().to_ascii(), record.ttl());
    let (class, kind) = (record.dns_class(), record.record_type());
    format!("  {name} {ttl} {class} {kind} {}", data(record.data()))
}

fn data(data: &RData) -> String {
    match data {
        RData::A(address) => address.to_string(),
        RData::AAAA(address) => address.to_string(),
        RData::CNAME(name) => name.to_ascii(),
        RData::NS(name) => name.to_ascii(),
        RData::PTR(name) => name.to_ascii(),
        RData::SRV(srv) => {
            let (priority, weight, port) = (srv.priority(), srv.weight(), srv.port());
            format!("{priority} {weight} {port} {}", srv.target().to_ascii())
        }
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            soa.mname().to_ascii(),
            soa.rname().to_ascii(),
            soa.serial(),
            soa.refresh(),
            soa.retry(),
            soa.expire(),
            soa.minimum()
        ),
        RData::TXT(txt) => {
            let quoted = |text: &[u8]| format!("\"{}\"", String::from_utf8_lossy(text));
            txt.txt_data().iter().map(|text| quoted(text)).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

fn status(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        other => format!("{other:?}").to_uppercase(),
    }
}

/// The name under which an address is looked up.
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(v6) => {
            let digits = v6.octets().into_iter().rev();
            let digits = digits.map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
            format!("{}ip6.arpa.", digits.collect::<String>())
        }
    }
}

/// One question per socket: any number tells an answer from noise.
const QUESTION_ID: u16 = 0x7472;
/// What `dig` offers by default.
const EDNS_BYTES: u16 = 1232;
/// An agent on this machine that has not answered by now will not.
const TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{SRV, TXT};

    #[test]
    fn a_dig_line_becomes_a_question() {
        let question =
            Question::parse("A.x. SRV CH +tcp +bufsize=4096 +subnet=1.2.3.0/24").unwrap();
        let expected = Question {
            name: "A.x.".into(),
            kind: "SRV".into(),
            class: "CH".into(),
            tcp: true,
            recurse: true,
            edns_bytes: Some(4096),
            subnet: Some(("1.2.3.0".parse().unwrap(), 24)),
        };
        assert_eq!(question, expected);
        let message = Message::from_vec(&question.message().unwrap().to_vec().unwrap()).unwrap();
        assert_eq!(message.queries()[0].name().to_ascii(), "A.x.");
        assert_eq!(Question::parse("-x 127.0.0.1").unwrap().name, "1.0.0.127.in-addr.arpa.");
        let six = Question::parse("-x ::1").unwrap().name;
        assert!(six.starts_with("1.0.0.0.0.") && six.ends_with(".0.ip6.arpa."), "{six}");
        assert!(Question::parse("a. A +nosuch").is_err());
    }

    #[test]
    fn an_answer_is_written_as_a_transcript_has_it() {
        let mut message = Question::parse("_a._tcp.X. SRV +edns=0").unwrap().message().unwrap();
        message.set_message_type(MessageType::Response).set_authoritative(true);
        message.set_response_code(ResponseCode::NXDomain);
        let name = Name::from_ascii("n.X.").unwrap();
        let srv = SRV::new(1, 10, 80, name.clone());
        message.add_answer(Record::from_rdata(name.clone(), 7, RData::SRV(srv)));
        let txt = TXT::new(vec!["a b=c".to_owned()]);
        message.add_additional(Record::from_rdata(name, 0, RData::TXT(txt)));
        let expected = [
            "status NXDOMAIN",
            "flags qr aa rd",
            "edns udp 1232",
            "question",
            "  _a._tcp.X. IN SRV",
            "answer 1",
            "  n.X. 7 IN SRV 1 10 80 n.X.",
            "authority 0",
            "additional 1",
            "  n.X. 0 IN TXT \"a b=c\"",
        ];
        assert_eq!(lines(&message), expected);
    }
}
