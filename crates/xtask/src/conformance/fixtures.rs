//! Certificates that three TLS tests of the client read from `../test`: two CAs alone, a CA with
//! a server's and a client's certificate, and one whose certificate names only another host.
//! Made afresh for each run; nothing of the client's own fixtures is used.

use std::fs;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// Writes everything below `folder`.
pub fn write(folder: &Path) -> Result<()> {
    for (file, name) in [("cert1.crt", "Test Path CA 1"), ("cert2.crt", "Test Path CA 2")] {
        put(&folder.join("ca_path"), file, &authority(name)?.pem())?;
    }

    let clients = folder.join("client_certs");
    let root = authority("Test Agent CA")?;
    put(&clients, "rootca.crt", &root.pem())?;
    put(&clients, "rootca.key", &root.key().serialize_pem())?;
    let server = ["consul.test", "server.dc1.consul", "localhost", "127.0.0.1"];
    leaf(&clients, "server", "server.dc1.consul", &server, &root)?;
    let client = ["client.dc1.consul", "localhost", "127.0.0.1"];
    leaf(&clients, "client", "client.dc1.consul", &client, &root)?;

    let hostname = folder.join("hostname");
    let root = authority("Test Host CA")?;
    put(&hostname, "CertAuth.crt", &root.pem())?;
    put(&hostname, "privkey.pem", &root.key().serialize_pem())?;
    leaf(&hostname, "Alice", "Alice", &["server.dc1.consul"], &root)
}

fn authority(name: &str) -> Result<Issuer> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn leaf(folder: &Path, file: &str, name: &str, hosts: &[&str], issuer: &Issuer) -> Result<()> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    put(folder, &format!("{file}.crt"), &certificate.pem())?;
    put(folder, &format!("{file}.key"), &key.serialize_pem())
}

fn put(folder: &Path, file: &str, text: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(file), text)?;
    Ok(())
}
