//! The host paths that a plan owns, with their modes. No other module contains these paths.
//!
//! In: the configurable directories (`certificatesDir`, etcd's `dataDir`). Out: paths as text for flags and
//! manifests, and [`Placement`]s for entries. Paths and modes are kubeadm's (v1.36.2,
//! `cmd/kubeadm/app/constants/constants.go` and the writers of each file); everything belongs to root, unless the control plane
//! runs as users of its own (`static_pod::run_as`).
//!
//! A plan declares the directory `/etc/kubernetes`, the directories of its files, and etcd's data directory. It does not declare
//! their parents (such as `/data` for `dataDir: /data/etcd`): kubeapply creates missing parents with the mode of the declared
//! directory, as kubeadm's `MkdirAll` does.

use kubeplan_bundle::index::Placement;
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::path::ParsePathError;

/// The directory of kubeconfigs, which kubeadm does not let users configure.
pub const KUBERNETES_DIR: &str = "/etc/kubernetes";
/// The directory of static Pod manifests.
pub const MANIFESTS_DIR: &str = "/etc/kubernetes/manifests";
/// The kubelet's own directory.
pub const KUBELET_DIR: &str = "/var/lib/kubelet";
/// Where the kubelet keeps its certificates, unless its flag `cert-dir` says otherwise.
pub const KUBELET_PKI_DIR: &str = "/var/lib/kubelet/pki";
/// The kubelet's configuration.
pub const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// The part of the kubelet's configuration that differs between nodes.
pub const KUBELET_INSTANCE_CONFIG: &str = "/var/lib/kubelet/instance-config.yaml";
/// Flags for the kubelet's unit.
pub const KUBELET_FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// The client certificate that the kubelet obtained, with its key.
pub const KUBELET_CLIENT_CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
/// The kubelet's bootstrap credentials; only `join` writes this file.
pub const BOOTSTRAP_KUBELET_CONF: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
/// Drop-ins of the kubelet's unit.
///
/// kubeadm's packages install theirs below `/usr/lib/systemd/system`, which belongs to the package manager.
/// systemd prefers a drop-in of the same name in `/etc`, so kubeplan's drop-in does not overwrite the package's file, and the
/// package does not overwrite it.
pub const KUBELET_DROP_IN_DIR: &str = "/etc/systemd/system/kubelet.service.d";
/// The drop-in with which the kubelet reads the files above.
pub const KUBELET_DROP_IN: &str = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf";
/// Where systemd looks for drop-ins of the kubelet's unit, those that it prefers first; last those of every service (systemd.unit(5)).
pub const KUBELET_DROP_IN_DIRS: &[&str] = &[
    KUBELET_DROP_IN_DIR,
    "/run/systemd/system/kubelet.service.d",
    "/usr/local/lib/systemd/system/kubelet.service.d",
    "/usr/lib/systemd/system/kubelet.service.d",
    "/lib/systemd/system/kubelet.service.d",
    "/etc/systemd/system/service.d",
    "/run/systemd/system/service.d",
    "/usr/local/lib/systemd/system/service.d",
    "/usr/lib/systemd/system/service.d",
    "/lib/systemd/system/service.d",
];
/// Files from which the kubelet's unit or script reads variables: of kubeadm's packages for Debian, for Red Hat, and of OpenRC.
pub const KUBELET_VARIABLE_FILES: &[&str] = &[
    "/etc/default/kubelet",
    "/etc/sysconfig/kubelet",
    "/etc/conf.d/kubelet",
];
/// Where container runtimes look for the configuration of Pods' network, unless configured otherwise.
pub const NETWORK_CONFIGURATION_DIR: &str = "/etc/cni/net.d";
/// The distribution's CA certificates, always mounted into kube-apiserver and kube-controller-manager.
pub const CA_CERTS_DIR: &str = "/etc/ssl/certs";
/// Directories that links in [`CA_CERTS_DIR`] may point into; also mounted if the host has them.
pub const EXTRA_CA_DIRS: &[&str] = &[
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// The kubelet's default directory of flexvolume plugins.
pub const FLEXVOLUME_PLUGINS_DIR: &str = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec";

/// Certificates with files of their own: kubeadm's name, and the path below `certificatesDir` without its
/// ending, in kubeadm's order.
pub const CERTIFICATE_FILES: &[(&str, &str)] = &[
    ("ca", "ca"),
    ("apiserver", "apiserver"),
    ("apiserver-kubelet-client", "apiserver-kubelet-client"),
    ("front-proxy-ca", "front-proxy-ca"),
    ("front-proxy-client", "front-proxy-client"),
    ("etcd-ca", "etcd/ca"),
    ("etcd-server", "etcd/server"),
    ("etcd-peer", "etcd/peer"),
    ("etcd-healthcheck-client", "etcd/healthcheck-client"),
    ("apiserver-etcd-client", "apiserver-etcd-client"),
];

/// The kinds of files and directories that a plan places, each with one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/etc/kubernetes`, directories of certificates, directories of systemd units.
    OpenDirectory,
    /// The directories of manifests, of the kubelet and of etcd's data.
    ClosedDirectory,
    /// `*.crt`; `sa.pub` on a control-plane node that joins.
    Certificate,
    /// `*.key`.
    PrivateKey,
    /// `sa.pub`, which `kubeadm init` keeps as private as `sa.key`.
    ServiceAccountPublicKey,
    /// `*.conf`.
    Kubeconfig,
    /// A static Pod.
    Manifest,
    /// Files below `/var/lib/kubelet`.
    KubeletFile,
    /// A systemd unit or drop-in.
    Unit,
}

