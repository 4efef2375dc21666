//! Names of the images static Pods run.
//!
//! In: the configuration. Out: `repository/name:tag` with where its parts come from.

use super::{Sourced, paths};
use crate::config::ValidConfig;

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
    let (own_repository, own_tag) = match &config.cluster.etcd.local {
        Some(local) => (local.image_repository.as_str(), local.image_tag.as_str()),
        None => ("", ""),
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
    let (tag, tag_from) = if own_tag.is_empty() {
        (
            config.release.etcd_image_tag,
            "default: the etcd of this Kubernetes release",
        )
    } else {
        (own_tag, "ClusterConfiguration.etcd.local.imageTag")
    };
    Sourced::new(
        reference(repository, "etcd", tag),
        &[repository_from, tag_from],
    )
}

/// The image of CoreDNS. Kubernetes' own registry has it one folder deeper than any other one.
pub(crate) fn coredns(config: &ValidConfig) -> Sourced<String> {
    let dns = &config.cluster.dns;
    let (repository, repository_from) = if dns.image_repository.is_empty() {
        (
            config.cluster.image_repository.as_str(),
            paths::IMAGE_REPOSITORY,
        )
    } else {
        (
            dns.image_repository.as_str(),
            "ClusterConfiguration.dns.imageRepository",
        )
    };
    let (tag, tag_from) = if dns.image_tag.is_empty() {
        (
            config.release.coredns_image_tag,
            "default: the CoreDNS of this Kubernetes release",
        )
    } else {
        (dns.image_tag.as_str(), "ClusterConfiguration.dns.imageTag")
    };
    let name = if repository == "registry.k8s.io" {
        "coredns/coredns"
    } else {
        "coredns"
    };
    Sourced::new(
        reference(repository, name, tag),
        &[repository_from, tag_from],
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
