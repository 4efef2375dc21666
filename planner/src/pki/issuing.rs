//! Settles one certificate: keeps the existing one, or issues a new one.
//!
//! In: a profile, the verdict on what the store has, the CA, keys made before. Out: [`Kept`], and an [`Issued`] for the store if it
//! is new. Dates and serials follow from clock, profile and key. Makes no key and writes nothing.

use std::time::Duration;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Name;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use super::PkiError;
use super::assess::{Kept, Verdict, Wanted};
use super::certificate::Certificate;
use super::issue::{Stamp, issue_authority, issue_leaf};
use super::key_source::KeySource;
use super::keys::{KeyError, PrivateKey};
use super::profile::{CertificateKind, CertificateProfile};
use super::store::{IssuedRecord, base_path};

/// Cannot happen: a key is made for every verdict that needs one, and no leaf of an external CA is issued.
pub(super) const MISSING_KEY: PkiError = PkiError::MakeKey(KeyError::Crypto("make enough keys"));

/// A pair that was issued, for the store.
pub(super) struct Issued {
    pub(super) base: String,
    pub(super) certificate: SecretBytes,
    pub(super) key: SecretBytes,
    pub(super) record: IssuedRecord,
    pub(super) wanted: Wanted,
}

/// What issuing needs besides profile, key and CA.
pub(super) struct Issuing<'a> {
    /// `None` for what all nodes share.
    pub(super) node: Option<&'a Name>,
    pub(super) clock_tolerance: Duration,
    pub(super) now: Timestamp,
    pub(super) source: &'a dyn KeySource,
}

/// Start and end of validity of a certificate that is issued `now`. Certificates in files start `clock_tolerance` before the clock, those
/// in kubeconfigs with their CA (kubeadm v1.36.2, phases/kubeconfig).
pub(super) fn validity(
    profile: &CertificateProfile,
    now: Timestamp,
    clock_tolerance: Duration,
    signer_start: Option<Timestamp>,
) -> (Timestamp, Timestamp) {
    let not_before = match (profile.kind, signer_start) {
        (CertificateKind::KubeconfigClient, Some(start)) => start,
        _ => now.saturating_sub(clock_tolerance),
    };
    (not_before, now.saturating_add(profile.lifetime))
}

impl Issuing<'_> {
    fn base(&self, profile: &CertificateProfile) -> String {
        match self.node {
            Some(node) => base_path(profile, node),
            None => profile.base_name.to_owned(),
        }
    }

    /// Returns the certificate that is kept, or issues one for the next of `keys`.
    pub(super) fn settle(
        &self,
        profile: &CertificateProfile,
        verdict: Verdict,
        signer: Option<&Kept>,
        keys: &mut dyn Iterator<Item = PrivateKey>,
        issued: &mut Vec<Issued>,
    ) -> Result<Kept, PkiError> {
        let wanted = match verdict {
            Verdict::Keep(found) => return Ok(*found),
            Verdict::Issue(wanted) => wanted,
        };
        let key = keys.next().ok_or(MISSING_KEY)?;
        let certificate = self.issue(profile, &key, signer)?;
        issued.push(Issued {
            base: self.base(profile),
            certificate: SecretBytes::from_text(certificate.pem()),
            key: key.pem(),
            record: IssuedRecord {
                profile: profile.record(),
                sha256: Sha256Digest::of(&certificate.der),
                spki: certificate.facts.spki,
            },
            wanted,
        });
        Ok(Kept {
            certificate,
            key: Some(key),
            user_supplied: false,
        })
    }

    fn issue(
        &self,
        profile: &CertificateProfile,
        key: &PrivateKey,
        signer: Option<&Kept>,
    ) -> Result<Certificate, PkiError> {
        let base = self.base(profile);
        let signer_start = signer.map(|signer| signer.certificate.facts.not_before);
        let (not_before, not_after) =
            validity(profile, self.now, self.clock_tolerance, signer_start);
        let record = serde_json::to_string(&profile.record()).map_err(PkiError::StoreIndex)?;
        let context = format!(
            "{base}\0{record}\0{not_before}\0{not_after}\0{}",
            key.spki_digest()
        );
        let serial = self.source.serial(context.as_bytes());
        let stamp = Stamp {
            serial: serial.map_err(PkiError::MakeKey)?,
            not_before,
            not_after,
        };
        let issued = if profile.is_authority() {
            issue_authority(profile, key, stamp)
        } else {
            let signer_key = signer.and_then(|s| Some((&s.certificate, s.key.as_ref()?)));
            let Some((signer, signer_key)) = signer_key else {
                return Err(MISSING_KEY);
            };
            issue_leaf(profile, key, signer, signer_key, stamp)
        };
        issued.map_err(|source| PkiError::Issue {
            file: format!("{base}.crt"),
            signer: profile.signer.to_owned(),
            source,
        })
    }
}
