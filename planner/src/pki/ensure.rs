//! Completes the key store.
//!
//! In: the [`ValidConfig`] of every node, what the store holds, the clock, a [`KeySource`]. Out: [`EnsuredNodes`]: the material
//! of the nodes, the new content of the store, and what changed and why. Generates the keys of all nodes on all cores, then issues
//! certificates, each CA before what it signs. With the same store and clock nothing changes. The result does not depend on which
//! core was first.

use std::collections::{BTreeMap, BTreeSet};

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use rayon::prelude::*;

use crate::config::ValidConfig;

use super::assess::{
    Assessment, Kept, NodeAssessment, ServiceAccountVerdict, SharedAssessment, Verdict, assess,
};
use super::issuing::{Issued, Issuing, MISSING_KEY};
use super::key_source::{KeyRequest, KeySource, ProgressFn, make_keys};
use super::keys::PrivateKey;
use super::materials::{Materials, NodeMaterial, Settled};
use super::profile::CertificateProfile;
use super::store::{KeyRecord, StoreContents, StoreIndex, base_path};
use super::store_change::{StoreChange, StoreChangeKind};
use super::{Credentials, Material, PkiError, credentials};

/// Name of the service account key in requests.
const SERVICE_ACCOUNT: &str = "sa";

/// A complete key store, for one node.
#[derive(Debug)]
pub struct Ensured {
    /// Every certificate and key of the node.
    pub material: Material,
    /// kubeadm's names of the external CAs.
    pub external_authorities: Vec<&'static str>,
    /// The new content of the store.
    pub store: StoreContents,
    /// What was made, in the order it was made; empty when the store had everything.
    pub changes: Vec<StoreChange>,
    /// Files at the top of the store that nothing uses, such as leaves outside `nodes/`.
    pub unused: Vec<String>,
}

/// A complete key store, for every planned node.
#[derive(Debug)]
pub struct EnsuredNodes {
    /// Every certificate and key.
    pub materials: Materials,
    /// The new content of the store.
    pub store: StoreContents,
    /// What was made: what all nodes share first, then node by node; empty when the store had everything.
    pub changes: Vec<StoreChange>,
    /// Files at the top of the store that nothing uses, such as leaves outside `nodes/`.
    pub unused: Vec<String>,
}

/// Makes what `config` needs and `contents` lacks.
///
/// # Errors
/// As [`ensure_nodes`].
pub fn ensure(
    config: &ValidConfig,
    contents: StoreContents,
    now: Timestamp,
    source: &dyn KeySource,
    progress: ProgressFn<'_>,
) -> Result<Ensured, PkiError> {
    let only = std::slice::from_ref(config);
    let ensured = ensure_nodes(only, contents, now, source, progress)?;
    Ok(Ensured {
        material: ensured.materials.of(0).ok_or(MISSING_KEY)?,
        external_authorities: ensured.materials.external_authorities(),
        store: ensured.store,
        changes: ensured.changes,
        unused: ensured.unused,
    })
}

