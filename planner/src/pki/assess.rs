//! Whether what the key store holds fits the configuration.
//!
//! In: [`ValidConfig`], [`StoreContents`], the clock. Out: an [`Assessment`]: which certificates and keys are
//! kept, which have to be issued and why; or everything that only the user can put right. Nothing is made
//! or changed here.
//!
//! What `store.json` records with the same digest is the planner's: it is issued again when it no longer
//! fits, except what all nodes share. Anything else is the user's: checked, never replaced. Below a CA whose key is
//! not in the store nothing is issued: whoever made the certificates there, they have to fit as they are.

use std::collections::BTreeMap;

use kubeplan_bundle::timestamp::Timestamp;

use crate::config::ValidConfig;

use super::PkiError;
use super::certificate::Certificate;
use super::certlist::profiles;
use super::keys::PrivateKey;
use super::profile::CertificateProfile;
use super::slot::{Slot, read_key};
use super::store::StoreContents;

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
/// [`PkiError`] naming the file, the field, what was found and what is expected, for everything that does not fit.
pub fn assess(
    config: &ValidConfig,
    contents: &StoreContents,
    now: Timestamp,
) -> Result<Assessment, PkiError> {
    let profiles = profiles(config);
    let mut verdicts: BTreeMap<&'static str, Verdict> = BTreeMap::new();
    let mut refused = Vec::new();
    for profile in &profiles {
        // Below a CA that was refused nothing can be judged.
        if !(profile.is_authority() || verdicts.contains_key(profile.signer)) {
            continue;
        }
        let signer = verdicts.get(profile.signer);
        let judged = Slot::read(config, contents, profile)
            .map_err(|error| vec![error])
            .and_then(|slot| slot.judge(config, profile, signer, now));
        match judged {
            Ok(verdict) => {
                verdicts.insert(profile.name, verdict);
            }
            Err(mut errors) => refused.append(&mut errors),
        }
    }
    if config.upload_certs {
        refused.extend(unfit_for_upload(&profiles, &verdicts));
    }
    let service_account = match service_account(config, contents) {
        Ok(verdict) => Some(verdict),
        Err(error) => {
            refused.push(error);
            None
        }
    };
    match (PkiError::all(refused), service_account) {
        (None, Some(service_account)) => Ok(Assessment {
            unused: unused(&profiles, contents),
            profiles,
            verdicts,
            service_account,
        }),
        (refused, _) => Err(refused.unwrap_or(PkiError::ServiceAccountKeyMissing)),
    }
}

/// kubeadm uploads no certificates of an external cluster CA or front-proxy CA (kubeadm v1.36.2, cmd/init.go); of an
/// external etcd CA it leaves the key out.
fn unfit_for_upload(
    profiles: &[CertificateProfile],
    verdicts: &BTreeMap<&'static str, Verdict>,
) -> Option<PkiError> {
    let external = |profile: &&CertificateProfile| {
        matches!(profile.name, "ca" | "front-proxy-ca")
            && verdicts.get(profile.name).and_then(external).is_some()
    };
    let profile = profiles.iter().find(external)?;
    Some(PkiError::UploadExternal {
        authority: format!("{}.crt", profile.base_name),
    })
}

/// The certificate of a CA whose key is not in the store.
pub(super) fn external(verdict: &Verdict) -> Option<&Certificate> {
    match verdict {
        Verdict::Keep(kept) if kept.key.is_none() => Some(&kept.certificate),
        _ => None,
    }
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
