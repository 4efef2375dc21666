//! What differs between Kubernetes releases, as one table.
//!
//! Every version-specific value of the planner is a column here; nothing else compares versions.

/// One supported Kubernetes minor and everything that differs for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// The minor: 36 for 1.36.
    pub minor: u64,
    /// Tag of the etcd image.
    pub etcd_image_tag: &'static str,
    /// Tag of the CoreDNS image.
    pub coredns_image_tag: &'static str,
    /// Tag of the pause image.
    pub pause_image_tag: &'static str,
    /// Where these values were read.
    pub source: &'static str,
}

/// The supported releases, oldest first.
pub const RELEASES: &[Release] = &[Release {
    minor: 36,
    etcd_image_tag: "3.6.8-0",
    coredns_image_tag: "v1.14.2",
    pause_image_tag: "3.10.2",
    source: "kubeadm v1.36.2, cmd/kubeadm/app/constants/constants.go",
}];

/// The release of `1.<minor>`, if it is supported.
#[must_use]
pub fn find(minor: u64) -> Option<&'static Release> {
    RELEASES.iter().find(|release| release.minor == minor)
}
