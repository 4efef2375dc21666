use kubeplan_bundle::secret::SecretBytes;
use rcgen::{CertifiedIssuer, ExtendedKeyUsagePurpose, KeyPair};

use super::server::{Answering, authority, leaf};
use super::*;

/// A server that asks for a certificate by `clients` and answers every request with 200; returns its URL.
fn serve(
    by: &CertifiedIssuer<'static, KeyPair>,
    clients: &CertifiedIssuer<'static, KeyPair>,
) -> String {
    let says: Answering = Box::new(|_, known| {
        let body = if known { "known" } else { "stranger" };
        (200, body.to_owned())
    });
    format!("https://{}/livez", super::server::serve(by, clients, says))
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
    // A server with a certificate of another CA is refused.
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
async fn an_anonymous_connection_verifies_no_server() {
    let cluster = authority("cluster");
    let url = serve(&authority("made for itself"), &cluster);
    let network = Network::anonymous().unwrap();
    assert_eq!(ask(&network, &url).await.as_deref(), Ok("stranger"));
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
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
