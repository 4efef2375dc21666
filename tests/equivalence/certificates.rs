//! What a certificate says, as text, without what differs by nature.
//!
//! In: a certificate. Out: lines for names, algorithms, life, extensions with their exact bytes. Never the serial number, the
//! key, the signature and the instant; key identifiers appear as their length.

use anyhow::{Context as _, Result};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Describes `der`; `origin` is the start of the cluster CA's life, in seconds since the epoch.
///
/// # Errors
/// If it is no certificate.
pub fn describe(der: &[u8], origin: i64) -> Result<String> {
    let (_, certificate) = X509Certificate::from_der(der).context("not a certificate")?;
    let validity = certificate.validity();
    let (start, end) = (validity.not_before, validity.not_after);
    let key = certificate.public_key();
    let serial = certificate.raw_serial();
    let mut lines = vec![
        format!("version {}", certificate.version().0),
        format!(
            "serial positive and short: {}",
            serial.len() <= 9 && serial.iter().any(|byte| *byte != 0)
        ),
        format!("signed with {:?}", certificate.signature_algorithm),
        format!(
            "issuer {} {}",
            certificate.issuer(),
            hex(certificate.issuer().as_raw())
        ),
        format!(
            "subject {} {}",
            certificate.subject(),
            hex(certificate.subject().as_raw())
        ),
        format!(
            "lives {} s from {} s, UTCTime {} {}",
            end.timestamp() - start.timestamp(),
            start.timestamp() - origin,
            start.is_utctime(),
            end.is_utctime()
        ),
        format!(
            "key {:?}, {} bytes",
            key.algorithm,
            key.subject_public_key.data.len()
        ),
    ];
    for extension in certificate.extensions() {
        let content = match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(_)
            | ParsedExtension::AuthorityKeyIdentifier(_) => {
                format!("{} bytes", extension.value.len())
            }
            ParsedExtension::SubjectAlternativeName(names) => {
                format!("{:?} {}", names.general_names, hex(extension.value))
            }
            _ => hex(extension.value),
        };
        let critical = if extension.critical { " critical" } else { "" };
        lines.push(format!("extension {}{critical} {content}", extension.oid));
    }
    Ok(lines.join("\n") + "\n")
}

/// When its life starts, in seconds since the epoch.
///
/// # Errors
/// If it is no certificate.
pub fn start(der: &[u8]) -> Result<i64> {
    let (_, certificate) = X509Certificate::from_der(der).context("not a certificate")?;
    Ok(certificate.validity().not_before.timestamp())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
