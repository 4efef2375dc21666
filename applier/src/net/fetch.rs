//! One document from a server, over HTTP or TLS.
//!
//! In: a URL, and PEM files for TLS. Out: status and body. No proxy, no redirect, no authority but those given; one attempt, ten
//! seconds, at most 64 KiB.

use bytes::Bytes;
use http::Request;
use kubeplan_bundle::secret::SecretBytes;

use super::tls::{Network, Transport as _};
use super::waiter::wait;

/// Bytes of the body.
const BODY: usize = 64 * 1024;

/// Files for a TLS client; empty where there is none.
#[derive(Debug)]
pub(crate) struct ClientTls {
    /// The CAs that may have signed the server's certificate, PEM.
    pub(crate) authorities: SecretBytes,
    /// The client's certificate and its key, PEM.
    pub(crate) client: Option<(SecretBytes, SecretBytes)>,
}

/// Gets `url`: the status, and the body as text.
///
/// # Errors
/// Why there is no answer, or none that can be used.
pub(crate) fn get(url: &str, tls: &ClientTls) -> Result<(u16, String), String> {
    let client = tls.client.as_ref();
    let client = client.map(|(certificate, key)| (certificate.expose(), key.expose()));
    let network = Network::trusting(tls.authorities.expose(), client)?;
    let request = Request::get(url)
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let answer = wait(async {
        let answer = network.send(request).await;
        answer.map_err(|error| error.to_string())
    })?;
    if answer.body().len() > BODY {
        return Err(format!("the answer has more than {BODY} bytes"));
    }
    let body = String::from_utf8(answer.body().to_vec())
        .map_err(|_| "the answer is not UTF-8".to_owned())?;
    Ok((answer.status().as_u16(), body))
}

#[cfg(test)]
mod tests;
