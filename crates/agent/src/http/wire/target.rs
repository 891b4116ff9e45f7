//! Escapes in a request's target what the HTTP library refuses and Go's takes as it is, such as
//! the `>` of a filter. It looks at nothing but the first line of a head.
//! Invariant: what a target means stays the same, however its bytes are cut.

/// Where in a request's line the next byte stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Before the line, where empty ones count for nothing.
    Leading,
    /// In the method, before the first blank.
    Method,
    /// In the target, up to the next one.
    Within,
    /// Beyond: nothing is changed until the next head.
    #[default]
    Beyond,
}

impl Target {
    /// Bytes came, and the first of them `begins` a head or does not. Gives the same bytes with
    /// the target escaped, if there is anything to escape.
    pub fn escape(&mut self, begins: bool, bytes: &[u8]) -> Option<Vec<u8>> {
        if begins {
            *self = Target::Leading;
        }
        let mut escaped: Option<Vec<u8>> = None;
        for (at, byte) in bytes.iter().enumerate() {
            let is_target = *self == Target::Within;
            *self = match (*self, byte) {
                (Target::Beyond, _) => {
                    if let Some(escaped) = &mut escaped {
                        escaped.extend_from_slice(bytes.get(at..).unwrap_or_default());
                    }
                    break;
                }
                (Target::Leading, b'\r' | b'\n') => Target::Leading,
                (Target::Leading, _) => Target::Method,
                (_, b'\r' | b'\n') | (Target::Within, b' ') => Target::Beyond,
                (Target::Method, b' ') => Target::Within,
                (place, _) => place,
            };
            if is_target && is_refused(*byte) {
                let escaped =
                    escaped.get_or_insert_with(|| bytes.get(..at).unwrap_or_default().to_vec());
                escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
            } else if let Some(escaped) = &mut escaped {
                escaped.push(*byte);
            }
        }
        escaped
    }
}

/// True for what does not belong into a target, though Go's servers make nothing of it; `#` is
/// an ordinary sign there, since no client sends a fragment.
fn is_refused(byte: u8) -> bool {
    matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::params::decode_percent;
    use super::*;

    fn check(line: &str, expected: &str) {
        let escaped = Target::default().escape(true, line.as_bytes());
        let found = escaped.unwrap_or_else(|| line.as_bytes().to_vec());
        assert_eq!(String::from_utf8(found).unwrap(), expected, "{line:?}");
    }

    #[test]
    fn only_the_target_is_escaped() {
        check("GET /a?f=b>1 HTTP/1.1\r\nX: <>\r\n", "GET /a?f=b%3E1 HTTP/1.1\r\nX: <>\r\n");
        check("\r\nGET /\"ü\"#x HTTP/1.1", "\r\nGET /%22%C3%BC%22%23x HTTP/1.1");
        check("GET /a%3E HTTP/1.1\r\n", "GET /a%3E HTTP/1.1\r\n");
        check("G<T /\r\n>", "G<T /\r\n>");
    }

    #[test]
    fn what_does_not_begin_a_head_is_left_alone() {
        let mut target = Target::default();
        assert_eq!(target.escape(false, b"x >y"), None);
        assert!(target.escape(true, b"GET /> HTTP/1.1\r\n\r\nbo>dy").is_some());
        assert_eq!(target.escape(false, b"more >of it"), None);
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(target in "\\PC{0,20}", cut in 1..9_usize) {
            let target = target.replace(' ', "");
            let line = format!("PUT /{target} HTTP/1.1\r\nA: \"b\"\r\n\r\n");
            let whole = Target::default().escape(true, line.as_bytes());
            let whole = whole.unwrap_or_else(|| line.clone().into_bytes());
            let mut place = Target::default();
            let parts = line.as_bytes().chunks(cut).enumerate();
            let parts: Vec<u8> = parts
                .flat_map(|(n, part)| place.escape(n == 0, part).unwrap_or_else(|| part.to_vec()))
                .collect();
            prop_assert_eq!(&parts, &whole);
            prop_assert_eq!(decode_percent(&whole), decode_percent(line.as_bytes()));
            prop_assert!(whole.len() <= line.len() * 3);
        }

        #[test]
        fn no_bytes_make_it_panic(parts: Vec<(bool, Vec<u8>)>) {
            let mut target = Target::default();
            for (begins, part) in parts {
                let _ = target.escape(begins, &part);
            }
        }
    }
}
