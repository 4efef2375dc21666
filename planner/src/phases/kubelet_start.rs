//! `kubelet-start`: the kubelet's files; starting it is a step of the bundle.

use kubeplan_bundle::step::{
    PhaseName, RequireFreeNodeName, StartService, Step, WaitForControlPlane,
};

use super::{
    Keyed, OutlinedEntry, Part, PhaseContext, PlanError, kubeconfig as kubeconfigs,
    kubeconfig_path, kubelet_service, seconds,
};
use crate::config::ValidConfig;
use crate::config::valid::{JoinCredential, Joining};
use crate::kubeadm::layout::{self, Kind};
use crate::pki::certlist::KUBELET;
use crate::plan::{PlannedContent, ValueSource};
use crate::render::kubelet::{self, SourcedText};
use crate::render::objects::ObjectError;
use crate::render::static_pod::flags::KUBEADM_DEFAULT;
use crate::render::static_pod::paths::CERTIFICATES_DIR;

/// `kubelet-start` of `init`.
pub(crate) const INIT: &[Part] = &[Part::files(PHASE, files), Part::step(PHASE, start_kubelet)];

/// `kubelet-start` of `join`.
pub(crate) const JOIN: &[Part] = &[
    Part::files(PHASE, joining_files),
    Part::step(PHASE, wait_for_control_plane),
    Part::step(PHASE, require_free_node_name),
    Part::step(PHASE, start_kubelet),
];

const PHASE: &str = "kubelet-start";

/// With `init`, in kubeadm's order: flags, instance configuration, configuration; then the drop-in if it is wanted.
fn files(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    let config = context.config;
    let mut entries = vec![
        phase.directory(Kind::ClosedDirectory, layout::KUBELET_DIR, KUBEADM_DEFAULT)?,
        flags(phase, config)?,
    ];
    entries.extend(instance_config(phase, config)?);
    entries.push(configuration(phase, context)?);
    entries.extend(drop_in(phase, config)?);
    Ok(entries)
}

/// With `join`, in kubeadm's order: the kubelet's credentials, the CA certificate, instance configuration, configuration, flags; then
/// the drop-in if it is wanted.
fn joining_files(
    phase: &Part,
    context: &PhaseContext<'_>,
) -> Result<Vec<OutlinedEntry>, PlanError> {
    let config = context.config;
    let joining = config
        .joining()
        .ok_or_else(|| PlanError::Phase(phase.phase.to_owned()))?;
    let mut entries = vec![
        phase.kubernetes_directory()?,
        credentials(phase, context, joining)?,
    ];
    let mut own =
        vec![phase.directory(Kind::ClosedDirectory, layout::KUBELET_DIR, KUBEADM_DEFAULT)?];
    let authority = authority(phase, context)?;
    // The CA can lie in the kubelet's directory, which then comes first.
    let in_own = format!("{}/", layout::KUBELET_DIR);
    let lies_in_own = |entry: &OutlinedEntry| entry.placement.path.as_str().starts_with(&in_own);
    if authority.iter().any(lies_in_own) {
        own.extend(authority);
        entries.extend(own);
    } else {
        entries.extend(authority);
        entries.append(&mut own);
    }
    entries.extend(instance_config(phase, config)?);
    entries.push(configuration(phase, context)?);
    entries.push(flags(phase, config)?);
    entries.extend(drop_in(phase, config)?);
    Ok(entries)
}

/// `kubelet.conf` with the certificate that was issued for it, or what the kubelet gets one with.
fn credentials(
    phase: &Part,
    context: &PhaseContext<'_>,
    joining: &Joining,
) -> Result<OutlinedEntry, PlanError> {
    match &joining.credential {
        JoinCredential::Certificate { .. } => {
            let file = crate::render::kubeconfig::find(KUBELET)
                .ok_or_else(|| PlanError::Phase(phase.phase.to_owned()))?;
            kubeconfigs::entry(phase, context, file)
        }
        JoinCredential::Bootstrap { kubeconfig, .. } => {
            kubeconfigs::bootstrap_entry(phase, context, kubeconfig)
        }
    }
}

