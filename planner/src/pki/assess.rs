//! Compares the key store with the configuration.
//!
//! In: the [`ValidConfig`] of every node, [`StoreContents`], the clock. Out: an [`Assessment`]: which certificates and keys are
//! kept, which must be issued and why; or every error that only the user can correct. Makes and changes nothing.
//!
//! What `store.json` records with the same digest is the planner's: it is issued again when it no longer
//! matches, except what all nodes share. Anything else was supplied by the user: checked, never replaced. Nothing is issued for an external
//! CA: the certificates below it must match as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use rayon::prelude::*;

use crate::config::ValidConfig;

use super::certlist::{authorities, profiles};
use super::keys::PrivateKey;
use super::profile::CertificateProfile;
use super::restrictions::refuse;
use super::slot::{Slot, read_key};
use super::store::{StoreContents, base_path};
use super::verdict::external;
use super::{KeyAlgorithm, PkiError};

pub use super::verdict::{Kept, Verdict, Wanted};

/// What to do about `sa.key` and `sa.pub`.
#[derive(Debug)]
pub enum ServiceAccountVerdict {
    /// Keep the key.
    Keep {
        /// The key.
        key: Box<PrivateKey>,
        /// `sa.pub` is missing and must be derived.
        public_missing: bool,
    },
    /// Make a pair.
    Make {
        /// The algorithm.
        algorithm: KeyAlgorithm,
    },
}

/// The outcome for the whole store and every node that is planned.
#[derive(Debug)]
pub struct Assessment {
    /// What the nodes share.
    pub shared: SharedAssessment,
    /// What each node has of its own, in the order of the nodes.
    pub nodes: Vec<NodeAssessment>,
    /// Files at the top of the store that nothing uses, such as leaves outside `nodes/`.
    pub unused: Vec<String>,
}

/// The outcome for what the nodes share, as far as one of them needs it.
#[derive(Debug)]
pub struct SharedAssessment {
    /// The CAs, in kubeadm's order.
    pub profiles: Vec<CertificateProfile>,
    /// One verdict per CA, by its name.
    pub verdicts: BTreeMap<&'static str, Verdict>,
    /// The service account key, if a control-plane node is planned.
    pub service_account: Option<ServiceAccountVerdict>,
}

/// The outcome for one node.
#[derive(Debug)]
pub struct NodeAssessment {
    /// The node.
    pub name: Name,
    /// Whether it creates the cluster, and so has its tokens.
    pub makes_cluster: bool,
    /// Whether it is a control-plane node, and so gets the keys of the CAs.
    pub control_plane: bool,
    /// How long before the clock its certificates start to be valid.
    pub clock_tolerance: Duration,
    /// Names of the CAs whose certificates it gets.
    pub authorities: BTreeSet<&'static str>,
    /// The profiles of its leaves, in kubeadm's order.
    pub profiles: Vec<CertificateProfile>,
    /// One verdict per leaf, by its name.
    pub verdicts: BTreeMap<&'static str, Verdict>,
}

impl SharedAssessment {
    /// Whether nothing needs to be made.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let account = match &self.service_account {
            None => true,
            Some(ServiceAccountVerdict::Keep { public_missing, .. }) => !public_missing,
            Some(ServiceAccountVerdict::Make { .. }) => false,
        };
        account && self.verdicts.values().all(Verdict::is_kept)
    }
}

impl NodeAssessment {
    /// Whether nothing needs to be made.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.verdicts.values().all(Verdict::is_kept)
    }
}

