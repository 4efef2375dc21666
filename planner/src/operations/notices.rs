//! Notes for the user: patches that have less effect than they say, and phases that render nothing.

use super::live::LivePart;
use super::{Operation, live};
use crate::config::{ValidConfig, kubelet};
use crate::patches::Target;
use crate::phases::{PhaseContext, PlanError};
use crate::pki::MaterialSource;
use crate::plan::NodePlan;

/// Writes a line for each patch that has less effect than it says. `live` has the node's objects.
///
/// # Errors
/// [`PlanError`] if a Pod cannot be rendered.
pub(super) fn of_patches(
    operation: &Operation,
    context: &PhaseContext<'_>,
    live: &[LivePart],
) -> Result<Vec<String>, PlanError> {
    let (config, selection) = (context.config, context.selection);
    let mut notices = Vec::new();
    for target in Target::ALL {
        let files = config.patches.files().iter();
        let files: Vec<&str> = files
            .filter(|file| file.target == target)
            .map(|file| file.name.as_str())
            .collect();
        if files.is_empty() {
            continue;
        }
        let files = files.join(", ");
        let Some(phase) =
            (operation.phase_of_patch)(target).filter(|phase| selection.concerns(phase))
        else {
            let why = match target {
                Target::CoreDnsDeployment => {
                    "only the first control-plane node writes CoreDNS's Deployment"
                }
                _ => "only a control-plane node runs the Pod",
            };
            notices.push(format!("{files}: {why}, so there is nothing to patch"));
            continue;
        };
        if !selection.includes(phase) {
            notices.push(format!(
                "{files}: phase {phase} is skipped, so there is nothing to patch"
            ));
            continue;
        }
        let unknown: Vec<&str> = match target {
            Target::Etcd
            | Target::KubeApiserver
            | Target::KubeControllerManager
            | Target::KubeScheduler => {
                let Some(pod) = context.pods.get::<PlanError>(target)? else {
                    notices.push(format!(
                        "{files}: etcd is external, so there is nothing to patch"
                    ));
                    continue;
                };
                pod.unknown.iter().map(String::as_str).collect()
            }
            Target::KubeletConfiguration => {
                let patched = kubelet::document(config)?;
                notices.extend(patched.unknown.iter().map(|path| {
                    format!(
                        "{files}: KubeletConfiguration has no field {path}; the kubelet ignores it"
                    )
                }));
                continue;
            }
            Target::CoreDnsDeployment if config.cluster.dns.disabled => {
                notices.push(format!(
                    "{files}: CoreDNS is disabled, so there is nothing to patch"
                ));
                continue;
            }
            Target::CoreDnsDeployment => live::unknown_fields(live).collect(),
        };
        notices.extend(unknown.into_iter().map(|path| {
            format!("{files}: Kubernetes has no field {path}; it is dropped, as by kubeadm")
        }));
    }
    Ok(notices)
}

/// Writes a line for each phase of `names` that puts nothing into `plan`, with the reason.
#[must_use]
pub fn renders_nothing(
    operation: &Operation,
    names: &[&'static str],
    config: &ValidConfig,
    material: MaterialSource<'_>,
    plan: &NodePlan,
) -> Vec<String> {
    let selection = operation.selection(config);
    let is_planned = |name: &str| {
        let mut steps = plan.preflight.iter().chain(&plan.live.steps);
        steps.any(|it| it.phase().as_str() == name)
            || plan.entries.iter().any(|it| it.phase.as_str() == name)
            || plan.live.objects.iter().any(|it| it.phase.as_str() == name)
    };
    let mut notices = Vec::new();
    for name in names {
        let tree = selection.tree();
        if tree.with_children(name).any(is_planned) {
            continue;
        }
        let left = tree
            .with_children(name)
            .any(|name| selection.includes(name));
        let top = name.split('/').next().unwrap_or_default();
        let etcd_is_external = config.cluster.etcd.external.is_some();
        let why = if !tree.names.contains(name) {
            "the node's command has no such phase"
        } else if let Some(why) = reason(operation.always_empty, name) {
            why
        } else if !selection.concerns(name) {
            "it is for control-plane nodes"
        } else if !left {
            "it is skipped or disabled"
        } else if let Some(why) = reason(operation.empty_unless, top) {
            why
        } else {
            match top {
                "etcd" | "etcd-join" | "certs" if etcd_is_external => "etcd is external",
                "certs" if matches!(material, MaterialSource::None) => "there is no key store",
                _ => "the configuration gives it nothing to do",
            }
        };
        notices.push(format!("phase {name} has nothing to render: {why}"));
    }
    notices
}

fn reason(reasons: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let found = reasons.iter().find(|(known, _)| *known == name);
    found.map(|(_, why)| *why)
}
