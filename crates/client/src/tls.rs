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

    /// The settings of a connection; with `verify` false any certificate is taken. If the system's
    /// roots are asked for and cannot be read, nobody is trusted, and the error says why.
    pub fn client_config(&self, verify: bool) -> (ClientConfig, Option<TlsError>) {
        let mut unread = None;
        let mut roots = || {
            let own = self.roots.clone().map(Ok);
            own.unwrap_or_else(system_roots).unwrap_or_else(|error| {
                unread = Some(error);
                RootCertStore::empty()
            })
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        #[expect(clippy::expect_used, reason = "ring has suites for the default versions")]
        let builder = builder.with_safe_default_protocol_versions().expect("ring's own versions");
        let builder = if verify {
            builder.with_root_certificates(roots())
        } else {
            let anyone = Arc::new(Anyone { provider });
            builder.dangerous().with_custom_certificate_verifier(anyone)
        };
        // It was tried when it was loaded.
        let with_identity = self.identity.as_ref().and_then(|(chain, key)| {
            builder.clone().with_client_auth_cert(chain.clone(), key.clone_key()).ok()
        });
        (with_identity.unwrap_or_else(|| builder.with_no_client_auth()), unread)
    }
}

/// Speaks TLS on a connection whose other end has the first of these names that is not empty: what
/// was asked for comes before the host. The text of an error is the cause alone.
///
/// # Errors
/// It cannot be a server's name, or the handshake fails.
pub async fn shake<S>(
    config: Arc<ClientConfig>,
    names: &[&str],
    stream: S,
) -> Result<TlsStream<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = names.iter().find(|name| !name.is_empty()).copied().unwrap_or_default();
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| format!("tls: invalid server name {name:?}"))?;
    let connector = TlsConnector::from(config);
    connector.connect(name, stream).await.map_err(|error| format!("tls: {error}"))
}

/// How a client of the agent's API speaks TLS.
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    server_name: String,
}

impl Tls {
    /// # Errors
    /// As [`Credentials::load`], and if the system's roots are needed and cannot be read.
    pub fn load(files: &TlsFiles, verify: bool) -> Result<Tls, TlsError> {
        let (config, unread) = Credentials::load(files)?.client_config(verify);
        match unread {
            Some(error) => Err(error),
            None => Ok(Tls {
                config: Arc::new(config),
                server_name: files.server_name.clone().unwrap_or_default(),
            }),
        }
    }

    /// Speaks TLS on a connection to `host`. The text of an error is the cause alone.
    pub async fn wrap<S>(&self, stream: S, host: &str) -> Result<TlsStream<S>, String>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        shake(self.config.clone(), &[&self.server_name, host], stream).await
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

/// None at all where the system keeps no bundle.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let named = std::env::var_os(BUNDLE_VARIABLE).map(PathBuf::from);
    let known = BUNDLES.iter().map(|path| Path::new(path).to_path_buf());
    let bundle = named.into_iter().chain(known).find(|path| path.is_file());
    bundle.map_or_else(|| Ok(RootCertStore::empty()), |bundle| bundled_roots(&bundle))
}

fn bundled_roots(bundle: &Path) -> Result<RootCertStore, TlsError> {
    let wrong = |why: String| TlsError { path: bundle.to_owned(), why };
    let all = CertificateDer::pem_file_iter(bundle).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    // A root that cannot be read is one that is not trusted.
    match roots.add_parsable_certificates(all.filter_map(Result::ok)) {
        (0, _) => Err(wrong("no root certificate in it".to_owned())),
        _ => Ok(roots),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_is_of_no_use_is_named() {
        let path = std::env::temp_dir().join(format!("bundle-{}.pem", std::process::id()));
        let why = |path: &Path| bundled_roots(path).map(|_| ()).unwrap_err().to_string();
        assert!(why(&path).starts_with(&format!("{path:?}, for TLS: ")), "{}", why(&path));
        fs::write(&path, "no certificate").unwrap();
        assert_eq!(why(&path), format!("{path:?}, for TLS: no root certificate in it"));
        fs::remove_file(path).unwrap();
    }

    #[tokio::test]
    async fn the_name_that_was_asked_for_comes_before_the_host() {
        let (config, _) = Credentials::default().client_config(false);
        let config = Arc::new(config);
        for (names, expected) in [
            (["a b", "host"], "tls: invalid server name \"a b\""),
            (["", "no host"], "tls: invalid server name \"no host\""),
            (["", ""], "tls: invalid server name \"\""),
        ] {
            let (stream, _) = tokio::io::duplex(64);
            let refused = shake(config.clone(), &names, stream).await.err();
            assert_eq!(refused.as_deref(), Some(expected));
        }
    }
}
