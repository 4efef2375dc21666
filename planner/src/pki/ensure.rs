//! Making the key store complete.
//!
//! In: [`ValidConfig`], what the store holds, the clock, a [`KeySource`]. Out: [`Ensured`]: the material of
//! the node, the store as it has to be written, and what changed and why. Keys are made on all cores, then
//! certificates are issued, each CA before what it signs. With the same store and clock nothing changes.

use std::collections::BTreeMap;
use std::fmt;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;

use crate::config::ValidConfig;
use crate::plan::CertificateRow;

use super::assess::{Assessment, Kept, ServiceAccountVerdict, Verdict, assess};
use super::certificate::Certificate;
use super::issue::{Stamp, issue_authority, issue_leaf};
use super::key_source::{KeyRequest, KeySource, ProgressFn, make_keys};
use super::keys::PrivateKey;
use super::profile::{CertificateKind, CertificateProfile};
use super::store::{IssuedRecord, KeyRecord, StoreContents, StoreIndex, base_path};
use super::{Credentials, IssuedCertificate, Material, PkiError, ServiceAccountKey, credentials};

/// Name of the service account key in requests.
const SERVICE_ACCOUNT: &str = "sa";

/// A complete key store.
#[derive(Clone, Debug)]
pub struct Ensured {
    /// Every certificate and key of the node.
    pub material: Material,
    /// What the store has to hold from now on.
    pub store: StoreContents,
    /// What was made, in the order it was made; empty when the store had everything.
    pub changes: Vec<StoreChange>,
    /// Files at the top of the store that nothing uses, such as leaves outside `nodes/`.
    pub unused: Vec<String>,
}

/// One file pair that was made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreChange {
    /// Path in the store, such as `nodes/cp1/apiserver.crt`.
    pub path: String,
    /// What happened.
    pub kind: StoreChangeKind,
    /// Why.
    pub why: String,
}

/// What happened to a file of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreChangeKind {
    /// There was none.
    Issued,
    /// It replaces an earlier one of the planner.
    Reissued,
    /// `sa.pub`, computed from `sa.key`.
    Derived,
}

impl fmt::Display for StoreChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            StoreChangeKind::Issued => "issued",
            StoreChangeKind::Reissued => "reissued",
            StoreChangeKind::Derived => "derived",
        };
        write!(f, "{kind} {}: {}", self.path, self.why)
    }
}

