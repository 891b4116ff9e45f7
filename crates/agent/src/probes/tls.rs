//! TLS for probes: the system's roots, or the agent's own certificates where it is told to show
//! them, or no doubt at all where a check says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tribune_edge::TlsProbe;

/// Whom probes trust and whom they say they are; shared by all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Trust {
    own: Arc<Own>,
    /// By whether the peer is checked, and whether HTTP/2 is spoken; made at first use.
    configs: Arc<[OnceLock<Arc<ClientConfig>>; 4]>,
}

/// What the agent's configuration says. Nothing stands for the system's roots and no name.
#[derive(Debug, Default)]
struct Own {
    roots: Option<RootCertStore>,
    identity: Option<Identity>,
    server_name: Option<String>,
}

/// The agent's own files for TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// A bundle of roots.
    pub ca_file: Option<PathBuf>,
    /// A folder of such bundles.
    pub ca_path: Option<PathBuf>,
    /// The agent's certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// The name to ask checks' targets for, unless a check names one.
    pub server_name: Option<String>,
}

/// Why the agent's files are of no use.
#[derive(Debug, thiserror::Error)]
#[error("{path:?}, for TLS of checks: {why}")]
pub struct TlsError {
    path: PathBuf,
    why: String,
}

/// Names a bundle of roots to use instead of the system's, as OpenSSL and Go do.
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";
/// Where systems keep their bundle.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// The name of HTTP/2 in a handshake.
const ALPN_H2: &[u8] = b"h2";

impl Trust {
    /// Reads the agent's own files.
    pub fn load(files: &TlsFiles) -> Result<Trust, TlsError> {
        let own = Own {
            roots: own_roots(files)?,
            identity: identity(files)?,
            server_name: files.server_name.clone().filter(|name| !name.is_empty()),
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
        self.shake(stream, host, settings, false).await
    }

    /// Speaks TLS on a connection, for HTTP/2.
    pub async fn wrap_h2(
        &self,
        stream: TcpStream,
        host: &str,
        settings: &TlsProbe,
    ) -> Result<TlsStream<TcpStream>, String> {
        self.shake(stream, host, settings, true).await
    }

    async fn shake(
        &self,
        stream: TcpStream,
        host: &str,
        settings: &TlsProbe,
        is_h2: bool,
    ) -> Result<TlsStream<TcpStream>, String> {
        let name = match (settings.server_name.as_str(), &self.own.server_name) {
            ("", Some(own)) => own,
            ("", None) => host,
            (asked, _) => asked,
        };
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("tls: invalid server name {name:?}"))?;
        let connector = TlsConnector::from(self.config(settings.skip_verify, is_h2));
        connector.connect(name, stream).await.map_err(|error| format!("tls: {error}"))
    }

    fn config(&self, skip_verify: bool, is_h2: bool) -> Arc<ClientConfig> {
        let make = || {
            let mut config = client_config(&self.own, !skip_verify);
            if is_h2 {
                config.alpn_protocols = vec![ALPN_H2.to_vec()];
            }
            Arc::new(config)
        };
        let number = usize::from(skip_verify) + 2 * usize::from(is_h2);
        self.configs.get(number).map_or_else(make, |cell| cell.get_or_init(make).clone())
    }
}

fn client_config(own: &Own, verify: bool) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    #[expect(clippy::expect_used, reason = "ring has suites for the default versions")]
    let builder = builder.with_safe_default_protocol_versions().expect("ring's own versions");
    let builder = if verify {
        builder.with_root_certificates(own.roots.clone().unwrap_or_else(system_roots))
    } else {
        let anyone = Arc::new(Anyone { provider });
        builder.dangerous().with_custom_certificate_verifier(anyone)
    };
    let Some((chain, key)) = &own.identity else { return builder.with_no_client_auth() };
    // It was tried when it was loaded.
    let with_identity = builder.clone().with_client_auth_cert(chain.clone(), key.clone_key());
    with_identity.unwrap_or_else(|_| builder.with_no_client_auth())
}

fn own_roots(files: &TlsFiles) -> Result<Option<RootCertStore>, TlsError> {
    let mut bundles: Vec<PathBuf> = files.ca_file.iter().cloned().collect();
    if let Some(folder) = &files.ca_path {
        let failed =
            |error: std::io::Error| TlsError { path: folder.clone(), why: error.to_string() };
        for entry in fs::read_dir(folder).map_err(failed)? {
            bundles.push(entry.map_err(failed)?.path());
        }
    }
    if bundles.is_empty() {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    for path in bundles.into_iter().filter(|path| !path.is_dir()) {
        let wrong = |why: String| TlsError { path: path.clone(), why };
        let certificates = CertificateDer::pem_file_iter(&path);
        for certificate in certificates.map_err(|error| wrong(error.to_string()))? {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    Ok(Some(roots))
}

/// The certificate's chain and its key, which must fit.
type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn identity(files: &TlsFiles) -> Result<Option<Identity>, TlsError> {
    let (Some(cert_file), Some(key_file)) = (&files.cert_file, &files.key_file) else {
        return Ok(None);
    };
    let wrong = |path: &Path, why: String| TlsError { path: path.to_owned(), why };
    let chain = CertificateDer::pem_file_iter(cert_file).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| wrong(cert_file, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(key_file);
    let key = key.map_err(|error| wrong(key_file, error.to_string()))?;
    let provider = ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider)
        .map_err(|error| wrong(key_file, error.to_string()))?;
    Ok(Some((chain, key)))
}

fn system_roots() -> RootCertStore {
    let named = std::env::var_os(BUNDLE_VARIABLE).map(PathBuf::from);
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
