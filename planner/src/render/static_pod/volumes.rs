//! Host directories and files that static Pods mount.
//!
//! In: what a component needs, host facts, the user's `extraVolumes`. Out: volumes and mounts, keyed and
//! sorted by name; a user's volume replaces a default one of its name.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{HostPathVolumeSource, Volume, VolumeMount};

use super::flags::KUBEADM_DEFAULT;
use super::paths;
use crate::config::ValidConfig;
use crate::config::kubeadm::HostPathMount;
use crate::kubeadm::layout;
use crate::plan::ValueSource;

/// hostPath type of directories.
const DIRECTORY: &str = "DirectoryOrCreate";

/// hostPath type of files.
const FILE: &str = "FileOrCreate";

/// Volumes by name.
#[derive(Default)]
pub(super) struct HostPathVolumes {
    by_name: BTreeMap<String, HostPathVolume>,
    /// The order of mounts, where it is not by name.
    mount_order: Option<&'static [&'static str]>,
}

struct HostPathVolume {
    host_path: String,
    mount_path: String,
    path_type: String,
    read_only: bool,
    from: String,
}

impl HostPathVolumes {
    /// The directory of certificates and those of the distribution's CAs: what the API server and the
    /// controller manager mount.
    pub(super) fn of_certificates(config: &ValidConfig) -> Self {
        let mut volumes = Self::default();
        volumes.read_only("ca-certs", layout::CA_CERTS_DIR, DIRECTORY, KUBEADM_DEFAULT);
        volumes.read_only(
            "k8s-certs",
            &config.cluster.certificates_dir,
            DIRECTORY,
            paths::CERTIFICATES_DIR,
        );
        for directory in layout::EXTRA_CA_DIRS {
            if config
                .facts
                .ca_directories
                .iter()
                .any(|found| found == directory)
            {
                let name = directory.trim_start_matches('/').replace('/', "-");
                volumes.read_only(&name, directory, DIRECTORY, "facts: ca_directories");
            }
        }
        volumes
    }

    /// etcd's data and certificates. kubeadm sorts these volumes but not their mounts.
    pub(super) fn of_etcd(data_dir: &str, certificates_dir: &str) -> Self {
        let mut volumes = Self {
            mount_order: Some(&["etcd-data", "etcd-certs"]),
            ..Self::default()
        };
        volumes.writable("etcd-data", data_dir, paths::DATA_DIR);
        volumes.writable(
            "etcd-certs",
            &format!("{certificates_dir}/etcd"),
            paths::CERTIFICATES_DIR,
        );
        volumes
    }

    /// Adds the directories of an external etcd's client files that nothing else mounts.
    pub(super) fn with_external_etcd(mut self, config: &ValidConfig) -> Self {
        let Some(etcd) = &config.cluster.etcd.external else {
            return self;
        };
        let files = [
            (etcd.ca_file.as_str(), "caFile"),
            (&etcd.cert_file, "certFile"),
            (&etcd.key_file, "keyFile"),
        ];
        let directories = external_etcd_directories(files, &config.cluster.certificates_dir);
        for (position, (directory, field)) in directories.into_iter().enumerate() {
            let from = format!("{}.{field}", paths::EXTERNAL_ETCD);
            self.read_only(
                &format!("etcd-certs-{position}"),
                &directory,
                DIRECTORY,
                &from,
            );
        }
        self
    }

    /// Adds a component's kubeconfig.
    pub(super) fn with_kubeconfig(mut self, file_name: &str) -> Self {
        self.read_only(
            "kubeconfig",
            &layout::kubeconfig(file_name),
            FILE,
            KUBEADM_DEFAULT,
        );
        self
    }

    /// Adds the directory of flexvolume plugins. They answer on sockets in it, so it is writable.
    pub(super) fn with_flexvolumes(mut self, directory: &str, from: &str) -> Self {
        self.writable("flexvolume-dir", directory, from);
        self
    }

    /// Adds the user's volumes, which stand at configuration path `path`.
    pub(super) fn with_extra(mut self, extra: &[HostPathMount], path: &str) -> Self {
        for (position, volume) in extra.iter().enumerate() {
            self.by_name.insert(
                volume.name.clone(),
                HostPathVolume {
                    host_path: volume.host_path.clone(),
                    mount_path: volume.mount_path.clone(),
                    path_type: volume.path_type.clone(),
                    read_only: volume.read_only,
                    from: format!("{path}[{position}]"),
                },
            );
        }
        self
    }

    fn read_only(&mut self, name: &str, path: &str, path_type: &str, from: &str) {
        self.insert(name, path, path_type, true, from);
    }

    fn writable(&mut self, name: &str, path: &str, from: &str) {
        self.insert(name, path, DIRECTORY, false, from);
    }

