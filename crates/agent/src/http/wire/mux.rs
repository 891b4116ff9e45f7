//! Which pattern a path belongs to, with the rules of Go's ServeMux: cleaned paths, the slash a
//! prefix needs, the longest pattern. It does not know what a pattern is for.
//! Invariant: any path gives an outcome, and a redirect never leads to another redirect of itself.
//! The pattern `/` stands for that one path: nothing lies below it.

use std::collections::HashMap;

use super::params::decode_percent;

/// A path longer than this many segments is matched by its first ones only: no pattern is longer.
const PATTERN_SEGMENTS_MAX: usize = 8;

/// The patterns, each with a number. One that ends in a slash stands for everything below it.
#[derive(Debug)]
pub struct Mux {
    patterns: HashMap<String, usize>,
}

/// What a path came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Matched {
    /// The pattern's number, and what of the decoded path lies beyond it.
    Found { route: usize, rest: Vec<u8> },
    /// The client is to ask for this path (still encoded) instead.
    Redirect(String),
    /// No pattern.
    Unknown,
    /// An escape in the path is malformed.
    Malformed,
}

impl Mux {
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Mux {
        Mux { patterns: patterns.into_iter().map(str::to_owned).zip(0..).collect() }
    }

    /// `path` as it was sent, still encoded.
    pub fn find(&self, path: &str) -> Matched {
        if !path.contains('%') && is_clean(path) {
            return self.find_plain(path);
        }
        let cleaned = clean(path);
        if cleaned != path {
            return Matched::Redirect(cleaned);
        }
        let Some(ends) = segment_ends(path) else { return Matched::Malformed };
        // None holds an escaped slash or bytes that are no text: no pattern does, a key may.
        let whole = decoded_prefix(path, path.len());
        let exact = whole.as_deref().and_then(|whole| self.patterns.get(whole));
        if let Some(route) = exact {
            return Matched::Found { route: *route, rest: Vec::new() };
        }
        for end in ends.iter().skip(1).rev() {
            let Some(prefix) = decoded_prefix(path, *end) else { continue };
            if let Some(route) = self.patterns.get(prefix.as_str()) {
                let rest = path.as_bytes().get(*end..).and_then(decode_percent).unwrap_or_default();
                return Matched::Found { route: *route, rest };
            }
        }
        match whole {
            Some(whole) if self.patterns.contains_key(format!("{whole}/").as_str()) => {
                Matched::Redirect(format!("{path}/"))
            }
            _ => Matched::Unknown,
        }
    }
}

impl Mux {
    /// The same for a clean path without escapes, which nearly all are, without a copy of it.
    fn find_plain(&self, path: &str) -> Matched {
        if let Some(route) = self.patterns.get(path) {
            return Matched::Found { route: *route, rest: Vec::new() };
        }
        let slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
        let mut found = None;
        for (at, _) in slashes.take(PATTERN_SEGMENTS_MAX).skip(1) {
            let (prefix, rest) = path.split_at(at + 1);
            found = self.patterns.get(prefix).map(|route| (*route, rest)).or(found);
        }
        match found {
            Some((route, rest)) => Matched::Found { route, rest: rest.as_bytes().to_vec() },
            None if self.patterns.contains_key(format!("{path}/").as_str()) => {
                Matched::Redirect(format!("{path}/"))
            }
            None => Matched::Unknown,
        }
    }
}

