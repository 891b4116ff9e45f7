//! Where in its requests a client's bytes stand: between two, in a head, in a body. It parses no
//! header; how long a body is, it is told when the head has been understood.
//! Invariant: while the server waits for a head of which some bytes came, `unfinished` says so,
//! however requests and reads are cut. (After pipelined bodies it may say so without need.)

/// How a request's body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes; 0 is none.
    Length(u64),
    /// By its own marks.
    Chunked,
}

/// Follows the bytes of one connection.
#[derive(Debug, Default)]
pub struct Position {
    place: Place,
    /// The last bytes that came, for places that cannot be followed.
    tail: [u8; 4],
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Nothing of the next request has come.
    #[default]
    Between,
    Head {
        line: Line,
        bytes: usize,
    },
    /// A head is whole and not yet understood; so many bytes came after it.
    Whole {
        beyond: u64,
    },
    Body {
        left: u64,
    },
    /// After a chunked body, or pipelined requests: only the tail is known.
    Unknown,
}

/// Where in a line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// Before the first, where empty lines count for nothing.
    Leading,
    Within,
    Start,
    /// After the carriage return that may end the head.
    Return,
}

impl Position {
    /// True if the next byte begins a head, as far as that is known.
    pub fn begins_head(&self, busy: bool) -> bool {
        match self.place {
            Place::Between => true,
            Place::Unknown => !busy && self.ended_cleanly(),
            Place::Head { .. } | Place::Whole { .. } | Place::Body { .. } => false,
        }
    }

    /// Bytes came. `busy` while a request is being answered: what comes then is not waited for.
    pub fn came(&mut self, bytes: &[u8], busy: bool) {
        if self.begins_head(busy) {
            self.place = Place::Between;
        }
        let mut rest = bytes;
        while let Some((_, _)) = rest.split_first() {
            rest = match self.place {
                Place::Between => {
                    self.place = Place::Head { line: Line::Leading, bytes: 0 };
                    rest
                }
                Place::Head { line, bytes } => self.in_head(line, bytes, rest),
                Place::Whole { beyond } => {
                    self.place = Place::Whole { beyond: beyond + rest.len() as u64 };
                    &[]
                }
                Place::Body { left } => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    self.place = body(left - taken as u64);
                    rest.get(taken..).unwrap_or_default()
                }
                Place::Unknown => &[],
            };
        }
        for byte in bytes.get(bytes.len().saturating_sub(4)..).unwrap_or_default() {
            self.tail.rotate_left(1);
            self.tail[3] = *byte;
        }
    }

    /// The head that came was understood, and this is how its body ends.
    pub fn understood(&mut self, framing: Framing) {
        self.place = match (self.place, framing) {
            (Place::Whole { beyond }, Framing::Length(length)) if beyond <= length => {
                body(length - beyond)
            }
            _ => Place::Unknown,
        };
    }

    /// True unless the next byte, if one comes, begins a head.
    pub fn unfinished(&self) -> bool {
        match self.place {
            Place::Between => false,
            Place::Unknown => !self.ended_cleanly(),
            Place::Head { .. } | Place::Whole { .. } | Place::Body { .. } => true,
        }
    }

    /// How many bytes of an unfinished head came.
    pub fn head_bytes(&self) -> usize {
        match self.place {
            Place::Head { bytes, .. } => bytes,
            _ => 0,
        }
    }

    /// Goes on in a head; gives the bytes after its end.
    fn in_head<'a>(&mut self, mut line: Line, bytes: usize, came: &'a [u8]) -> &'a [u8] {
        for (at, byte) in came.iter().enumerate() {
            line = match (line, byte) {
                (Line::Leading, b'\r' | b'\n') => Line::Leading,
                (Line::Start | Line::Return, b'\n') => {
                    let rest = came.get(at + 1..).unwrap_or_default();
                    self.place = Place::Whole { beyond: 0 };
                    return rest;
                }
                (Line::Start, b'\r') => Line::Return,
                (Line::Within, b'\n') => Line::Start,
                _ => Line::Within,
            };
        }
        self.place = Place::Head { line, bytes: bytes + came.len() };
        &[]
    }

    /// Heads and chunked bodies end with an empty line.
    fn ended_cleanly(&self) -> bool {
        self.tail == *b"\r\n\r\n" || self.tail.ends_with(b"\n\n")
    }
}

