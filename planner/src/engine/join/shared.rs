//! Uses the certificates that control-plane nodes share, which discovery fetched, as a key store.
//!
//! In: the join facts and their secrets. Out: the material of the node, or why the host cannot become a control-plane node: the conditions
//! of kubeadm v1.36.2, cmd/kubeadm/app/cmd/phases/join/preflight.go (checkIfReadyForAdditionalControlPlane). A missing CA is never
//! made: the node would belong to another cluster.

use kubeplan_bundle::join_facts::JoinSecrets;
use kubeplan_bundle::timestamp::Timestamp;

use crate::config::ValidConfig;
use crate::engine::discovered::{Condition, JoinError};
use crate::engine::error::EngineError;
use crate::engine::notice::Notice;
use crate::engine::observer::Observer;
use crate::pki::certificate::Certificate;
use crate::pki::key_source::KeySource;
use crate::pki::{self, Ensured, Material, StoreContents};

/// Files that must be shared. The keys of CAs may be missing.
const NEEDED: &[&str] = &["ca.crt", "sa.key", "sa.pub", "front-proxy-ca.crt"];
/// A file that must be shared unless etcd is external.
const NEEDED_OF_ETCD: &str = "etcd/ca.crt";
/// The directory of client files for an external etcd; their places are in the cluster's configuration.
const EXTERNAL_ETCD: &str = "external-etcd";

/// Makes the material of a control-plane node: the shared certificates and new leaves.
pub(super) fn ensure(
    config: &ValidConfig,
    secrets: &JoinSecrets,
    now: Timestamp,
    source: &dyn KeySource,
    observer: &mut dyn Observer,
) -> Result<Ensured, EngineError> {
    check(config, secrets)?;
    if secrets
        .files
        .keys()
        .any(|name| name.starts_with(EXTERNAL_ETCD))
    {
        observer.notice(&Notice::Warning(
            "the client files of the external etcd are not in the plan; they have to be where ClusterConfiguration.etcd.external says, and preflight looks for them".to_owned(),
        ));
    }
    let files = secrets
        .files
        .iter()
        .filter(|(name, _)| !name.starts_with(EXTERNAL_ETCD))
        .map(|(name, bytes)| (name.clone(), bytes.clone()));
    let contents = StoreContents {
        files: files.collect(),
        index: None,
    };
    let progress = observer.progress("making keys");
    pki::ensure(config, contents, now, source, &|keys| {
        progress.show(keys.done, keys.total);
    })
    .map_err(EngineError::KeyStore)
}

/// Checks kubeadm's conditions, and returns all that are not met.
fn check(config: &ValidConfig, secrets: &JoinSecrets) -> Result<(), JoinError> {
    let mut missing = Vec::new();
    if config.cluster.control_plane_endpoint.is_empty() {
        missing.push(Condition::NoEndpoint);
    }
    let etcd = Some(NEEDED_OF_ETCD).filter(|_| config.cluster.etcd.external.is_none());
    let absent: Vec<&str> = NEEDED
        .iter()
        .copied()
        .chain(etcd)
        .filter(|name| !secrets.files.contains_key(*name))
        .collect();
    if !absent.is_empty() {
        missing.push(Condition::Missing(absent));
    }
    if missing.is_empty() {
        refuse_external(secrets)
    } else {
        Err(JoinError::NotReady(missing))
    }
}

/// CAs that may be external, by the base names of their files.
const AUTHORITIES: [&str; 3] = ["ca", "front-proxy-ca", "etcd/ca"];

/// Refuses CAs without keys: they sign nothing here, and there is no key store for leaves that were signed elsewhere.
fn refuse_external(secrets: &JoinSecrets) -> Result<(), JoinError> {
    let has = |base: &str, end: &str| secrets.files.contains_key(&format!("{base}.{end}"));
    let external: Vec<String> = AUTHORITIES
        .into_iter()
        .filter(|base| has(base, "crt") && !has(base, "key"))
        .map(|base| format!("{base}.key"))
        .collect();
    if external.is_empty() {
        Ok(())
    } else {
        Err(JoinError::ExternalAuthorities(external))
    }
}

/// Refuses shared CA certificates that the cluster was not discovered with. A CA's own issuers, which may be in its file, are accepted.
pub(super) fn same_cluster(discovered: &Certificate, material: &Material) -> Result<(), JoinError> {
    let shared = material
        .certificates
        .get("ca")
        .and_then(|ca| Certificate::authorities_from_pem(ca.certificate_pem.as_bytes()).ok());
    let mut known: Vec<&Certificate> = discovered.all().collect();
    let mut left: Vec<&Certificate> = shared.iter().flat_map(Certificate::all).collect();
    let is_one = |known: &[&Certificate], found: &Certificate| {
        known
            .iter()
            .any(|known| known.facts.spki == found.facts.spki)
    };
    let first = left.first().is_some_and(|first| is_one(&known, first));
    while let Some(next) = left.iter().position(|found| {
        is_one(&known, found) || known.iter().any(|known| known.is_signed_by(found))
    }) {
        known.push(left.remove(next));
    }
    if first && left.is_empty() {
        return Ok(());
    }
    Err(JoinError::OtherAuthority)
}
