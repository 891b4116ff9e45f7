//! The flags that every command shares which speaks to an agent, and the client they make. A flag
//! wins over its `CONSUL_*` variable.

use std::path::PathBuf;

use tribune_client::{Client, Config, TlsFiles, Token, token_file};

use super::command::Failure;
use super::console::Console;
use super::flags::{Flag, Parsed};

pub(crate) const AGENT_FLAGS: &[Flag] = &[
    Flag::text(
        "http-addr",
        "Address of the agent: host:port, https://host:port or unix:///path. Also \
         CONSUL_HTTP_ADDR; 127.0.0.1:8500 by default.",
    ),
    Flag::text("token", "Token to send with the request. Also CONSUL_HTTP_TOKEN."),
    Flag::text("token-file", "File that holds the token. Also CONSUL_HTTP_TOKEN_FILE."),
    Flag::text("ca-file", "Certificate authority of the agent, for TLS. Also CONSUL_CACERT."),
    Flag::text("ca-path", "Folder of certificate authorities, for TLS. Also CONSUL_CAPATH."),
    Flag::text("client-cert", "Certificate to show to the agent. Also CONSUL_CLIENT_CERT."),
    Flag::text("client-key", "Key of that certificate. Also CONSUL_CLIENT_KEY."),
    Flag::text("tls-server-name", "Name to expect in TLS. Also CONSUL_TLS_SERVER_NAME."),
    Flag::text("namespace", "Namespace to work in (Consul Enterprise). Also CONSUL_NAMESPACE."),
    Flag::text("partition", "Partition to work in (Consul Enterprise). Also CONSUL_PARTITION."),
];

pub(crate) const SERVER_FLAGS: &[Flag] = &[
    Flag::text("datacenter", "Datacenter to ask; that of the agent by default."),
    Flag::bool("stale", "Let any server answer, also one that lags behind the leader."),
];

/// The client for what was given and what the environment says.
pub(crate) fn client(console: &Console, flags: &Parsed) -> Result<Client, Failure> {
    connect(console, flags)
        .map_err(|error| Failure::text(format!("Error connecting to Consul agent: {error}")))
}

fn connect(console: &Console, flags: &Parsed) -> Result<Client, tribune_client::Error> {
    let given = |name: &str| flags.text(name).filter(|text| !text.is_empty()).map(str::to_string);
    // A token that is given wins over the file of the environment, which may be unreadable.
    let token = match (given("token-file"), given("token")) {
        (Some(path), _) => Some(token_file(&path)?),
        (None, token) => token.map(Token::new),
    };
    let from_flags = token.is_some();
    let mut config = Config::from_lookup(|name| {
        let ignored = from_flags && name.starts_with("CONSUL_HTTP_TOKEN");
        if ignored { None } else { console.variable(name) }
    })?;
    config.token = token.or(config.token);
    config.address = given("http-addr").unwrap_or(config.address);
    let path = |name: &str, otherwise| given(name).map(PathBuf::from).or(otherwise);
    let files = config.tls_files;
    config.tls_files = TlsFiles {
        ca_file: path("ca-file", files.ca_file),
        ca_path: path("ca-path", files.ca_path),
        cert_file: path("client-cert", files.cert_file),
        key_file: path("client-key", files.key_file),
        server_name: given("tls-server-name").or(files.server_name),
    };
    config.datacenter = given("datacenter");
    config.namespace = given("namespace").or(config.namespace);
    config.partition = given("partition").or(config.partition);
    Client::new(config)
}
