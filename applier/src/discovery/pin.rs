//! Pins of a cluster's CA: digests of its public key, learnt where the token was.
//!
//! In: `sha256:HEX`, PEM certificates. Out: whether one of the certificates has a pinned key. The digest is the one of the
//! DER SubjectPublicKeyInfo (kubeadm 1.36.2, `cmd/kubeadm/app/util/pubkeypin`).

use std::fmt;
use std::str::FromStr;

use kubeplan_bundle::digest::Sha256Digest;
use x509_parser::pem::Pem;

/// The digest of a CA's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin(Sha256Digest);

/// A text that is no pin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPin {
    /// Another digest, or none.
    #[error("`{0}` is not a pin: it is `sha256:` and 64 hexadecimal digits")]
    Form(String),
    /// Certificates that cannot be read.
    #[error("the CA certificates cannot be read")]
    Certificates,
}

impl FromStr for Pin {
    type Err = NoPin;

    fn from_str(text: &str) -> Result<Self, NoPin> {
        let form = || NoPin::Form(text.escape_debug().take(100).collect());
        let (kind, value) = text.split_once(':').ok_or_else(form)?;
        if !kind.eq_ignore_ascii_case("sha256") {
            return Err(form());
        }
        let digest = value.to_ascii_lowercase().parse().map_err(|_| form())?;
        Ok(Self(digest))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

/// The pin of every certificate in the PEM text.
///
/// # Errors
/// [`NoPin::Certificates`] if there is none, or one cannot be read.
pub(super) fn of_certificates(pem: &[u8]) -> Result<Vec<Pin>, NoPin> {
    let mut pins = Vec::new();
    for block in Pem::iter_from_buffer(pem) {
        let block = block.map_err(|_| NoPin::Certificates)?;
        let certificate = block.parse_x509().map_err(|_| NoPin::Certificates)?;
        pins.push(Pin(Sha256Digest::of(
            certificate.tbs_certificate.subject_pki.raw,
        )));
    }
    if pins.is_empty() {
        return Err(NoPin::Certificates);
    }
    Ok(pins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_have_one_form_in_any_case() {
        let hex = "AB".repeat(32);
        let pin: Pin = format!("SHA256:{hex}").parse().unwrap();
        assert_eq!(pin.to_string(), format!("sha256:{}", hex.to_lowercase()));
        for bad in ["", "sha256", "sha512:00", "sha256:", "sha256:zz", &hex] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
        assert!(format!("sha256:{hex}:{hex}").parse::<Pin>().is_err());
        assert!(format!("sha256:{hex}00").parse::<Pin>().is_err());
    }

    #[test]
    fn a_pin_is_the_digest_of_the_public_key() {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let expected = Sha256Digest::of(&rcgen::PublicKeyData::subject_public_key_info(&key));
        assert_eq!(of_certificates(pem.as_bytes()), Ok(vec![Pin(expected)]));
        let two = of_certificates(format!("{pem}{pem}").as_bytes()).unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(of_certificates(b"").unwrap_err(), NoPin::Certificates);
        assert!(
            of_certificates(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
                .is_err()
        );
    }
}