/// True if [`clean`] would change nothing.
fn is_clean(path: &str) -> bool {
    let Some(rooted) = path.strip_prefix('/') else { return false };
    let body = rooted.strip_suffix('/').unwrap_or(rooted);
    rooted.is_empty() || body.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// Where each of the first segments ends, its slash included; `None` if an escape is malformed.
fn segment_ends(path: &str) -> Option<Vec<usize>> {
    decode_percent(path.as_bytes())?;
    let slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    Some(slashes.map(|(at, _)| at + 1).take(PATTERN_SEGMENTS_MAX).collect())
}

/// The first `end` bytes with each segment decoded; `None` if a segment holds an escaped slash or
/// no text, since no pattern does.
fn decoded_prefix(path: &str, end: usize) -> Option<String> {
    let prefix = path.get(..end)?;
    if !prefix.contains('%') {
        return Some(prefix.to_owned());
    }
    let mut decoded = Vec::new();
    for segment in prefix.split('/') {
        let text = String::from_utf8(decode_percent(segment.as_bytes())?).ok()?;
        if text.contains('/') {
            return None;
        }
        decoded.push(text);
    }
    Some(decoded.join("/"))
}

/// The shortest path that means the same: no empty, `.` or `..` segments; a final slash stays.
pub fn clean(path: &str) -> String {
    let rooted = if path.starts_with('/') { path } else { &format!("/{path}") };
    let mut kept: Vec<&str> = Vec::new();
    for segment in rooted.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let slash = if rooted.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{slash}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mux() -> Mux {
        Mux::new(["/v1/kv/", "/v1/status/leader", "/v1/config", "/v1/config/", "/ui/"])
    }

    fn found(route: usize, rest: &[u8]) -> Matched {
        Matched::Found { route, rest: rest.to_vec() }
    }

    #[test]
    fn paths_match_as_in_go() {
        for (path, expected) in [
            ("/v1/kv/a/b", found(0, b"a/b")),
            ("/v1/kv/", found(0, b"")),
            ("/v1/kv/x%2Fy", found(0, b"x/y")),
            ("/v1/kv/a/..%2Fb", found(0, b"a/../b")),
            ("/v1/kv/%FF", found(0, b"\xff")),
            ("/v1/%6bv/a", found(0, b"a")),
            ("/v1/kv/a/b/c/d/e/f/g/h/i/j", found(0, b"a/b/c/d/e/f/g/h/i/j")),
            ("/v1/kv%2Fa", Matched::Unknown),
            ("/v1/status/leader", found(1, b"")),
            ("/v1/status/leader/", Matched::Unknown),
            ("/v1/config", found(2, b"")),
            ("/v1/config/a", found(3, b"a")),
            ("/v1/kv", Matched::Redirect("/v1/kv/".into())),
            ("/ui", Matched::Redirect("/ui/".into())),
            ("/v1/kv/a//b", Matched::Redirect("/v1/kv/a/b".into())),
            ("/v1/kv/a/../b", Matched::Redirect("/v1/kv/b".into())),
            ("/v1/kv/..", Matched::Redirect("/v1".into())),
            ("/v1//status/leader", Matched::Redirect("/v1/status/leader".into())),
            ("/v1", Matched::Unknown),
            ("/", Matched::Unknown),
            ("/v1/kv/%zz", Matched::Malformed),
        ] {
            assert_eq!(mux().find(path), expected, "{path}");
        }
    }

    #[test]
    fn nothing_lies_below_the_root() {
        let mux = Mux::new(["/", "/v1/kv/"]);
        for (path, expected) in [
            ("/", found(0, b"")),
            ("/a", Matched::Unknown),
            ("/%61", Matched::Unknown),
            ("/v1/kv/a", found(1, b"a")),
        ] {
            assert_eq!(mux.find(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_makes_matching_panic(path in "\\PC*") {
            let _ = mux().find(&path);
        }

        #[test]
        fn a_path_that_counts_as_clean_is_its_own_clean_form(path in "[/.ab]{0,12}") {
            prop_assert_eq!(is_clean(&path), clean(&path) == path);
        }

        #[test]
        fn plain_paths_are_found_as_escaped_ones_are(rest in "[/av1k]{0,12}", at in 0..8_usize) {
            let path = format!("/v1/kv{rest}");
            // The same path with one letter escaped takes the general way.
            let escaped: String = path
                .chars()
                .enumerate()
                .map(|(n, symbol)| match symbol {
                    'a' | 'v' | '1' | 'k' if n == at => format!("%{:02x}", u32::from(symbol)),
                    symbol => symbol.to_string(),
                })
                .collect();
            let plain = mux().find(&path);
            if matches!(plain, Matched::Found { .. }) {
                prop_assert_eq!(mux().find(&escaped), plain);
            }
        }

        #[test]
        fn a_cleaned_path_is_clean(path in "[/.a%2]{0,30}") {
            let cleaned = clean(&path);
            prop_assert_eq!(clean(&cleaned), cleaned);
        }

        #[test]
        fn a_redirect_is_followed_at_most_twice(path in "/[/.av1k%2]{0,30}") {
            if let Matched::Redirect(first) = mux().find(&path)
                && let Matched::Redirect(second) = mux().find(&first)
            {
                prop_assert!(!matches!(mux().find(&second), Matched::Redirect(_)));
            }
        }
    }
}
