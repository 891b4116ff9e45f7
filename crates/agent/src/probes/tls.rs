//! TLS for probes: the system's roots, or the agent's own certificates where it is told to show
//! them, or no doubt at all where a check says so.

use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tribune_client::tls::{Credentials, shake};
pub use tribune_client::tls::{TlsError, TlsFiles};
use tribune_edge::TlsProbe;

/// Whom probes trust and whom they say they are; shared by all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    own: Arc<Own>,
    /// By whether the peer is checked, and whether HTTP/2 is spoken; made at first use.
    configs: Arc<[OnceLock<Arc<ClientConfig>>; 4]>,
}

/// What the agent's configuration says.
#[derive(Debug, Default)]
struct Own {
    credentials: Credentials,
    server_name: String,
}

/// The name of HTTP/2 in a handshake.
const ALPN_H2: &[u8] = b"h2";

impl Trust {
    /// Reads the agent's own files.
    pub fn load(files: &TlsFiles) -> Result<Trust, TlsError> {
        let own = Own {
            credentials: Credentials::load(files)?,
            server_name: files.server_name.clone().unwrap_or_default(),
        };
        Ok(Trust { own: Arc::new(own), configs: Arc::default() })
    }

    /// Speaks TLS on a connection, for HTTP's first version or no protocol in particular.
    pub async fn wrap(
        &self,
        stream: TcpStream,
        host: &str,
        settings: &TlsProbe,
    ) -> Result<TlsStream<TcpStream>, String> {
        let names = [settings.server_name.as_str(), &self.own.server_name, host];
        shake(self.config(settings.skip_verify, false), &names, stream).await
    }

    /// Speaks TLS on a connection, for HTTP/2.
    pub async fn wrap_h2(
        &self,
        stream: TcpStream,
        host: &str,
        settings: &TlsProbe,
    ) -> Result<TlsStream<TcpStream>, String> {
        let names = [settings.server_name.as_str(), &self.own.server_name, host];
        shake(self.config(settings.skip_verify, true), &names, stream).await
    }

    fn config(&self, skip_verify: bool, is_h2: bool) -> Arc<ClientConfig> {
        let make = || {
            let (mut config, unread) = self.own.credentials.client_config(!skip_verify);
            if let Some(error) = unread {
                tracing::warn!(%error, "no roots for the TLS of checks: no certificate is trusted");
            }
            if is_h2 {
                config.alpn_protocols = vec![ALPN_H2.to_vec()];
            }
            Arc::new(config)
        };
        let number = usize::from(skip_verify) + 2 * usize::from(is_h2);
        self.configs.get(number).map_or_else(make, |cell| cell.get_or_init(make).clone())
    }
}
