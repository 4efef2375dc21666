//! Reads what the key store has for one certificate, and decides what to do about it.
//!
//! In: a profile, the store, the verdict on the CA, the clock. Out: [`Slot`], and its [`Verdict`] or every error that only
//! the user can correct. [`mod@super::assess`] does this for every profile. Makes and changes nothing.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use std::borrow::Cow;

use super::PkiError;
use super::certificate::Certificate;
use super::keys::PrivateKey;
use super::profile::CertificateProfile;
use super::store::{IssuedRecord, StoreContents, base_path};
use super::supplied::{Misfit, misfits};
use super::verdict::{Kept, Verdict, Wanted, external};
use crate::config::ValidConfig;

/// What the store has for one profile.
pub(super) struct Slot<'a> {
    /// [`base_path`] of the profile.
    pub base: String,
    /// Its certificate.
    pub certificate: Option<Certificate>,
    /// Its private key.
    pub key: Option<PrivateKey>,
    /// Its record in `store.json`.
    record: Option<&'a IssuedRecord>,
    /// Whether the certificate is the one in the record.
    issued: bool,
    /// Whether a run was interrupted while writing the pair.
    interrupted: bool,
    /// Whether its node was planned before: a bundle with the certificate may be on a host.
    planned: bool,
}

impl<'a> Slot<'a> {
    /// Reads the pair.
    pub(super) fn read(
        config: &ValidConfig,
        contents: &'a StoreContents,
        profile: &CertificateProfile,
    ) -> Result<Self, PkiError> {
        let base = base_path(profile, &config.node.name);
        let index = contents.index.as_ref();
        let record = index.and_then(|index| index.certificates.get(&base));
        let certificate = read_certificate(contents, &format!("{base}.crt"))?;
        let key = read_key(contents, &format!("{base}.key"))?;
        let issued = match (&certificate, record) {
            (Some(certificate), Some(record)) => {
                Sha256Digest::of(&certificate.der) == record.sha256
            }
            _ => false,
        };
        let belong = match (&certificate, &key) {
            (Some(certificate), Some(key)) => belong(certificate, key),
            _ => false,
        };
        let pending = index.is_some_and(|index| index.pending.contains(&base));
        Ok(Self {
            interrupted: pending && !(issued && belong),
            base,
            certificate,
            key,
            record,
            issued,
            planned: index.is_some_and(|index| index.nodes.contains_key(&config.node.name)),
        })
    }

    /// Decides what to do; `signer` is the verdict on the CA.
    pub(super) fn judge(
        self,
        config: &ValidConfig,
        profile: &CertificateProfile,
        signer: Option<&Verdict>,
        now: Timestamp,
    ) -> Result<Verdict, Vec<PkiError>> {
        if !profile.is_authority()
            && let Some(authority) = signer.and_then(external)
        {
            return self.below_external_ca(config, profile, authority, now);
        }
        if self.interrupted {
            return Ok(self.issue("an earlier run was interrupted while writing it"));
        }
        if profile.is_authority() {
            return self.authority(profile, now).map_err(|error| vec![error]);
        }
        self.leaf(config, profile, signer, now)
    }

    /// Path of the certificate in the store.
    pub(super) fn certificate_path(&self) -> String {
        format!("{}.crt", self.base)
    }

    /// Path of the private key in the store.
    pub(super) fn key_path(&self) -> String {
        format!("{}.key", self.base)
    }

    fn issue(&self, why: impl Into<Cow<'static, str>>) -> Verdict {
        Verdict::Issue(Wanted {
            why: why.into(),
            replaces: self.certificate.is_some(),
        })
    }

    fn issue_missing(&self) -> Verdict {
        self.issue(match self.record {
            None => "not in the key store yet",
            Some(_) => "its files were removed from the key store",
        })
    }

    fn keep(self, certificate: Certificate, key: Option<PrivateKey>) -> Verdict {
        Verdict::Keep(Box::new(Kept {
            certificate,
            key,
            user_supplied: !self.issued,
        }))
    }

    fn key_without_certificate(&self) -> PkiError {
        PkiError::KeyWithoutCertificate {
            key: self.key_path(),
            certificate: self.certificate_path(),
        }
    }

    fn user_supplied(&self, misfit: Misfit) -> PkiError {
        PkiError::UserSupplied {
            file: self.certificate_path(),
            field: misfit.field,
            found: misfit.found,
            expected: misfit.expected,
        }
    }

