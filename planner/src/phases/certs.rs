//! `certs/*`: certificates, their keys, the service account key pair.
//!
//! Without a key store there are only the directories. A directory belongs to `certs` where that is planned, else to the first
//! phase that needs it. The key of a CA may be kept elsewhere; any other
//! certificate needs its key on the node. A key comes before its certificate, as kubeadm writes them.

use super::{Keyed, OutlinedEntry, Part, PhaseContext, PlanError};
use crate::kubeadm::layout::{self, CERTIFICATE_FILES, Kind};
use crate::pki::certlist::is_external;
use crate::plan::ValueSource;
use crate::render::static_pod::paths::CERTIFICATES_DIR;

/// `certs/*` of `init`.
pub(crate) const INIT: &[Part] = &[
    Part::files("certs", directories),
    Part::files("certs/ca", certificate),
    Part::files("certs/apiserver", certificate),
    Part::files("certs/apiserver-kubelet-client", certificate),
    Part::files("certs/front-proxy-ca", certificate),
    Part::files("certs/front-proxy-client", certificate),
    Part::files("certs/etcd-ca", certificate),
    Part::files("certs/etcd-server", certificate),
    Part::files("certs/etcd-peer", certificate),
    Part::files("certs/etcd-healthcheck-client", certificate),
    Part::files("certs/apiserver-etcd-client", certificate),
    Part::files("certs/sa", service_account),
];

/// `control-plane-prepare/certs` of `join`. What control-plane nodes share is planned with their own certificates, so that there is nothing
/// to download.
pub(crate) const JOIN: &[Part] = &[
    Part::files(PREPARE, joining_directories),
    Part::files_of(PREPARE, "ca", certificate),
    Part::files_of(PREPARE, "apiserver", certificate),
    Part::files_of(PREPARE, "apiserver-kubelet-client", certificate),
    Part::files_of(PREPARE, "front-proxy-ca", certificate),
    Part::files_of(PREPARE, "front-proxy-client", certificate),
    Part::files_of(PREPARE, "etcd-ca", certificate),
    Part::files_of(PREPARE, "etcd-server", certificate),
    Part::files_of(PREPARE, "etcd-peer", certificate),
    Part::files_of(PREPARE, "etcd-healthcheck-client", certificate),
    Part::files_of(PREPARE, "apiserver-etcd-client", certificate),
    Part::files_of(PREPARE, "sa", downloaded_service_account),
];

/// kubeadm has one phase for all certificates of a node that joins.
pub(crate) const PREPARE: &str = "control-plane-prepare/certs";

/// The directories of everything below `certs` that is planned.
fn directories(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    let tree = context.selection.tree();
    let below: Vec<&str> = tree
        .with_children("certs")
        .filter(|name| context.selection.includes(name))
        .filter_map(|name| name.strip_prefix("certs/"))
        .filter(|name| !is_external(context.config, name))
        .collect();
    if below.is_empty() {
        return Ok(Vec::new());
    }
    let etcd = below.iter().any(|name| is_in_etcd_directory(name));
    directories_for(phase, context, etcd)
}

/// Whether the certificate lies in the directory of etcd's certificates.
fn is_in_etcd_directory(name: &str) -> bool {
    CERTIFICATE_FILES
        .iter()
        .any(|(known, base)| *known == name && base.contains('/'))
}

/// `/etc/kubernetes` and the directories of certificates; with `etcd` also that of etcd's.
fn directories_for(
    phase: &Part,
    context: &PhaseContext<'_>,
    etcd: bool,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    let certificates_dir = &layout::cleaned(&context.config.cluster.certificates_dir);
    let mut directories = vec![phase.kubernetes_directory()?];
    // The directory of kubeconfigs can serve for certificates too.
    if certificates_dir != layout::KUBERNETES_DIR {
        directories.push(phase.directory(
            Kind::OpenDirectory,
            certificates_dir,
            CERTIFICATES_DIR,
        )?);
    }
    if etcd {
        directories.push(phase.directory(
            Kind::OpenDirectory,
            &layout::etcd_certificates_dir(certificates_dir),
            CERTIFICATES_DIR,
        )?);
    }
    Ok(directories)
}

/// The directories of a node that joins: kubeadm has one phase for all of its certificates.
fn joining_directories(
    phase: &Part,
    context: &PhaseContext<'_>,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    let etcd = context.config.cluster.etcd.external.is_none();
    directories_for(phase, context, etcd)
}

/// One certificate and its key.
fn certificate(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    let name = phase.item();
    if is_external(context.config, name) {
        return Ok(Vec::new());
    }
    let mut entries = directories_for(phase, context, is_in_etcd_directory(name))?;
    let (_, base) = CERTIFICATE_FILES
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| PlanError::Phase(phase.phase.to_owned()))?;
    let directory = &context.config.cluster.certificates_dir;
    entries.extend([
        phase.entry(
            Kind::PrivateKey,
            &layout::private_key(directory, base),
            Keyed::PrivateKey(name),
            from_certificates_dir(),
        )?,
        phase.entry(
            Kind::Certificate,
            &layout::certificate(directory, base),
            Keyed::Certificate(name),
            from_certificates_dir(),
        )?,
    ]);
    Ok(entries)
}

/// The key pair that signs service account tokens.
fn service_account(
    phase: &Part,
    context: &PhaseContext<'_>,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    service_account_as(Kind::ServiceAccountPublicKey, phase, context)
}

/// The same with `join`: kubeadm writes what it downloaded as it writes certificates.
fn downloaded_service_account(
    phase: &Part,
    context: &PhaseContext<'_>,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    service_account_as(Kind::Certificate, phase, context)
}

/// The key pair, its public half as `public`.
fn service_account_as(
    public: Kind,
    phase: &Part,
    context: &PhaseContext<'_>,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    let mut entries = directories_for(phase, context, false)?;
    let directory = &context.config.cluster.certificates_dir;
    entries.extend([
        phase.entry(
            Kind::PrivateKey,
            &layout::service_account_private_key(directory),
            Keyed::ServiceAccountKey,
            from_certificates_dir(),
        )?,
        phase.entry(
            public,
            &layout::service_account_public_key(directory),
            Keyed::ServiceAccountPublicKey,
            from_certificates_dir(),
        )?,
    ]);
    Ok(entries)
}

fn from_certificates_dir() -> Vec<ValueSource> {
    vec![ValueSource {
        value: "path".to_owned(),
        from: CERTIFICATES_DIR.to_owned(),
    }]
}
