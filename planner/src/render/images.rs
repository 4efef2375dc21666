//! The images a control-plane node runs, in kubeadm's order.
//!
//! In: the configuration. Out: references. Those of static Pods are read from the very Pods that are rendered, so
//! the list cannot differ from them; kube-proxy, CoreDNS and the sandbox's image come from the release's row.
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/images/images.go`.

use super::static_pod::{
    PodContext, StaticPod, StaticPodError, etcd, images, kube_apiserver, kube_controller_manager,
    kube_scheduler,
};
use crate::config::{ValidConfig, is_disabled_by_skipping};

/// The images that `kubeadm init` pulls for the configured node: without those of addons whose phases are skipped.
///
/// # Errors
/// [`StaticPodError`] if a Pod cannot be made.
pub fn list(config: &ValidConfig) -> Result<Vec<String>, StaticPodError> {
    let cluster = &config.cluster;
    list_with(config, !cluster.proxy.disabled, !cluster.dns.disabled)
}

/// The images as `kubeadm config images list` prints them, which does not look at skipped phases.
///
/// # Errors
/// [`StaticPodError`] if a Pod cannot be made.
pub fn list_as_written(config: &ValidConfig) -> Result<Vec<String>, StaticPodError> {
    let wanted = |disabled: bool, field: &str| !disabled || is_disabled_by_skipping(config, field);
    let cluster = &config.cluster;
    list_with(
        config,
        wanted(
            cluster.proxy.disabled,
            "ClusterConfiguration.proxy.disabled",
        ),
        wanted(cluster.dns.disabled, "ClusterConfiguration.dns.disabled"),
    )
}

/// The image of the sandbox of every Pod, which the container runtime has to be configured with.
#[must_use]
pub fn sandbox(config: &ValidConfig) -> String {
    images::pause(config).value
}

fn list_with(
    config: &ValidConfig,
    kube_proxy: bool,
    coredns: bool,
) -> Result<Vec<String>, StaticPodError> {
    let context = PodContext::of_addresses(config);
    let mut list = Vec::new();
    for pod in [
        kube_apiserver::pod(&context)?,
        kube_controller_manager::pod(&context)?,
        kube_scheduler::pod(&context)?,
    ] {
        list.extend(images_of(pod));
    }
    if kube_proxy {
        list.push(images::kubernetes(config, "kube-proxy").value);
    }
    if coredns {
        list.push(images::coredns(config).value);
    }
    list.push(images::pause(config).value);
    if let Some(local) = &config.cluster.etcd.local {
        list.extend(images_of(etcd::pod(&context, local)?));
    }
    Ok(list)
}

fn images_of(pod: StaticPod) -> impl Iterator<Item = String> {
    let containers = pod.pod.spec.into_iter().flat_map(|spec| spec.containers);
    containers.filter_map(|container| container.image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{default_config, ha_config};

    #[test]
    fn images_come_in_kubeadms_order() {
        assert_eq!(
            list(&default_config()).unwrap(),
            [
                "registry.k8s.io/kube-apiserver:v1.36.2",
                "registry.k8s.io/kube-controller-manager:v1.36.2",
                "registry.k8s.io/kube-scheduler:v1.36.2",
                "registry.k8s.io/kube-proxy:v1.36.2",
                "registry.k8s.io/coredns/coredns:v1.14.2",
                "registry.k8s.io/pause:3.10.2",
                "registry.k8s.io/etcd:3.6.8-0",
            ]
        );
    }

    #[test]
    fn what_is_skipped_is_listed_and_not_pulled() {
        use crate::config::provenance::Origin;
        let mut config = default_config();
        let whole = list(&config).unwrap();
        config.cluster.proxy.disabled = true;
        let pulled = list(&config).unwrap();
        assert_eq!(pulled.len() + 1, whole.len());
        assert_eq!(list_as_written(&config).unwrap(), pulled);
        let rule = "InitConfiguration.skipPhases has `addon/kube-proxy`".into();
        let field = "ClusterConfiguration.proxy.disabled";
        config.provenance.record(field, Origin::Default { rule });
        assert_eq!(list(&config).unwrap(), pulled);
        assert_eq!(list_as_written(&config).unwrap(), whole);
    }

    #[test]
    fn repositories_tags_and_what_is_left_out_follow_the_configuration() {
        let mut config = ha_config();
        config.cluster.kubernetes_version = "v1.36.3-alpha.0.5+abc".into();
        config.cluster.dns.image_repository = "registry.k8s.io".into();
        config.cluster.dns.image_tag = "v9".into();
        let repository = "registry.example.com:5000/k8s";
        let listed = list(&config).unwrap();
        assert_eq!(
            listed[0],
            format!("{repository}/kube-apiserver:v1.36.3-alpha.0.5_abc")
        );
        assert_eq!(
            listed[4..],
            [
                "registry.k8s.io/coredns/coredns:v9".to_owned(),
                format!("{repository}/pause:3.10.2"),
                format!("{repository}/etcd:3.6.8-1"),
            ]
        );

        config.cluster.dns.image_repository = "registry.k8s.io/".into();
        assert_eq!(list(&config).unwrap()[4], "registry.k8s.io//coredns:v9");

        config.cluster.dns.disabled = true;
        config.cluster.proxy.disabled = true;
        config.cluster.etcd.local = None;
        let listed = list(&config).unwrap();
        assert_eq!(listed.len(), 4);
        assert_eq!(listed[3], format!("{repository}/pause:3.10.2"));
    }
}
