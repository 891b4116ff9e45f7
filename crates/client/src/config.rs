//! Where the agent is and how to speak to it: addresses, the token, and the `CONSUL_*` variables.
//! It opens nothing.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, io_text};
use crate::tls::TlsFiles;

/// The agent's address where nothing names another.
pub const ADDRESS_DEFAULT: &str = "127.0.0.1:8500";
const PORT_DEFAULT: &str = "8500";
const HOST_DEFAULT: &str = "127.0.0.1";

/// A token. It shows itself neither in `Debug` nor in errors.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn new(secret: impl Into<String>) -> Self {
        Token(secret.into())
    }

    /// The token itself, for sending it to whom it is meant.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(hidden)")
    }
}

/// How to reach an agent. [`Config::from_env`] reads what Consul's clients read.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `host:port`, `http://host:port/prefix`, `https://...` or `unix:///path`; empty means the
    /// default.
    pub address: String,
    pub token: Option<Token>,
    /// `user:password` of HTTP basic authentication, for a proxy in front of the agent.
    pub basic_auth: Option<Token>,
    pub datacenter: Option<String>,
    pub namespace: Option<String>,
    pub partition: Option<String>,
    /// Asks for TLS where `address` names no scheme.
    pub tls: bool,
    /// Whom TLS trusts, and what it shows.
    pub tls_files: TlsFiles,
    /// Takes any certificate of the agent.
    pub tls_skip_verify: bool,
}

impl Config {
    pub fn new(address: impl Into<String>) -> Self {
        Config { address: address.into(), ..Config::default() }
    }

    /// The settings of the environment.
    ///
    /// # Errors
    /// The token file cannot be read, or `CONSUL_HTTP_SSL` or `CONSUL_HTTP_SSL_VERIFY` is no
    /// boolean.
    ///
    /// Source: Consul 1.22 documentation, "Consul command-line environment variables".
    pub fn from_env() -> Result<Self, Error> {
        Config::from_lookup(|name| std::env::var(name).ok())
    }

    /// As [`Config::from_env`], from any source of variables. An empty one counts as absent.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let read = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut config = Config::new(read("CONSUL_HTTP_ADDR").unwrap_or_default());
        config.token = read("CONSUL_HTTP_TOKEN").map(Token::new);
        if let Some(path) = read("CONSUL_HTTP_TOKEN_FILE") {
            config.token = Some(token_file(&path)?);
        }
        config.basic_auth = read("CONSUL_HTTP_AUTH")
            .map(|auth| Token::new(if auth.contains(':') { auth } else { format!("{auth}:") }));
        config.namespace = read("CONSUL_NAMESPACE");
        config.partition = read("CONSUL_PARTITION");
        let switch = |name: &str| {
            let bad = |value| format!("{name} must be true or false, not {value:?}");
            let parse = |value: String| go_bool(&value).ok_or_else(|| Error::Invalid(bad(value)));
            read(name).map(parse).transpose()
        };
        config.tls = switch("CONSUL_HTTP_SSL")?.unwrap_or(false);
        config.tls_skip_verify = !switch("CONSUL_HTTP_SSL_VERIFY")?.unwrap_or(true);
        let path = |name: &str| read(name).map(PathBuf::from);
        config.tls_files = TlsFiles {
            ca_file: path("CONSUL_CACERT"),
            ca_path: path("CONSUL_CAPATH"),
            cert_file: path("CONSUL_CLIENT_CERT"),
            key_file: path("CONSUL_CLIENT_KEY"),
            server_name: read("CONSUL_TLS_SERVER_NAME"),
        };
        Ok(config)
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, Error> {
        Endpoint::parse(&self.address, self.tls)
    }
}

/// The token in a file, without the blanks around it.
///
/// # Errors
/// The file cannot be read or is empty.
pub fn token_file(path: &str) -> Result<Token, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::Invalid(format!("Error loading token file {path}: {}", io_text(&error)))
    })?;
    match text.trim() {
        "" => Err(Error::Invalid(format!("token file {path:?} is empty"))),
        secret => Ok(Token::new(secret)),
    }
}

/// What Go's `strconv.ParseBool` takes, since the same variables feed Go programs.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `host` is without brackets; `prefix` is empty or begins with a slash and ends without one.
    Tcp {
        host: String,
        port: u16,
        prefix: String,
        tls: bool,
    },
    Unix(PathBuf),
}

