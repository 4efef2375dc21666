//! Connections: over TLS to a server that proves who it is, or to an endpoint of this host that cannot.
//!
//! In: an identity of a kubeconfig, or none. Out: a [`Transport`]. All TLS is rustls with the one provider of this
//! program; proxies, redirects and the system's authorities have no part in it.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kubeplan_bundle::timestamp::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::time::timeout;

use super::kubeconfig::{Identity, Proof};

/// How long one request may take, as in kubeadm (1.36.2, `cmd/kubeadm/app/util/kubeconfig`).
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read: more than the largest object an API server stores (1.5 MiB), and little enough that its values, each of
/// which takes some forty times its bytes at worst, fit into memory.
const ANSWER_LIMIT: usize = 4 * 1024 * 1024;

/// No server answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreachable(pub(crate) String);

impl Unreachable {
    /// Whether a server answered whose certificate does not verify: another attempt would reach the same server.
    pub(crate) fn is_stranger(&self) -> bool {
        self.0.starts_with(STRANGER)
    }
}

/// How rustls begins its words about a server's certificate; a test holds it against rustls.
const STRANGER: &str = "invalid peer certificate";

/// A future of this module's.
pub(crate) type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends a request and waits for the whole answer; tests have one of their own.
pub(crate) trait Transport: Send + Sync {
    /// Sends the request.
    fn send(&self, request: Request<Bytes>) -> Pending<'_, Result<Response<Bytes>, Unreachable>>;
}

/// Over the network.
pub(crate) struct Network(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Network {
    /// Connections as `identity`, to a server that its authority vouches for.
    ///
    /// # Errors
    /// What is wrong with its certificates or its key, without their values.
    pub(crate) fn authenticated(identity: &Identity) -> Result<Self, String> {
        if roots(identity.authority.expose())?.is_empty() {
            return Err("its certificate authority holds no certificate".to_owned());
        }
        let client = match &identity.proof {
            Proof::Token(_) | Proof::Anonymous => None,
            Proof::Certificate { chain, key } => Some((chain.expose(), key.expose())),
        };
        Self::trusting(identity.authority.expose(), client)
    }

    /// Connections to a server that one of `authorities` vouches for, or without TLS; as who the certificate and its key say, if there
    /// are any. All PEM. Without authorities no server is trusted.
    ///
    /// # Errors
    /// What is wrong with certificates or key, without their values.
    pub(crate) fn trusting(
        authorities: &[u8],
        client: Option<(&[u8], &[u8])>,
    ) -> Result<Self, String> {
        let config = builder()?.with_root_certificates(roots(authorities)?);
        let config = match client {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain)
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| format!("its client certificate: {error}"))?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| "its client key is not a private key in PEM".to_owned())?;
                config
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("its client certificate and key: {error}"))?
            }
        };
        Ok(Self::with(config))
    }

    /// Anonymous connections that do not verify the server: for the status of endpoints of this host, and for answers that prove themselves.
    ///
    /// # Errors
    /// If TLS cannot be set up at all.
    pub(crate) fn anonymous() -> Result<Self, String> {
        let config = builder()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unproven(provider())))
            .with_no_client_auth();
        Ok(Self::with(config))
    }

    fn with(config: ClientConfig) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_or_http()
            .enable_http1()
            .build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

impl Transport for Network {
    fn send(&self, request: Request<Bytes>) -> Pending<'_, Result<Response<Bytes>, Unreachable>> {
        let response = self.0.request(request.map(Full::new));
        Box::pin(async move {
            let whole = async {
                let (head, body) = response
                    .await
                    .map_err(|error| innermost(&error))?
                    .into_parts();
                let body = Limited::new(body, ANSWER_LIMIT)
                    .collect()
                    .await
                    .map_err(|error| innermost(error.as_ref()))?;
                Ok(Response::from_parts(head, body.to_bytes()))
            };
            timeout(REQUEST_LIMIT, whole).await.unwrap_or_else(|_| {
                Err(Unreachable(format!(
                    "no answer within {} s",
                    REQUEST_LIMIT.as_secs()
                )))
            })
        })
    }
}

/// The innermost cause: the outer ones only say that a client failed to connect.
fn innermost(error: &(dyn Error + 'static)) -> Unreachable {
    let cause = kubeplan_terminal::innermost(error);
    let closed = cause
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
    Unreachable(if closed {
        "the server closed the connection".to_owned()
    } else {
        cause.to_string()
    })
}

fn roots(authorities: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        certificate
            .map_err(|error| error.to_string())
            .and_then(|der| roots.add(der).map_err(|error| error.to_string()))
            .map_err(|error| format!("its certificate authority: {error}"))?;
    }
    Ok(roots)
}

/// Checks that one of `authorities` (PEM) issued the client certificate at the begin of `chain`, which is valid `at` that time.
///
/// # Errors
/// Why it does not verify, for people.
pub(crate) fn verify_client(
    chain: &[CertificateDer<'_>],
    authorities: &[u8],
    at: Timestamp,
) -> Result<(), String> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authorities)?), provider())
            .build()
            .map_err(|error| error.to_string())?;
    let (leaf, intermediates) = chain
        .split_first()
        .ok_or_else(|| "there is no certificate".to_owned())?;
    let since = Duration::from_secs(u64::try_from(at.unix_seconds()).unwrap_or_default());
    verifier
        .verify_client_cert(leaf, intermediates, UnixTime::since_unix_epoch(since))
        .map(drop)
        .map_err(|error| match error {
            rustls::Error::InvalidCertificate(why) => why.to_string(),
            other => other.to_string(),
        })
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())
}

/// Takes every certificate for good.
///
/// The scheduler and the controller manager of a control plane serve with certificates that they make for themselves at
/// every start: there is nothing to check them against, and kubeadm does not either (1.36.2,
/// `cmd/kubeadm/app/util/apiclient/wait.go`). Nothing but the status of the answer is used, and nothing secret is sent.
/// Discovery with a token asks in the same way first: its answer is signed with the token.
struct Unproven(Arc<CryptoProvider>);

impl fmt::Debug for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unproven")
    }
}

impl ServerCertVerifier for Unproven {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
pub(crate) mod server;
#[cfg(test)]
mod tests;
