//! What control-plane nodes share, as discovery fetched it, in the place of a key store.
//!
//! In: the join facts and their secrets. Out: the material of the node, or why the host cannot become a control-plane node: the conditions
//! of kubeadm v1.36.2, cmd/kubeadm/app/cmd/phases/join/preflight.go (checkIfReadyForAdditionalControlPlane). A CA that is missing is never
//! made: the node would be of another cluster.

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::join_facts::JoinSecrets;
use kubeplan_bundle::timestamp::Timestamp;

use crate::cli::certs::unfit;
use crate::cli::io::Progress;
use crate::cli::{CliError, Io};
use crate::config::ValidConfig;
use crate::pki::certificate::Certificate;
use crate::pki::key_source::KeySource;
use crate::pki::{self, Ensured, Material, StoreContents};

/// What has to be there; the keys of CAs may be kept elsewhere.
const NEEDED: &[&str] = &["ca.crt", "sa.key", "sa.pub", "front-proxy-ca.crt"];
/// What has to be there unless etcd is external.
const NEEDED_OF_ETCD: &str = "etcd/ca.crt";
/// Files of an external etcd's clients, which lie where the cluster's configuration says.
const EXTERNAL_ETCD: &str = "external-etcd";

/// The material of a control-plane node: what is shared, and new leaves.
pub(super) fn ensure(
    config: &ValidConfig,
    secrets: &JoinSecrets,
    now: Timestamp,
    source: &dyn KeySource,
    io: &mut Io,
) -> Result<Ensured, CliError> {
    check(config, secrets)?;
    if secrets
        .files
        .keys()
        .any(|name| name.starts_with(EXTERNAL_ETCD))
    {
        io.say(
            "warning: the client files of the external etcd are not in the plan; they have to be where ClusterConfiguration.etcd.external says, and preflight looks for them",
        );
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
    let progress = Progress::new(io, "making keys");
    pki::ensure(config, contents, now, source, &|keys| {
        progress.show(keys.done, keys.total)
    })
    .map_err(unfit)
}

/// kubeadm's conditions, all that are missing at once.
fn check(config: &ValidConfig, secrets: &JoinSecrets) -> Result<(), CliError> {
    let mut missing = Vec::new();
    if config.cluster.control_plane_endpoint.is_empty() {
        missing.push(
            "unable to add a new control plane instance to a cluster that doesn't have a stable controlPlaneEndpoint address"
                .to_owned(),
        );
    }
    let etcd = Some(NEEDED_OF_ETCD).filter(|_| config.cluster.etcd.external.is_none());
    let absent: Vec<&str> = NEEDED
        .iter()
        .copied()
        .chain(etcd)
        .filter(|name| !secrets.files.contains_key(*name))
        .collect();
    if !absent.is_empty() {
        missing.push(format!(
            "of the certificates that control plane instances share, {} {} missing",
            absent.join(", "),
            if absent.len() == 1 { "is" } else { "are" }
        ));
    }
    if missing.is_empty() {
        return refuse_external(secrets);
    }
    let mut error = CliError::usage(format!(
        "One or more conditions for hosting a new control plane instance is not satisfied: {}",
        missing.join("; ")
    ));
    if config.cluster.control_plane_endpoint.is_empty() {
        error = error.hint(
            "set controlPlaneEndpoint in the ConfigMap kubeadm-config and make sure that the certificates of the API servers name it",
        );
    }
    if !absent.is_empty() {
        error = error.hint(
            "run `kubeadm init phase upload-certs --upload-certs` on a control-plane node, then `kubeapply discover --control-plane` on this host with the certificate key it prints",
        );
    }
    Err(error)
}

/// CAs whose keys may be kept elsewhere, by the base names of their files.
const AUTHORITIES: [&str; 3] = ["ca", "front-proxy-ca", "etcd/ca"];

/// A CA without its key signs nothing here, and there is no key store for leaves that it signed elsewhere.
fn refuse_external(secrets: &JoinSecrets) -> Result<(), CliError> {
    let has = |base: &str, end: &str| secrets.files.contains_key(&format!("{base}.{end}"));
    let external: Vec<String> = AUTHORITIES
        .into_iter()
        .filter(|base| has(base, "crt") && !has(base, "key"))
        .map(|base| format!("{base}.key"))
        .collect();
    if external.is_empty() {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "the cluster did not share {}, so nobody can sign the certificates of this node here",
        external.join(", ")
    ))
    .hint(
        "with CAs that are kept elsewhere, plan the node in the cluster's inventory: `kubeplan certs generate-csr`, then `kubeplan plan` without --join",
    ))
}

/// Every CA certificate among the shared ones is one that the cluster was discovered with, or signed one of those: a CA may have its own
/// issuers in its file.
pub(super) fn same_cluster(discovered: &Certificate, material: &Material) -> Result<(), CliError> {
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
    Err(CliError::new(
        Exit::Refused,
        "the CA among the shared certificates is not the one that the cluster was discovered with",
    )
    .hint("run `kubeapply discover` again; if it stays so, the Secret kubeadm-certs is of another cluster"))
}
