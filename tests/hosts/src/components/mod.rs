//! The programs of one Kubernetes release and where they are.
//!
//! In: the Go modules in `tests/components/`. Out: static programs and images in a directory outside the repository, each
//! built once: `v1.36.2/bin/`, `v1.36.2/images/`, and the same for the next patch release, the target of upgrades, whose
//! programs differ in nothing but the version they report.

mod build;
mod image;
mod module;
mod programs;
mod store;
mod version;

use anyhow::{Context as _, Result};

pub use build::{Built, Origin, build};
pub use image::{ImageArchive, build_images, references};
pub use module::Module;
pub use programs::{ASSETS_VARIABLE, COMPONENTS_VARIABLE, Programs};
pub use store::Store;
pub(crate) use store::cache_directory;
pub use version::Version;

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

/// What a program is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A package `main`.
    Main,
    /// The tests of a package.
    Tests,
}

/// A program that is built.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// The program's name.
    pub name: &'static str,
    /// The module that pins it.
    pub module: Module,
    /// The Go package that is its `main`, or whose tests it runs.
    package: &'static str,
    kind: Kind,
    reports: Reports,
}

impl Component {
    const fn kubernetes(name: &'static str, package: &'static str) -> Self {
        Self {
            name,
            module: Module::Kubernetes,
            package,
            kind: Kind::Main,
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
            "pause" | E2E_KUBEADM => &[],
            _ => &["--version"],
        }
    }

    /// Whether it exists as the next patch release, too.
    #[must_use]
    pub fn has_upgrade(&self) -> bool {
        self.reports == Reports::KubernetesVersion
    }
}

/// kubeadm's own end-to-end tests, for a cluster that runs.
pub const E2E_KUBEADM: &str = "e2e_kubeadm";

/// Every program, in the order they are built: what suites wait for first.
pub const COMPONENTS: &[Component] = &[
    Component::kubernetes("kubeadm", "k8s.io/kubernetes/cmd/kubeadm"),
    Component {
        name: "etcd",
        module: Module::Etcd,
        package: "go.etcd.io/etcd/server/v3",
        kind: Kind::Main,
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
        kind: Kind::Main,
        reports: Reports::Variable("sigs.k8s.io/cri-tools/pkg/version.Version"),
    },
    Component {
        name: "etcdctl",
        module: Module::Etcd,
        package: "go.etcd.io/etcd/etcdctl/v3",
        kind: Kind::Main,
        reports: Reports::Source,
    },
    Component {
        name: "coredns",
        module: Module::CoreDns,
        package: "github.com/coredns/coredns",
        kind: Kind::Main,
        reports: Reports::Source,
    },
    Component {
        name: "pause",
        module: Module::Pause,
        package: ".",
        kind: Kind::Main,
        reports: Reports::Source,
    },
    Component {
        name: E2E_KUBEADM,
        module: Module::Kubernetes,
        package: "k8s.io/kubernetes/test/e2e_kubeadm",
        kind: Kind::Tests,
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
    fn every_package_is_a_tool_of_its_module_or_lies_in_it() {
        for component in COMPONENTS
            .iter()
            .filter(|component| component.module != Module::Pause)
        {
            let go_mod =
                std::fs::read_to_string(component.module.directory().join("go.mod")).unwrap();
            let named = match component.kind {
                Kind::Main => go_mod
                    .lines()
                    .any(|line| line.trim().trim_start_matches("tool ") == component.package),
                // Go has tools of `main` packages only.
                Kind::Tests => {
                    let upstream = component.module.upstream().unwrap();
                    component.package.starts_with(&format!("{upstream}/"))
                }
            };
            assert!(named, "{}", component.name);
        }
    }
}
