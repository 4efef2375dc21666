//! Validates the flags of the control plane's components. kubeadm passes them on as they are; a component exits because of one that it does
//! not know, or whose value it cannot read. Names and types: `kubeadm::flags`.
//!
//! A wrong value is an error. An unknown name is a warning, because another program can be in the image. Those of etcd are checked only
//! if the image is that of kubeadm.

use super::super::draft::Draft;
use super::super::kubelet::normalised;
use crate::kubeadm::flags::{Component, Presence};
use crate::kubeadm::releases::Release;
use crate::schema::Kind;
use crate::suggest::nearest;

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
    (Component::Etcd, "etcd", ETCD),
];

const ETCD: &str = "etcd.local.extraArgs";

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
        let is_kubeadms = *component != Component::Etcd
            || ["imageTag", "imageRepository"].iter().all(|field| {
                draft
                    .text(Kind::Cluster, &format!("etcd.local.{field}"))
                    .is_empty()
            });
        for item in draft.items(Kind::Cluster, list) {
            let path = format!("{item}.name");
            let name = normalised(&draft.text(Kind::Cluster, &path));
            if is_kubeadms {
                check_name(draft, (*component, program), release, &path, &name);
            }
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

/// Warns of a flag that the component does not have.
fn check_name(
    draft: &mut Draft,
    (component, program): (Component, &str),
    release: &Release,
    path: &str,
    name: &str,
) {
    // Names that cannot be flags are errors already.
    if name.is_empty() || name.starts_with('-') {
        return;
    }
    let (has_not, hint) = match component.presence(name, release) {
        Presence::Has => return,
        Presence::RemovedIn(minor) => (
            format!("no longer has the flag `--{name}`, which 1.{minor} removed"),
            "remove it from extraArgs".to_owned(),
        ),
        Presence::Unknown => (
            format!("does not have a flag `--{}`", name.escape_debug()),
            match nearest(name, component.names(release)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "correct the name, or remove it from extraArgs".to_owned(),
            },
        ),
    };
    let message = match component {
        Component::Etcd => format!("{program} {has_not}, and exits because of it"),
        _ => format!(
            "{program} of Kubernetes 1.{} {has_not}, and exits because of it",
            release.minor
        ),
    };
    draft.warn(Kind::Cluster, path, message, &hint);
}

#[cfg(test)]
mod tests {
    use crate::config::{Severity, Source, load};

    fn warnings(text: &str) -> Vec<String> {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n{text}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nlocalAPIEndpoint: {{advertiseAddress: 10.0.0.11}}\nnodeRegistration: {{name: cp1}}\n"
        );
        let sources = [Source {
            name: "c.yaml",
            text: &text,
        }];
        let loaded = load(&sources, Default::default()).unwrap();
        let findings = loaded.warnings.findings().iter();
        let warnings = findings.filter(|finding| finding.severity == Severity::Warning);
        warnings
            .map(|finding| {
                let hint = finding.hint.as_deref().unwrap_or_default();
                format!("{}: {} ({hint})", finding.path, finding.message)
            })
            .collect()
    }

    #[test]
    fn a_flag_that_a_component_does_not_have_is_warned_of() {
        for (component, name, program, meant) in [
            ("apiServer", "audit-log-path", "", ""),
            ("apiServer", "audit_log_path", "", ""),
            ("apiServer", "vmodule", "", ""),
            ("apiServer", "audit-webhook-mode", "", ""),
            (
                "apiServer",
                "audit-log-pth",
                "kube-apiserver of Kubernetes 1.36",
                "`audit-log-path`",
            ),
            (
                "controllerManager",
                "alocate-node-cidrs",
                "kube-controller-manager of Kubernetes 1.36",
                "`allocate-node-cidrs`",
            ),
            ("controllerManager", "enable-leader-migration", "", ""),
            ("scheduler", "config", "", ""),
            (
                "scheduler",
                "etcd-servers",
                "kube-scheduler of Kubernetes 1.36",
                "",
            ),
            ("etcd: {local", "quota-backend-bytes", "", ""),
            ("etcd: {local", "enable-v2", "", ""),
            (
                "etcd: {local",
                "quota-backend-byte",
                "etcd",
                "`quota-backend-bytes`",
            ),
        ] {
            let close = if component.contains('{') { "}" } else { "" };
            let text = format!(
                "kubernetesVersion: v1.36.2\n{component}: {{extraArgs: [{{name: {name}, value: '1'}}]}}{close}\n"
            );
            let found = warnings(&text);
            if program.is_empty() {
                assert_eq!(found, [""; 0], "{name}");
                continue;
            }
            let path = match component.split_once(": {") {
                Some((outer, inner)) => format!("{outer}.{inner}"),
                None => component.to_owned(),
            };
            let [found] = found.as_slice() else {
                panic!("{name}: {found:?}");
            };
            let start = format!(
                "ClusterConfiguration.{path}.extraArgs[0].name: {program} does not have a flag `--{name}`, and exits because of it ("
            );
            assert!(found.starts_with(&start), "{found}");
            assert!(found.contains(meant), "{found}");
        }
    }

    #[test]
    fn flags_are_those_of_the_release_and_an_image_of_the_user_may_have_others() {
        let of = |version: &str, rest: &str| {
            warnings(&format!("kubernetesVersion: {version}\n{rest}\n"))
        };
        let new = "apiServer: {extraArgs: [{name: tls-curve-preferences, value: X25519}]}";
        assert_eq!(of("v1.36.2", new), [""; 0]);
        let found = of("v1.34.4", new);
        assert!(
            matches!(found.as_slice(), [one] if one.contains("kube-apiserver of Kubernetes 1.34 does not have a flag")),
            "{found:?}"
        );
        let etcd = |image: &str| {
            format!("etcd: {{local: {{{image}extraArgs: [{{name: own-flag, value: x}}]}}}}")
        };
        assert_eq!(of("v1.36.2", &etcd("")).len(), 1);
        assert_eq!(of("v1.36.2", &etcd("imageTag: 4.0.0-0, ")), [""; 0]);
        let own = "imageRepository: registry.example.com/own, ";
        assert_eq!(of("v1.36.2", &etcd(own)), [""; 0]);
    }
}