    fn authority(
        mut self,
        profile: &CertificateProfile,
        now: Timestamp,
    ) -> Result<Verdict, PkiError> {
        let (certificate, key) = match (self.certificate.take(), self.key.take()) {
            (None, None) => return Ok(self.issue_missing()),
            (None, Some(_)) => return Err(self.key_without_certificate()),
            (Some(certificate), key) => (certificate, key),
        };
        let facts = &certificate.facts;
        // Without a key it is an external CA.
        let paths = (self.certificate_path(), self.key_path());
        if let Some(key) = &key
            && let Some(error) = other_key((&paths.0, &certificate), (&paths.1, key))
        {
            return Err(error);
        }
        if now < facts.not_before || now > facts.not_after {
            return Err(PkiError::CaNotValid {
                file: self.certificate_path(),
                not_before: facts.not_before,
                not_after: facts.not_after,
                now,
            });
        }
        if self.issued {
            let differences = self
                .record
                .map(|r| r.profile.differences(&profile.record()));
            if let Some(difference) = differences.and_then(|d| d.into_iter().next()) {
                return Err(PkiError::SharedChanged {
                    remove: format!("`{}` and `{}`", self.certificate_path(), self.key_path()),
                    file: self.certificate_path(),
                    field: difference.field,
                    found: difference.found,
                    expected: difference.expected,
                });
            }
        } else {
            let checks = [
                (
                    "basicConstraints",
                    facts.is_authority,
                    "CA:FALSE",
                    "CA:TRUE",
                ),
                ("keyUsage", facts.may_sign, "no keyCertSign", "keyCertSign"),
            ];
            if let Some((field, _, found, expected)) = checks.into_iter().find(|check| !check.1) {
                return Err(self.user_supplied(Misfit {
                    field,
                    found: found.to_owned(),
                    expected: expected.to_owned(),
                }));
            }
        }
        Ok(self.keep(certificate, key))
    }

    fn leaf(
        mut self,
        config: &ValidConfig,
        profile: &CertificateProfile,
        signer: Option<&Verdict>,
        now: Timestamp,
    ) -> Result<Verdict, Vec<PkiError>> {
        let (certificate, key) = match (self.certificate.take(), self.key.take()) {
            (None, None) => return Ok(self.issue_missing()),
            (None, Some(key)) => {
                return match self.record {
                    Some(record) if record.spki == key.spki_digest() => {
                        Ok(self.issue("its certificate was removed from the key store"))
                    }
                    _ => Err(vec![self.key_without_certificate()]),
                };
            }
            (Some(certificate), None) => {
                if self.issued {
                    self.certificate = Some(certificate);
                    return Ok(self.issue("its private key was removed from the key store"));
                }
                return Err(vec![PkiError::CertificateWithoutKey {
                    certificate: self.certificate_path(),
                    key: self.key_path(),
                }]);
            }
            (Some(certificate), Some(key)) => (certificate, key),
        };
        let paths = (self.certificate_path(), self.key_path());
        if let Some(error) = other_key((&paths.0, &certificate), (&paths.1, &key)) {
            return Err(vec![error]);
        }
        let signer = match signer {
            Some(Verdict::Keep(kept)) => Some(&kept.certificate),
            _ => None,
        };
        if self.issued {
            match self.stale(config, profile, &certificate, signer, now) {
                Some(why) => {
                    self.certificate = Some(certificate);
                    return Ok(self.issue(why));
                }
                None => return Ok(self.keep(certificate, Some(key))),
            }
        }
        let found = misfits(config, profile, &certificate, signer, now);
        if found.is_empty() {
            return Ok(self.keep(certificate, Some(key)));
        }
        Err(found
            .into_iter()
            .map(|misfit| self.user_supplied(misfit))
            .collect())
    }