/// Makes whatever `config` needs and `contents` lacks.
///
/// # Errors
/// [`PkiError`] if the store holds something that does not fit and is not the planner's to replace, or if a
/// key or certificate cannot be made.
pub fn ensure(
    config: &ValidConfig,
    contents: StoreContents,
    now: Timestamp,
    source: &dyn KeySource,
    progress: ProgressFn<'_>,
) -> Result<Ensured, PkiError> {
    let assessment = assess(config, &contents, now)?;
    let mut store = contents;
    let mut index = match store.index.take() {
        Some(index) => index,
        None => StoreIndex::new(
            &source.salt().map_err(PkiError::MakeKey)?,
            source.test_only(),
        ),
    };
    refuse_mixing(&index, source)?;
    // What an interrupted run left for other nodes stays theirs to repair.
    let own = |base: &String| {
        let bases = assessment
            .profiles
            .iter()
            .map(|p| base_path(p, &config.node.name));
        bases.into_iter().any(|known| known == *base)
    };
    index.pending.retain(|base| !own(base));

    let mut keys = make_wanted_keys(config, &assessment, source, progress)?.into_iter();
    let Assessment {
        profiles,
        mut verdicts,
        service_account,
        unused,
    } = assessment;
    let mut changes = Vec::new();
    let mut kept: BTreeMap<&'static str, Kept> = BTreeMap::new();
    for profile in &profiles {
        let made = match verdicts.remove(profile.name) {
            Some(Verdict::Keep(found)) => *found,
            Some(Verdict::Issue(wanted)) => {
                let key = keys.next().ok_or(MISSING_KEY)?;
                let signer = kept.get(profile.signer);
                let certificate = issue(config, profile, &key, signer, now, source)?;
                let base = base_path(profile, &config.node.name);
                let pem = SecretBytes::from_text(certificate.pem());
                store.files.insert(format!("{base}.crt"), pem);
                store.files.insert(format!("{base}.key"), key.pem());
                changes.push(StoreChange {
                    path: format!("{base}.crt"),
                    kind: if wanted.replaces {
                        StoreChangeKind::Reissued
                    } else {
                        StoreChangeKind::Issued
                    },
                    why: wanted.why,
                });
                let record = IssuedRecord {
                    profile: profile.record(),
                    sha256: Sha256Digest::of(&certificate.der),
                    spki: certificate.facts.spki,
                };
                index.certificates.insert(base, record);
                Kept {
                    certificate,
                    key: Some(key),
                    user_supplied: false,
                }
            }
            None => continue,
        };
        kept.insert(profile.name, signing_form(profile, made, source)?);
    }
    let (service_account, public_missing) = match service_account {
        ServiceAccountVerdict::Keep {
            key,
            public_missing,
        } => {
            if public_missing {
                changes.push(StoreChange {
                    path: "sa.pub".to_owned(),
                    kind: StoreChangeKind::Derived,
                    why: "not in the key store; computed from `sa.key`".to_owned(),
                });
            }
            (*key, public_missing)
        }
        ServiceAccountVerdict::Make => {
            let key = keys.next().ok_or(MISSING_KEY)?;
            store.files.insert("sa.key".to_owned(), key.pem());
            index.service_account = Some(KeyRecord {
                key_algorithm: key.algorithm().as_str().to_owned(),
                spki: key.spki_digest(),
            });
            changes.push(StoreChange {
                path: "sa.key".to_owned(),
                kind: StoreChangeKind::Issued,
                why: "not in the key store yet".to_owned(),
            });
            (key, true)
        }
    };
    if public_missing {
        let public = SecretBytes::from_text(service_account.public_pem());
        store.files.insert("sa.pub".to_owned(), public);
    }
    credentials::complete(config, &mut index, source, &mut changes)?;
    let credentials = credentials::read(config, &index)?;
    let material = material(
        &profiles,
        &kept,
        &service_account,
        credentials,
        index.test_only,
    );
    store.index = Some(index);
    Ok(Ensured {
        material,
        store,
        changes,
        unused,
    })
}

/// The material of the node if the store already has all of it; `None` if something has to be issued.
/// Makes and changes nothing.
///
/// # Errors
/// [`PkiError`] as for [`ensure`].
pub fn read_existing(
    config: &ValidConfig,
    contents: &StoreContents,
    now: Timestamp,
) -> Result<Option<Material>, PkiError> {
    let assessment = assess(config, contents, now)?;
    if !assessment.is_complete() {
        return Ok(None);
    }
    let kept: BTreeMap<_, _> = assessment
        .verdicts
        .into_iter()
        .filter_map(|(name, verdict)| match verdict {
            Verdict::Keep(kept) => Some((name, *kept)),
            Verdict::Issue(_) => None,
        })
        .collect();
    let ServiceAccountVerdict::Keep { key, .. } = assessment.service_account else {
        return Ok(None);
    };
    let index = contents.index.as_ref();
    let test_only = index.is_some_and(|index| index.test_only);
    let credentials = index.map(|index| credentials::read(config, index));
    Ok(Some(material(
        &assessment.profiles,
        &kept,
        &key,
        credentials.transpose()?.unwrap_or_default(),
        test_only,
    )))
}

/// Cannot happen: one key is made for every verdict that asks for one, and nothing asks for one whose CA has no key.
const MISSING_KEY: PkiError = PkiError::MakeKey(super::keys::KeyError::Crypto("make enough keys"));

/// Public test keys and real ones never share a store.
pub(super) fn refuse_mixing(index: &StoreIndex, source: &dyn KeySource) -> Result<(), PkiError> {
    let describe = |test_only| {
        if test_only {
            "made with public test keys"
        } else {
            "made with real keys"
        }
    };
    if index.test_only == source.test_only() {
        return Ok(());
    }
    Err(PkiError::TestKeysMix {
        made: describe(index.test_only),
        run: describe(source.test_only()),
    })
}

