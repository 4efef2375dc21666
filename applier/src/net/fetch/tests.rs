//! The client against servers of one connection each.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;

use super::*;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\nconnection: close\r\n\r\n{\"server\":\"3.6.1\"}";

/// A CA.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.0)
            .unwrap();
        (certificate, key)
    }
}

fn text(pem: impl Into<String>) -> SecretBytes {
    SecretBytes::from_text(pem.into())
}

/// Reads a request's head, and answers.
fn serve(stream: &mut (impl Read + Write), answer: &[u8]) {
    let mut lines = BufReader::new(&mut *stream).lines();
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    drop(lines);
    let _ = stream.write_all(answer);
    let _ = stream.flush();
}

/// A TLS server that wants a certificate of the same CA; its URL.
fn tls_server(authority: &Authority) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.0.der().to_vec()))
        .unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let (certificate, key) = authority.issue(&["127.0.0.1"]);
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/version", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        serve(&mut rustls::StreamOwned::new(connection, socket), ANSWER);
    });
    url
}

fn tls(authority: &Authority, client: Option<&Authority>) -> ClientTls {
    ClientTls {
        authorities: text(authority.0.pem()),
        client: client.map(|signer| {
            let (certificate, key) = signer.issue(&["client"]);
            (text(certificate.pem()), text(key.serialize_pem()))
        }),
    }
}

#[test]
fn a_server_and_a_client_of_one_authority_meet() {
    let authority = Authority::new();
    let (status, body) = get(&tls_server(&authority), &tls(&authority, Some(&authority))).unwrap();
    assert_eq!((status, body.as_str()), (200, "{\"server\":\"3.6.1\"}"));
}

#[test]
fn neither_a_strange_server_nor_a_strange_client_is_accepted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    assert!(get(&tls_server(&authority), &tls(&stranger, Some(&authority))).is_err());
    assert!(get(&tls_server(&authority), &tls(&authority, Some(&stranger))).is_err());
    assert!(get(&tls_server(&authority), &tls(&authority, None)).is_err());
    let anonymous = ClientTls {
        authorities: text(""),
        client: None,
    };
    assert!(get(&tls_server(&authority), &anonymous).is_err());
    let mut broken = tls(&authority, Some(&authority));
    broken.client = Some((text("x"), text("x")));
    assert!(
        get("https://127.0.0.1:1/", &broken)
            .unwrap_err()
            .contains("key")
    );
}

#[test]
fn plain_http_is_asked_once_and_not_redirected() {
    let anonymous = || ClientTls {
        authorities: text(""),
        client: None,
    };
    for (answer, expected) in [
        (ANSWER, 200),
        (&b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"[..], 503),
        (
            b"HTTP/1.1 302 Away\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            302,
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/version", listener.local_addr().unwrap());
        let answer = answer.to_vec();
        thread::spawn(move || serve(&mut listener.accept().unwrap().0, &answer));
        assert_eq!(get(&url, &anonymous()).unwrap().0, expected);
    }
}
