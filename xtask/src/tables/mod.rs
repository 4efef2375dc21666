//! Tables of Go's struct types, and of the components' flags: read from the source of Kubernetes' modules, kept as text, and made
//! Rust source.
//!
//! ```text
//! k8s.io/… of each minor ──xtask/types (Go)──▶ one list per release ──merge──▶ xtask/types/types.txt ──rust──▶ planner/src/kubeadm/go_types/tables/
//!                      `cargo xtask tables`: needs Go and the network          │   `cargo xtask generate`: needs neither
//! ```

pub mod exceptions;
mod flags;
mod merge;
pub mod modules;
mod rust;
pub mod source;
mod swagger;
pub mod types;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use kubeplan::kubeadm::releases;

use self::modules::{KUBERNETES, Newest, Sources, WITH_FLAGS};
use self::types::Types;
use crate::repository;

/// The table of all releases, below the repository's root.
pub const TYPES: &str = "xtask/types/types.txt";

/// What stands above it.
const ABOUT_TYPES: &str = "\
# Go's struct types: what their tags say, and the releases that have a field. Written by `cargo xtask tables` from
# the source of the modules below; `cargo xtask generate` makes planner/src/kubeadm/go_types/tables/ of it.
";

/// Where the Rust source goes.
pub const RUST: &str = "planner/src/kubeadm/go_types/tables";

/// What is patched, and the configuration documents that every release has.
const ROOTS: &[&str] = &[
    "k8s.io/api/core/v1.Pod",
    "k8s.io/api/apps/v1.Deployment",
    "k8s.io/kubelet/config/v1beta1.KubeletConfiguration",
    "k8s.io/kube-proxy/config/v1alpha1.KubeProxyConfiguration",
];

/// The versions of kubeadm's documents that are read, where a release has them.
const KUBEADM: &[&str] = &["v1beta3", "v1beta4"];

/// kubeadm's documents.
const KUBEADM_ROOTS: &[&str] = &[
    "InitConfiguration",
    "ClusterConfiguration",
    "JoinConfiguration",
];

/// Reads types and flags of every supported release, and writes [`TYPES`], [`flags::TEXT`] and the Rust source.
pub fn run() -> Result<()> {
    let (mut printed, mut flags) = (Vec::new(), Vec::new());
    for minor in supported() {
        let sources = Sources::fetch(minor, Newest::Released, WITH_FLAGS)?;
        let (types, compared) = compared(&sources)?;
        println!(
            "1.{minor}: {} structs of {}; {compared} agree with its OpenAPI document",
            types.structs.len(),
            sources.version()
        );
        printed.push(print(&sources)?);
        flags.push(flags::print(&sources)?);
    }
    for (name, about, printed) in [
        (TYPES, ABOUT_TYPES, printed),
        (flags::TEXT, flags::ABOUT, flags),
    ] {
        let mut types = merge::merge(&printed)?;
        types.about = about.to_owned();
        let path = repository::root()?.join(name);
        fs::write(&path, types.to_string())
            .with_context(|| format!("writing {}", path.display()))?;
    }
    for name in stale(true)? {
        println!("wrote {name}");
    }
    Ok(())
}

/// The supported minors, oldest first.
pub fn supported() -> Vec<u64> {
    let mut minors: Vec<u64> = releases::RELEASES.iter().map(|row| row.minor).collect();
    minors.dedup();
    minors
}

/// The types of one release, compared with its OpenAPI document, and how many structs that defines.
pub fn compared(sources: &Sources) -> Result<(Types, usize)> {
    let types = merge::merge(&[print(sources)?])?;
    let document = sources.read(KUBERNETES, swagger::FILE)?;
    let compared = swagger::compare(&types, &document)?;
    Ok((types, compared))
}

fn print(sources: &Sources) -> Result<merge::Printed> {
    let mut roots: Vec<String> = ROOTS.iter().map(|&root| root.to_owned()).collect();
    for version in KUBEADM {
        if sources.has_kubeadm_api(version)? {
            let package = format!("{KUBERNETES}/{}/{version}", modules::KUBEADM_APIS);
            roots.extend(KUBEADM_ROOTS.iter().map(|root| format!("{package}.{root}")));
        }
    }
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    sources.print(&roots)
}

/// The checked-in table of types.
pub fn checked_in() -> Result<Types> {
    checked_in_as(TYPES)
}

fn checked_in_as(name: &str) -> Result<Types> {
    let path = repository::root()?.join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let types = Types::parse(&text).with_context(|| path.display().to_string())?;
    ensure!(
        types.to_string() == text,
        "{name} is not as `cargo xtask tables` writes it"
    );
    ensure!(
        types.releases.keys().copied().eq(supported()),
        "{name} is not of the supported releases: run `cargo xtask tables`"
    );
    Ok(types)
}

/// The Rust files that are not what the checked-in table gives; `write` writes or removes them.
pub fn stale(write: bool) -> Result<Vec<String>> {
    let files = rust::files(&checked_in()?)?;
    let directory = repository::root()?.join(RUST);
    let mut stale = Vec::new();
    let path = repository::root()?.join(flags::RUST);
    let text = flags::rust(&checked_in_as(flags::TEXT)?)?;
    if fs::read_to_string(&path).unwrap_or_default() != text {
        stale.push(flags::RUST.to_owned());
        if write {
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    for (name, text) in &files {
        let path = directory.join(name);
        if fs::read_to_string(&path).unwrap_or_default() == *text {
            continue;
        }
        stale.push(format!("{RUST}/{name}"));
        if write {
            fs::create_dir_all(&directory)?;
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    for path in there(&directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if files.contains_key(&*name) {
            continue;
        }
        stale.push(format!("{RUST}/{name}"));
        if write {
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    Ok(stale)
}

fn there(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let entries =
        fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rust_source_is_what_the_checked_in_table_gives() {
        assert_eq!(stale(false).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn every_supported_release_was_read() {
        let types = checked_in().unwrap();
        for (minor, modules) in &types.releases {
            let kubernetes = modules.iter().find(|(module, _)| module == KUBERNETES);
            let (_, version) = kubernetes.unwrap();
            assert!(version.starts_with(&format!("v1.{minor}.")), "{version}");
            for root in ["core_v1.Pod", "kubeadm_v1beta4.JoinConfiguration"] {
                assert!(types.at(*minor).contains_key(root), "{root} of 1.{minor}");
            }
        }
    }
}
