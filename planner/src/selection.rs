//! Selects kubeadm's phases for a plan.
//!
//! In: the configuration, with what the command line added. Out: a [`Selection`], which every part of the plan asks. The
//! rules are those of kubeadm's runner (v1.36.2, cmd/kubeadm/app/cmd/phases/workflow/runner.go): a parent stands for its
//! children, skipped phases are removed from the selected ones, and `init phase` does not read `skipPhases` of the file.

use std::collections::BTreeSet;

use crate::config::provenance::Origin;
use crate::config::{ValidConfig, is_disabled_by_skipping};
use crate::kubeadm::phase_tree::{DOWNLOAD_CERTS, Tree, parent};

/// The fields that list skipped phases. A flag can stand for either.
const SKIP_PHASES: [&str; 2] = [
    "InitConfiguration.skipPhases",
    "JoinConfiguration.skipPhases",
];

/// The phases of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    tree: &'static Tree,
    /// The phases that have something to do on the node.
    concerned: BTreeSet<&'static str>,
    selected: BTreeSet<&'static str>,
    only: bool,
}

impl Selection {
    /// The phases of `tree` that `config` selects.
    #[must_use]
    pub fn of(tree: &'static Tree, config: &ValidConfig) -> Self {
        let concerned: BTreeSet<&'static str> = tree
            .names
            .iter()
            .copied()
            .filter(|name| concerns(tree, name, config))
            .collect();
        let only = !config.only_phases.is_empty();
        let mut selected = if only {
            // A name can belong to another command, whose phases this node does not have.
            let named = config.only_phases.iter();
            named
                .flat_map(|name| tree.with_children(name))
                .filter(|name| concerned.contains(name))
                .collect()
        } else {
            concerned.clone()
        };
        if !only || skipped_by_flag(config) {
            for name in skipped(tree, config) {
                selected.remove(name);
            }
        }
        for (name, disabled, field) in [
            (
                "addon/coredns",
                config.cluster.dns.disabled,
                "ClusterConfiguration.dns.disabled",
            ),
            (
                "addon/kube-proxy",
                config.cluster.proxy.disabled,
                "ClusterConfiguration.proxy.disabled",
            ),
        ] {
            // An addon that is disabled only because the file skips its phase is planned if the user names the phase.
            if disabled && !(only && is_disabled_by_skipping(config, field)) {
                selected.remove(name);
            }
        }
        Self {
            tree,
            concerned,
            selected,
            only,
        }
    }

    /// The command whose phases they are.
    #[must_use]
    pub const fn tree(&self) -> &'static Tree {
        self.tree
    }

    /// Whether the plan has the phase `name`.
    #[must_use]
    pub fn includes(&self, name: &str) -> bool {
        self.selected.contains(name)
    }

    /// Whether the phase `name` has something to do on the node.
    #[must_use]
    pub fn concerns(&self, name: &str) -> bool {
        self.concerned.contains(name)
    }

    /// Whether the command line names the phases, so that the plan has no others.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.only
    }

    /// The skipped phases, in kubeadm's order. A parent stands for its children if all of them are skipped.
    #[must_use]
    pub fn left_out(&self) -> Vec<&'static str> {
        let all_out = |name: &str| {
            let children = self.tree.with_children(name);
            let mut children = children
                .filter(|child| *child != name && self.concerns(child))
                .peekable();
            match children.peek() {
                Some(_) => children.all(|child| !self.includes(child)),
                None => !self.includes(name),
            }
        };
        self.tree
            .names
            .iter()
            .copied()
            .filter(|name| self.concerns(name))
            .filter(|name| all_out(name) && !parent(name).is_some_and(all_out))
            .collect()
    }
}

/// Whether the phase `name` has something to do on the node. A phase that has nothing to do skips itself.
fn concerns(tree: &Tree, name: &str, config: &ValidConfig) -> bool {
    let for_control_planes = tree
        .control_plane
        .iter()
        .any(|only| *only == name || parent(name) == Some(only));
    (config.is_control_plane() || !for_control_planes)
        && (name != DOWNLOAD_CERTS || config.membership.fetches_certificates())
}

