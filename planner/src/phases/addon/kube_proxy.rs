//! `addon/kube-proxy`: Services on every node.
//!
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/phases/addons/proxy.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, EnvVar, EnvVarSource, HostPathVolumeSource,
    ObjectFieldSelector, PodSpec, PodTemplateSpec, ResourceRequirements, SecurityContext,
    ServiceAccount, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::coredns::linux;
use crate::config::ValidConfig;
use crate::phases::{Part, PhaseContext};
use crate::render::objects::{
    ApiObject, KUBE_SYSTEM, NODE_BOOTSTRAPPERS, ObjectError, component_hash, metadata, rbac,
};
use crate::render::static_pod::{images, paths, proxy_variables};
use crate::yaml::write::to_go_yaml;

/// Name of the DaemonSet, its ServiceAccount, its ConfigMap, its Role and its volume.
const NAME: &str = "kube-proxy";
const CONFIG_DIR: &str = "/var/lib/kube-proxy";
const LOCK: &str = "/run/xtables.lock";
const MODULES: &str = "/lib/modules";

/// `addon/kube-proxy`.
pub(crate) const INIT: &[Part] = &[Part::objects("addon/kube-proxy", objects)];

/// ConfigMap, DaemonSet, ServiceAccount, RBAC: in kubeadm's order, the account after what uses it.
fn objects(context: &PhaseContext<'_>) -> Result<Vec<ApiObject>, ObjectError> {
    let config = context.config;
    let service_account = ServiceAccount {
        metadata: metadata(Some(KUBE_SYSTEM), NAME),
        ..ServiceAccount::default()
    };
    let (image, image_from) = images::kubernetes(config, NAME).into_parts();
    let image_from: Vec<(&str, &str)> = image_from
        .iter()
        .map(|from| ("spec.template.spec.containers[0].image", from.as_str()))
        .collect();
    Ok(vec![
        config_map(config)?,
        ApiObject::public(&daemon_set(config, image), &image_from)?,
        ApiObject::public(&service_account, &[])?,
        rbac::cluster_role_binding(
            "kubeadm:node-proxier",
            "system:node-proxier",
            rbac::service_account(KUBE_SYSTEM, NAME),
        )?,
        rbac::role_to_get(KUBE_SYSTEM, NAME, "configmaps", NAME)?,
        rbac::role_binding(KUBE_SYSTEM, NAME, vec![rbac::group(NODE_BOOTSTRAPPERS)])?,
    ])
}

fn config_map(config: &ValidConfig) -> Result<ApiObject, ObjectError> {
    // kubeadm writes both texts without their last line feed.
    let configuration = to_go_yaml(&config.kube_proxy.value);
    let data = BTreeMap::from([
        (
            "config.conf".to_owned(),
            configuration.trim_end_matches('\n').to_owned(),
        ),
        (
            "kubeconfig.conf".to_owned(),
            kubeconfig(&config.control_plane_url()),
        ),
    ]);
    let config_map = ConfigMap {
        metadata: ObjectMeta {
            annotations: component_hash::annotations(&config.kube_proxy, &data),
            labels: Some(BTreeMap::from([("app".to_owned(), NAME.to_owned())])),
            ..metadata(Some(KUBE_SYSTEM), NAME)
        },
        data: Some(data),
        ..ConfigMap::default()
    };
    let server = "data.kubeconfig.conf: clusters[0].cluster.server";
    let mut sources = vec![("data.config.conf", "KubeProxyConfiguration")];
    match config.control_plane_endpoint {
        Some(_) => sources.push((server, paths::CONTROL_PLANE_ENDPOINT)),
        None => sources.extend([
            (server, paths::ADVERTISE_ADDRESS),
            (server, paths::BIND_PORT),
        ]),
    }
    ApiObject::public(&config_map, &sources)
}

/// How kube-proxy finds the API server: with its service account. The keys stand in kubeadm's order, not sorted.
fn kubeconfig(server: &str) -> String {
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    [
        "apiVersion: v1",
        "kind: Config",
        "clusters:",
        "- cluster:",
        &format!("    certificate-authority: {account}/ca.crt"),
        &format!("    server: {server}"),
        "  name: default",
        "contexts:",
        "- context:",
        "    cluster: default",
        "    namespace: default",
        "    user: default",
        "  name: default",
        "current-context: default",
        "users:",
        "- name: default",
        "  user:",
        &format!("    tokenFile: {account}/token"),
    ]
    .join("\n")
}

fn daemon_set(config: &ValidConfig, image: String) -> DaemonSet {
    let labels = || BTreeMap::from([("k8s-app".to_owned(), NAME.to_owned())]);
    DaemonSet {
        metadata: ObjectMeta {
            labels: Some(labels()),
            ..metadata(Some(KUBE_SYSTEM), NAME)
        },
        spec: Some(DaemonSetSpec {
            selector: LabelSelector {
                match_labels: Some(labels()),
                match_expressions: None,
            },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(config, image)),
            },
            update_strategy: Some(DaemonSetUpdateStrategy {
                rolling_update: None,
                type_: Some("RollingUpdate".to_owned()),
            }),
            ..DaemonSetSpec::default()
        }),
        status: None,
    }
}

fn pod(config: &ValidConfig, image: String) -> PodSpec {
    let node_name = EnvVar {
        name: "NODE_NAME".to_owned(),
        value: None,
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: "spec.nodeName".to_owned(),
            }),
            ..EnvVarSource::default()
        }),
    };
    let mount = |name: &str, path: &str, read_only: Option<bool>| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..VolumeMount::default()
    };
    let host_path = |name: &str, path: &str, type_: Option<&str>| Volume {
        name: name.to_owned(),
        host_path: Some(HostPathVolumeSource {
            path: path.to_owned(),
            type_: type_.map(str::to_owned),
        }),
        ..Volume::default()
    };
    let container = Container {
        name: NAME.to_owned(),
        image: Some(image),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec![
            "/usr/local/bin/kube-proxy".to_owned(),
            format!("--config={CONFIG_DIR}/config.conf"),
            "--hostname-override=$(NODE_NAME)".to_owned(),
        ]),
        env: Some([vec![node_name], proxy_variables(config)].concat()),
        resources: Some(ResourceRequirements::default()),
        security_context: Some(SecurityContext {
            privileged: Some(true),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(vec![
            mount(NAME, CONFIG_DIR, None),
            mount("xtables-lock", LOCK, None),
            mount("lib-modules", MODULES, Some(true)),
        ]),
        ..Container::default()
    };
    PodSpec {
        containers: vec![container],
        host_network: Some(true),
        node_selector: Some(linux()),
        priority_class_name: Some("system-node-critical".to_owned()),
        service_account_name: Some(NAME.to_owned()),
        tolerations: Some(vec![Toleration {
            operator: Some("Exists".to_owned()),
            ..Toleration::default()
        }]),
        volumes: Some(vec![
            Volume {
                name: NAME.to_owned(),
                config_map: Some(ConfigMapVolumeSource {
                    name: NAME.to_owned(),
                    ..ConfigMapVolumeSource::default()
                }),
                ..Volume::default()
            },
            host_path("xtables-lock", LOCK, Some("FileOrCreate")),
            host_path("lib-modules", MODULES, None),
        ]),
        ..PodSpec::default()
    }
}
