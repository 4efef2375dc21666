//! Whether what the key store holds fits the configuration.
//!
//! In: [`ValidConfig`], [`StoreContents`], the clock. Out: an [`Assessment`]: which certificates and keys are
//! kept, which have to be issued and why; or the first thing only the user can put right. Nothing is made
//! or changed here.
//!
//! What `store.json` records with the same digest is the planner's: it is issued again when it no longer
//! fits, except what all nodes share. Anything else is the user's: checked, never replaced.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use crate::config::ValidConfig;

use super::PkiError;
use super::certificate::Certificate;
use super::certlist::profiles;
use super::keys::PrivateKey;
use super::profile::CertificateProfile;
use super::store::{IssuedRecord, StoreContents, base_path};
use super::supplied::misfit;

/// A certificate that is there and fits.
#[derive(Debug)]
pub struct Kept {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key; absent only for a CA that signs nothing here.
    pub key: Option<PrivateKey>,
    /// Supplied by the user.
    pub user_supplied: bool,
}

/// A certificate that has to be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Why, for the summary.
    pub why: String,
    /// An earlier one is replaced.
    pub replaces: bool,
}

/// What is to be done about one certificate.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing.
    Keep(Box<Kept>),
    /// Issue it.
    Issue(Wanted),
}

/// What is to be done about `sa.key` and `sa.pub`.
#[derive(Debug)]
pub enum ServiceAccountVerdict {
    /// The key is kept; `sa.pub` may have to be derived.
    Keep {
        /// The key.
        key: Box<PrivateKey>,
        /// `sa.pub` is absent.
        public_missing: bool,
    },
    /// Make a pair.
    Make,
}

/// The outcome for the whole store.
#[derive(Debug)]
pub struct Assessment {
    /// The profiles of the node, in kubeadm's order.
    pub profiles: Vec<CertificateProfile>,
    /// One verdict per profile, by its name.
    pub verdicts: BTreeMap<&'static str, Verdict>,
    /// The service account key.
    pub service_account: ServiceAccountVerdict,
    /// Files at the top of the store that nothing uses, such as leaves outside `nodes/`.
    pub unused: Vec<String>,
}

impl Assessment {
    /// Whether nothing has to be made.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let kept = |verdict| matches!(verdict, &Verdict::Keep(_));
        self.verdicts.values().all(kept)
            && matches!(
                self.service_account,
                ServiceAccountVerdict::Keep {
                    public_missing: false,
                    ..
                }
            )
    }
}

/// Compares the store with what `config` asks for at `now`.
///
/// # Errors
/// [`PkiError`] naming the file, the field, what was found and what is expected.
pub fn assess(
    config: &ValidConfig,
    contents: &StoreContents,
    now: Timestamp,
) -> Result<Assessment, PkiError> {
    let profiles = profiles(config);
    let mut verdicts: BTreeMap<&'static str, Verdict> = BTreeMap::new();
    for profile in &profiles {
        let slot = Slot::read(config, contents, profile)?;
        let verdict = if slot.interrupted {
            slot.issue("an earlier run was interrupted while writing it")
        } else if profile.is_authority() {
            slot.authority(profile, now)?
        } else {
            slot.leaf(config, profile, verdicts.get(profile.signer), now)?
        };
        verdicts.insert(profile.name, verdict);
    }
    let service_account = service_account(config, contents)?;
    let unused = unused(&profiles, contents);
    Ok(Assessment {
        profiles,
        verdicts,
        service_account,
        unused,
    })
}

/// What the store has for one profile.
struct Slot<'a> {
    base: String,
    certificate: Option<Certificate>,
    key: Option<PrivateKey>,
    /// What the planner remembers of it.
    record: Option<&'a IssuedRecord>,
    /// The certificate is the one the planner remembers.
    issued: bool,
    /// A write did not end, and the pair is not whole.
    interrupted: bool,
}

