//! TLS as the agent's own listeners speak it, made of the configuration's files. Which connection
//! is served with it is decided elsewhere.
//! Invariant: what is made here works: a key that is not the certificate's is refused here.
//!
//! Source: Consul 1.22 documentation, "TLS parameters"; consul-surface G.2 `tls`.

mod expiry;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::config::runtime::TlsListener;

/// What a listener speaks, and when its certificate ends.
#[derive(Clone, Debug)]
pub struct ServerTls {
    pub config: Arc<ServerConfig>,
    /// In seconds since 1970; none where the certificate does not tell.
    pub ends_unix_s: Option<i64>,
}

/// Why a listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is a certificate without a key, or a key without one.
    #[error("TLS for {0} needs cert_file and key_file, in tls.{0} or in tls.defaults")]
    NoCertificate(&'static str),
    /// Clients are to be checked, but against nothing.
    #[error("verify_incoming of tls.{0} needs ca_file or ca_path, in tls.{0} or in tls.defaults")]
    NoRoots(&'static str),
    /// A file cannot be read, or holds no such thing.
    #[error("{what} {path:?}: {cause}")]
    File {
        /// What it should hold.
        what: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why it does not do.
        cause: String,
    },
    /// There is no such suite.
    #[error("tls_cipher_suites: unsupported suite {0:?}; there are: {1}")]
    Suite(String, String),
    /// The parts do not fit together.
    #[error("TLS for {0}: {1}")]
    Unfit(&'static str, String),
}

/// Makes what a listener speaks; `name` is its block of the configuration, such as `https`. Without
/// a certificate it listens and refuses every client, as Consul's does: one may come by a reload.
///
/// # Errors
/// If a file cannot be read, or they do not fit together.
pub fn server(listener: &TlsListener, name: &'static str) -> Result<ServerTls, TlsError> {
    let files = match (&listener.cert_file, &listener.key_file) {
        (Some(cert_file), Some(key_file)) => Some((cert_file, key_file)),
        (None, None) => None,
        _ => return Err(TlsError::NoCertificate(name)),
    };
    let unfit = |error: rustls::Error| TlsError::Unfit(name, error.to_string());
    let provider = Arc::new(provider(&listener.cipher_suites)?);
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(versions(&listener.version_min)).map_err(unfit)?;
    let builder = match listener.verify_incoming {
        false => builder.with_no_client_auth(),
        true => {
            let roots = Arc::new(roots(listener, name)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            let verifier = verifier.map_err(|error| TlsError::Unfit(name, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (mut config, ends_unix_s) = match files {
        None => (builder.with_cert_resolver(Arc::new(NoCertificate)), None),
        Some((cert_file, key_file)) => {
            let chain = certificates(cert_file)?;
            let ends_unix_s = chain.first().and_then(|leaf| expiry::not_after_unix_s(leaf));
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|error| file("private key", key_file, &error))?;
            (builder.with_single_cert(chain, key).map_err(unfit)?, ends_unix_s)
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(ServerTls { config: Arc::new(config), ends_unix_s })
}

/// Has nothing to show.
#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// The suites of TLS 1.2 that are named; those of 1.3 are always spoken, as in Go.
fn provider(names: &[String]) -> Result<CryptoProvider, TlsError> {
    let mut provider = ring::default_provider();
    if names.is_empty() {
        return Ok(provider);
    }
    let all = provider.cipher_suites.clone();
    let name = |suite: &rustls::SupportedCipherSuite| format!("{:?}", suite.suite());
    let known: Vec<String> = all.iter().filter(|suite| suite.tls13().is_none()).map(name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(TlsError::Suite(unknown.clone(), known.join(", ")));
    }
    provider.cipher_suites.retain(|suite| suite.tls13().is_some() || names.contains(&name(suite)));
    Ok(provider)
}

/// Versions below 1.2 are not spoken, whatever is allowed.
fn versions(least: &str) -> &'static [&'static SupportedProtocolVersion] {
    match least {
        "TLSv1_3" | "tls13" => NEWEST,
        _ => BOTH,
    }
}

static NEWEST: &[&SupportedProtocolVersion] = &[&version::TLS13];
static BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

fn roots(listener: &TlsListener, name: &'static str) -> Result<RootCertStore, TlsError> {
    let mut files: Vec<PathBuf> = listener.ca_file.iter().cloned().collect();
    if let Some(folder) = &listener.ca_path {
        let failed = |error: io::Error| file("folder of CA certificates", folder, &error);
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_file() {
                files.push(path);
            }
        }
        files.sort_unstable();
    }
    let mut roots = RootCertStore::empty();
    for path in &files {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| file("CA certificate", path, &error))?;
        }
    }
    if roots.is_empty() { Err(TlsError::NoRoots(name)) } else { Ok(roots) }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| file("certificate", path, &error);
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    match found.is_empty() {
        true => Err(file("certificate", path, &"there is none in PEM")),
        false => Ok(found),
    }
}

fn file(what: &'static str, path: &Path, cause: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { what, path: path.to_owned(), cause: cause.to_string() }
}
