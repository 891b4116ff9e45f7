//! Syslog on this machine: one datagram a line to its socket, in the old form of RFC 3164 without
//! a time, which the daemon adds.

use std::os::unix::net::UnixDatagram;

const SOCKETS: [&str; 3] = ["/dev/log", "/var/run/syslog", "/var/run/log"];
const TAG: &str = "consul";

/// The names of facilities in the order of their numbers.
const FACILITIES: [&str; 24] = [
    "KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV",
    "FTP", "NTP", "AUDIT", "ALERT", "CLOCK", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4",
    "LOCAL5", "LOCAL6", "LOCAL7",
];

#[derive(Debug)]
pub(super) struct Syslog {
    socket: UnixDatagram,
    facility: usize,
}

impl Syslog {
    /// Finds the daemon.
    ///
    /// # Errors
    /// If there is no such facility, or nobody listens.
    pub fn open(facility: &str) -> Result<Syslog, String> {
        let name = facility.to_ascii_uppercase();
        let facility = FACILITIES
            .iter()
            .position(|known| *known == name)
            .ok_or_else(|| format!("invalid facility {facility:?}"))?;
        let socket = UnixDatagram::unbound().map_err(|error| error.to_string())?;
        // Lines must not wait for the daemon: one that does not fit is lost.
        socket.set_nonblocking(true).map_err(|error| error.to_string())?;
        let found = SOCKETS.iter().any(|path| socket.connect(path).is_ok());
        if found { Ok(Syslog { socket, facility }) } else { Err("no daemon listens".to_owned()) }
    }

    pub fn write(&self, rank: u8, text: &str) -> std::io::Result<usize> {
        self.socket.send(packet(self.facility, rank, text).as_bytes())
    }
}

fn packet(facility: usize, rank: u8, text: &str) -> String {
    let severity = match rank {
        1 => 3,
        2 => 4,
        3 => 6,
        _ => 7,
    };
    format!("<{}>{TAG}[{}]: {text}", facility * 8 + severity, std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_names_facility_severity_and_process() {
        let id = std::process::id();
        assert_eq!(packet(16, 1, "x"), format!("<131>consul[{id}]: x"));
        assert_eq!(packet(3, 4, "x"), format!("<31>consul[{id}]: x"));
    }

    #[test]
    fn an_unknown_facility_is_refused() {
        assert!(Syslog::open("LOCAL8").unwrap_err().contains("LOCAL8"));
    }
}
