//! The bytes of gRPC's health protocol: one question, one answer, and the names of its errors.
//! Two messages of one field each need no generated code.
//! Source: grpc/health/v1/health.proto and statuscodes.md of the gRPC project's documentation;
//! the Protocol Buffers encoding guide.

/// What a server says of itself or of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serving {
    Yes,
    Unknown,
    No,
    ServiceUnknown,
}

impl Serving {
    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Serving::Yes => "SERVING",
            Serving::Unknown => "UNKNOWN",
            Serving::No => "NOT_SERVING",
            Serving::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }
}

/// Flag and length before each message.
const PREFIX_BYTES: usize = 5;
/// Field 1, length-delimited: the name of a service.
const SERVICE_TAG: u8 = 0x0a;
/// Field 1, varint: the status.
const STATUS_FIELD: u64 = 1;
/// A varint has no more bytes.
const VARINT_BYTES_MAX: usize = 10;

/// The question, framed.
pub(super) fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(SERVICE_TAG);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap_or(0));
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend(message);
    framed
}

/// The status in a framed answer.
///
/// # Errors
/// If it is compressed, torn, or not a message of this kind.
pub(super) fn answer(framed: &[u8]) -> Result<Serving, String> {
    let malformed = || error(13, "malformed answer to the health check");
    let (prefix, message) = framed.split_at_checked(PREFIX_BYTES).ok_or_else(malformed)?;
    let (flag, length) = prefix.split_first().ok_or_else(malformed)?;
    let length: [u8; 4] = length.try_into().map_err(|_| malformed())?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| malformed())?;
    if *flag != 0 || length != message.len() {
        return Err(malformed());
    }
    match status(message).ok_or_else(malformed)? {
        0 => Ok(Serving::Unknown),
        1 => Ok(Serving::Yes),
        2 => Ok(Serving::No),
        3 => Ok(Serving::ServiceUnknown),
        _ => Ok(Serving::Unknown),
    }
}

/// The status field of a message; other fields are passed over.
fn status(mut message: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match (tag >> 3, tag & 7) {
            (STATUS_FIELD, 0) => status = varint(&mut message)?,
            (_, 0) => {
                varint(&mut message)?;
            }
            (_, 1) => message = message.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            (_, 5) => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for place in 0..VARINT_BYTES_MAX {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(u32::try_from(place * 7).ok()?)?;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// An error as Go's gRPC prints it.
pub(super) fn error(code: u32, message: &str) -> String {
    let name = match code {
        1 => "Canceled",
        3 => "InvalidArgument",
        4 => "DeadlineExceeded",
        5 => "NotFound",
        6 => "AlreadyExists",
        7 => "PermissionDenied",
        8 => "ResourceExhausted",
        9 => "FailedPrecondition",
        10 => "Aborted",
        11 => "OutOfRange",
        12 => "Unimplemented",
        13 => "Internal",
        14 => "Unavailable",
        15 => "DataLoss",
        16 => "Unauthenticated",
        _ => "Unknown",
    };
    format!("rpc error: code = {name} desc = {message}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_those_of_the_protocol() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("svc"), [0, 0, 0, 0, 5, 0x0a, 3, b's', b'v', b'c']);
        let long = question(&"x".repeat(300));
        assert_eq!(&long[..8], [0, 0, 0, 1, 0x2f, 0x0a, 0xac, 0x02]);
        for (framed, expected) in [
            (&[0, 0, 0, 0, 0][..], Some(Serving::Unknown)),
            (&[0, 0, 0, 0, 2, 8, 1], Some(Serving::Yes)),
            (&[0, 0, 0, 0, 2, 8, 2], Some(Serving::No)),
            (&[0, 0, 0, 0, 2, 8, 3], Some(Serving::ServiceUnknown)),
            // A field that is not known yet comes first.
            (&[0, 0, 0, 0, 6, 0x12, 2, b'h', b'i', 8, 1], Some(Serving::Yes)),
            (&[1, 0, 0, 0, 2, 8, 1], None),
            (&[0, 0, 0, 0, 3, 8, 1], None),
            (&[0, 0, 0], None),
        ] {
            assert_eq!(answer(framed).ok(), expected, "{framed:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_an_error(bytes: Vec<u8>) {
            let _ = answer(&bytes);
            let mut framed = vec![0];
            framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
            framed.extend(&bytes);
            let _ = answer(&framed);
        }

        #[test]
        fn a_question_carries_its_service(service in ".{0,300}") {
            let framed = question(&service);
            prop_assert!(framed.ends_with(service.as_bytes()));
            let length = u32::from_be_bytes(framed[1..5].try_into().unwrap());
            prop_assert_eq!(length, u32::try_from(framed.len() - 5).unwrap());
        }
    }
}