impl Kind {
    /// The mode of this kind.
    #[must_use]
    pub const fn mode(self) -> FileMode {
        match self {
            Self::OpenDirectory => FileMode::PUBLIC_DIRECTORY,
            Self::ClosedDirectory => FileMode::PRIVATE_DIRECTORY,
            Self::Certificate | Self::KubeletFile | Self::Unit => FileMode::PUBLIC,
            Self::PrivateKey
            | Self::ServiceAccountPublicKey
            | Self::Kubeconfig
            | Self::Manifest => FileMode::PRIVATE,
        }
    }

    /// A file or directory of this kind at `path`, owned by root.
    ///
    /// # Errors
    /// If `path` is not a valid host path.
    pub fn at(self, path: &str) -> Result<Placement, ParsePathError> {
        Ok(Placement {
            path: path.parse()?,
            mode: self.mode(),
            uid: 0,
            gid: 0,
        })
    }
}

/// `name` in `directory`, as Go's `filepath.Join` for an absolute directory.
#[must_use]
pub fn in_directory(directory: &str, name: &str) -> String {
    cleaned(&format!("{directory}/{name}"))
}

/// An absolute path without `.`, `..`, doubled slashes and a slash at its end, as Go's `filepath.Clean`.
#[must_use]
pub fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The directory of etcd's certificates.
#[must_use]
pub fn etcd_certificates_dir(certificates_dir: &str) -> String {
    in_directory(certificates_dir, "etcd")
}

/// The certificate file of kubeadm's base name, such as `etcd/server`.
#[must_use]
pub fn certificate(certificates_dir: &str, base: &str) -> String {
    in_directory(certificates_dir, &format!("{base}.crt"))
}

/// The private key file of kubeadm's base name.
#[must_use]
pub fn private_key(certificates_dir: &str, base: &str) -> String {
    in_directory(certificates_dir, &format!("{base}.key"))
}

/// The public key of service accounts.
#[must_use]
pub fn service_account_public_key(certificates_dir: &str) -> String {
    in_directory(certificates_dir, "sa.pub")
}

/// The private key of service accounts.
#[must_use]
pub fn service_account_private_key(certificates_dir: &str) -> String {
    private_key(certificates_dir, "sa")
}

/// A kubeconfig, such as `admin.conf`.
#[must_use]
pub fn kubeconfig(file_name: &str) -> String {
    in_directory(KUBERNETES_DIR, file_name)
}

/// The manifest of a static Pod.
#[must_use]
pub fn manifest(component: &str) -> String {
    in_directory(MANIFESTS_DIR, &format!("{component}.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_files_are_readable_by_root_alone() {
        for kind in [
            Kind::PrivateKey,
            Kind::ServiceAccountPublicKey,
            Kind::Kubeconfig,
            Kind::Manifest,
        ] {
            assert_eq!(kind.mode().to_string(), "0600");
        }
        assert_eq!(Kind::ClosedDirectory.mode().to_string(), "0700");
        assert_eq!(Kind::OpenDirectory.mode().to_string(), "0755");
        assert_eq!(Kind::Certificate.mode().to_string(), "0644");
    }

    #[test]
    fn a_slash_at_the_end_of_a_directory_does_not_matter() {
        assert_eq!(certificate("/pki/", "etcd/ca"), "/pki/etcd/ca.crt");
        assert_eq!(private_key("/pki", "sa"), "/pki/sa.key");
        assert_eq!(certificate("//pki/./k8s//", "ca"), "/pki/k8s/ca.crt");
        assert_eq!(cleaned("/a/../b//c/./"), "/b/c");
        assert_eq!(cleaned("/.."), "/");
        assert!(Kind::Certificate.at("pki/ca.crt").is_err());
    }
}
