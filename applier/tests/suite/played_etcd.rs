//! A member of etcd that is played: over TLS, it writes down what it is asked and answers as the real one does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;

/// The member, and what one needs to ask it.
pub(crate) struct PlayedEtcd {
    /// Where it answers.
    pub(crate) url: String,
    /// The CA, a certificate, and its key, PEM.
    pub(crate) files: [String; 3],
    calls: Arc<Mutex<Vec<String>>>,
}

impl PlayedEtcd {
    /// Answers with `answer` to each path that ends in what stands before it.
    pub(crate) fn start(answers: &'static [(&'static str, &'static str)]) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let issue = || {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            (params.signed_by(&key, &authority).unwrap(), key)
        };
        let (certificate, key) = issue();
        let (client, client_key) = issue();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from(authority.der().to_vec()))
            .unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&calls);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream);
                while let Some((path, body)) = request(&mut stream) {
                    let answer = answers.iter().find(|(end, _)| path.ends_with(end));
                    let answer = answer.map_or("{}", |(_, answer)| answer);
                    heard.lock().unwrap().push(format!("{path} {body}"));
                    let head = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                        answer.len()
                    );
                    if stream.write_all((head + answer).as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        Self {
            url,
            files: [authority.pem(), client.pem(), client_key.serialize_pem()],
            calls,
        }
    }

    /// Paths and bodies of what it was asked.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

/// The next request's path and body; `None` once the connection ends.
fn request(stream: &mut (impl std::io::Read + std::io::Write)) -> Option<(String, String)> {
    // One byte at a time: what follows is the body's.
    let mut reader = BufReader::with_capacity(1, &mut *stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, String::from_utf8(body).ok()?))
}
