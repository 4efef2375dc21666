//! `etcd/local`, with `join` `etcd-join`: the data directory and the static Pod of etcd; nothing when etcd is external.

use std::collections::BTreeMap;

use kubeplan_bundle::step::{EtcdClient, EtcdPods, JoinEtcd, PhaseName, Step};

use super::control_plane::manifest;
use super::{OutlinedEntry, Part, PhaseContext, PlanError, seconds};
use crate::kubeadm::layout::{self, Kind};
use crate::patches::Target;
use crate::render::objects::{KUBE_SYSTEM, ObjectError};
use crate::render::static_pod::etcd;
use crate::render::static_pod::paths::DATA_DIR;

/// `etcd/local`.
pub(crate) const INIT: &[Part] = &[Part::files("etcd/local", local)];

/// `etcd-join`. Its transaction is committed by the step that adds the member.
pub(crate) const JOIN: &[Part] = &[
    Part::files(ETCD_JOIN, joining),
    Part::step(ETCD_JOIN, join_etcd),
];

/// The phase that makes the node a member of etcd.
pub(crate) const ETCD_JOIN: &str = "etcd-join";
/// The transaction with the manifest of etcd.
pub(crate) const TRANSACTION: &str = "etcd";

/// The data directory, the directory of manifests, the Pod.
fn local(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    let Some(local) = &context.config.cluster.etcd.local else {
        return Ok(Vec::new());
    };
    let data_dir = &layout::cleaned(&local.data_dir);
    let mut entries = vec![phase.directory(Kind::ClosedDirectory, data_dir, DATA_DIR)?];
    entries.extend(phase.manifest_directories()?);
    entries.extend(manifest(phase, context, Target::Etcd)?);
    Ok(entries)
}

/// As [`local`], with the hole for the members that there are.
fn joining(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    let entries = local(phase, context)?;
    let holes: usize = entries.iter().map(|entry| entry.holes.len()).sum();
    if entries.is_empty() || holes == 1 {
        Ok(entries)
    } else {
        Err(PlanError::InitialCluster)
    }
}

/// No step with an external etcd.
fn join_etcd(phase: PhaseName, context: &PhaseContext<'_>) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    if config.cluster.etcd.external.is_some() {
        return Ok(None);
    }
    let directory = &config.cluster.certificates_dir;
    let labels = [("component", etcd::NAME), ("tier", "control-plane")];
    Ok(Some(Step::JoinEtcd(JoinEtcd {
        phase,
        member: config.node.name.clone(),
        peer_url: etcd::peer_url(config),
        pods: EtcdPods {
            namespace: KUBE_SYSTEM.to_owned(),
            labels: BTreeMap::from(labels.map(|(key, value)| (key.to_owned(), value.to_owned()))),
            client_urls: etcd::CLIENT_URLS_ANNOTATION.to_owned(),
        },
        client: EtcdClient {
            authority: layout::certificate(directory, "etcd/ca").parse()?,
            certificate: layout::certificate(directory, "etcd/healthcheck-client").parse()?,
            key: layout::private_key(directory, "etcd/healthcheck-client").parse()?,
        },
        transaction: TRANSACTION.parse()?,
        timeout_seconds: seconds(config.timeouts.etcd_api_call),
    })))
}
