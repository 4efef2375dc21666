//! Every host path that a plan owns, with its mode: the one place that spells them.
//!
//! In: the configurable folders (`certificatesDir`, etcd's `dataDir`). Out: paths as text for flags and
//! manifests, and [`Placement`]s for entries. Paths and modes are kubeadm's (v1.36.2,
//! `cmd/kubeadm/app/constants/constants.go` and the writers of each file); everything belongs to root, unless the control plane
//! runs as users of its own (`static_pod::run_as`).
//!
//! Folders: a plan declares `/etc/kubernetes`, the folders it puts files into and etcd's data folder.
//! Folders above those (such as `/data` for `dataDir: /data/etcd`) are not declared: where they are missing,
//! whoever installs creates them with the mode of the folder they lead to, as kubeadm's `MkdirAll` does.

use kubeplan_bundle::index::Placement;
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::path::ParsePathError;

/// Where kubeconfigs lie; not configurable in kubeadm either.
pub const KUBERNETES_DIR: &str = "/etc/kubernetes";
/// Where the kubelet looks for static Pods.
pub const MANIFESTS_DIR: &str = "/etc/kubernetes/manifests";
/// The kubelet's own folder.
pub const KUBELET_DIR: &str = "/var/lib/kubelet";
/// The kubelet's configuration.
pub const KUBELET_CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// The part of it that differs from node to node.
pub const KUBELET_INSTANCE_CONFIG: &str = "/var/lib/kubelet/instance-config.yaml";
/// Flags for the kubelet's unit.
pub const KUBELET_FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// The client certificate the kubelet obtained for itself, with its key.
pub const KUBELET_CLIENT_CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
/// The kubelet's credentials while it has none of its own; only `join` writes it.
pub const BOOTSTRAP_KUBELET_CONF: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
/// Drop-ins of the kubelet's unit.
///
/// kubeadm's packages ship theirs below `/usr/lib/systemd/system`, which belongs to the package manager.
/// systemd prefers a drop-in of the same name in `/etc`, so ours neither overwrites a package's file nor is
/// overwritten by it.
pub const KUBELET_DROP_IN_DIR: &str = "/etc/systemd/system/kubelet.service.d";
/// The drop-in that makes the kubelet read the files above.
pub const KUBELET_DROP_IN: &str = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf";
/// CA certificates of the distribution, always mounted into the API server and the controller manager.
pub const CA_CERTS_DIR: &str = "/etc/ssl/certs";
/// Folders that links in [`CA_CERTS_DIR`] may point into; mounted too where the host has them.
pub const EXTRA_CA_DIRS: &[&str] = &[
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// Where the kubelet looks for flexvolume plugins when nobody says otherwise.
pub const FLEXVOLUME_PLUGINS_DIR: &str = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec";

/// Certificates with files of their own: kubeadm's name and the path below `certificatesDir` without its
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

/// Kinds of things a plan places, each with one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/etc/kubernetes`, the certificate folders, folders of units.
    OpenFolder,
    /// The folders of manifests, of the kubelet and of etcd's data.
    ClosedFolder,
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
    /// The mode it is created with.
    #[must_use]
    pub const fn mode(self) -> FileMode {
        match self {
            Self::OpenFolder => FileMode::PUBLIC_DIRECTORY,
            Self::ClosedFolder => FileMode::PRIVATE_DIRECTORY,
            Self::Certificate | Self::KubeletFile | Self::Unit => FileMode::PUBLIC,
            Self::PrivateKey
            | Self::ServiceAccountPublicKey
            | Self::Kubeconfig
            | Self::Manifest => FileMode::PRIVATE,
        }
    }

    /// A thing of this kind at `path`, owned by root.
    ///
    /// # Errors
    /// If `path` is no host path.
    pub fn at(self, path: &str) -> Result<Placement, ParsePathError> {
        Ok(Placement {
            path: path.parse()?,
            mode: self.mode(),
            uid: 0,
            gid: 0,
        })
    }
}

/// `name` in `folder`, whether or not `folder` was written with a `/` at its end.
#[must_use]
pub fn in_folder(folder: &str, name: &str) -> String {
    format!("{}/{name}", trimmed(folder))
}

/// `folder` without a `/` at its end.
#[must_use]
pub fn trimmed(folder: &str) -> &str {
    folder.trim_end_matches('/')
}

/// The folder of etcd's certificates.
#[must_use]
pub fn etcd_certificates_dir(certificates_dir: &str) -> String {
    in_folder(certificates_dir, "etcd")
}

/// The certificate file of kubeadm's base name, such as `etcd/server`.
#[must_use]
pub fn certificate(certificates_dir: &str, base: &str) -> String {
    in_folder(certificates_dir, &format!("{base}.crt"))
}

/// The private key file of kubeadm's base name.
#[must_use]
pub fn private_key(certificates_dir: &str, base: &str) -> String {
    in_folder(certificates_dir, &format!("{base}.key"))
}

/// The public key of service accounts.
#[must_use]
pub fn service_account_public_key(certificates_dir: &str) -> String {
    in_folder(certificates_dir, "sa.pub")
}

/// The private key of service accounts.
#[must_use]
pub fn service_account_private_key(certificates_dir: &str) -> String {
    private_key(certificates_dir, "sa")
}

/// A kubeconfig, such as `admin.conf`.
#[must_use]
pub fn kubeconfig(file_name: &str) -> String {
    in_folder(KUBERNETES_DIR, file_name)
}

/// The manifest of a static Pod.
#[must_use]
pub fn manifest(component: &str) -> String {
    in_folder(MANIFESTS_DIR, &format!("{component}.yaml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_things_are_for_root_alone() {
        for kind in [
            Kind::PrivateKey,
            Kind::ServiceAccountPublicKey,
            Kind::Kubeconfig,
            Kind::Manifest,
        ] {
            assert_eq!(kind.mode().to_string(), "0600");
        }
        assert_eq!(Kind::ClosedFolder.mode().to_string(), "0700");
        assert_eq!(Kind::OpenFolder.mode().to_string(), "0755");
        assert_eq!(Kind::Certificate.mode().to_string(), "0644");
    }

    #[test]
    fn a_slash_at_the_end_of_a_folder_does_not_matter() {
        assert_eq!(certificate("/pki/", "etcd/ca"), "/pki/etcd/ca.crt");
        assert_eq!(private_key("/pki", "sa"), "/pki/sa.key");
        assert!(Kind::Certificate.at("pki/ca.crt").is_err());
    }
}
