//! Kubernetes' Go modules: which versions there are, and where their source lies. Needs Go and the network.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use semver::Version;
use serde::Deserialize;

use super::merge::Printed;
use crate::repository;

/// The modules that declare the types, and what their types name.
const MODULES: &[&str] = &[
    "k8s.io/api",
    "k8s.io/apimachinery",
    "k8s.io/component-base",
    "k8s.io/kube-proxy",
    "k8s.io/kubelet",
    KUBERNETES,
];

/// The module with kubeadm.
pub const KUBERNETES: &str = "k8s.io/kubernetes";

/// A module with flags and feature gates.
pub const APISERVER: &str = "k8s.io/apiserver";
/// A module with flags of kube-controller-manager.
pub const CLOUD_PROVIDER: &str = "k8s.io/cloud-provider";
/// A module with flags of kube-controller-manager.
pub const CONTROLLER_MANAGER: &str = "k8s.io/controller-manager";

/// Modules with flags and feature gates, beside those with types.
pub const WITH_FLAGS: &[&str] = &[APISERVER, CLOUD_PROVIDER, CONTROLLER_MANAGER];

/// Whether a release that is not out yet will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newest {
    /// Only a release.
    Released,
    /// A pre-release, if the minor is not released.
    OrBefore,
}

/// The source of one minor.
pub struct Sources {
    /// The minor.
    pub minor: u64,
    modules: BTreeMap<&'static str, Module>,
}

struct Module {
    version: String,
    dir: PathBuf,
}

/// What `go mod download -json` says.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Downloaded {
    dir: Option<PathBuf>,
    #[serde(default)]
    error: String,
}

impl Sources {
    /// Fetches the newest patch release of `minor` of every module with types, and of `more`.
    ///
    /// # Errors
    /// If Go is missing, the module proxy does not answer, or it has none of that minor.
    pub fn fetch(minor: u64, newest: Newest, more: &[&'static str]) -> Result<Self> {
        let mut modules = BTreeMap::new();
        for &path in MODULES.iter().chain(more) {
            let listed = go(["list", "-m", "-versions", path])?;
            let version = newest_of(&listed, minor, newest)
                .with_context(|| format!("the module proxy has no {path} of 1.{minor}"))?;
            let dir = download(&format!("{path}@{version}"))?;
            modules.insert(path, Module { version, dir });
        }
        Ok(Self { minor, modules })
    }

    /// The version of kubeadm, such as `v1.36.3`.
    pub fn version(&self) -> &str {
        self.modules
            .get(KUBERNETES)
            .map_or("", |module| &module.version)
    }

    /// Where the source of a module that has versions of its own lies; it is fetched if it is not there.
    ///
    /// # Errors
    /// If Go is missing or the module proxy does not answer.
    pub fn of_version(module: &str, version: &str) -> Result<PathBuf> {
        download(&format!("{module}@{version}"))
    }

    /// Where the source of a module lies.
    pub fn directory(&self, module: &str) -> Result<&Path> {
        let found = self.modules.get(module);
        Ok(&found.with_context(|| format!("no module {module}"))?.dir)
    }

    /// The structs of `roots`, printed by the program in `xtask/types`.
    pub fn print(&self, roots: &[&str]) -> Result<Printed> {
        let program = repository::root()?.join("xtask/types");
        let mut args = vec!["run".to_owned(), "-C".to_owned()];
        args.push(program.to_string_lossy().into_owned());
        args.push(".".to_owned());
        for (path, module) in &self.modules {
            args.push("-module".to_owned());
            args.push(format!("{path}={}", module.dir.display()));
        }
        args.extend(roots.iter().map(|&root| root.to_owned()));
        let modules = self.modules.iter();
        let modules = modules.filter(|(path, _)| MODULES.contains(path));
        Ok(Printed {
            minor: self.minor,
            modules: modules
                .map(|(path, module)| ((*path).to_owned(), module.version.clone()))
                .collect(),
            text: go(args)?,
        })
    }

    /// Whether this kubeadm has a package of API types, such as `v1beta3`.
    pub fn has_kubeadm_api(&self, version: &str) -> Result<bool> {
        let directory = self.directory(KUBERNETES)?.join(KUBEADM_APIS).join(version);
        Ok(directory.is_dir())
    }

    /// The text of a file of a module.
    pub fn read(&self, module: &str, file: &str) -> Result<String> {
        let path = self.directory(module)?.join(file);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    }
}

/// Where kubeadm's API types are in its module.
pub const KUBEADM_APIS: &str = "cmd/kubeadm/app/apis/kubeadm";

/// The newest version of `minor` among those that Go listed on one line behind the module's path.
fn newest_of(listed: &str, minor: u64, newest: Newest) -> Option<String> {
    let of_minor = listed
        .split_whitespace()
        .filter_map(|word| Version::parse(word.strip_prefix('v')?).ok())
        .filter(|version| version.minor == minor && version.major <= 1);
    let (released, before): (Vec<_>, Vec<_>) = of_minor.partition(|version| version.pre.is_empty());
    let before = before.into_iter().filter(|_| newest == Newest::OrBefore);
    let chosen = released.into_iter().max().or_else(|| before.max());
    chosen.map(|version| format!("v{version}"))
}

/// Fetches a module, `PATH@VERSION`, and gives back where its source lies.
fn download(module: &str) -> Result<PathBuf> {
    let output = ask_go(["mod", "download", "-json", module])?;
    let said: Downloaded = serde_json::from_slice(&output.stdout).with_context(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("what Go says of {module}: {errors}")
    })?;
    if let Some(dir) = said.dir {
        return Ok(dir);
    }
    // Go does not build a module that wants a newer Go, but its source is checked and unpacked all the same.
    let dir = PathBuf::from(go(["env", "GOMODCACHE"])?.trim()).join(module);
    ensure!(
        said.error.contains("requires go") && dir.is_dir(),
        "Go cannot fetch {module}: {}",
        said.error
    );
    Ok(dir)
}

/// What Go prints.
fn go<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<String> {
    let output = ask_go(args)?;
    ensure!(
        output.status.success(),
        "go failed ({}): {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("what Go prints is not UTF-8")
}

/// Runs Go away from any module.
fn ask_go<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Result<Output> {
    let elsewhere = tempfile::tempdir()?;
    Command::new("go")
        .args(args)
        .current_dir(elsewhere.path())
        .env("GOWORK", "off")
        .env("GOFLAGS", "-buildvcs=false")
        .output()
        .context("starting go: reading the modules needs Go, from https://go.dev/dl/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_patch_release_is_chosen() {
        let listed = "k8s.io/api v0.36.0-rc.0 v0.36.2 v0.36.10 v0.38.0-beta.0 v0.38.0-alpha.2";
        let newest = |minor, newest| newest_of(listed, minor, newest);
        assert_eq!(newest(36, Newest::Released).as_deref(), Some("v0.36.10"));
        assert_eq!(newest(38, Newest::Released), None);
        assert_eq!(
            newest(38, Newest::OrBefore).as_deref(),
            Some("v0.38.0-beta.0")
        );
        assert_eq!(newest(35, Newest::OrBefore), None);
    }
}