/// The phases in the list of skipped phases, with those below them.
fn skipped(tree: &'static Tree, config: &ValidConfig) -> impl Iterator<Item = &'static str> {
    let names = config.init.skip_phases.iter();
    // Validation has reported unknown names.
    names
        .filter_map(|name| tree.to_skip(name).ok().flatten())
        .flat_map(|name| tree.with_children(name))
}

fn skipped_by_flag(config: &ValidConfig) -> bool {
    let is_flag = |field| matches!(config.provenance.at(field), Some(Origin::Flag { .. }));
    SKIP_PHASES.into_iter().any(is_flag)
}

/// The selected phases that the configuration file skips.
#[must_use]
pub fn in_spite_of_file(tree: &'static Tree, config: &ValidConfig) -> Vec<&'static str> {
    if skipped_by_flag(config) {
        return Vec::new();
    }
    let selection = Selection::of(tree, config);
    skipped(tree, config)
        .filter(|name| selection.includes(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::phase_tree::{INIT, JOIN, NAMES};
    use crate::testing::{default_config, joining_control_plane_config, joining_worker_config};

    fn skipping(names: &[&str]) -> ValidConfig {
        let mut config = default_config();
        config.init.skip_phases = names.iter().map(|name| (*name).to_owned()).collect();
        config
    }

    fn only(mut config: ValidConfig, names: &[&'static str]) -> ValidConfig {
        config.only_phases = names.to_vec();
        config
    }

    #[test]
    fn everything_is_selected_unless_something_is_said() {
        let selection = Selection::of(&INIT, &default_config());
        assert!(NAMES.iter().all(|name| selection.includes(name)));
        assert!(selection.left_out().is_empty() && !selection.is_exact());
    }

    #[test]
    fn a_parent_takes_its_children_along() {
        let selection = Selection::of(&INIT, &skipping(&["certs", "addon/kube-proxy"]));
        assert!(!selection.includes("certs/ca") && !selection.includes("certs"));
        assert!(selection.includes("addon") && selection.includes("addon/coredns"));
        assert_eq!(selection.left_out(), ["certs", "addon/kube-proxy"]);

        let selection = Selection::of(&INIT, &only(default_config(), &["certs", "addon/coredns"]));
        assert!(selection.includes("certs/sa") && !selection.includes("addon"));
        assert!(selection.is_exact());
        assert_eq!(
            selection.left_out(),
            [
                "preflight",
                "kubeconfig",
                "etcd",
                "control-plane",
                "kubelet-start",
                "wait-control-plane",
                "upload-config",
                "upload-certs",
                "mark-control-plane",
                "bootstrap-token",
                "kubelet-finalize",
                "addon/kube-proxy",
                "show-join-command",
            ]
        );
    }

    #[test]
    fn all_children_are_their_parent() {
        let both = skipping(&["addon/kube-proxy", "addon/coredns", "certs/all"]);
        assert_eq!(Selection::of(&INIT, &both).left_out(), ["addon"]);
    }

    #[test]
    fn what_is_disabled_is_left_out_even_when_it_is_asked_for() {
        let mut config = default_config();
        config.cluster.dns.disabled = true;
        assert_eq!(Selection::of(&INIT, &config).left_out(), ["addon/coredns"]);
        let selection = Selection::of(&INIT, &only(config, &["addon"]));
        assert!(!selection.includes("addon/coredns") && selection.includes("addon/kube-proxy"));
    }

    #[test]
    fn a_phase_that_is_asked_for_is_not_skipped_by_the_file_but_by_the_flag() {
        let mut config = only(skipping(&["certs/ca"]), &["certs"]);
        assert!(Selection::of(&INIT, &config).includes("certs/ca"));
        assert_eq!(in_spite_of_file(&INIT, &config), ["certs/ca"]);
        let flag = Origin::Flag {
            name: "skip-phases".into(),
        };
        config.provenance.record(SKIP_PHASES[0], flag);
        let selection = Selection::of(&INIT, &config);
        assert!(!selection.includes("certs/ca") && selection.includes("certs/sa"));
        assert!(in_spite_of_file(&INIT, &config).is_empty());
    }

    #[test]
    fn an_addon_that_only_the_file_skips_can_be_asked_for() {
        let mut config = skipping(&["addon/kube-proxy"]);
        config.cluster.proxy.disabled = true;
        let rule = Origin::Default {
            rule: "skipped".into(),
        };
        let field = "ClusterConfiguration.proxy.disabled";
        config.provenance.record(field, rule);
        assert!(!Selection::of(&INIT, &config).includes("addon/kube-proxy"));
        let config = only(config, &["addon/kube-proxy"]);
        assert!(Selection::of(&INIT, &config).includes("addon/kube-proxy"));
    }

    #[test]
    fn a_joining_node_has_the_phases_of_join_that_concern_it() {
        let selection = Selection::of(&JOIN, &joining_worker_config());
        assert!(selection.includes("kubelet-wait-bootstrap") && !selection.includes("etcd-join"));
        assert!(!selection.includes("certs") && selection.left_out().is_empty());

        let mut config = joining_control_plane_config();
        let skip = ["preflight", "control-plane-prepare", "addon", "check-etcd"];
        config.init.skip_phases = skip.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection::of(&JOIN, &config);
        assert_eq!(
            selection.left_out(),
            ["preflight", "control-plane-prepare", "check-etcd"]
        );
        assert!(!selection.includes("control-plane-prepare/certs"));
    }

    #[test]
    fn workers_skip_what_is_for_control_planes() {
        let concerned = |config: &ValidConfig| -> Vec<&str> {
            let names = JOIN.names.iter().copied();
            names.filter(|name| concerns(&JOIN, name, config)).collect()
        };
        assert_eq!(
            concerned(&joining_worker_config()),
            ["preflight", "kubelet-start", "kubelet-wait-bootstrap"]
        );
        let mut all_but_one = JOIN.names.to_vec();
        all_but_one.retain(|name| *name != DOWNLOAD_CERTS);
        assert_eq!(concerned(&joining_control_plane_config()), all_but_one);
    }

    #[test]
    fn names_of_another_command_select_nothing() {
        let worker = only(
            joining_worker_config(),
            &["certs", "etcd-join", "preflight"],
        );
        let selection = Selection::of(&JOIN, &worker);
        assert!(selection.includes("preflight") && !selection.includes("etcd-join"));
        assert_eq!(
            selection.left_out(),
            ["kubelet-start", "kubelet-wait-bootstrap"]
        );
    }
}