    /// A leaf of an external CA: keeps it if it matches, else returns every error.
    fn below_external_ca(
        mut self,
        config: &ValidConfig,
        profile: &CertificateProfile,
        authority: &Certificate,
        now: Timestamp,
    ) -> Result<Verdict, Vec<PkiError>> {
        let (certificate, key) = (self.certificate.take(), self.key.take());
        let mut found = Vec::new();
        let certificate_path = self.certificate_path();
        match (&certificate, &key) {
            (Some(_), None) => found.push((
                self.key_path(),
                Misfit {
                    field: "private key",
                    found: "missing".to_owned(),
                    expected: format!("the key of {certificate_path}"),
                },
            )),
            (Some(certificate), Some(key)) if !belong(certificate, key) => found.push((
                certificate_path.clone(),
                Misfit {
                    field: "public key",
                    found: format!("SHA256:{}", certificate.facts.spki),
                    expected: format!("SHA256:{} ({})", key.spki_digest(), self.key_path()),
                },
            )),
            _ => {}
        }
        match &certificate {
            Some(certificate) => found.extend(
                misfits(config, profile, certificate, Some(authority), now)
                    .into_iter()
                    .map(|misfit| (certificate_path.clone(), misfit)),
            ),
            None => found.push((
                certificate_path,
                Misfit {
                    field: "certificate",
                    found: match key {
                        Some(_) => "missing beside its key".to_owned(),
                        None => "missing".to_owned(),
                    },
                    expected: profile.summary(),
                },
            )),
        }
        match certificate {
            Some(certificate) if found.is_empty() => Ok(self.keep(certificate, key)),
            _ => Err(found
                .into_iter()
                .map(|(file, misfit)| PkiError::External {
                    file,
                    authority: format!("{}.crt", profile.signer_base_name),
                    field: misfit.field,
                    found: misfit.found,
                    expected: misfit.expected,
                })
                .collect()),
        }
    }

    /// Why a leaf that the planner issued must be issued again.
    fn stale(
        &self,
        config: &ValidConfig,
        profile: &CertificateProfile,
        certificate: &Certificate,
        signer: Option<&Certificate>,
        now: Timestamp,
    ) -> Option<String> {
        let facts = &certificate.facts;
        let differences = self
            .record
            .map(|r| r.profile.differences(&profile.record()));
        let changes: Vec<_> = differences
            .into_iter()
            .flatten()
            .map(|d| format!("{} was `{}`, is now `{}`", d.field, d.found, d.expected))
            .collect();
        if !changes.is_empty() {
            return Some(changes.join("; "));
        }
        if !signer.is_some_and(|signer| certificate.is_signed_by(signer)) {
            return Some(format!("not signed by the present CA `{}`", profile.signer));
        }
        // Of a node that was planned before: the host may have the certificate, and a plan that is made for another reason changes nothing
        // that it was not asked to change.
        if self.planned && !config.renew {
            return None;
        }
        if facts.not_before > now {
            return Some(format!("not valid before {}", facts.not_before));
        }
        if facts.not_after < now {
            return Some(format!("expired at {}", facts.not_after));
        }
        // At most a third of the lifetime: short-lived certificates would never have minRemaining left.
        let needed = config.credentials.min_remaining.min(profile.lifetime / 3);
        (facts.not_after < now.saturating_add(needed))
            .then(|| format!("expires soon, at {}", facts.not_after))
    }
}

/// The error for a key that is not that of the first certificate of its file; `None` if it is.
pub(super) fn other_key(
    (file, certificate): (&str, &Certificate),
    (key_file, key): (&str, &PrivateKey),
) -> Option<PkiError> {
    if belong(certificate, key) {
        return None;
    }
    let mut later = certificate.intermediates.iter().zip(2..);
    Some(match later.find(|(later, _)| belong(later, key)) {
        Some((later, position)) => PkiError::KeyOfLater {
            certificate: file.to_owned(),
            key: key_file.to_owned(),
            position,
            subject: later.facts.subject.clone(),
        },
        None => PkiError::KeyMismatch {
            certificate: file.to_owned(),
            key: key_file.to_owned(),
        },
    })
}

/// Whether `key` is the private key of `certificate`.
pub(super) fn belong(certificate: &Certificate, key: &PrivateKey) -> bool {
    certificate.facts.public_bytes == key.public_bytes()
}

/// The certificate at `path`, if there is one.
pub(super) fn read_certificate(
    contents: &StoreContents,
    path: &str,
) -> Result<Option<Certificate>, PkiError> {
    let read = |bytes: &SecretBytes| {
        Certificate::from_pem(bytes.expose()).map_err(|source| PkiError::Certificate {
            file: path.to_owned(),
            source,
        })
    };
    contents.files.get(path).map(read).transpose()
}

/// The private key at `path`, if there is one.
pub(super) fn read_key(
    contents: &StoreContents,
    path: &str,
) -> Result<Option<PrivateKey>, PkiError> {
    let read = |bytes: &SecretBytes| {
        PrivateKey::from_pem(bytes.expose()).map_err(|source| PkiError::Key {
            file: path.to_owned(),
            source,
        })
    };
    contents.files.get(path).map(read).transpose()
}
