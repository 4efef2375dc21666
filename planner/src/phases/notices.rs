//! What a user should hear about patches that apply: fields that vanish, patches of files that are not rendered.

use super::PlanError;
use crate::config::ValidConfig;
use crate::objects;
use crate::patches::Target;
use crate::static_pod::{
    PodContext, etcd, kube_apiserver, kube_controller_manager, kube_scheduler,
};

/// One line per patch that does less than it says.
///
/// # Errors
/// [`PlanError`] if a Pod or an object cannot be rendered.
pub fn patch_notices(config: &ValidConfig) -> Result<Vec<String>, PlanError> {
    let context = PodContext {
        config,
        external_ca: false,
    };
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
        let rendered = match target {
            Target::Etcd => match &config.cluster.etcd.local {
                Some(local) => etcd::pod(&context, local)?.document()?,
                None => {
                    notices.push(format!(
                        "{files}: etcd is external, so there is nothing to patch"
                    ));
                    continue;
                }
            },
            Target::KubeApiserver => kube_apiserver::pod(&context)?.document()?,
            Target::KubeControllerManager => kube_controller_manager::pod(&context)?.document()?,
            Target::KubeScheduler => kube_scheduler::pod(&context)?.document()?,
            Target::KubeletConfiguration => continue,
            Target::CoreDnsDeployment if config.cluster.dns.disabled => {
                notices.push(format!(
                    "{files}: CoreDNS is disabled, so there is nothing to patch"
                ));
                continue;
            }
            Target::CoreDnsDeployment => objects::coredns_deployment(config)?,
        };
        let unknown = config.patches.unknown_fields(target, &rendered);
        notices.extend(unknown.into_iter().map(|path| {
            format!("{files}: Kubernetes has no field {path}; it vanishes, as with kubeadm")
        }));
    }
    Ok(notices)
}
