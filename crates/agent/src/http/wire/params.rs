//! Percent-decoding and query strings with Go's rules. It does not know any parameter's meaning.
//! Invariant: any bytes parse; a malformed pair is left out, as Go leaves it out.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// The parameters of a query string, in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Bytes that are not UTF-8 become U+FFFD: no parameter is binary.
    pub fn parse(query: &str) -> Params {
        let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
        let decoded = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode_plus(name)?, decode_plus(value)?))
        });
        Params(decoded.collect())
    }

    /// Adds one, as if it had been sent last.
    pub fn push(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// The first value of `name`; empty if it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// True if `name` is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The first value of `name`, if it is there.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The query string Go would write: sorted by name, escaped.
    pub fn encode(&self) -> String {
        let mut pairs: Vec<_> = self.0.iter().collect();
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        let texts: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect();
        texts.join("&")
    }
}

/// What Go leaves as it is in a query.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

fn escape(text: &str) -> String {
    percent_encode(text.as_bytes(), ESCAPED).to_string().replace(' ', "+")
}

fn decode_plus(text: &str) -> Option<String> {
    let bytes = decode_percent(text.replace('+', " ").as_bytes())?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The bytes of a percent-encoded text; `None` if an escape is malformed.
pub fn decode_percent(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (high, low) = (hex(*after.first()?)?, hex(*after.get(1)?)?);
        bytes.push(high * 16 + low);
        rest = after.get(2..)?;
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_values_are_decoded_and_malformed_pairs_left_out() {
        let params = Params::parse("a=1&b&c=x%20y+z&d=%zz&e=1;2&a=2&=v&f=%C3%A9");
        assert_eq!(params.get("a"), "1");
        assert_eq!(params.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert!(params.has("b") && params.get("b").is_empty());
        assert_eq!(params.get("c"), "x y z");
        assert_eq!((params.has("d"), params.has("e")), (false, false));
        assert_eq!(params.get("f"), "é");
    }

    #[test]
    fn encoding_sorts_by_name_and_escapes() {
        for (query, expected) in
            [("recurse&cas=1", "cas=1&recurse="), ("k=a b&j=%26%2F", "j=%26%2F&k=a+b")]
        {
            assert_eq!(Params::parse(query).encode(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_query_makes_the_parser_panic(query in "\\PC*") {
            let _ = Params::parse(&query);
        }

        #[test]
        fn what_is_encoded_parses_back(name in "[a-z]{1,5}", value in "\\PC*") {
            let params = Params(vec![(name, value)]);
            prop_assert_eq!(Params::parse(&params.encode()), params);
        }

        #[test]
        fn no_bytes_make_percent_decoding_panic(bytes: Vec<u8>) {
            let _ = decode_percent(&bytes);
        }
    }
}