/// One key for every verdict that asks for one, in the order of the profiles, the service account's last.
fn make_wanted_keys(
    config: &ValidConfig,
    assessment: &Assessment,
    source: &dyn KeySource,
    progress: ProgressFn<'_>,
) -> Result<Vec<PrivateKey>, PkiError> {
    let node = config.node.name.as_str();
    let wanted = |profile: &&CertificateProfile| {
        let verdict = assessment.verdicts.get(profile.name);
        matches!(verdict, Some(Verdict::Issue(_)))
    };
    let certificates = assessment
        .profiles
        .iter()
        .filter(wanted)
        .map(|profile| KeyRequest {
            name: profile.name,
            node: (!profile.is_authority()).then_some(node),
            algorithm: profile.key_algorithm,
        });
    let service_account = match assessment.service_account {
        ServiceAccountVerdict::Make => Some(KeyRequest {
            name: SERVICE_ACCOUNT,
            node: None,
            algorithm: config.key_algorithm,
        }),
        ServiceAccountVerdict::Keep { .. } => None,
    };
    let requests: Vec<_> = certificates.chain(service_account).collect();
    make_keys(source, &requests, progress).map_err(PkiError::MakeKey)
}

/// A CA's key in the form that signs: with repeatable signatures in a test run.
fn signing_form(
    profile: &CertificateProfile,
    kept: Kept,
    source: &dyn KeySource,
) -> Result<Kept, PkiError> {
    if !(source.test_only() && profile.is_authority()) {
        return Ok(kept);
    }
    let key = kept.key.map(PrivateKey::with_deterministic_signatures);
    let key = key.transpose().map_err(PkiError::MakeKey)?;
    Ok(Kept { key, ..kept })
}

/// Issues one certificate. Files start `clock_tolerance` before the clock, kubeconfig clients with their CA
/// (kubeadm v1.36.2, phases/kubeconfig).
fn issue(
    config: &ValidConfig,
    profile: &CertificateProfile,
    key: &PrivateKey,
    signer: Option<&Kept>,
    now: Timestamp,
    source: &dyn KeySource,
) -> Result<Certificate, PkiError> {
    let base = base_path(profile, &config.node.name);
    let backdated = now.saturating_sub(config.credentials.clock_tolerance);
    let not_before = match (profile.kind, signer) {
        (CertificateKind::KubeconfigClient, Some(signer)) => signer.certificate.facts.not_before,
        _ => backdated,
    };
    let not_after = now.saturating_add(profile.lifetime);
    let record = serde_json::to_string(&profile.record()).map_err(PkiError::StoreIndex)?;
    let context = format!(
        "{base}\0{record}\0{not_before}\0{not_after}\0{}",
        key.spki_digest()
    );
    let stamp = Stamp {
        serial: source
            .serial(context.as_bytes())
            .map_err(PkiError::MakeKey)?,
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

fn material(
    profiles: &[CertificateProfile],
    kept: &BTreeMap<&'static str, Kept>,
    service_account: &PrivateKey,
    credentials: Credentials,
    test_only: bool,
) -> Material {
    let certificates = profiles
        .iter()
        .filter_map(|profile| Some((profile, kept.get(profile.name)?)))
        .map(|(profile, kept)| {
            let issued = IssuedCertificate {
                certificate_pem: kept.certificate.pem(),
                certificate_der: kept.certificate.der.clone(),
                key_pem: kept.key.as_ref().map(PrivateKey::pem),
                row: row(profile, kept),
            };
            (profile.name.to_owned(), issued)
        });
    Material {
        certificates: certificates.collect(),
        service_account: ServiceAccountKey {
            key_pem: service_account.pem(),
            public_pem: service_account.public_pem(),
            spki: service_account.spki_digest(),
        },
        credentials,
        test_only,
    }
}

/// What the certificate itself says, which for a user's may be more than the profile asks.
fn row(profile: &CertificateProfile, kept: &Kept) -> CertificateRow {
    let facts = &kept.certificate.facts;
    let intermediate = profile.is_authority() && facts.issuer_der != facts.subject_der;
    let signer = if intermediate {
        &facts.issuer
    } else {
        profile.signer
    };
    kept.certificate
        .row(profile.name, signer, kept.user_supplied)
}
