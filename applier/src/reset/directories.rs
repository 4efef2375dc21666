//! Which directories a reset may remove or clear, and what says that a host is a cluster's node.

use kubeplan_bundle::path::HostPath;

use super::ResetError;
use crate::host::{Found, HostError, Root, RootPath};
use crate::kubeadm::layout::{CERTIFICATES, KUBECONFIGS, KUBELET, MANIFESTS};

/// What a reset never touches, and why it may matter.
pub(super) const NEVER_TOUCHED: [&str; 4] = [
    "network configuration in /etc/cni/net.d, and network programs",
    "rules of iptables, nftables and IPVS (a restart of the host clears them)",
    "kubeconfig files of users, such as ~/.kube/config",
    "container images, and whether the kubelet's service is enabled",
];

/// Directories of the system itself: no reset removes or clears them, whatever is in them.
const SYSTEM: [&str; 34] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/etc/cni",
    "/etc/containerd",
    "/etc/default",
    "/etc/ssh",
    "/etc/ssl",
    "/etc/sysconfig",
    "/etc/systemd",
    "/etc/systemd/system",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/share",
    "/var",
    "/var/lib",
    "/var/log",
];

/// Whether the path is a directory of the system itself.
pub(super) fn is_system(path: &RootPath) -> bool {
    path.as_str() == "/" || SYSTEM.contains(&path.as_str())
}

/// Whether `path` lies in `directory`, at any depth.
pub(super) fn is_below(path: &RootPath, directory: &RootPath) -> bool {
    path.as_str()
        .strip_prefix(directory.as_str())
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Things that only a cluster's node has, and that are here.
///
/// # Errors
/// [`HostError`] if a place cannot be looked at.
pub(super) fn traces(root: &Root) -> Result<Vec<RootPath>, HostError> {
    let mut found = Vec::new();
    for path in KUBECONFIGS {
        if let Some(directory) = root.open_directory(&path.parent())?
            && directory.inspect(path.file_name())? != Found::Missing
        {
            found.push(path);
        }
    }
    for path in [MANIFESTS, RootPath::fixed(CERTIFICATES)] {
        if let Some(directory) = root.open_directory(&path)?
            && !directory.names()?.is_empty()
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// The directory of certificates that the operator named.
///
/// # Errors
/// [`ResetError::Certificates`] if it holds more than certificates.
pub(super) fn certificates(named: &HostPath) -> Result<RootPath, ResetError> {
    let path = RootPath::from(named);
    if is_system(&path) || is_below(&KUBELET, &path) || is_below(&MANIFESTS, &path) {
        return Err(ResetError::Certificates(named.clone()));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_the_system_are_not_certificate_directories() {
        let judge = |path: &str| certificates(&path.parse().unwrap());
        for bad in ["/etc", "/var/lib", "/etc/kubernetes", "/usr/local/bin"] {
            assert!(judge(bad).is_err(), "{bad}");
        }
        for good in [CERTIFICATES, "/srv/pki", "/etc/kubernetes2"] {
            assert!(judge(good).is_ok(), "{good}");
        }
        assert!(is_system(&RootPath::fixed("/")));
        assert!(!is_below(&MANIFESTS, &MANIFESTS));
    }
}
