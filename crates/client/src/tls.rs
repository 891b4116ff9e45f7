//! TLS as a client speaks it: whom it trusts and which certificate it shows. The agent's checks and
//! the commands use it alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Files for TLS. Nothing stands for the system's roots, and for showing no certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// A bundle of roots.
    pub ca_file: Option<PathBuf>,
    /// A folder of such bundles.
    pub ca_path: Option<PathBuf>,
    /// The certificate to show.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// The name to ask for, where it is not that of the host.
    pub server_name: Option<String>,
}

/// Why files are of no use.
#[derive(Debug, thiserror::Error)]
#[error("{path:?}, for TLS: {why}")]
pub struct TlsError {
    path: PathBuf,
    why: String,
}

/// What was read from [`TlsFiles`].
#[derive(Debug, Default)]
pub struct Credentials {
    roots: Option<RootCertStore>,
    identity: Option<Identity>,
}

/// Names a bundle of roots to use instead of the system's, as OpenSSL and Go do.
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";
/// Where systems keep their bundle.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

impl Credentials {
    /// Reads the files.
    ///
    /// # Errors
    /// One cannot be read, holds something else, or the key does not fit the certificate.
    pub fn load(files: &TlsFiles) -> Result<Credentials, TlsError> {
        Ok(Credentials { roots: own_roots(files)?, identity: identity(files)? })
    }

    /// The settings of a connection; with `verify` false any certificate is taken.
    pub fn client_config(&self, verify: bool) -> ClientConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        #[expect(clippy::expect_used, reason = "ring has suites for the default versions")]
        let builder = builder.with_safe_default_protocol_versions().expect("ring's own versions");
        let builder = if verify {
            builder.with_root_certificates(self.roots.clone().unwrap_or_else(system_roots))
        } else {
            let anyone = Arc::new(Anyone { provider });
            builder.dangerous().with_custom_certificate_verifier(anyone)
        };
        let Some((chain, key)) = &self.identity else { return builder.with_no_client_auth() };
        // It was tried when it was loaded.
        let with_identity = builder.clone().with_client_auth_cert(chain.clone(), key.clone_key());
        with_identity.unwrap_or_else(|_| builder.with_no_client_auth())
    }
}

/// How a client of the agent's API speaks TLS.
pub(crate) struct Tls {
    connector: TlsConnector,
    server_name: Option<String>,
}

impl Tls {
    /// # Errors
    /// As [`Credentials::load`].
    pub fn load(files: &TlsFiles, verify: bool) -> Result<Tls, TlsError> {
        let config = Credentials::load(files)?.client_config(verify);
        let server_name = files.server_name.clone().filter(|name| !name.is_empty());
        Ok(Tls { connector: Arc::new(config).into(), server_name })
    }

    /// Speaks TLS on a connection to `host`. The text of an error is the cause alone.
    pub async fn wrap<S>(&self, stream: S, host: &str) -> Result<TlsStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = self.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("tls: invalid server name {name:?}"))?;
        self.connector.connect(name, stream).await.map_err(|error| format!("tls: {error}"))
    }
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
    let all = bundle.and_then(|bundle| CertificateDer::pem_file_iter(bundle).ok());
    // A root that cannot be read is one that is not trusted.
    roots.add_parsable_certificates(all.into_iter().flatten().filter_map(Result::ok));
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