/// Makes what the nodes need and `contents` lacks.
///
/// # Errors
/// [`PkiError`] if the store holds something that does not match and that the planner may not replace, or if a
/// key or certificate cannot be made.
pub fn ensure_nodes(
    configs: &[ValidConfig],
    contents: StoreContents,
    now: Timestamp,
    source: &dyn KeySource,
    progress: ProgressFn<'_>,
) -> Result<EnsuredNodes, PkiError> {
    let assessment = assess(configs, &contents, now)?;
    let mut store = contents;
    let mut index = match store.index.take() {
        Some(index) => index,
        None => StoreIndex::new(
            &source.salt().map_err(PkiError::MakeKey)?,
            source.test_only(),
        ),
    };
    refuse_mixing(&index, source)?;
    // Pairs of other nodes that an interrupted run left are repaired when those nodes are planned.
    let own = own_bases(&assessment);
    index.pending.retain(|base| !own.contains(base));

    let mut keys = make_wanted_keys(&assessment, source, progress)?.into_iter();
    let Assessment {
        shared,
        nodes,
        unused,
    } = assessment;
    let mut changes = Vec::new();
    let mut issued = Vec::new();
    let shared_profiles = shared.profiles;
    let mut verdicts = shared.verdicts;
    let mut authorities = Vec::new();
    for profile in shared_profiles {
        let Some(verdict) = verdicts.remove(profile.name) else {
            continue;
        };
        let issuing = Issuing {
            node: None,
            clock_tolerance: nodes
                .first()
                .map(|node| node.clock_tolerance)
                .unwrap_or_default(),
            now,
            source,
        };
        let kept = issuing.settle(&profile, verdict, None, &mut keys, &mut issued)?;
        let kept = signing_form(kept, source)?;
        authorities.push((profile, kept));
    }
    record(&mut store, &mut index, &mut changes, &mut issued);
    let service_account = match shared.service_account {
        Some(verdict) => Some(settle_service_account(
            verdict,
            &mut keys,
            &mut store,
            &mut index,
            &mut changes,
        )?),
        None => None,
    };

    // Each node gets its own keys, so that all nodes can be settled in parallel.
    let nodes: Vec<(NodeAssessment, Vec<PrivateKey>)> = nodes
        .into_iter()
        .map(|node| {
            let wanted = node.verdicts.values().filter(|v| !v.is_kept()).count();
            (node, keys.by_ref().take(wanted).collect())
        })
        .collect();
    let settled: Vec<_> = nodes
        .into_par_iter()
        .map(|(node, keys)| settle_node(node, keys, &authorities, now, source))
        .collect();
    let mut nodes = Vec::with_capacity(settled.len());
    for (config, settled) in configs.iter().zip(settled) {
        let (mut node, makes_cluster, mut issued) = settled?;
        record(&mut store, &mut index, &mut changes, &mut issued);
        if makes_cluster {
            credentials::complete(config, &mut index, source, &mut changes)?;
            node.credentials = credentials::read(config, &index)?;
        }
        nodes.push(node);
    }
    let shared = authorities.into_iter();
    let materials = Materials {
        shared: shared
            .map(|(profile, kept)| Settled::of(&profile, kept))
            .collect(),
        service_account,
        nodes,
        test_only: index.test_only,
    };
    store.index = Some(index);
    Ok(EnsuredNodes {
        materials,
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
    let materials = read_existing_nodes(std::slice::from_ref(config), contents, now)?;
    Ok(materials.and_then(|materials| materials.of(0)))
}

/// The material of every node of which the store already has all; `None` if something that the nodes share has to be made.
/// Makes and changes nothing.
///
/// # Errors
/// [`PkiError`] as for [`ensure`].
pub fn read_existing_nodes(
    configs: &[ValidConfig],
    contents: &StoreContents,
    now: Timestamp,
) -> Result<Option<Materials>, PkiError> {
    let assessment = assess(configs, contents, now)?;
    if !assessment.shared.is_complete() {
        return Ok(None);
    }
    let SharedAssessment {
        profiles,
        mut verdicts,
        service_account,
    } = assessment.shared;
    let index = contents.index.as_ref();
    let mut nodes = Vec::with_capacity(assessment.nodes.len());
    for (config, mut node) in configs.iter().zip(assessment.nodes) {
        let own = match (node.makes_cluster, index) {
            (true, Some(index)) => credentials::read(config, index)?,
            _ => Credentials::default(),
        };
        let profiles = std::mem::take(&mut node.profiles);
        let complete = node.is_complete();
        nodes.push(NodeMaterial {
            name: node.name,
            control_plane: node.control_plane,
            authorities: node.authorities,
            leaves: complete.then(|| kept(profiles, &mut node.verdicts)),
            credentials: own,
        });
    }
    Ok(Some(Materials {
        shared: kept(profiles, &mut verdicts),
        service_account: match service_account {
            Some(ServiceAccountVerdict::Keep { key, .. }) => Some(*key),
            _ => None,
        },
        nodes,
        test_only: index.is_some_and(|index| index.test_only),
    }))
}

/// What is kept of these profiles.
fn kept(
    profiles: Vec<CertificateProfile>,
    verdicts: &mut BTreeMap<&'static str, Verdict>,
) -> Vec<Settled> {
    let both = profiles.into_iter().filter_map(|profile| {
        let Some(Verdict::Keep(kept)) = verdicts.remove(profile.name) else {
            return None;
        };
        Some(Settled::of(&profile, *kept))
    });
    both.collect()
}

/// [`base_path`]s of everything that is planned.
fn own_bases(assessment: &Assessment) -> BTreeSet<String> {
    let shared = assessment.shared.profiles.iter();
    let shared = shared.map(|profile| profile.base_name.to_owned());
    let nodes = assessment.nodes.iter().flat_map(|node| {
        let profiles = node.profiles.iter();
        profiles.map(|profile| base_path(profile, &node.name))
    });
    shared.chain(nodes).collect()
}

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

/// One key for every verdict that asks for one: those of the CAs, of service accounts, then node by node in the order of the
/// profiles.
fn make_wanted_keys(
    assessment: &Assessment,
    source: &dyn KeySource,
    progress: ProgressFn<'_>,
) -> Result<Vec<PrivateKey>, PkiError> {
    fn wanted<'a>(
        profiles: &'a [CertificateProfile],
        verdicts: &'a BTreeMap<&'static str, Verdict>,
        node: Option<&'a str>,
    ) -> impl Iterator<Item = KeyRequest<'a>> {
        profiles
            .iter()
            .filter(|profile| matches!(verdicts.get(profile.name), Some(Verdict::Issue(_))))
            .map(move |profile| KeyRequest {
                name: profile.name,
                node,
                algorithm: profile.key_algorithm,
            })
    }
    let shared = &assessment.shared;
    let service_account = match shared.service_account {
        Some(ServiceAccountVerdict::Make { algorithm }) => Some(KeyRequest {
            name: SERVICE_ACCOUNT,
            node: None,
            algorithm,
        }),
        _ => None,
    };
    let nodes = assessment
        .nodes
        .iter()
        .flat_map(|node| wanted(&node.profiles, &node.verdicts, Some(node.name.as_str())));
    let requests: Vec<_> = wanted(&shared.profiles, &shared.verdicts, None)
        .chain(service_account)
        .chain(nodes)
        .collect();
    make_keys(source, &requests, progress).map_err(PkiError::MakeKey)
}

