//! What a host has beyond Debian: the programs and images, the kubelet's unit, the stand-in for systemctl, the settings
//! of containerd.
//!
//! A directory between the Debian tree and the host's own files. The programs and images in it are hard links to the store,
//! which no host can write through: overlayfs copies what a host changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command::link_or_copy;
use crate::components::{E2E_KUBEADM, Store, references, releases};
use crate::sandbox::script;

/// Programs in every host's `/usr/bin`.
const PROGRAMS: &[&str] = &[
    "kubeadm",
    "kubelet",
    "kubectl",
    "crictl",
    "etcdctl",
    E2E_KUBEADM,
];
/// Programs of the next patch release, for upgrades.
const UPGRADES: &[&str] = &["kubeadm", "kubelet", "kubectl"];
/// Where the programs of the next patch release and all images are on a host, by release.
pub const SHARED: &str = "opt/kubernetes";

/// Fills the directory `layer`, which must not exist.
///
/// # Errors
/// If a program or the images are missing.
pub(super) fn make(layer: &Path, store: &Store) -> Result<()> {
    let [version, upgrade] = releases()?;
    for (release, directory, programs) in [
        (version, layer.join("usr/bin"), PROGRAMS),
        (
            upgrade,
            layer.join(SHARED).join(upgrade.to_string()).join("bin"),
            UPGRADES,
        ),
    ] {
        fs::create_dir_all(&directory)?;
        for program in programs {
            let from = store.programs(release).join(program);
            link_or_copy(&from, &directory.join(program)).with_context(|| {
                format!("{program} {release} is not there; `cargo xtask components` builds it")
            })?;
        }
    }
    for release in [version, upgrade] {
        let directory = layer.join(SHARED).join(release.to_string()).join("images");
        fs::create_dir_all(&directory)?;
        for archive in archives(&store.images(release))? {
            link_or_copy(
                &archive,
                &directory.join(archive.file_name().unwrap_or_default()),
            )?;
        }
    }
    let sandbox_image = references(version)?
        .into_iter()
        .find(|reference| reference.contains("/pause:"))
        .context("a node wants no image of the sandbox")?;
    let containerd =
        fs::read_to_string(script("containerd.toml"))?.replace("SANDBOX_IMAGE", &sandbox_image);
    let init = fs::read_to_string(script("init.yaml"))?.replace("VERSION", &version.to_string());
    let drop_in = kubeplan::render::kubelet::drop_in().text;
    let kubelet = fs::read_to_string(script("kubelet.service"))?;
    let kubelet_settings = fs::read_to_string(script("kubelet.conf"))?;
    let systemctl = fs::read_to_string(script("systemctl"))?;
    let crictl = "runtime-endpoint: unix:///run/containerd/containerd.sock\n";
    for (path, mode, text) in [
        ("etc/containerd/config.toml", 0o644, containerd.as_str()),
        ("etc/crictl.yaml", 0o644, crictl),
        ("usr/lib/systemd/system/kubelet.service", 0o644, &kubelet),
        (
            "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
            0o644,
            &drop_in,
        ),
        (
            "etc/default/kubelet",
            0o644,
            "KUBELET_EXTRA_ARGS=--config-dir=/etc/kubelet.conf.d\n",
        ),
        (
            "etc/kubelet.conf.d/10-test-host.conf",
            0o644,
            &kubelet_settings,
        ),
        ("opt/kubernetes/init.yaml", 0o644, &init),
        ("usr/bin/systemctl", 0o755, &systemctl),
    ] {
        let path = layer.join(path);
        fs::create_dir_all(path.parent().unwrap_or(layer))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    // As the packages of Kubernetes leave it.
    let wanted = layer.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wanted)?;
    symlink(
        "/usr/lib/systemd/system/kubelet.service",
        wanted.join("kubelet.service"),
    )?;
    Ok(())
}

fn archives(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tar") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