/// The certificate of the cluster CA and its directory, unless it is one of the certificates of a control-plane node.
fn authority(phase: &Part, context: &PhaseContext<'_>) -> Result<Vec<OutlinedEntry>, PlanError> {
    let place = context.kubelet.ca_cert_path();
    let path = layout::cleaned(&place.value);
    let path = path.as_str();
    let certificates_dir = &layout::cleaned(&context.config.cluster.certificates_dir);
    let is_planned_elsewhere = path == layout::certificate(certificates_dir, "ca")
        && context.selection.includes("control-plane-prepare/certs");
    if is_planned_elsewhere {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    // A directory above /etc/kubernetes is there, and could not be placed after it.
    let is_there = format!("{}/", layout::KUBERNETES_DIR).starts_with(&format!("{directory}/"));
    if !is_there && directory != layout::KUBELET_DIR {
        let from = if directory == certificates_dir {
            CERTIFICATES_DIR
        } else {
            &place.from
        };
        entries.push(phase.directory(Kind::OpenDirectory, directory, from)?);
    }
    entries.push(phase.entry(
        Kind::Certificate,
        path,
        Keyed::Certificate("ca"),
        vec![ValueSource {
            value: "path".to_owned(),
            from: place.from,
        }],
    )?);
    Ok(entries)
}

fn file(phase: &Part, path: &str, file: SourcedText) -> Result<OutlinedEntry, PlanError> {
    let content = PlannedContent::Public(file.text.into_bytes());
    phase.entry(Kind::KubeletFile, path, content, file.sources)
}

fn flags(phase: &Part, config: &ValidConfig) -> Result<OutlinedEntry, PlanError> {
    file(phase, layout::KUBELET_FLAGS, kubelet::flags_env(config))
}

fn instance_config(phase: &Part, config: &ValidConfig) -> Result<Option<OutlinedEntry>, PlanError> {
    kubelet::has_instance_config(config)
        .then(|| {
            let text = kubelet::instance_config_yaml(config);
            file(phase, layout::KUBELET_INSTANCE_CONFIG, text)
        })
        .transpose()
}

fn configuration(phase: &Part, context: &PhaseContext<'_>) -> Result<OutlinedEntry, PlanError> {
    let text = context.kubelet_texts.config_yaml(context.config)?;
    file(phase, layout::KUBELET_CONFIG, SourcedText::clone(&text))
}

fn drop_in(phase: &Part, config: &ValidConfig) -> Result<Vec<OutlinedEntry>, PlanError> {
    if !config.node.kubelet_drop_in {
        return Ok(Vec::new());
    }
    let unit = kubelet::drop_in();
    let content = PlannedContent::Public(unit.text.into_bytes());
    Ok(vec![
        phase.directory(
            Kind::OpenDirectory,
            layout::KUBELET_DROP_IN_DIR,
            KUBEADM_DEFAULT,
        )?,
        phase.entry(Kind::Unit, layout::KUBELET_DROP_IN, content, unit.sources)?,
    ])
}

/// Starts the kubelet.
fn start_kubelet(phase: PhaseName, _: &PhaseContext<'_>) -> Result<Option<Step>, ObjectError> {
    Ok(Some(Step::StartService(StartService {
        phase,
        service: kubelet_service()?,
    })))
}

/// The kubeconfig of the node that reaches the cluster before its own API server runs. On a control-plane node that is the
/// administrator's: the kubelet's points at the node itself.
fn cluster_kubeconfig(config: &ValidConfig) -> &'static str {
    if config.is_control_plane() {
        "admin.conf"
    } else if config.membership.kubelet_bootstraps() {
        "bootstrap-kubelet.conf"
    } else {
        "kubelet.conf"
    }
}

/// A planned node may be installed before the cluster runs.
fn wait_for_control_plane(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    Ok(Some(Step::WaitForControlPlane(WaitForControlPlane {
        phase,
        kubeconfig: kubeconfig_path(cluster_kubeconfig(config))?,
        timeout_seconds: seconds(config.timeouts.discovery),
    })))
}

/// Only where the name was not given away with a certificate.
fn require_free_node_name(
    phase: PhaseName,
    context: &PhaseContext<'_>,
) -> Result<Option<Step>, ObjectError> {
    let config = context.config;
    if !config.membership.kubelet_bootstraps() {
        return Ok(None);
    }
    Ok(Some(Step::RequireFreeNodeName(RequireFreeNodeName {
        phase,
        node: config.node.name.clone(),
        // On a control-plane node its server is the node itself; the step uses the server of `Index.api`.
        bootstrap_kubeconfig: layout::BOOTSTRAP_KUBELET_CONF.parse()?,
        kubeconfig: kubeconfig_path("kubelet.conf")?,
    })))
}
