//! Which of kubeadm's phases a plan is made of.
//!
//! In: the configuration, with what the command line added. Out: a [`Selection`] that every part of the plan asks. The
//! rules are those of kubeadm's runner (v1.36.2, cmd/kubeadm/app/cmd/phases/workflow/runner.go): a parent stands for its
//! children, what is skipped is taken from what is selected, and `init phase` does not read `skipPhases` of the file.

use std::collections::BTreeSet;

use super::names::{Tree, parent};
use crate::config::ValidConfig;
use crate::config::provenance::Origin;
use crate::config::valid::Membership;

/// The fields that list skipped phases; a flag stands for either.
const SKIP_PHASES: [&str; 2] = [
    "InitConfiguration.skipPhases",
    "JoinConfiguration.skipPhases",
];

/// The phases of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    tree: &'static Tree,
    /// Those that do something on the node.
    concerned: BTreeSet<&'static str>,
    selected: BTreeSet<&'static str>,
    only: bool,
}

impl Selection {
    /// The phases that `config` leaves.
    #[must_use]
    pub fn of(config: &ValidConfig) -> Self {
        let tree = Tree::of(config);
        let concerned: BTreeSet<&'static str> = tree
            .names
            .iter()
            .copied()
            .filter(|name| tree.concerns(name, config))
            .collect();
        let only = !config.only_phases.is_empty();
        let mut selected = if only {
            // A name may be another command's; this node has no such phase then.
            let named = config.only_phases.iter();
            named
                .flat_map(|name| tree.with_children(name))
                .filter(|name| concerned.contains(name))
                .collect()
        } else {
            concerned.clone()
        };
        if !only || skipped_by_flag(config) {
            for name in skipped(config) {
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
            // What is disabled only because the file skips its phase is planned when the phase is asked for.
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

    /// Whether the phase `name` would do something on the node.
    #[must_use]
    pub fn concerns(&self, name: &str) -> bool {
        self.concerned.contains(name)
    }

    /// Whether the plan has the phase that writes the certificate called `name`.
    #[must_use]
    pub fn includes_certificate(&self, name: &str, config: &ValidConfig) -> bool {
        self.includes(&phase_of_certificate(name, config))
    }

    /// Whether the command line said which phases there are, so that nothing else is wanted.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.only
    }

    /// The phases that are left out, in kubeadm's order; a parent stands for its children where all of them are.
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

/// Whether the addon that `field` disables is disabled only because its phase is skipped.
#[must_use]
pub fn is_disabled_by_skipping(config: &ValidConfig, field: &str) -> bool {
    matches!(config.provenance.at(field), Some(Origin::Default { .. }))
}

/// The phases in the list of skipped phases, with those below them.
fn skipped(config: &ValidConfig) -> impl Iterator<Item = &'static str> {
    let tree = Tree::of(config);
    let names = config.init.skip_phases.iter();
    // Validation has reported names that there are not.
    names
        .filter_map(|name| tree.to_skip(name).ok().flatten())
        .flat_map(|name| tree.with_children(name))
}

fn skipped_by_flag(config: &ValidConfig) -> bool {
    let is_flag = |field| matches!(config.provenance.at(field), Some(Origin::Flag { .. }));
    SKIP_PHASES.into_iter().any(is_flag)
}

/// Selected phases that the file would skip.
#[must_use]
pub fn in_spite_of_file(config: &ValidConfig) -> Vec<&'static str> {
    if skipped_by_flag(config) {
        return Vec::new();
    }
    let selection = Selection::of(config);
    skipped(config)
        .filter(|name| selection.includes(name))
        .collect()
}

/// The phase that writes the certificate called `name`. With init `certs/ca` for `ca`, `kubeconfig/admin` for `admin.conf`.
#[must_use]
pub fn phase_of_certificate(name: &str, config: &ValidConfig) -> String {
    let kubeconfig = name.strip_suffix(".conf");
    match (&config.membership, kubeconfig) {
        (Membership::Founds, Some(own)) => format!("kubeconfig/{own}"),
        (Membership::Founds, None) => format!("certs/{name}"),
        (Membership::Joins(_), Some("kubelet")) => "kubelet-start".to_owned(),
        (Membership::Joins(_), _) if !config.is_control_plane() => "kubelet-start".to_owned(),
        (Membership::Joins(_), Some(_)) => "control-plane-prepare/kubeconfig".to_owned(),
        (Membership::Joins(_), None) => "control-plane-prepare/certs".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeconfig;
    use crate::layout::CERTIFICATE_FILES;
    use crate::phases::names::NAMES;
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
        let selection = Selection::of(&default_config());
        assert!(NAMES.iter().all(|name| selection.includes(name)));
        assert!(selection.left_out().is_empty() && !selection.is_exact());
    }

    #[test]
    fn a_parent_takes_its_children_along() {
        let selection = Selection::of(&skipping(&["certs", "addon/kube-proxy"]));
        assert!(!selection.includes("certs/ca") && !selection.includes("certs"));
        assert!(selection.includes("addon") && selection.includes("addon/coredns"));
        assert_eq!(selection.left_out(), ["certs", "addon/kube-proxy"]);

        let selection = Selection::of(&only(default_config(), &["certs", "addon/coredns"]));
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
        assert_eq!(Selection::of(&both).left_out(), ["addon"]);
    }

    #[test]
    fn what_is_disabled_is_left_out_even_when_it_is_asked_for() {
        let mut config = default_config();
        config.cluster.dns.disabled = true;
        assert_eq!(Selection::of(&config).left_out(), ["addon/coredns"]);
        let selection = Selection::of(&only(config, &["addon"]));
        assert!(!selection.includes("addon/coredns") && selection.includes("addon/kube-proxy"));
    }

    #[test]
    fn a_phase_that_is_asked_for_is_not_skipped_by_the_file_but_by_the_flag() {
        let mut config = only(skipping(&["certs/ca"]), &["certs"]);
        assert!(Selection::of(&config).includes("certs/ca"));
        assert_eq!(in_spite_of_file(&config), ["certs/ca"]);
        let flag = Origin::Flag {
            name: "skip-phases".into(),
        };
        config.provenance.record(SKIP_PHASES[0], flag);
        let selection = Selection::of(&config);
        assert!(!selection.includes("certs/ca") && selection.includes("certs/sa"));
        assert!(in_spite_of_file(&config).is_empty());
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
        assert!(!Selection::of(&config).includes("addon/kube-proxy"));
        let config = only(config, &["addon/kube-proxy"]);
        assert!(Selection::of(&config).includes("addon/kube-proxy"));
    }

    #[test]
    fn every_certificate_has_its_phase() {
        let files = CERTIFICATE_FILES.iter().map(|(name, _)| *name);
        let clients = kubeconfig::FILES.iter().map(|file| file.file_name);
        for name in files.chain(clients) {
            for config in [
                default_config(),
                joining_control_plane_config(),
                joining_worker_config(),
            ] {
                let phase = phase_of_certificate(name, &config);
                assert!(Selection::of(&config).includes(&phase), "{phase}");
            }
        }
    }

    #[test]
    fn a_joining_node_has_the_phases_of_join_that_concern_it() {
        let selection = Selection::of(&joining_worker_config());
        assert!(selection.includes("kubelet-wait-bootstrap") && !selection.includes("etcd-join"));
        assert!(!selection.includes("certs") && selection.left_out().is_empty());

        let mut config = joining_control_plane_config();
        let skip = ["preflight", "control-plane-prepare", "addon", "check-etcd"];
        config.init.skip_phases = skip.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection::of(&config);
        assert_eq!(
            selection.left_out(),
            ["preflight", "control-plane-prepare", "check-etcd"]
        );
        assert!(!selection.includes("control-plane-prepare/certs"));
    }

    #[test]
    fn names_of_another_command_select_nothing() {
        let worker = only(
            joining_worker_config(),
            &["certs", "etcd-join", "preflight"],
        );
        let selection = Selection::of(&worker);
        assert!(selection.includes("preflight") && !selection.includes("etcd-join"));
        assert_eq!(
            selection.left_out(),
            ["kubelet-start", "kubelet-wait-bootstrap"]
        );
    }
}