impl Endpoint {
    fn parse(address: &str, tls: bool) -> Result<Self, Error> {
        let address = if address.is_empty() { ADDRESS_DEFAULT } else { address };
        if let Some(path) = address.strip_prefix("unix://") {
            return Ok(Endpoint::Unix(PathBuf::from(path)));
        }
        let (scheme, rest) = match address.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => (if tls { "https" } else { "http" }, address),
        };
        let tls = match scheme {
            "http" | "tcp" => false,
            "https" => true,
            other => return Err(Error::Invalid(format!("unknown protocol scheme: {other}"))),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_authority(authority);
        let port = port.parse().map_err(|_| bad_address(address))?;
        let host = match (host, authority) {
            (_, "") => return Err(bad_address(address)),
            // A port alone is one of this machine.
            ("", _) => HOST_DEFAULT,
            (host, _) => host,
        };
        let path = path.trim_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Endpoint::Tcp { host: host.to_string(), port, prefix, tls })
    }

    /// True if TLS is to be spoken.
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Endpoint::Tcp { tls: true, .. })
    }

    /// `host:port`, as error texts and the `Host` header name it.
    pub(crate) fn authority(&self) -> String {
        match self {
            Endpoint::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Endpoint::Tcp { host, port, .. } => format!("{host}:{port}"),
            // A host header is mandatory and a path cannot stand in one.
            Endpoint::Unix(_) => "127.0.0.1".to_string(),
        }
    }

    pub(crate) fn prefix(&self) -> &str {
        match self {
            Endpoint::Tcp { prefix, .. } => prefix,
            Endpoint::Unix(_) => "",
        }
    }
}

fn split_authority(authority: &str) -> (&str, &str) {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (host, after.strip_prefix(':').unwrap_or(PORT_DEFAULT));
    }
    match authority.rsplit_once(':') {
        // More than one colon without brackets is a bare IPv6 address.
        Some((host, _)) if host.contains(':') => (authority, PORT_DEFAULT),
        Some((host, port)) => (host, port),
        None => (authority, PORT_DEFAULT),
    }
}

fn bad_address(address: &str) -> Error {
    Error::Invalid(format!("{address:?} is no address of an agent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, prefix: &str) -> Endpoint {
        Endpoint::Tcp { host: host.into(), port, prefix: prefix.into(), tls: false }
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        let check = |text: &str, expected: Endpoint| {
            assert_eq!(Endpoint::parse(text, false).unwrap(), expected, "{text}");
        };
        check("", tcp("127.0.0.1", 8500, ""));
        check("example:80", tcp("example", 80, ""));
        check("example", tcp("example", 8500, ""));
        check(":80", tcp("127.0.0.1", 80, ""));
        check("http://example:80", tcp("example", 80, ""));
        check("http://example:80/consul/", tcp("example", 80, "/consul"));
        check("[::1]:9", tcp("::1", 9, ""));
        check("::1", tcp("::1", 8500, ""));
        check("unix:///run/agent.sock", Endpoint::Unix("/run/agent.sock".into()));
    }

    #[test]
    fn unusable_addresses_are_refused() {
        for text in ["ftp://a", "a:port", "http://", "http:///v1", ":", "a:70000"] {
            assert!(Endpoint::parse(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scheme_wins_over_the_switch() {
        let is_tls = |text: &str, switch| Endpoint::parse(text, switch).unwrap().is_tls();
        assert!(is_tls("https://a:1", false) && is_tls("a:1", true));
        assert!(!is_tls("http://a:1", true) && !is_tls("a:1", false));
    }

    #[test]
    fn tls_is_read_from_the_environment() {
        let config = Config::from_lookup(|name| match name {
            "CONSUL_HTTP_SSL" => Some("1".into()),
            "CONSUL_HTTP_SSL_VERIFY" => Some("false".into()),
            "CONSUL_CACERT" => Some("ca.pem".into()),
            "CONSUL_TLS_SERVER_NAME" => Some("agent".into()),
            _ => None,
        });
        let config = config.unwrap();
        assert!(config.tls && config.tls_skip_verify);
        let files = config.tls_files;
        assert_eq!((files.ca_file, files.cert_file), (Some("ca.pem".into()), None));
        assert_eq!(files.server_name.as_deref(), Some("agent"));
    }

    #[test]
    fn ipv6_gets_its_brackets_back() {
        assert_eq!(tcp("::1", 9, "").authority(), "[::1]:9");
    }

    #[test]
    fn a_token_file_wins_over_the_token() {
        let path = std::env::temp_dir().join(format!("tribune-token-{}", std::process::id()));
        std::fs::write(&path, " secret \n").unwrap();
        let config = Config::from_lookup(|name| match name {
            "CONSUL_HTTP_TOKEN" => Some("other".into()),
            "CONSUL_HTTP_TOKEN_FILE" => Some(path.display().to_string()),
            "CONSUL_HTTP_AUTH" => Some("me".into()),
            _ => None,
        });
        std::fs::remove_file(&path).unwrap();
        let config = config.unwrap();
        assert_eq!(config.token.as_ref().unwrap().secret(), "secret");
        assert_eq!(config.basic_auth.as_ref().unwrap().secret(), "me:");
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn a_bad_boolean_is_an_error() {
        let lookup = |name: &str| (name == "CONSUL_HTTP_SSL").then(|| "maybe".to_string());
        assert!(Config::from_lookup(lookup).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_address_is_parsed_or_refused(text in "\\PC{0,40}") {
            let _ = Endpoint::parse(&text, false);
        }

        #[test]
        fn host_and_port_survive(host in "[a-z][a-z0-9.]{0,20}", port in 1u16..) {
            let parsed = Endpoint::parse(&format!("{host}:{port}"), false).unwrap();
            proptest::prop_assert_eq!(parsed.authority(), format!("{host}:{port}"));
        }
    }
}
