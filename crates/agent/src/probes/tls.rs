//! TLS for probes: the system's roots, or none of it where a check says so.
//! The agent's own certificates are not offered.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tribune_edge::TlsProbe;

/// Whom probes trust; made at first use and shared by all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    checked: Arc<OnceLock<Arc<ClientConfig>>>,
    unchecked: Arc<OnceLock<Arc<ClientConfig>>>,
}

/// Names a bundle of roots to use instead of the system's, as OpenSSL and Go do.
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";
/// Where systems keep their bundle.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

impl Trust {
    fn config(&self, skip_verify: bool) -> Arc<ClientConfig> {
        let (cell, verify) = match skip_verify {
            true => (&self.unchecked, false),
            false => (&self.checked, true),
        };
        cell.get_or_init(|| Arc::new(client_config(verify))).clone()
    }
}

/// Speaks TLS on a connection, in HTTP's first version.
pub(super) async fn wrap(
    stream: TcpStream,
    host: &str,
    settings: &TlsProbe,
    trust: &Trust,
) -> Result<TlsStream<TcpStream>, String> {
    let name = match settings.server_name.as_str() {
        "" => host,
        own => own,
    };
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| format!("tls: invalid server name {name:?}"))?;
    let connector = TlsConnector::from(trust.config(settings.skip_verify));
    connector.connect(name, stream).await.map_err(|error| format!("tls: {error}"))
}

fn client_config(verify: bool) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    #[expect(clippy::expect_used, reason = "ring has suites for the default versions")]
    let builder = builder.with_safe_default_protocol_versions().expect("ring's own versions");
    if verify {
        return builder.with_root_certificates(system_roots()).with_no_client_auth();
    }
    let anyone = Arc::new(Anyone { provider });
    builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth()
}

fn system_roots() -> RootCertStore {
    let named = std::env::var_os(BUNDLE_VARIABLE).map(std::path::PathBuf::from);
    let known = BUNDLES.iter().map(|path| Path::new(path).to_path_buf());
    let bundle = named.into_iter().chain(known).find(|path| path.is_file());
    let mut roots = RootCertStore::empty();
    let Some(bundle) = bundle else { return roots };
    match CertificateDer::pem_file_iter(&bundle) {
        // A root that we cannot read is one that we do not trust.
        Ok(all) => {
            roots.add_parsable_certificates(all.filter_map(Result::ok));
        }
        Err(error) => tracing::warn!(?bundle, %error, "no roots for TLS checks"),
    }
    roots
}

/// Takes any certificate; the handshake itself is still checked.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