    fn insert(&mut self, name: &str, path: &str, path_type: &str, read_only: bool, from: &str) {
        self.by_name.insert(
            name.to_owned(),
            HostPathVolume {
                host_path: path.to_owned(),
                mount_path: path.to_owned(),
                path_type: path_type.to_owned(),
                read_only,
                from: from.to_owned(),
            },
        );
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = ValueSource> {
        self.by_name.iter().map(|(name, volume)| ValueSource {
            value: format!("spec.volumes[{name}]"),
            from: volume.from.clone(),
        })
    }

    pub(super) fn mounts(&self) -> Vec<VolumeMount> {
        let mut mounts: Vec<VolumeMount> = self
            .by_name
            .iter()
            .map(|(name, volume)| VolumeMount {
                name: name.clone(),
                mount_path: volume.mount_path.clone(),
                read_only: volume.read_only.then_some(true),
                ..VolumeMount::default()
            })
            .collect();
        if let Some(order) = self.mount_order {
            mounts.sort_by_key(|mount| order.iter().position(|name| *name == mount.name));
        }
        mounts
    }

    pub(super) fn into_volumes(self) -> Vec<Volume> {
        self.by_name
            .into_iter()
            .map(|(name, volume)| Volume {
                name,
                host_path: Some(HostPathVolumeSource {
                    path: volume.host_path,
                    // Printed even when it is empty, as Go prints a pointer to an empty text.
                    type_: Some(volume.path_type),
                }),
                ..Volume::default()
            })
            .collect()
    }
}

/// The directories of `files` (paths with what names them) that are not mounted anyway, sorted.
///
/// As kubeadm (v1.36.2, `getEtcdCertVolumes`): a directory lies in another if that is how its text begins, so
/// `/etc/etcd-b` counts as a part of `/etc/etcd`.
fn external_etcd_directories<'a>(
    files: [(&str, &'a str); 3],
    certificates_dir: &str,
) -> BTreeMap<String, &'a str> {
    let mut directories: BTreeMap<String, &str> = BTreeMap::new();
    for (file, field) in files {
        let directory = directory_of(file);
        let mounted = layout::EXTRA_CA_DIRS
            .iter()
            .copied()
            .chain([layout::CA_CERTS_DIR, certificates_dir])
            .any(|mounted| directory.starts_with(mounted));
        if file.is_empty() || mounted {
            continue;
        }
        directories.retain(|known, _| !known.starts_with(&directory));
        if !directories
            .keys()
            .any(|known| directory.starts_with(known.as_str()))
        {
            directories.insert(directory, field);
        }
    }
    directories
}

/// The directory of an absolute path (Go's `filepath.Dir`).
fn directory_of(path: &str) -> String {
    layout::cleaned(path.rsplit_once('/').map_or("", |(directory, _)| directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_volume_replaces_the_default_of_its_name() {
        let extra = [HostPathMount {
            name: "ca-certs".into(),
            host_path: "/opt/ca".into(),
            mount_path: "/etc/ssl/certs".into(),
            read_only: false,
            path_type: String::new(),
        }];
        let mut volumes = HostPathVolumes::default();
        volumes.read_only("ca-certs", "/etc/ssl/certs", DIRECTORY, KUBEADM_DEFAULT);
        let volumes = volumes.with_extra(&extra, "X");
        let mounts = volumes.mounts();
        assert_eq!(mounts.len(), 1);
        assert_eq!(mounts[0].read_only, None);
        let source = volumes.into_volumes().remove(0).host_path.unwrap();
        assert_eq!(source.path, "/opt/ca");
        assert_eq!(source.type_.as_deref(), Some(""));
    }

    #[test]
    fn directories_of_an_external_etcd_are_mounted_once() {
        let cases: [([&str; 3], &[&str]); 10] = [
            (["/e/ca.crt", "/e/c.crt", "/e/c.key"], &["/e"]),
            (["/c/ca.crt", "/b/c.crt", "/a/c.key"], &["/a", "/b", "/c"]),
            (["/e/ca/ca.crt", "/e/c.crt", "/e/x/y/c.key"], &["/e"]),
            (["/e/ca.crt", "/e-b/c.crt", "/e/c.key"], &["/e"]),
            (["/e-b/ca.crt", "/e/c.crt", "/f/c.key"], &["/e", "/f"]),
            (
                ["/etc/ssl/certs/ca.crt", "/pki/c.crt", "/pki/etcd/c.key"],
                &[],
            ),
            (
                [
                    "/etc/pki/tls/certs/ca.crt",
                    "/usr/share/ca-certificates-x/c",
                    "/pki2/c.key",
                ],
                &[],
            ),
            (["", "", ""], &[]),
            (["/ca.crt", "/e/c.crt", "/e/c.key"], &["/"]),
            (
                ["/e/../f//./ca.crt", "/f/c.crt", "/g/../../f/c.key"],
                &["/f"],
            ),
        ];
        for (files, expected) in cases {
            let [ca, cert, key] = files;
            let found = external_etcd_directories([(ca, "a"), (cert, "b"), (key, "c")], "/pki");
            let found: Vec<&String> = found.keys().collect();
            assert_eq!(found, expected, "{files:?}");
        }
    }
}