fn body(left: u64) -> Place {
    if left == 0 { Place::Between } else { Place::Body { left } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[test]
    fn a_head_is_unfinished_until_its_empty_line() {
        for (bytes, whole) in [
            (&b"G"[..], false),
            (b"\r\n\r\n", false),
            (b"GET / HTTP/1.1\r\n", false),
            (b"GET / HTTP/1.1\r\n\r", false),
            (GET, true),
            (b"\r\nGET / HTTP/1.1\n\n", true),
        ] {
            let mut position = Position::default();
            assert!(!position.unfinished());
            for byte in bytes {
                position.came(&[*byte], false);
                assert!(position.unfinished(), "{bytes:?}");
            }
            assert_eq!(matches!(position.place, Place::Whole { .. }), whole, "{bytes:?}");
        }
    }

    #[test]
    fn what_follows_a_whole_request_is_the_next_head() {
        let mut position = Position::default();
        position.came(&[GET, b"GET /next"].concat(), false);
        position.understood(Framing::Length(0));
        assert!(position.unfinished());
        position.came(b" HTTP/1.1\r\n\r\n", false);
        position.understood(Framing::Length(0));
        assert!(!position.unfinished());
    }

    #[test]
    fn a_body_is_not_a_head() {
        let mut position = Position::default();
        position.came(b"PUT / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab", false);
        position.understood(Framing::Length(4));
        position.came(b"cd", true);
        assert!(!position.unfinished());
        position.came(b"PU", false);
        assert!(position.unfinished());
        assert_eq!(position.head_bytes(), 2);
    }

    /// A request: its bytes, and how its body ends.
    fn request() -> impl Strategy<Value = (Vec<u8>, Framing)> {
        let header = prop::collection::vec("[A-Z][a-z]{0,5}: [ -~]{0,20}\r\n", 0..4);
        let body = prop_oneof![
            Just((Vec::new(), Framing::Length(0))),
            prop::collection::vec(any::<u8>(), 1..30).prop_map(|body| {
                let framing = Framing::Length(body.len() as u64);
                (body, framing)
            }),
            prop::collection::vec(any::<u8>(), 1..30).prop_map(|body| {
                let mut chunks = format!("{:x}\r\n", body.len()).into_bytes();
                chunks.extend_from_slice(&body);
                chunks.extend_from_slice(b"\r\n0\r\n\r\n");
                (chunks, Framing::Chunked)
            }),
        ];
        (header, body).prop_map(|(header, (body, framing))| {
            let head = format!("GET / HTTP/1.1\r\n{}\r\n", header.concat());
            ([head.into_bytes(), body].concat(), framing)
        })
    }

    proptest! {
        /// A client that waits for each answer is never taken for one that stalls, and one that
        /// stops within a head always is.
        #[test]
        fn one_request_after_the_other_is_followed_exactly(
            requests in prop::collection::vec(request(), 1..6),
            cut in 1..40_usize,
            partial in 0..20_usize,
        ) {
            let mut position = Position::default();
            for (bytes, framing) in requests {
                let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                let mut given = 0;
                for read in bytes.chunks(cut) {
                    position.came(read, given >= head);
                    let before = given;
                    given += read.len();
                    if before < head && given >= head {
                        position.understood(framing);
                    } else if given < head {
                        prop_assert!(position.unfinished());
                    }
                }
                prop_assert!(!position.unfinished());
            }
            let next = GET.get(..partial).unwrap();
            position.came(next, false);
            prop_assert_eq!(position.unfinished(), partial > 0);
        }

        /// However requests are pipelined, one that stops within a head is found out.
        #[test]
        fn a_pipelined_part_of_a_head_is_unfinished(
            requests in prop::collection::vec(request(), 1..6),
            cut in 1..200_usize,
            partial in 1..20_usize,
        ) {
            let mut all = Vec::new();
            let mut heads = Vec::new();
            for (bytes, framing) in &requests {
                let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
                heads.push((all.len() + head, *framing));
                all.extend_from_slice(bytes);
            }
            let whole = all.len();
            all.extend_from_slice(GET.get(..partial).unwrap());
            let mut position = Position::default();
            let mut heads = heads.into_iter().peekable();
            let mut given = 0;
            for read in all.chunks(cut) {
                // The server is busy with some request until the last is whole.
                position.came(read, given > 0 && given < whole);
                given += read.len();
                while let Some((_, framing)) = heads.next_if(|(end, _)| *end <= given) {
                    position.understood(framing);
                }
            }
            prop_assert!(position.unfinished());
        }

        #[test]
        fn no_bytes_make_it_panic(reads: Vec<Vec<u8>>, busy: bool, length: Option<u64>) {
            let mut position = Position::default();
            for read in reads {
                position.came(&read, busy);
                position.understood(length.map_or(Framing::Chunked, Framing::Length));
                let _ = (position.unfinished(), position.head_bytes());
            }
        }
    }
}