impl<'a> Slot<'a> {
    fn read(
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
        })
    }

    fn certificate_path(&self) -> String {
        format!("{}.crt", self.base)
    }

    fn key_path(&self) -> String {
        format!("{}.key", self.base)
    }

    fn issue(&self, why: impl Into<String>) -> Verdict {
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

    fn user_supplied(&self, field: &'static str, found: String, expected: String) -> PkiError {
        PkiError::UserSupplied {
            file: self.certificate_path(),
            field,
            found,
            expected,
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
        match &key {
            // Without the cluster CA's key kube-controller-manager cannot sign either: a mode of its own.
            None if profile.name == "ca" => {
                return Err(PkiError::ExternalCa {
                    certificate: self.certificate_path(),
                    key: self.key_path(),
                });
            }
            Some(key) if !belong(&certificate, key) => {
                return Err(PkiError::KeyMismatch {
                    certificate: self.certificate_path(),
                    key: self.key_path(),
                });
            }
            _ => {}
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
                return Err(self.user_supplied(field, found.to_owned(), expected.to_owned()));
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
    ) -> Result<Verdict, PkiError> {
        let (certificate, key) = match (self.certificate.take(), self.key.take()) {
            (None, None) => return Ok(self.issue_missing()),
            (None, Some(key)) => {
                return match self.record {
                    Some(record) if record.spki == key.spki_digest() => {
                        Ok(self.issue("its certificate was removed from the key store"))
                    }
                    _ => Err(self.key_without_certificate()),
                };
            }
            (Some(certificate), None) => {
                if self.issued {
                    self.certificate = Some(certificate);
                    return Ok(self.issue("its private key was removed from the key store"));
                }
                return Err(PkiError::CertificateWithoutKey {
                    certificate: self.certificate_path(),
                    key: self.key_path(),
                });
            }
            (Some(certificate), Some(key)) => (certificate, key),
        };
        if !belong(&certificate, &key) {
            return Err(PkiError::KeyMismatch {
                certificate: self.certificate_path(),
                key: self.key_path(),
            });
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
        match misfit(profile, &certificate, signer, now) {
            Some((field, found, expected)) => Err(self.user_supplied(field, found, expected)),
            None => Ok(self.keep(certificate, Some(key))),
        }
    }

    /// Why a leaf the planner issued has to be issued again.
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
        if facts.not_before > now {
            return Some(format!("not valid before {}", facts.not_before));
        }
        if facts.not_after < now {
            return Some(format!("expired at {}", facts.not_after));
        }
        // A third of short lifetimes: with the whole of minRemaining they would never be long enough.
        let needed = config.credentials.min_remaining.min(profile.lifetime / 3);
        (facts.not_after < now.saturating_add(needed))
            .then(|| format!("expires soon, at {}", facts.not_after))
    }
}

fn belong(certificate: &Certificate, key: &PrivateKey) -> bool {
    certificate.facts.public_bytes == key.public_bytes()
}

fn read_certificate(contents: &StoreContents, path: &str) -> Result<Option<Certificate>, PkiError> {
    let read = |bytes: &SecretBytes| {
        Certificate::from_pem(bytes.expose()).map_err(|source| PkiError::Certificate {
            file: path.to_owned(),
            source,
        })
    };
    contents.files.get(path).map(read).transpose()
}

fn read_key(contents: &StoreContents, path: &str) -> Result<Option<PrivateKey>, PkiError> {
    let read = |bytes: &SecretBytes| {
        PrivateKey::from_pem(bytes.expose()).map_err(|source| PkiError::Key {
            file: path.to_owned(),
            source,
        })
    };
    contents.files.get(path).map(read).transpose()
}

fn service_account(
    config: &ValidConfig,
    contents: &StoreContents,
) -> Result<ServiceAccountVerdict, PkiError> {
    let public = contents.files.get("sa.pub");
    let Some(key) = read_key(contents, "sa.key")? else {
        return match public {
            Some(_) => Err(PkiError::ServiceAccountKeyMissing),
            None => Ok(ServiceAccountVerdict::Make),
        };
    };
    if let Some(public) = public {
        let expected = ::pem::parse(key.public_pem()).ok();
        let found = ::pem::parse(public.expose()).ok();
        if found.is_none()
            || found.map(::pem::Pem::into_contents) != expected.map(::pem::Pem::into_contents)
        {
            return Err(PkiError::KeyMismatch {
                certificate: "sa.pub".to_owned(),
                key: "sa.key".to_owned(),
            });
        }
    }
    let record = contents
        .index
        .as_ref()
        .and_then(|i| i.service_account.as_ref());
    if let Some(record) = record.filter(|record| record.spki == key.spki_digest())
        && record.key_algorithm != config.key_algorithm.as_str()
    {
        return Err(PkiError::SharedChanged {
            file: "sa.key".to_owned(),
            field: "key algorithm",
            found: record.key_algorithm.clone(),
            expected: config.key_algorithm.as_str().to_owned(),
            remove: "`sa.key` and `sa.pub`".to_owned(),
        });
    }
    Ok(ServiceAccountVerdict::Keep {
        key: Box::new(key),
        public_missing: public.is_none(),
    })
}

fn unused(profiles: &[CertificateProfile], contents: &StoreContents) -> Vec<String> {
    let known = |path: &str| {
        let base = path.trim_end_matches(".crt").trim_end_matches(".key");
        path.starts_with("nodes/")
            || matches!(path, "sa.key" | "sa.pub")
            || profiles
                .iter()
                .any(|p| p.is_authority() && p.base_name == base)
    };
    let unknown = contents.files.keys().filter(|path| !known(path));
    unknown.cloned().collect()
}
