//! The programs of one Kubernetes release and where they are.
//!
//! In: the Go modules in `tests/components/`. Out: static programs and images in a folder outside the repository, each
//! built once: `v1.36.2/bin/`, `v1.36.2/images/`, and the same for the next patch release, the target of upgrades, whose
//! programs differ in nothing but the version they report.

mod build;
mod image;
mod module;
mod version;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

pub use build::{Built, Origin, build};
pub use image::{ImageArchive, build_images, references};
pub use module::Module;
pub use version::Version;

/// The variable that names a folder with programs: one that `cargo xtask components` filled, or any folder that
/// holds them.
pub const COMPONENTS_VARIABLE: &str = "KUBEPLAN_COMPONENTS";
/// The variable by which other test harnesses of Kubernetes name a folder with etcd, kube-apiserver and kubectl.
pub const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// How a program is told its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reports {
    /// By Kubernetes' linker flags; built a second time as the next patch release.
    KubernetesVersion,
    /// By a linker flag for the named variable.
    Variable(&'static str),
    /// Its source says it.
    Source,
}

/// A program that is built.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// The program's name.
    pub name: &'static str,
    /// The module that pins it.
    pub module: Module,
    /// The Go package that is its `main`.
    package: &'static str,
    reports: Reports,
}

impl Component {
    const fn kubernetes(name: &'static str, package: &'static str) -> Self {
        Self {
            name,
            module: Module::Kubernetes,
            package,
            reports: Reports::KubernetesVersion,
        }
    }

    /// The version that the module pins, without the `v` of some modules' tags; empty for what lies in this repository.
    fn pinned(&self) -> Result<String> {
        Ok(self.module.version()?.trim_start_matches('v').to_owned())
    }

    /// The arguments that make it print its version; none if it has none.
    fn version_arguments(&self) -> &'static [&'static str] {
        match self.name {
            "kubectl" => &["version", "--client"],
            "kubeadm" | "etcdctl" => &["version"],
            "coredns" => &["-version"],
            "pause" => &[],
            _ => &["--version"],
        }
    }

    /// Whether it exists as the next patch release, too.
    #[must_use]
    pub fn has_upgrade(&self) -> bool {
        self.reports == Reports::KubernetesVersion
    }
}

/// Every program, in the order they are built: what suites wait for first.
pub const COMPONENTS: &[Component] = &[
    Component::kubernetes("kubeadm", "k8s.io/kubernetes/cmd/kubeadm"),
    Component {
        name: "etcd",
        module: Module::Etcd,
        package: "go.etcd.io/etcd/server/v3",
        reports: Reports::Source,
    },
    Component::kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    Component::kubernetes(
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    Component::kubernetes("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    Component::kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
    Component::kubernetes("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    Component::kubernetes("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    Component {
        name: "crictl",
        module: Module::CriTools,
        package: "sigs.k8s.io/cri-tools/cmd/crictl",
        reports: Reports::Variable("sigs.k8s.io/cri-tools/pkg/version.Version"),
    },
    Component {
        name: "etcdctl",
        module: Module::Etcd,
        package: "go.etcd.io/etcd/etcdctl/v3",
        reports: Reports::Source,
    },
    Component {
        name: "coredns",
        module: Module::CoreDns,
        package: "github.com/coredns/coredns",
        reports: Reports::Source,
    },
    Component {
        name: "pause",
        module: Module::Pause,
        package: ".",
        reports: Reports::Source,
    },
];

/// The components called `names`; all of them if none is named.
///
/// # Errors
/// If there is none of a name.
pub fn select(names: &[String]) -> Result<Vec<&'static Component>> {
    if names.is_empty() {
        return Ok(COMPONENTS.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            COMPONENTS
                .iter()
                .find(|component| component.name == name)
                .with_context(|| {
                    let known: Vec<&str> =
                        COMPONENTS.iter().map(|component| component.name).collect();
                    format!(
                        "there is no component `{name}`; there are {}",
                        known.join(", ")
                    )
                })
        })
        .collect()
}

/// The release that is built, and the one it can be upgraded to.
///
/// # Errors
/// If the module that pins it cannot be read.
pub fn releases() -> Result<[Version; 2]> {
    let version: Version = Module::Kubernetes.version()?.parse()?;
    Ok([version, version.next_patch()])
}

/// A folder that `cargo xtask components` fills.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in `folder`; it need not exist.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The store in the user's cache, `${XDG_CACHE_HOME:-~/.cache}/kubeplan/components/<digest of the modules>`.
    ///
    /// # Errors
    /// If the user has no home or the modules cannot be read.
    pub fn in_cache() -> Result<Self> {
        let mut hasher = Sha256::new();
        for module in Module::ALL {
            hasher.update(module.digest()?);
        }
        let digest = module::hex(&hasher.finalize());
        let name = digest.get(..16).unwrap_or(&digest).to_owned();
        Ok(Self {
            folder: cache_folder()?.join("components").join(name),
        })
    }

    /// Waits until nobody else fills the store, and keeps others from it until the result is dropped.
    ///
    /// # Errors
    /// If the store's folder cannot be made.
    pub(crate) fn lock(&self) -> Result<File> {
        let path = self.folder.join(".lock");
        fs::create_dir_all(&self.folder)
            .and_then(|()| File::create(&path))
            .and_then(|file| file.lock().map(|()| file))
            .with_context(|| format!("locking {}", path.display()))
    }

    /// The store's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the programs of a release are.
    #[must_use]
    pub fn programs(&self, version: Version) -> PathBuf {
        self.folder.join(version.to_string()).join("bin")
    }

    /// Whether every program of both releases is there.
    ///
    /// # Errors
    /// If the modules that pin them cannot be read.
    pub fn is_complete(&self) -> Result<bool> {
        let [version, upgrade] = releases()?;
        let is_there =
            |release, component: &Component| self.programs(release).join(component.name).is_file();
        Ok(COMPONENTS.iter().all(|component| {
            is_there(version, component)
                && (!component.has_upgrade() || is_there(upgrade, component))
        }))
    }

    /// Where the images of a release are.
    #[must_use]
    pub fn images(&self, version: Version) -> PathBuf {
        self.folder.join(version.to_string()).join("images")
    }

    /// Where it is noted what a file was made from.
    pub(crate) fn stamp(&self, version: Version, name: &str) -> PathBuf {
        self.folder
            .join(version.to_string())
            .join("stamps")
            .join(name)
    }
}

/// `${XDG_CACHE_HOME:-~/.cache}/kubeplan`.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(cache
        .context("neither XDG_CACHE_HOME nor HOME is set; name a folder with --dir")?
        .join("kubeplan"))
}

