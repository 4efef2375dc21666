//! `certs/*`: certificates, their keys, the service account key pair.
//!
//! Without a key store there are only the folders. The key of a CA may be kept elsewhere; any other
//! certificate needs its key on the node. A key comes before its certificate, as kubeadm writes them.

use kubeplan_bundle::index::SecretClass;

use super::{MaterialSource, PhaseContext, PhaseDef, PlanError};
use crate::layout::{self, CERTIFICATE_FILES, Kind};
use crate::pki::certlist::is_external;
use crate::plan::{PlannedContent, PlannedEntry, ValueSource};
use crate::static_pod::flags::KUBEADM_DEFAULT;
use crate::static_pod::paths::CERTIFICATES_DIR;

/// Certificates that may come without a key.
const AUTHORITIES: &[&str] = &["ca", "front-proxy-ca", "etcd-ca"];

/// `/etc/kubernetes` and the folders of certificates.
pub(super) fn folders(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let certificates_dir = layout::trimmed(&context.config.cluster.certificates_dir);
    let mut folders =
        vec![phase.folder(Kind::OpenFolder, layout::KUBERNETES_DIR, KUBEADM_DEFAULT)?];
    // The folder of kubeconfigs can serve for certificates too.
    if certificates_dir != layout::KUBERNETES_DIR {
        folders.push(phase.folder(Kind::OpenFolder, certificates_dir, CERTIFICATES_DIR)?);
    }
    if context.config.cluster.etcd.external.is_none() {
        folders.push(phase.folder(
            Kind::OpenFolder,
            &layout::etcd_certificates_dir(certificates_dir),
            CERTIFICATES_DIR,
        )?);
    }
    Ok(folders)
}

/// One certificate and its key.
pub(super) fn certificate(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let MaterialSource::Issued(material) = context.material else {
        return Ok(Vec::new());
    };
    let name = phase.own_name();
    if is_external(context.config, name) {
        return Ok(Vec::new());
    }
    let (_, base) = CERTIFICATE_FILES
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| PlanError::Phase(phase.name.to_owned()))?;
    let issued = material
        .certificates
        .get(name)
        .ok_or_else(|| PlanError::NoCertificate(name.to_owned()))?;
    let folder = &context.config.cluster.certificates_dir;
    let mut entries = Vec::new();
    match &issued.key_pem {
        Some(key) => entries.push(phase.entry(
            Kind::PrivateKey,
            &layout::private_key(folder, base),
            PlannedContent::Secret {
                class: SecretClass::PrivateKey,
                bytes: key.clone(),
                spki: Some(issued.row.spki),
            },
            from_certificates_dir(),
        )?),
        None if AUTHORITIES.contains(&name) => {}
        None => return Err(PlanError::NoKey(name.to_owned())),
    }
    entries.push(phase.entry(
        Kind::Certificate,
        &layout::certificate(folder, base),
        PlannedContent::Public(issued.certificate_pem.clone().into_bytes()),
        from_certificates_dir(),
    )?);
    Ok(entries)
}

/// The key pair that signs service account tokens.
pub(super) fn service_account(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let MaterialSource::Issued(material) = context.material else {
        return Ok(Vec::new());
    };
    let folder = &context.config.cluster.certificates_dir;
    let pair = &material.service_account;
    Ok(vec![
        phase.entry(
            Kind::PrivateKey,
            &layout::service_account_private_key(folder),
            PlannedContent::Secret {
                class: SecretClass::PrivateKey,
                bytes: pair.key_pem.clone(),
                spki: Some(pair.spki),
            },
            from_certificates_dir(),
        )?,
        phase.entry(
            Kind::ServiceAccountPublicKey,
            &layout::service_account_public_key(folder),
            PlannedContent::Public(pair.public_pem.clone().into_bytes()),
            from_certificates_dir(),
        )?,
    ])
}

fn from_certificates_dir() -> Vec<ValueSource> {
    vec![ValueSource {
        value: "path".to_owned(),
        from: CERTIFICATES_DIR.to_owned(),
    }]
}
