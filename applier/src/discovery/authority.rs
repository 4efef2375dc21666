//! The CA certificates of a cluster: which of those that were found may vouch for its servers.
//!
//! In: PEM text from the network or a file, pins. Out: [`Authorities`], written anew from what was checked, so that every later reader (TLS, a
//! kubelet, a file on the host) sees the same certificates and nothing between them; or the first certificate that may not be among them.
//! kubeadm takes the whole text if one certificate in it has a pinned key; here every certificate must be a CA's, and have one.

use std::fmt;

use kubeplan_bundle::ecdsa::EcdsaSignature;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::pin::Pin;

/// The most certificates that one cluster has; two while it rotates its CA.
const MAX_CERTIFICATES: usize = 16;

/// Characters of a subject that are shown.
const SHOWN: usize = 200;

/// A certificate that was found, as messages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The subject, cut to a length for people.
    pub(crate) subject: String,
    /// The pin of its public key.
    pub(crate) pin: Pin,
}

/// CA certificates, each checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorities {
    pem: String,
    /// In the order of the text.
    found: Vec<Named>,
}

/// Why a text holds no CA certificates, or not only those.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAuthorities {
    /// Not PEM certificates.
    #[error("the CA certificates cannot be read")]
    Unreadable,
    /// None.
    #[error("there is no CA certificate")]
    None,
    /// Too many.
    #[error("there are more than {MAX_CERTIFICATES} CA certificates")]
    TooMany,
    /// A certificate that is not a CA's.
    #[error("the certificate {certificate} among the CA certificates is not a CA's: {reason}")]
    NotAuthority {
        /// Which.
        certificate: Named,
        /// What it lacks.
        reason: &'static str,
    },
}

impl Authorities {
    /// Reads the certificates of `pem`; text around them is left out.
    ///
    /// # Errors
    /// [`NoAuthorities`] if there is none, one cannot be read, or one is not a CA's.
    pub(super) fn parse(pem: &[u8]) -> Result<Self, NoAuthorities> {
        let mut all = Self {
            pem: String::new(),
            found: Vec::new(),
        };
        for der in CertificateDer::pem_slice_iter(pem) {
            if all.found.len() == MAX_CERTIFICATES {
                return Err(NoAuthorities::TooMany);
            }
            let der = der.map_err(|_| NoAuthorities::Unreadable)?;
            all.found.push(check(&der)?);
            all.pem.push_str(&encode(&der));
        }
        if all.found.is_empty() {
            return Err(NoAuthorities::None);
        }
        Ok(all)
    }

    /// The certificates as PEM, 64 columns, LF, and nothing else.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// The pins of the certificates in their order.
    pub(super) fn pins(&self) -> impl Iterator<Item = Pin> {
        self.found.iter().map(|named| named.pin)
    }

    /// The certificates whose keys are not among `pins`.
    pub(super) fn unpinned(&self, pins: &[Pin]) -> Vec<Named> {
        let found = self.found.iter();
        found
            .filter(|named| !pins.contains(&named.pin))
            .cloned()
            .collect()
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.subject, self.pin)
    }
}

/// The certificate, if it is a CA's.
fn check(der: &[u8]) -> Result<Named, NoAuthorities> {
    let Ok(([], certificate)) = X509Certificate::from_der(der) else {
        return Err(NoAuthorities::Unreadable);
    };
    let named = Named {
        subject: certificate
            .subject()
            .to_string()
            .escape_debug()
            .take(SHOWN)
            .collect(),
        pin: Pin::of(&certificate),
    };
    match flaw(&certificate) {
        None => Ok(named),
        Some(reason) => Err(NoAuthorities::NotAuthority {
            certificate: named,
            reason,
        }),
    }
}

/// What keeps a certificate from being a CA's; `None` if nothing does.
///
/// A person without the private key can put the public one into a self-made certificate: such a one says that it signed itself, and did not, or
/// names an issuer, and then it vouches for nothing that the key has not signed.
fn flaw(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let mut is_authority = false;
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(basic) => is_authority = basic.ca,
            ParsedExtension::KeyUsage(usage) if !usage.key_cert_sign() => {
                return Some("its key usage does not allow it to sign certificates");
            }
            ParsedExtension::ParseError { .. } => return Some("an extension cannot be read"),
            _ => {}
        }
    }
    if !is_authority {
        return Some("it has no basic constraint CA:TRUE");
    }
    let own_issuer = certificate.subject().as_raw() == certificate.issuer().as_raw();
    if own_issuer && !is_signed_by_itself(certificate) {
        return Some("it names itself as its issuer, and its key did not sign it");
    }
    None
}

