//! One document from a server, over HTTP or TLS.
//!
//! In: a URL, and PEM files for TLS. Out: status and body. No proxy, no redirect, no authority but those given; one attempt, ten
//! seconds, at most 64 KiB.

use bytes::Bytes;
use http::Request;

use super::system::ClientTls;
use crate::live::tls::{Network, Transport as _, wait};

/// Bytes of the body.
const BODY: usize = 64 * 1024;

/// Gets `url`.
pub(super) fn get(url: &str, tls: &ClientTls) -> Result<(u16, String), String> {
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
