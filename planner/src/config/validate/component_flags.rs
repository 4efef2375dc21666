//! Validates the values of flags of the control plane's components. kubeadm passes them on as they are; a component that cannot
//! read one exits. Types: `kubeadm::flags`.

use super::super::draft::Draft;
use super::super::kubelet::normalised;
use crate::kubeadm::flags::Component;
use crate::schema::Kind;

const COMPONENTS: &[(Component, &str, &str)] = &[
    (
        Component::ApiServer,
        "kube-apiserver",
        "apiServer.extraArgs",
    ),
    (
        Component::ControllerManager,
        "kube-controller-manager",
        "controllerManager.extraArgs",
    ),
    (
        Component::Scheduler,
        "kube-scheduler",
        "scheduler.extraArgs",
    ),
];

/// Checks every flag of every component.
pub(super) fn check(draft: &mut Draft) {
    let Some(release) = draft.release() else {
        return;
    };
    for (component, program, list) in COMPONENTS {
        // What could not be decoded has no value here.
        if draft.is_wrong_below(Kind::Cluster, list) {
            continue;
        }
        for item in draft.items(Kind::Cluster, list) {
            let name = normalised(&draft.text(Kind::Cluster, &format!("{item}.name")));
            let path = format!("{item}.value");
            let value = draft.text(Kind::Cluster, &path);
            let ty = component.type_of(&name, release);
            if let Some(ty) = ty.filter(|ty| !ty.reads(&value)) {
                let message = format!(
                    "{program} of Kubernetes 1.{} exits because of `--{name}={}`",
                    release.minor,
                    value.escape_debug()
                );
                let hint = format!("write {}", ty.expected());
                draft.cluster_error(&path, message, &hint);
            }
        }
    }
}
