//! `kubelet-start`: the kubelet's files; starting it is a step of the bundle.

use super::{MaterialSource, PhaseContext, PhaseDef, PlanError, kubeconfig as kubeconfigs};
use crate::config::ValidConfig;
use crate::config::valid::{JoinCredential, Joining};
use crate::kubelet::{self, SourcedText};
use crate::layout::{self, Kind};
use crate::pki::certlist::KUBELET;
use crate::plan::{PlannedContent, PlannedEntry, ValueSource};
use crate::static_pod::flags::KUBEADM_DEFAULT;
use crate::static_pod::paths::CERTIFICATES_DIR;

/// Where a joining node's place of the CA certificate is configured.
const CA_CERT_PATH: &str = "JoinConfiguration.caCertPath";

/// With `init`, in kubeadm's order: flags, instance configuration, configuration; then the drop-in if it is wanted.
pub(super) fn files(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let config = context.config;
    let mut entries = vec![
        phase.folder(Kind::ClosedFolder, layout::KUBELET_DIR, KUBEADM_DEFAULT)?,
        flags(phase, config)?,
    ];
    entries.extend(instance_config(phase, config)?);
    entries.push(configuration(phase, config)?);
    entries.extend(drop_in(phase, config)?);
    Ok(entries)
}

/// With `join`, in kubeadm's order: the kubelet's credentials, the CA certificate, instance configuration, configuration, flags; then
/// the drop-in if it is wanted.
pub(super) fn joining_files(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let config = context.config;
    let joining = config
        .joining()
        .ok_or_else(|| PlanError::Phase(phase.name.to_owned()))?;
    let mut entries = vec![
        phase.kubernetes_folder()?,
        credentials(phase, context, joining)?,
    ];
    entries.extend(authority(phase, context, joining)?);
    entries.push(phase.folder(Kind::ClosedFolder, layout::KUBELET_DIR, KUBEADM_DEFAULT)?);
    entries.extend(instance_config(phase, config)?);
    entries.push(configuration(phase, config)?);
    entries.push(flags(phase, config)?);
    entries.extend(drop_in(phase, config)?);
    Ok(entries)
}

/// `kubelet.conf` with the certificate that was issued for it, or what the kubelet gets one with.
fn credentials(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
    joining: &Joining,
) -> Result<PlannedEntry, PlanError> {
    match &joining.credential {
        JoinCredential::Certificate { .. } => {
            let file = crate::kubeconfig::find(KUBELET)
                .ok_or_else(|| PlanError::Phase(phase.name.to_owned()))?;
            kubeconfigs::entry(phase, context, file)
        }
        JoinCredential::Bootstrap { kubeconfig, .. } => {
            kubeconfigs::bootstrap_entry(phase, context, kubeconfig)
        }
    }
}

/// The certificate of the cluster CA and its folder, unless it is one of the certificates of a control-plane node.
fn authority(
    phase: &PhaseDef,
    context: &PhaseContext<'_>,
    joining: &Joining,
) -> Result<Vec<PlannedEntry>, PlanError> {
    let path = joining.ca_cert_path.as_str();
    let certificates_dir = layout::trimmed(&context.config.cluster.certificates_dir);
    let is_planned_elsewhere = path == layout::certificate(certificates_dir, "ca")
        && context.selection.includes("control-plane-prepare/certs");
    let certificate = match context.material {
        MaterialSource::Issued(material) => Some(
            material
                .certificates
                .get("ca")
                .ok_or_else(|| PlanError::NoCertificate("ca".to_owned()))?,
        ),
        MaterialSource::Worker(material) => Some(material.authority()),
        MaterialSource::None => None,
    };
    if is_planned_elsewhere {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if folder != layout::KUBERNETES_DIR {
        let from = if folder == certificates_dir {
            CERTIFICATES_DIR
        } else {
            CA_CERT_PATH
        };
        entries.push(phase.folder(Kind::OpenFolder, folder, from)?);
    }
    if let Some(certificate) = certificate {
        entries.push(phase.entry(
            Kind::Certificate,
            path,
            PlannedContent::Public(certificate.certificate_pem.clone().into_bytes()),
            vec![ValueSource {
                value: "path".to_owned(),
                from: CA_CERT_PATH.to_owned(),
            }],
        )?);
    }
    Ok(entries)
}

fn file(phase: &PhaseDef, path: &str, file: SourcedText) -> Result<PlannedEntry, PlanError> {
    let content = PlannedContent::Public(file.text.into_bytes());
    phase.entry(Kind::KubeletFile, path, content, file.sources)
}

fn flags(phase: &PhaseDef, config: &ValidConfig) -> Result<PlannedEntry, PlanError> {
    file(phase, layout::KUBELET_FLAGS, kubelet::flags_env(config))
}

fn instance_config(
    phase: &PhaseDef,
    config: &ValidConfig,
) -> Result<Option<PlannedEntry>, PlanError> {
    kubelet::has_instance_config(config)
        .then(|| {
            let text = kubelet::instance_config_yaml(config);
            file(phase, layout::KUBELET_INSTANCE_CONFIG, text)
        })
        .transpose()
}

fn configuration(phase: &PhaseDef, config: &ValidConfig) -> Result<PlannedEntry, PlanError> {
    file(phase, layout::KUBELET_CONFIG, kubelet::config_yaml(config)?)
}

fn drop_in(phase: &PhaseDef, config: &ValidConfig) -> Result<Vec<PlannedEntry>, PlanError> {
    if !config.node.kubelet_drop_in {
        return Ok(Vec::new());
    }
    let unit = kubelet::drop_in();
    let content = PlannedContent::Public(unit.text.into_bytes());
    Ok(vec![
        phase.folder(
            Kind::OpenFolder,
            layout::KUBELET_DROP_IN_DIR,
            KUBEADM_DEFAULT,
        )?,
        phase.entry(Kind::Unit, layout::KUBELET_DROP_IN, content, unit.sources)?,
    ])
}