/// The service account key, made if there is none, and its public half.
fn settle_service_account(
    verdict: ServiceAccountVerdict,
    keys: &mut dyn Iterator<Item = PrivateKey>,
    store: &mut StoreContents,
    index: &mut StoreIndex,
    changes: &mut Vec<StoreChange>,
) -> Result<PrivateKey, PkiError> {
    let (key, public_missing) = match verdict {
        ServiceAccountVerdict::Keep {
            key,
            public_missing,
        } => {
            if public_missing {
                changes.push(StoreChange {
                    path: "sa.pub".to_owned(),
                    kind: StoreChangeKind::Derived,
                    why: "not in the key store; computed from `sa.key`".into(),
                });
            }
            (*key, public_missing)
        }
        ServiceAccountVerdict::Make { .. } => {
            let key = keys.next().ok_or(MISSING_KEY)?;
            store.files.insert("sa.key".to_owned(), key.pem());
            index.service_account = Some(KeyRecord {
                key_algorithm: key.scheme().to_string(),
                spki: key.spki_digest(),
            });
            changes.push(StoreChange {
                path: "sa.key".to_owned(),
                kind: StoreChangeKind::Issued,
                why: "not in the key store yet".into(),
            });
            (key, true)
        }
    };
    if public_missing {
        let public = SecretBytes::from_text(key.public_pem());
        store.files.insert("sa.pub".to_owned(), public);
    }
    Ok(key)
}

/// Settles the leaves of one node. Also returns whether the node creates the cluster, and what was issued for it.
fn settle_node(
    mut node: NodeAssessment,
    keys: Vec<PrivateKey>,
    authorities: &[(CertificateProfile, Kept)],
    now: Timestamp,
    source: &dyn KeySource,
) -> Result<(NodeMaterial, bool, Vec<Issued>), PkiError> {
    let mut keys = keys.into_iter();
    let mut issued = Vec::new();
    let mut leaves = Vec::with_capacity(node.profiles.len());
    let issuing = Issuing {
        node: Some(&node.name),
        clock_tolerance: node.clock_tolerance,
        now,
        source,
    };
    for profile in std::mem::take(&mut node.profiles) {
        let Some(verdict) = node.verdicts.remove(profile.name) else {
            continue;
        };
        let signer = authorities.iter().find(|(ca, _)| ca.name == profile.signer);
        let signer = signer.map(|(_, kept)| kept);
        let kept = issuing.settle(&profile, verdict, signer, &mut keys, &mut issued)?;
        leaves.push(Settled::of(&profile, kept));
    }
    let settled = NodeMaterial {
        name: node.name,
        control_plane: node.control_plane,
        authorities: node.authorities,
        leaves: Some(leaves),
        credentials: Credentials::default(),
    };
    Ok((settled, node.makes_cluster, issued))
}

/// Puts issued pairs into the store, and adds them to `changes`.
fn record(
    store: &mut StoreContents,
    index: &mut StoreIndex,
    changes: &mut Vec<StoreChange>,
    issued: &mut Vec<Issued>,
) {
    for issued in issued.drain(..) {
        let certificate = format!("{}.crt", issued.base);
        changes.push(StoreChange {
            path: certificate.clone(),
            kind: if issued.wanted.replaces {
                StoreChangeKind::Reissued
            } else {
                StoreChangeKind::Issued
            },
            why: issued.wanted.why,
        });
        store.files.insert(certificate, issued.certificate);
        let key = format!("{}.key", issued.base);
        store.files.insert(key, issued.key);
        index.certificates.insert(issued.base, issued.record);
    }
}

/// A CA whose key is ready to sign; with repeatable signatures in a test run.
fn signing_form(kept: Kept, source: &dyn KeySource) -> Result<Kept, PkiError> {
    if !source.test_only() {
        return Ok(kept);
    }
    let key = kept.key.map(PrivateKey::with_deterministic_signatures);
    let key = key.transpose().map_err(PkiError::MakeKey)?;
    Ok(Kept { key, ..kept })
}