/// Whether the certificate's own key signed it.
fn is_signed_by_itself(certificate: &X509Certificate<'_>) -> bool {
    let key = certificate.public_key();
    let curve = key.algorithm.parameters.as_ref();
    let curve = curve.and_then(|curve| curve.as_oid().ok());
    let ecdsa = curve.and_then(|curve| {
        let signature = EcdsaSignature {
            algorithm: certificate.signature_algorithm.algorithm.as_bytes(),
            curve: curve.as_bytes(),
            point: &key.subject_public_key.data,
            signed: certificate.tbs_certificate.as_ref(),
            signature: &certificate.signature_value.data,
        };
        signature.holds()
    });
    // Other kinds are known to the parser's library.
    ecdsa.unwrap_or_else(|| certificate.verify_signature(None).is_ok())
}

fn encode(der: &[u8]) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    const COLUMNS: usize = 64;
    let mut rest = STANDARD.encode(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    while !rest.is_empty() {
        let more = rest.split_off(rest.len().min(COLUMNS));
        text.push_str(&rest);
        text.push('\n');
        rest = more;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::digest::Sha256Digest;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};

    use super::*;
    use crate::net::tls::server::authority;

    fn reason(pem: &str) -> String {
        Authorities::parse(pem.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn certificates_are_written_anew_and_text_around_them_is_left_out() {
        let (one, two) = (authority("one"), authority("two"));
        let text = format!(
            "# ours\n{}\nbetween\n{}",
            one.pem().replace('\n', "\r\n"),
            two.pem()
        );
        let found = Authorities::parse(text.as_bytes()).unwrap();
        assert_eq!(found.pem(), format!("{}{}", one.pem(), two.pem()));
        let digest = Sha256Digest::of(&rcgen::PublicKeyData::subject_public_key_info(one.key()));
        let pins: Vec<Pin> = found.pins().collect();
        assert_eq!(pins[0].to_string(), format!("sha256:{digest}"));
        assert_eq!(pins.len(), 2);
        assert_eq!(found.unpinned(&pins), []);
        let left = found.unpinned(&pins[..1]);
        assert_eq!(left[0].subject, "CN=two");
        assert_eq!(left[0].pin, pins[1]);
    }

    #[test]
    fn what_is_not_a_ca_is_refused_by_name() {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(Vec::new())
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem();
        assert!(reason(&leaf).contains("no basic constraint CA:TRUE"));
        assert!(reason(&leaf).contains("sha256:"));
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        let mute = params.self_signed(&key).unwrap().pem();
        assert!(reason(&mute).contains("key usage"));
        // A genuine certificate beside it does not help.
        let both = format!("{}{leaf}", authority("one").pem());
        assert!(reason(&both).contains("no basic constraint CA:TRUE"));
    }

    #[test]
    fn attack_a_ca_certificate_made_without_its_key_is_refused() {
        // The last byte is of the signature.
        let mut der = authority("one").der().to_vec();
        *der.last_mut().unwrap() ^= 1;
        assert!(reason(&encode(&der)).contains("its key did not sign it"));
    }

    #[test]
    fn ca_certificates_of_every_curve_of_kubernetes_are_read() {
        for ca in [
            include_bytes!("../../../fixtures/go-x509/p256-ca.der").as_slice(),
            include_bytes!("../../../fixtures/go-x509/p384-ca.der"),
            include_bytes!("../../../fixtures/go-x509/p521-ca.der"),
        ] {
            let found = Authorities::parse(encode(ca).as_bytes()).unwrap();
            assert_eq!(found.pins().count(), 1);
            let mut forged = ca.to_vec();
            *forged.last_mut().unwrap() ^= 1;
            assert!(reason(&encode(&forged)).contains("its key did not sign it"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(Authorities::parse(b""), Err(NoAuthorities::None));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            Authorities::parse(broken.as_bytes()),
            Err(NoAuthorities::Unreadable)
        );
        let one = authority("one");
        let longer = [one.der().as_ref(), b"x"].concat();
        assert_eq!(
            Authorities::parse(encode(&longer).as_bytes()),
            Err(NoAuthorities::Unreadable)
        );
        let many = one.pem().repeat(MAX_CERTIFICATES + 1);
        assert_eq!(
            Authorities::parse(many.as_bytes()),
            Err(NoAuthorities::TooMany)
        );
    }
}
