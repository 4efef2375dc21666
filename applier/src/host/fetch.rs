//! One document from a server, over HTTP or TLS.
//!
//! In: a URL, and PEM files for TLS. Out: status and body. No proxy, no redirect, no authority but those given; one attempt, ten
//! seconds, at most 64 KiB.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::system::ClientTls;

/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the body.
const BODY: u64 = 64 * 1024;

/// Gets `url`.
pub(super) fn get(url: &str, tls: &ClientTls) -> Result<(u16, String), String> {
    let config = ureq::Agent::config_builder()
        .tls_config(tls_config(tls)?)
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build();
    let mut response = ureq::Agent::new_with_config(config)
        .get(url)
        .call()
        .map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(BODY)
        .read_to_string()
        .map_err(|error| error.to_string())?;
    Ok((status, body))
}

fn tls_config(tls: &ClientTls) -> Result<TlsConfig, String> {
    let authorities = certificates(tls.authorities.expose(), "the CA file")?;
    let mut builder = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(authorities)));
    if let Some((certificate, key)) = &tls.client {
        let chain = certificates(certificate.expose(), "the certificate file")?;
        let key = PrivateKey::from_pem(key.expose())
            .map_err(|_| "the key file holds no private key".to_owned())?;
        builder = builder.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
    }
    Ok(builder.build())
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(format!("{what} cannot be read: {error}")),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
