use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use kubeplan_bundle::secret::SecretBytes;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::server::WebPkiClientVerifier;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::*;

/// A certificate authority.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(
    name: &str,
    usage: ExtendedKeyUsagePurpose,
    by: &CertifiedIssuer<'static, KeyPair>,
) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, by).unwrap(), key)
}

/// A server that asks for a certificate by `clients` and answers every request with 200; returns its URL.
fn serve(
    by: &CertifiedIssuer<'static, KeyPair>,
    clients: &CertifiedIssuer<'static, KeyPair>,
) -> String {
    let (certificate, key) = leaf("127.0.0.1", ExtendedKeyUsagePurpose::ServerAuth, by);
    let mut roots = RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = Arc::new(config);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 2048];
            if stream.read(&mut request).is_err() {
                continue;
            }
            let known = stream.conn.peer_certificates().is_some();
            let body = if known { "known" } else { "stranger" };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    format!("https://{address}/livez")
}

fn identity(
    trusted: &CertifiedIssuer<'static, KeyPair>,
    client: &CertifiedIssuer<'static, KeyPair>,
) -> Identity {
    let (certificate, key) = leaf("client", ExtendedKeyUsagePurpose::ClientAuth, client);
    Identity {
        user: "client".into(),
        authority: SecretBytes::from_text(trusted.pem()),
        proof: Proof::Certificate {
            chain: SecretBytes::from_text(certificate.pem()),
            key: SecretBytes::from_text(key.serialize_pem()),
        },
    }
}

async fn ask(network: &Network, url: &str) -> Result<String, String> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    let answer = network
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8(answer.body().to_vec()).unwrap())
}

#[tokio::test]
async fn both_sides_prove_who_they_are() {
    let (cluster, other) = (authority("cluster"), authority("other"));
    let url = serve(&cluster, &cluster);
    let good = Network::authenticated(&identity(&cluster, &cluster)).unwrap();
    assert_eq!(ask(&good, &url).await.as_deref(), Ok("known"));
    // A server that somebody else vouches for is not talked to.
    let wrong = Network::authenticated(&identity(&other, &cluster)).unwrap();
    let error = ask(&wrong, &url).await.unwrap_err();
    assert!(error.contains("invalid peer certificate"), "{error}");
    // Nor is one of another name.
    let elsewhere = url.replace("127.0.0.1", "localhost");
    assert!(
        ask(&good, &elsewhere)
            .await
            .unwrap_err()
            .contains("certificate")
    );
}

#[tokio::test]
async fn an_anonymous_question_is_asked_of_anybody_and_proves_nothing() {
    let cluster = authority("cluster");
    let url = serve(&authority("made for itself"), &cluster);
    let network = Network::anonymous().unwrap();
    assert_eq!(ask(&network, &url).await.as_deref(), Ok("stranger"));
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = ask(&network, &format!("http://{closed}/"))
        .await
        .unwrap_err();
    assert!(error.contains("Connection refused"), "{error}");
}

#[test]
fn certificates_and_keys_that_are_none_are_named_and_not_shown() {
    let cluster = authority("cluster");
    let hunter2 = || SecretBytes::from_text("hunter2".into());
    let mut no_authority = identity(&cluster, &cluster);
    no_authority.authority = hunter2();
    let mut no_key = identity(&cluster, &cluster);
    let mut no_chain = identity(&cluster, &cluster);
    let mut other_key = identity(&cluster, &cluster);
    for (case, part) in [(&mut no_key, 0), (&mut no_chain, 1), (&mut other_key, 2)] {
        let Proof::Certificate { chain, key } = &mut case.proof else {
            panic!("no certificate");
        };
        match part {
            0 => *key = hunter2(),
            1 => *chain = hunter2(),
            _ => *key = SecretBytes::from_text(KeyPair::generate().unwrap().serialize_pem()),
        }
    }
    for (case, expected) in [
        (
            no_authority,
            "its certificate authority holds no certificate",
        ),
        (no_key, "its client key is not a private key in PEM"),
        (no_chain, "its client certificate"),
        (other_key, "its client certificate and key"),
    ] {
        let error = Network::authenticated(&case).err().unwrap();
        assert!(
            error.starts_with(expected) && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_stranger_is_told_from_a_failure() {
    let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    assert!(Unreachable(refused.to_string()).is_stranger());
    assert!(!Unreachable("connection refused".to_owned()).is_stranger());
}
