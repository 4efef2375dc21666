//! Pins of a cluster's CA: digests of its public key, learnt where the token was.
//!
//! In: `sha256:HEX`, or a certificate. Out: the digest of its DER SubjectPublicKeyInfo (kubeadm 1.36.2,
//! `cmd/kubeadm/app/util/pubkeypin`). Which certificates may be compared with a pin is [`super::authority`]'s concern.

use std::fmt;
use std::str::FromStr;

use kubeplan_bundle::digest::Sha256Digest;
use x509_parser::certificate::X509Certificate;

/// The digest of a CA's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pin(Sha256Digest);

/// A text that is not a pin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pin: it is `sha256:` and 64 hexadecimal digits")]
pub(crate) struct NoPin(String);

impl FromStr for Pin {
    type Err = NoPin;

    fn from_str(text: &str) -> Result<Self, NoPin> {
        let form = || NoPin(text.escape_debug().take(100).collect());
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

impl Pin {
    /// The pin of a certificate's public key.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        Self(Sha256Digest::of(
            certificate.tbs_certificate.subject_pki.raw,
        ))
    }
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
}
