//! The URLs of HTTP checks: parsed, joined with a redirection's, refused in Go's words.
//! Invariant: what parses has a host, a port and a path that fit into a request.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub is_tls: bool,
    /// `user:password`, if given.
    pub user: Option<String>,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// Host and port as written, for the `Host` header.
    pub authority: String,
    /// Path and query, starting with a slash.
    pub path: String,
}

/// What may not stand in a path or query as it is.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Parses an absolute URL; the error comes without the URL itself.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    let (scheme, rest) = split_scheme(text);
    let is_tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(format!("unsupported protocol scheme \"{scheme}\"")),
    };
    let rest = rest.strip_prefix("//").ok_or("http: no Host in request URL")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, authority) = match authority.rsplit_once('@') {
        Some((user, authority)) => (Some(user.to_owned()), authority),
        None => (None, authority),
    };
    let (host, port) = split_port(authority)?;
    if host.is_empty() {
        return Err("http: no Host in request URL".to_owned());
    }
    let is_plain = |symbol: char| symbol.is_ascii_graphic() && !"\"<>\\^`{|}[]@".contains(symbol);
    if !host.chars().all(is_plain) {
        return Err(format!("invalid character in host name {host:?}"));
    }
    let port = port.unwrap_or(if is_tls { 443 } else { 80 });
    let authority = authority.to_owned();
    Ok(Url { is_tls, user, host, port, authority, path: request_path(path) })
}

/// Where a redirection from `base` to `location` leads.
pub(super) fn join(base: &Url, location: &str) -> Result<Url, String> {
    let (scheme, _) = split_scheme(location);
    if !scheme.is_empty() {
        return parse(location);
    }
    if location.starts_with("//") {
        return parse(&format!("{}:{location}", base.scheme()));
    }
    let (base_path, _) = base.path.split_once('?').unwrap_or((&base.path, ""));
    let path = if location.starts_with('/') {
        location.to_owned()
    } else if location.starts_with('?') || location.starts_with('#') || location.is_empty() {
        format!("{base_path}{location}")
    } else {
        let folder = base_path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{location}")
    };
    Ok(Url { path: request_path(&path), ..base.clone() })
}

/// True if a host is another one, or one below its domain.
pub(super) fn is_within(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    let is_address = [&host, &domain].into_iter().any(|own| own.parse::<IpAddr>().is_ok());
    let below = host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || (below && !is_address && !host.contains([':', '%']))
}

impl Url {
    fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// Host and port to connect to.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// The URL as Go prints it within an error.
pub(super) fn printed(text: &str) -> String {
    utf8_percent_encode(text, UNSAFE).to_string()
}

fn split_scheme(text: &str) -> (&str, &str) {
    let Some((scheme, rest)) = text.split_once(':') else { return ("", text) };
    let starts = scheme.starts_with(|symbol: char| symbol.is_ascii_alphabetic());
    let in_scheme = |symbol: char| symbol.is_ascii_alphanumeric() || "+-.".contains(symbol);
    if starts && scheme.chars().all(in_scheme) { (scheme, rest) } else { ("", text) }
}

fn split_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or("missing ']' in host")?;
            (host, after.strip_prefix(':').or((!after.is_empty()).then_some(after)))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(text) => {
            let number = text.parse().ok().filter(|_| !text.starts_with('+'));
            let number = number.ok_or(format!("invalid port \":{text}\" after host"))?;
            Some(number)
        }
    };
    Ok((host.to_owned(), port))
}

/// A path with its query as a request line can carry it: dots resolved, no fragment.
fn request_path(text: &str) -> String {
    let (text, _) = text.split_once('#').unwrap_or((text, ""));
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(usize::from(path.starts_with('/'))) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        parts.push("");
    }
    let mut out = String::from("/");
    out.push_str(&utf8_percent_encode(&parts.join("/"), UNSAFE).to_string());
    if let Some(query) = query {
        out.push('?');
        out.push_str(&utf8_percent_encode(query, UNSAFE).to_string());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(text: &str) -> Result<String, String> {
        parse(text)
            .map(|url| format!("{} {} {} {}", url.scheme(), url.address(), url.authority, url.path))
    }

    #[test]
    fn urls_come_apart_as_the_table_says() {
        for (text, expected) in [
            ("http://a", "http a:80 a /"),
            ("https://a:8443/x?y=1#z", "https a:8443 a:8443 /x?y=1"),
            ("HTTP://[::1]:80/a b", "http [::1]:80 [::1]:80 /a%20b"),
            ("http://u:p@h/a/../b/./c/..", "http h:80 h /b/"),
            ("http://h?q", "http h:80 h /?q"),
        ] {
            assert_eq!(parts(text), Ok(expected.to_owned()), "{text}");
        }
        for (text, expected) in [
            ("not a url", "unsupported protocol scheme \"\""),
            ("ftp://a", "unsupported protocol scheme \"ftp\""),
            ("http:///x", "http: no Host in request URL"),
            ("http://a:99999/", "invalid port \":99999\" after host"),
        ] {
            assert_eq!(parts(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn redirections_lead_where_a_browser_would_go() {
        let base = parse("http://h:81/a/b?q=1").unwrap();
        for (location, expected) in [
            ("/x", "http h:81 h:81 /x"),
            ("c", "http h:81 h:81 /a/c"),
            ("../c?d", "http h:81 h:81 /c?d"),
            ("?z", "http h:81 h:81 /a/b?z"),
            ("//o/x", "http o:80 o /x"),
            ("https://o/x", "https o:443 o /x"),
        ] {
            let url = join(&base, location).unwrap();
            let found =
                format!("{} {} {} {}", url.scheme(), url.address(), url.authority, url.path);
            assert_eq!(found, expected, "{location}");
        }
    }

    #[test]
    fn a_host_is_within_its_own_domain_only() {
        for (host, domain, expected) in [
            ("example.com", "example.com", true),
            ("EXAMPLE.com", "example.COM", true),
            ("a.b.example.com", "example.com", true),
            ("badexample.com", "example.com", false),
            ("example.com", "a.example.com", false),
            ("example.com.bad.org", "example.com", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "0.0.1", false),
            ("9.10.0.0.1", "10.0.0.1", false),
            ("::1", "::1", true),
            ("fe80::a.example.com", "example.com", false),
            ("", "example.com", false),
        ] {
            assert_eq!(is_within(host, domain), expected, "{host} within {domain}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_fits_into_a_request(
            text in "(https?://)?[ -~é\\n]{0,40}",
            next in ".{0,20}",
        ) {
            if let Ok(url) = parse(&text) {
                prop_assert!(url.path.parse::<hyper::Uri>().is_ok(), "{}", url.path);
                if let Ok(next) = join(&url, &next) {
                    prop_assert!(next.path.parse::<hyper::Uri>().is_ok(), "{}", next.path);
                }
            }
        }
    }
}
