//! The checklist of a new minor, in order.

/// One thing to do.
pub struct Item {
    /// What.
    pub what: &'static str,
    /// Where: paths below the repository's root.
    pub files: &'static [&'static str],
}

/// All of it. `{new}` is the minor that is added, `{old}` the newest one that is supported.
pub const CHECKLIST: &[Item] = &[
    Item {
        what: "Add one row with its source: what differs from the row of 1.{old}, and nothing else",
        files: &["planner/src/kubeadm/releases/table.rs"],
    },
    Item {
        what: "Add it to the supported releases",
        files: &["planner/src/kubeadm/releases/mod.rs", "README.md"],
    },
    Item {
        what: "Once 1.{new} is released, read the fields of all releases again: `cargo xtask tables`",
        files: &[
            "xtask/types/types.txt",
            "planner/src/kubeadm/go_types/tables/mod.rs",
        ],
    },
    Item {
        what: "Add new fields to the typed structs, defaults, validation and the random configurations",
        files: &[
            "planner/src/config/kubeadm.rs",
            "planner/src/config/default/mod.rs",
            "planner/src/config/validate/mod.rs",
            "tests/equivalence/grammar.rs",
            "tests/equivalence/mutation.rs",
        ],
    },
    Item {
        what: "Give a span of releases to new and removed flags of components and of the kubelet",
        files: &[
            "planner/src/render/static_pod/flags.rs",
            "planner/src/render/static_pod/etcd.rs",
            "planner/src/render/static_pod/kube_apiserver.rs",
            "planner/src/render/static_pod/kube_controller_manager.rs",
            "planner/src/render/static_pod/kube_scheduler.rs",
            "planner/src/render/kubelet.rs",
        ],
    },
    Item {
        what: "Read each changed file of kubeadm, and change what follows it here",
        files: &[
            "planner/src/phases/mod.rs",
            "planner/src/phases/preflight.rs",
            "planner/src/operations/init.rs",
            "planner/src/pki/mod.rs",
            "planner/src/patches/mod.rs",
        ],
    },
    Item {
        what: "Run `cargo xtask bless` and read every changed line",
        files: &["fixtures/by-version/reference.yaml", "golden/by-version"],
    },
    Item {
        what: "Pin the real programs of 1.{new}, and compare with its kubeadm: `cargo xtask components`, `cargo xtask equivalence`",
        files: &[
            "tests/components/kubernetes/go.mod",
            "tests/components/etcd/go.mod",
            "tests/components/coredns/go.mod",
            "tests/components/pause",
            "tests/equivalence/component.rs",
        ],
    },
    Item {
        what: "Document what users see: changes, differences from kubeadm, preflight checks; then run `cargo xtask generate`",
        files: &[
            "CHANGELOG.md",
            "docs/differences.md",
            "docs/configuration.md",
            "docs/preflight.md",
            "docs/reference/checks.md",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository;

    #[test]
    fn every_file_that_is_named_exists() {
        let root = repository::root().unwrap();
        for item in CHECKLIST {
            assert!(!item.files.is_empty(), "{}", item.what);
            for file in item.files {
                assert!(root.join(file).exists(), "{file}");
            }
        }
    }
}