/// Programs that can be run.
#[derive(Clone, Debug)]
pub struct Programs {
    folders: Vec<PathBuf>,
}

impl Programs {
    /// The programs in `folder`: a store's, of the release that is built, or any that lie right in it.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        let mut folders = vec![folder.to_owned()];
        if let Ok([version, _]) = releases() {
            folders.push(Store::at(folder).programs(version));
        }
        Self { folders }
    }

    /// The programs of one release of a store.
    #[must_use]
    pub fn of(store: &Store, version: Version) -> Self {
        Self {
            folders: vec![store.programs(version)],
        }
    }

    /// What the variables name, or the store in the user's cache.
    ///
    /// # Errors
    /// If the user has no home or the modules cannot be read.
    pub fn find() -> Result<Self> {
        let named = [COMPONENTS_VARIABLE, ASSETS_VARIABLE]
            .into_iter()
            .find_map(std::env::var_os);
        Ok(match named {
            Some(folder) => Self::in_folder(Path::new(&folder)),
            None => Self::in_folder(Store::in_cache()?.folder()),
        })
    }

    /// The path of the program `name`.
    ///
    /// # Errors
    /// If it is not there.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let found = self
            .folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file());
        found.with_context(|| {
            let folders: Vec<String> = self
                .folders
                .iter()
                .map(|folder| folder.display().to_string())
                .collect();
            format!(
                "there is no {name} in {}; `cargo xtask components` builds it",
                folders.join(" or ")
            )
        })
    }

    /// The first of `names` that is not there.
    #[must_use]
    pub fn missing<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.path(name).is_err())
    }

    /// Fails unless all programs of `names` are there.
    ///
    /// # Errors
    /// Names the first one that is missing.
    pub fn check(&self, names: &[&str]) -> Result<()> {
        match self.missing(names) {
            Some(name) => bail!(
                self.path(name)
                    .err()
                    .unwrap_or_else(|| anyhow::anyhow!("{name} vanished"))
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_selected_by_name() {
        assert_eq!(select(&[]).unwrap().len(), COMPONENTS.len());
        let one = select(&["etcdctl".to_owned()]).unwrap();
        assert_eq!(
            one.iter()
                .map(|component| component.name)
                .collect::<Vec<_>>(),
            ["etcdctl"]
        );
        let error = select(&["kubectx".to_owned()]).unwrap_err().to_string();
        assert!(
            error.starts_with("there is no component `kubectx`; there are kubeadm, etcd, "),
            "{error}"
        );
    }

    #[test]
    fn every_package_is_a_tool_of_its_module() {
        for component in COMPONENTS
            .iter()
            .filter(|component| component.module != Module::Pause)
        {
            let go_mod = std::fs::read_to_string(component.module.folder().join("go.mod")).unwrap();
            let named = go_mod
                .lines()
                .any(|line| line.trim().trim_start_matches("tool ") == component.package);
            assert!(named, "{}", component.name);
        }
    }

    #[test]
    fn programs_are_found_in_both_layouts() {
        let scratch = tempfile::tempdir().unwrap();
        let [version, _] = releases().unwrap();
        let programs = Programs::in_folder(scratch.path());
        let error = programs.check(&["etcd"]).unwrap_err().to_string();
        assert!(
            error.contains("there is no etcd in") && error.contains("cargo xtask components"),
            "{error}"
        );
        std::fs::write(scratch.path().join("etcd"), "").unwrap();
        let bin = Store::at(scratch.path()).programs(version);
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(bin.join("kubectl"), "").unwrap();
        assert_eq!(programs.path("etcd").unwrap(), scratch.path().join("etcd"));
        assert_eq!(programs.path("kubectl").unwrap(), bin.join("kubectl"));
        assert_eq!(
            programs.missing(&["etcd", "kubectl", "kubelet"]),
            Some("kubelet")
        );
    }
}
