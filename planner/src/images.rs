//! The images a control-plane node runs, in kubeadm's order.
//!
//! In: the configuration. Out: references. Those of static Pods are read from the very Pods that are rendered, so
//! the list cannot differ from them; kube-proxy, CoreDNS and the sandbox's image come from the release's row.
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/images/images.go`.

use crate::config::ValidConfig;
use crate::static_pod::{
    PodContext, StaticPod, StaticPodError, etcd, images, kube_apiserver, kube_controller_manager,
    kube_scheduler,
};

/// The images of the configured node, as `kubeadm config images list` prints them.
///
/// # Errors
/// [`StaticPodError`] if a Pod cannot be made.
pub fn list(config: &ValidConfig) -> Result<Vec<String>, StaticPodError> {
    // An external CA changes flags, never images.
    let context = PodContext {
        config,
        external_ca: false,
    };
    let mut list = Vec::new();
    for pod in [
        kube_apiserver::pod(&context)?,
        kube_controller_manager::pod(&context)?,
        kube_scheduler::pod(&context)?,
    ] {
        list.extend(images_of(pod));
    }
    if !config.cluster.proxy.disabled {
        list.push(images::kubernetes(config, "kube-proxy").value);
    }
    if !config.cluster.dns.disabled {
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
