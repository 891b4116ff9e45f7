//! Makes the certificate authority's first root: a self-signed P-256 certificate for the
//! cluster's trust domain. It signs nothing yet.

use crate::entropy::random_u64;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, SanType, SerialNumber, string::Ia5String,
};
use ring::digest;
use std::fmt::Write as _;
use time::{Duration, OffsetDateTime};
use tribune_state::connect::CaRoot;
use tribune_state::{Index, Secret};
use uuid::Uuid;

/// How long a root is valid. Source: surface H.9, 87,600 hours.
const ROOT_VALID: Duration = Duration::hours(87_600);

/// Clocks of others may be this much behind ours.
const CLOCK_SKEW: Duration = Duration::minutes(1);

/// The name of the built-in provider's root. Source: surface H.9.
const ROOT_NAME: &str = "Consul CA Primary Cert";

/// Why a root could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The key or certificate could not be made.
    #[error("the certificate authority's root could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Makes a root for the trust domain of a cluster.
///
/// # Errors
/// If the cryptography fails, which means that the operating system gave no entropy.
pub fn first_root(cluster_id: Uuid) -> Result<CaRoot, CaError> {
    let key = KeyPair::generate()?;
    let serial_number = random_u64() >> SERIAL_SHIFT;
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let mut params = CertificateParams::default();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + ROOT_VALID;
    params.serial_number = Some(SerialNumber::from(serial_number));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let trust_domain = Ia5String::try_from(format!("spiffe://{cluster_id}.consul"))?;
    params.subject_alt_names = vec![SanType::URI(trust_domain)];
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("pri-{:08x}.consul.ca", cluster_id.as_fields().0));
    params.distinguished_name = name;
    let certificate = params.self_signed(&key)?;
    let key_hash = digest::digest(&digest::SHA256, key.der_bytes());
    let fingerprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate.der());
    Ok(CaRoot {
        id: colons(fingerprint.as_ref()),
        name: ROOT_NAME.to_owned(),
        serial_number,
        signing_key_id: colons(key_hash.as_ref()),
        not_before_s: params.not_before.unix_timestamp(),
        not_after_s: params.not_after.unix_timestamp(),
        root_cert: certificate.pem(),
        signing_key: Secret::new(key.serialize_pem()),
        private_key_type: "ec".to_owned(),
        private_key_bits: 256,
        active: true,
        create_index: Index(0),
        modify_index: Index(0),
    })
}

/// Serial numbers stay below 2^53, which every JSON reader keeps whole.
const SERIAL_SHIFT: u32 = 12;

/// Bytes as hexadecimal pairs with colons between them.
fn colons(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (n, byte) in bytes.iter().enumerate() {
        let colon = if n == 0 { "" } else { ":" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{colon}{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_names_its_trust_domain_and_hides_its_key() {
        let root = first_root(Uuid::from_u128(7)).unwrap();
        assert!(root.root_cert.starts_with("-----BEGIN CERTIFICATE-----"));
        assert_eq!(root.id.len(), 20 * 3 - 1);
        assert!(root.signing_key.expose().contains("PRIVATE KEY"));
        assert!(!format!("{root:?}").contains("PRIVATE KEY"));
        assert!(root.serial_number < 1 << 53);
    }
}
