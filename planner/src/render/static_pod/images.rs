//! Names of the images a cluster runs.
//!
//! In: the configuration. Out: `repository/name:tag` with where its parts come from.

use super::{Sourced, paths};
use crate::config::ValidConfig;

/// The registry of Kubernetes itself (kubeadm v1.36.2, cmd/kubeadm/app/images/images.go).
const DEFAULT_REPOSITORY: &str = "registry.k8s.io";

/// `repository/name:tag`.
fn reference(repository: &str, name: &str, tag: &str) -> String {
    format!("{repository}/{name}:{tag}")
}

/// The image of a component of Kubernetes itself, such as `kube-apiserver`.
pub(crate) fn kubernetes(config: &ValidConfig, name: &str) -> Sourced<String> {
    let tag = version_tag(&config.cluster.kubernetes_version);
    Sourced::new(
        reference(&config.cluster.image_repository, name, &tag),
        &[paths::IMAGE_REPOSITORY, paths::KUBERNETES_VERSION],
    )
}

/// The image of etcd.
pub(crate) fn etcd(config: &ValidConfig) -> Sourced<String> {
    let own_repository = match &config.cluster.etcd.local {
        Some(local) => local.image_repository.as_str(),
        None => "",
    };
    let (repository, repository_from) = if own_repository.is_empty() {
        (
            config.cluster.image_repository.as_str(),
            paths::IMAGE_REPOSITORY,
        )
    } else {
        (
            own_repository,
            "ClusterConfiguration.etcd.local.imageRepository",
        )
    };
    let tag = etcd_tag(config);
    let mut image = Sourced::new(
        reference(repository, "etcd", &tag.value),
        &[repository_from],
    );
    image.from.extend(tag.from);
    image
}

/// The tag of etcd's image.
pub(super) fn etcd_tag(config: &ValidConfig) -> Sourced<String> {
    let own_tag = match &config.cluster.etcd.local {
        Some(local) => local.image_tag.as_str(),
        None => "",
    };
    if own_tag.is_empty() {
        Sourced::new(
            config.release.etcd_image_tag.to_owned(),
            &["default: the etcd of this Kubernetes release"],
        )
    } else {
        Sourced::new(
            own_tag.to_owned(),
            &["ClusterConfiguration.etcd.local.imageTag"],
        )
    }
}

/// The image of CoreDNS. In the default registry it lies one directory deeper than in any other.
pub(crate) fn coredns(config: &ValidConfig) -> Sourced<String> {
    let dns = &config.cluster.dns;
    let (repository, repository_from) = if dns.image_repository.is_empty() {
        (&config.cluster.image_repository, paths::IMAGE_REPOSITORY)
    } else {
        (
            &dns.image_repository,
            "ClusterConfiguration.dns.imageRepository",
        )
    };
    let repository = if repository == DEFAULT_REPOSITORY {
        format!("{repository}/coredns")
    } else {
        repository.clone()
    };
    let (tag, tag_from) = if dns.image_tag.is_empty() {
        (
            config.release.coredns_image_tag,
            "default: the CoreDNS of this Kubernetes release",
        )
    } else {
        (dns.image_tag.as_str(), "ClusterConfiguration.dns.imageTag")
    };
    Sourced::new(
        reference(&repository, "coredns", tag),
        &[repository_from, tag_from],
    )
}

/// The image every Pod's sandbox runs.
pub(crate) fn pause(config: &ValidConfig) -> Sourced<String> {
    Sourced::new(
        reference(
            &config.cluster.image_repository,
            "pause",
            config.release.pause_image_tag,
        ),
        &[
            paths::IMAGE_REPOSITORY,
            "default: the pause image of this Kubernetes release",
        ],
    )
}

/// A version as a tag: what a tag cannot hold (such as `+`) becomes `_`.
fn version_tag(version: &str) -> String {
    version
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '.' => c,
            _ => '_',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_metadata_becomes_part_of_the_tag() {
        assert_eq!(version_tag("v1.36.2"), "v1.36.2");
        assert_eq!(
            version_tag("v1.36.3-alpha.0.5+abc"),
            "v1.36.3-alpha.0.5_abc"
        );
    }
}