/// Compares the store with what the nodes need at `now`.
///
/// # Errors
/// [`PkiError`] naming the file, the field, what was found and what is expected, for everything that does not match.
pub fn assess(
    nodes: &[ValidConfig],
    contents: &StoreContents,
    now: Timestamp,
) -> Result<Assessment, PkiError> {
    let Some(first) = nodes.first() else {
        return Ok(Assessment {
            shared: SharedAssessment {
                profiles: Vec::new(),
                verdicts: BTreeMap::new(),
                service_account: None,
            },
            nodes: Vec::new(),
            unused: Vec::new(),
        });
    };
    // Every CA is compared: which of them are needed is known only after all nodes.
    let mut profiles = authorities(first);
    let mut verdicts: BTreeMap<&'static str, Verdict> = BTreeMap::new();
    let mut unfit: Vec<(&'static str, Vec<PkiError>)> = Vec::new();
    for profile in &profiles {
        let judged = Slot::read(first, contents, profile)
            .map_err(|error| vec![error])
            .and_then(|slot| slot.judge(first, profile, None, now));
        match judged {
            Ok(verdict) => {
                verdicts.insert(profile.name, verdict);
            }
            Err(errors) => unfit.push((profile.name, errors)),
        }
    }
    let unused = unused(&profiles, contents);
    let judged: Vec<_> = nodes
        .par_iter()
        .map(|config| assess_node(config, contents, &profiles, &verdicts, now))
        .collect();

    let mut nodes = Vec::with_capacity(judged.len());
    let mut of_nodes = Vec::new();
    for (node, mut errors) in judged {
        of_nodes.append(&mut errors);
        nodes.push(node);
    }
    let needed = |name: &str| nodes.iter().any(|node| node.authorities.contains(name));
    profiles.retain(|profile| needed(profile.name));
    verdicts.retain(|name, _| needed(name));
    let mut refused: Vec<PkiError> = unfit
        .into_iter()
        .filter(|(name, _)| needed(name))
        .flat_map(|(_, errors)| errors)
        .collect();
    let mut account = None;
    if nodes.iter().any(|node| node.control_plane) {
        match service_account(first, contents) {
            Ok(verdict) => account = Some(verdict),
            Err(error) => refused.push(error),
        }
    }
    refused.append(&mut of_nodes);
    match PkiError::all(refused) {
        Some(error) => Err(error),
        None => Ok(Assessment {
            shared: SharedAssessment {
                profiles,
                verdicts,
                service_account: account,
            },
            nodes,
            unused,
        }),
    }
}

/// Compares the leaves of one node.
fn assess_node(
    config: &ValidConfig,
    contents: &StoreContents,
    authorities: &[CertificateProfile],
    shared: &BTreeMap<&'static str, Verdict>,
    now: Timestamp,
) -> (NodeAssessment, Vec<PkiError>) {
    let (own, profiles): (Vec<_>, Vec<_>) = profiles(config)
        .into_iter()
        .partition(CertificateProfile::is_authority);
    let mut verdicts = BTreeMap::new();
    let mut refused = Vec::new();
    for profile in &profiles {
        // Leaves of a CA that was refused cannot be compared.
        let Some(signer) = shared.get(profile.signer) else {
            continue;
        };
        if let Verdict::Keep(signer) = signer {
            let file = format!("{}.crt", base_path(profile, &config.node.name));
            refuse(&mut refused, &signer.certificate, profile, &file);
        }
        let judged = Slot::read(config, contents, profile)
            .map_err(|error| vec![error])
            .and_then(|slot| slot.judge(config, profile, Some(signer), now));
        match judged {
            Ok(verdict) => {
                verdicts.insert(profile.name, verdict);
            }
            Err(mut errors) => refused.append(&mut errors),
        }
    }
    if config.upload_certs {
        refused.extend(unfit_for_upload(authorities, shared));
    }
    let node = NodeAssessment {
        name: config.node.name.clone(),
        makes_cluster: config.membership.makes_cluster(),
        control_plane: config.is_control_plane(),
        clock_tolerance: config.credentials.clock_tolerance,
        authorities: own
            .iter()
            .map(|profile| profile.name)
            .chain(profiles.iter().map(|profile| profile.signer))
            // Every node needs the certificate of the cluster's CA, also if that signs nothing for it.
            .chain(["ca"])
            .collect(),
        profiles,
        verdicts,
    };
    (node, refused)
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

fn service_account(
    config: &ValidConfig,
    contents: &StoreContents,
) -> Result<ServiceAccountVerdict, PkiError> {
    let public = contents.files.get("sa.pub");
    let Some(key) = read_key(contents, "sa.key")? else {
        return match public {
            Some(_) => Err(PkiError::ServiceAccountKeyMissing),
            None => Ok(ServiceAccountVerdict::Make {
                algorithm: config.key_algorithm,
            }),
        };
    };
    if let Some(public) = public
        && !is_public_of(&key, public)
    {
        return Err(PkiError::KeyMismatch {
            certificate: "sa.pub".to_owned(),
            key: "sa.key".to_owned(),
        });
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

/// Whether `public` is the public key of `key`, in PEM.
pub(super) fn is_public_of(key: &PrivateKey, public: &SecretBytes) -> bool {
    let expected = ::pem::parse(key.public_pem()).ok();
    let found = ::pem::parse(public.expose()).ok();
    found.is_some()
        && found.map(::pem::Pem::into_contents) == expected.map(::pem::Pem::into_contents)
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
