//! One question to the agent's DNS: where are the instances of a service? Ports are in SRV records,
//! and the addresses of their targets come along.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// A packet may be lost: then it is asked again.
const ATTEMPTS: u16 = 3;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// More is not sent to who does not ask for it.
const ANSWER_BYTES_MAX: usize = 512;

/// Where the healthy instances of a service are, as `server` tells; none if it knows of none.
///
/// # Errors
/// The server does not answer, or the name is none.
pub async fn instances(server: SocketAddr, service: &str) -> io::Result<Vec<SocketAddr>> {
    let name = format!("{service}.service.consul.");
    let name = Name::from_ascii(&name).map_err(io::Error::other)?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    for id in 1..=ATTEMPTS {
        let question = question(id, &name).to_vec().map_err(io::Error::other)?;
        socket.send(&question).await?;
        match timeout(ANSWER_TIMEOUT, answer(&socket, id)).await {
            Ok(answer) => return Ok(found(&answer?)),
            Err(_) => continue,
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{server} does not answer")))
}

fn question(id: u16, name: &Name) -> Message {
    let mut message = Message::new();
    message.set_id(id);
    message.set_message_type(MessageType::Query);
    message.set_op_code(OpCode::Query);
    message.add_query(Query::query(name.clone(), RecordType::SRV));
    message
}

/// The answer to this question; a late one to an earlier question is passed over.
async fn answer(socket: &UdpSocket, id: u16) -> io::Result<Message> {
    let mut bytes = [0; ANSWER_BYTES_MAX];
    loop {
        let count = socket.recv(&mut bytes).await?;
        let message = Message::from_vec(&bytes[..count]).map_err(io::Error::other)?;
        if message.id() == id {
            return Ok(message);
        }
    }
}

fn found(message: &Message) -> Vec<SocketAddr> {
    let address_of = |target: &Name| {
        let mut records = message.additionals().iter().filter(|record| record.name() == target);
        records.find_map(|record| match record.data() {
            RData::A(address) => Some(IpAddr::from(address.0)),
            RData::AAAA(address) => Some(IpAddr::from(address.0)),
            _ => None,
        })
    };
    let instances = message.answers().iter().filter_map(|record| match record.data() {
        RData::SRV(srv) => Some(SocketAddr::new(address_of(srv.target())?, srv.port())),
        _ => None,
    });
    instances.collect()
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, SRV};

    use super::*;

    #[test]
    fn ports_are_found_with_the_addresses_that_come_along() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let srv = |port, target| {
            let data = RData::SRV(SRV::new(1, 1, port, name(target)));
            Record::from_rdata(name("web.service.consul."), 0, data)
        };
        let mut message = Message::new();
        message.add_answer(srv(80, "a.node.consul."));
        message.add_answer(srv(81, "unknown.node.consul."));
        let address = RData::A(A::new(10, 0, 0, 1));
        message.add_additional(Record::from_rdata(name("a.node.consul."), 0, address));
        let bytes = message.to_vec().unwrap();
        assert_eq!(found(&Message::from_vec(&bytes).unwrap()), ["10.0.0.1:80".parse().unwrap()]);
    }

    #[tokio::test]
    async fn an_answer_to_another_question_is_passed_over() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let serve = async {
            let mut bytes = [0; ANSWER_BYTES_MAX];
            let (count, from) = server.recv_from(&mut bytes).await.unwrap();
            let name = Name::from_ascii("web.service.consul.").unwrap();
            let late = question(ATTEMPTS + 1, &name).to_vec().unwrap();
            server.send_to(&late, from).await.unwrap();
            server.send_to(&bytes[..count], from).await.unwrap();
        };
        let (found, ()) = tokio::join!(instances(address, "web"), serve);
        assert_eq!(found.unwrap(), Vec::<SocketAddr>::new());
    }
}
