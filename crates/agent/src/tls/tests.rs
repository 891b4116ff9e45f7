//! Files that fit together, and files that do not.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

use super::*;

/// A folder with a CA, a certificate it signed, and their keys.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Files {
        let folder =
            std::env::temp_dir().join(format!("tribune-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("cas")).unwrap();
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_cert = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        leaf.not_after = rcgen::date_time_ymd(2040, 2, 29);
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let cert = leaf.signed_by(&key, &issuer).unwrap();
        for (name, text) in [
            ("ca.pem", ca_cert.pem()),
            ("cas/one.pem", ca_cert.pem()),
            ("cert.pem", cert.pem()),
            ("key.pem", key.serialize_pem()),
            ("other.pem", KeyPair::generate().unwrap().serialize_pem()),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        Files(folder)
    }

    fn listener(&self) -> TlsListener {
        TlsListener {
            cert_file: Some(self.0.join("cert.pem")),
            key_file: Some(self.0.join("key.pem")),
            version_min: "TLSv1_2".to_owned(),
            ..TlsListener::default()
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn complaint(listener: &TlsListener) -> String {
    server(listener, "https").unwrap_err().to_string()
}

#[test]
fn a_certificate_with_its_key_is_served_until_it_ends() {
    let files = Files::new("good");
    let tls = server(&files.listener(), "https").unwrap();
    // 29 February 2040, 00:00:00.
    assert_eq!(tls.ends_unix_s, Some(2_214_086_400));
}

#[test]
fn clients_are_checked_against_a_file_or_a_folder_of_roots() {
    let files = Files::new("clients");
    let listener = TlsListener { verify_incoming: true, ..files.listener() };
    assert!(complaint(&listener).starts_with("verify_incoming of tls.https needs ca_file"));
    let file = TlsListener { ca_file: Some(files.0.join("ca.pem")), ..listener.clone() };
    assert!(server(&file, "https").is_ok());
    let folder = TlsListener { ca_path: Some(files.0.join("cas")), ..listener };
    assert!(server(&folder, "https").is_ok());
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let files = Files::new("bad");
    let good = files.listener();
    let none = TlsListener { cert_file: None, ..good.clone() };
    assert!(complaint(&none).starts_with("TLS for https needs cert_file and key_file"));
    let nothing = TlsListener { key_file: None, ..none.clone() };
    assert_eq!(server(&nothing, "https").unwrap().ends_unix_s, None);
    let missing = TlsListener { cert_file: Some(files.0.join("no.pem")), ..good.clone() };
    assert!(complaint(&missing).contains("no.pem"), "{}", complaint(&missing));
    let swapped = TlsListener { cert_file: good.key_file.clone(), ..good.clone() };
    assert!(complaint(&swapped).contains("there is none in PEM"), "{}", complaint(&swapped));
    let other = TlsListener { key_file: Some(files.0.join("other.pem")), ..good.clone() };
    assert!(complaint(&other).starts_with("TLS for https: "), "{}", complaint(&other));
    let suites = TlsListener { cipher_suites: vec!["TLS_NONE".into()], ..good };
    assert!(complaint(&suites).contains("unsupported suite \"TLS_NONE\""));
}

#[test]
fn suites_of_the_older_version_can_be_chosen() {
    let name = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned();
    let provider = provider(std::slice::from_ref(&name)).unwrap();
    let older = provider.cipher_suites.iter().filter(|suite| suite.tls13().is_none());
    assert_eq!(older.map(|suite| format!("{:?}", suite.suite())).collect::<Vec<_>>(), [name]);
}
