//! What a user should hear about patches that apply: fields that vanish, patches of files that are not rendered.

use super::PlanError;
use crate::config::ValidConfig;
use crate::patches::Target;
use crate::static_pod::{
    PodContext, etcd, kube_apiserver, kube_controller_manager, kube_scheduler,
};

/// One line per patch that does less than it says.
///
/// # Errors
/// [`PlanError`] if a Pod cannot be rendered.
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
        let pod = match target {
            Target::Etcd => match &config.cluster.etcd.local {
                Some(local) => etcd::pod(&context, local)?,
                None => {
                    notices.push(format!(
                        "{files}: etcd is external, so there is nothing to patch"
                    ));
                    continue;
                }
            },
            Target::KubeApiserver => kube_apiserver::pod(&context)?,
            Target::KubeControllerManager => kube_controller_manager::pod(&context)?,
            Target::KubeScheduler => kube_scheduler::pod(&context)?,
            Target::KubeletConfiguration => continue,
            Target::CoreDnsDeployment => {
                notices.push(format!(
                    "{files}: patches of the CoreDNS Deployment are not supported yet, so this one has no effect"
                ));
                continue;
            }
        };
        let unknown = config.patches.unknown_fields(target, &pod.document()?);
        notices.extend(unknown.into_iter().map(|path| {
            format!("{files}: Kubernetes has no field {path}; it vanishes, as with kubeadm")
        }));
    }
    Ok(notices)
}
