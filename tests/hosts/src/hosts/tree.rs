//! The Debian tree that every host's root directory lies over: containerd, runc, CNI plugins and what a kubelet calls.
//!
//! In: Debian's packages, by debootstrap, which checks their signatures. Out: a directory that is made once and never
//! written again. Debian's testing release, because stable has no containerd that Kubernetes 1.36 takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::command;
use crate::components::Store;

/// The release of Debian.
const SUITE: &str = "forky";
/// debootstrap's script for it; older versions of debootstrap have none of its name.
const SCRIPT: &str = "sid";
/// Where packages come from; `DEBIAN_MIRROR` names another place.
const MIRROR: &str = "http://deb.debian.org/debian";
/// What a host has beyond Debian's minimum.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "ethtool",
    "iproute2",
    "iptables",
    "kmod",
    "nftables",
    "openssh-server",
    "openssl",
    "procps",
    "python3",
    "runc",
    "socat",
    "util-linux",
];

/// The tree in `store`, made if it is not there yet; about a minute.
///
/// # Errors
/// If debootstrap is missing or fails.
pub fn ensure(store: &Store) -> Result<PathBuf> {
    let tree = store.directory().join(name());
    if tree.is_dir() {
        return Ok(tree);
    }
    command::require(&[("debootstrap", "debootstrap"), ("chroot", "coreutils")])?;
    let mirror = std::env::var("DEBIAN_MIRROR").unwrap_or_else(|_| MIRROR.to_owned());
    fs::create_dir_all(store.directory())?;
    // Below the store, so that a finished tree is put in place by its name alone.
    let scratch = tempfile::Builder::new()
        .prefix(".tree-")
        .tempdir_in(store.directory())?;
    let fresh = scratch.path().join("tree");
    command::run(
        Command::new("debootstrap")
            .args([
                "--variant=minbase",
                &format!("--include={}", PACKAGES.join(",")),
                SUITE,
            ])
            .arg(&fresh)
            .args([&mirror, SCRIPT]),
    )
    .with_context(|| format!("making a tree of Debian {SUITE} from {mirror}"))?;
    trim(&fresh)?;
    fs::rename(&fresh, &tree).with_context(|| format!("putting {} in place", tree.display()))?;
    Ok(tree)
}

/// The tree's name; another release or other packages are another tree.
fn name() -> String {
    let digest = Sha256::digest(format!("{SUITE} {}", PACKAGES.join(" ")));
    let hex: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("tree-{SUITE}-{hex}")
}

/// Takes out what no host needs: the packages themselves and their lists, and keys that all hosts would share.
fn trim(tree: &Path) -> Result<()> {
    for directory in [
        "var/cache/apt",
        "var/lib/apt/lists",
        "usr/share/doc",
        "usr/share/man",
        "usr/share/locale",
    ] {
        let path = tree.join(directory);
        if path.is_dir() {
            fs::remove_dir_all(&path).with_context(|| format!("emptying {}", path.display()))?;
        }
        fs::create_dir(&path)?;
    }
    // The package makes these when it is installed; every host has keys of its own.
    for entry in fs::read_dir(tree.join("etc/ssh"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ssh_host_") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
