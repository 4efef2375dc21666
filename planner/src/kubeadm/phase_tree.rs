//! The names of the phases of `kubeadm init` and `kubeadm join`.
//!
//! In: a name as a user gives it. Out: the phase, or a hint which phase was meant. The tree of `init` is the same in
//! every supported release (v1.33 to v1.37, cmd/kubeadm/app/cmd/init.go and app/cmd/phases/init); that of `join` is v1.36.2's
//! (cmd/kubeadm/app/cmd/join.go and app/cmd/phases/join). What a name selects, [`crate::selection`] decides.

use crate::suggest::nearest;

/// The phases of one of kubeadm's commands.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree {
    /// The command, such as `kubeadm init`.
    pub command: &'static str,
    /// Every phase in kubeadm's order, each parent before its children.
    pub names: &'static [&'static str],
    /// The parents that have a child `all` in the command's `phase`, which runs all children.
    with_all: &'static [&'static str],
    /// Aliases that the command's `phase` accepts, and `skipPhases` does not.
    aliases: &'static [(&'static str, &'static str)],
    /// Pairs of phases: kubeadm refuses to run the first without the second.
    pub dependencies: &'static [(&'static str, &'static str)],
    /// Phases that, with their children, do nothing on a worker.
    pub control_plane: &'static [&'static str],
}

/// `kubeadm init`.
pub const INIT: Tree = Tree {
    command: "kubeadm init",
    names: NAMES,
    with_all: WITH_ALL,
    aliases: ALIASES,
    dependencies: &[
        ("show-join-command", "bootstrap-token"),
        ("show-join-command", "upload-certs"),
    ],
    control_plane: &[],
};

/// `kubeadm join`.
pub const JOIN: Tree = Tree {
    command: "kubeadm join",
    names: JOIN_NAMES,
    with_all: &["control-plane-prepare", "control-plane-join"],
    aliases: &[],
    dependencies: &[],
    control_plane: &[
        "control-plane-prepare",
        "check-etcd",
        "etcd-join",
        "control-plane-join",
        "wait-control-plane",
    ],
};

/// The commands whose phases are known.
pub const TREES: [&Tree; 2] = [&INIT, &JOIN];

/// The phase of `kubeadm join` that downloads the certificates that control-plane nodes share.
pub const DOWNLOAD_CERTS: &str = "control-plane-prepare/download-certs";

/// Phases of `kubeadm join` in its order, each parent before its children.
const JOIN_NAMES: &[&str] = &[
    "preflight",
    "control-plane-prepare",
    DOWNLOAD_CERTS,
    "control-plane-prepare/certs",
    "control-plane-prepare/kubeconfig",
    "control-plane-prepare/control-plane",
    "check-etcd",
    "kubelet-start",
    "etcd-join",
    "kubelet-wait-bootstrap",
    "control-plane-join",
    "control-plane-join/mark-control-plane",
    "wait-control-plane",
];

/// Phases of `kubeadm init` in its order, each parent before its children.
pub const NAMES: &[&str] = &[
    "preflight",
    "certs",
    "certs/ca",
    "certs/apiserver",
    "certs/apiserver-kubelet-client",
    "certs/front-proxy-ca",
    "certs/front-proxy-client",
    "certs/etcd-ca",
    "certs/etcd-server",
    "certs/etcd-peer",
    "certs/etcd-healthcheck-client",
    "certs/apiserver-etcd-client",
    "certs/sa",
    "kubeconfig",
    "kubeconfig/admin",
    "kubeconfig/super-admin",
    "kubeconfig/kubelet",
    "kubeconfig/controller-manager",
    "kubeconfig/scheduler",
    "etcd",
    "etcd/local",
    "control-plane",
    "control-plane/apiserver",
    "control-plane/controller-manager",
    "control-plane/scheduler",
    "kubelet-start",
    "wait-control-plane",
    "upload-config",
    "upload-config/kubeadm",
    "upload-config/kubelet",
    "upload-certs",
    "mark-control-plane",
    "bootstrap-token",
    "kubelet-finalize",
    "kubelet-finalize/enable-client-cert-rotation",
    "addon",
    "addon/coredns",
    "addon/kube-proxy",
    "show-join-command",
];

/// The parents that have a child `all` in `kubeadm init phase`, which runs all children.
const WITH_ALL: &[&str] = &[
    "certs",
    "kubeconfig",
    "control-plane",
    "upload-config",
    "kubelet-finalize",
    "addon",
];

/// Aliases that `kubeadm init phase` accepts, and `skipPhases` does not.
const ALIASES: &[(&str, &str)] = &[
    ("uploadconfig", "upload-config"),
    ("bootstraptoken", "bootstrap-token"),
];

/// The name is not that of a phase.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{command} has no phase `{}`", name.escape_debug())]
pub struct UnknownPhase {
    /// The command, or the commands.
    command: String,
    /// The name.
    name: String,
    /// A hint which name to use.
    pub hint: String,
}

impl UnknownPhase {
    fn new(name: &str, trees: &[&Tree]) -> Self {
        let known: Vec<&'static str> = trees.iter().flat_map(|tree| tree.names).copied().collect();
        let own = |known: &&&str| known.split_once('/').is_some_and(|(_, own)| own == name);
        let mut meant: Vec<&str> = known.iter().filter(own).copied().collect();
        if meant.is_empty() {
            meant.extend(nearest(name, known.iter().copied()));
        }
        let hint = if meant.is_empty() {
            let mut top_level: Vec<&str> = Vec::new();
            for name in known.iter().filter(|name| !name.contains('/')) {
                if !top_level.contains(name) {
                    top_level.push(name);
                }
            }
            format!("phases: {}", top_level.join(", "))
        } else {
            let quoted: Vec<String> = meant.iter().map(|name| format!("`{name}`")).collect();
            format!("did you mean {}?", quoted.join(" or "))
        };
        let commands: Vec<&str> = trees.iter().map(|tree| tree.command).collect();
        Self {
            command: commands.join(" or "),
            name: name.to_owned(),
            hint,
        }
    }
}

impl Tree {
    /// The phase and the phases below it.
    pub fn with_children(&self, name: &str) -> impl Iterator<Item = &'static str> {
        self.names
            .iter()
            .copied()
            .filter(move |known| *known == name || parent(known) == Some(name))
    }

    /// The phase called `name`.
    pub fn find(&self, name: &str) -> Option<&'static str> {
        self.names.iter().copied().find(|known| *known == name)
    }

    /// The phase that the command's `phase` runs for `name`, in which `/` replaces blanks: `certs/all` is `certs`.
    fn run_by(&self, name: &str) -> Option<&'static str> {
        let (top, rest) = match name.split_once('/') {
            Some((top, rest)) => (top, Some(rest)),
            None => (name, None),
        };
        let top = self
            .aliases
            .iter()
            .find(|(alias, _)| *alias == top)
            .map_or(top, |(_, meant)| meant);
        match rest {
            Some("all") if self.with_all.contains(&top) => self.find(top),
            Some(rest) => self.find(&format!("{top}/{rest}")),
            None => self.find(top),
        }
    }

    /// The phase that kubeadm skips for `name` in `skipPhases`; `None` for names such as `certs/all`, which kubeadm accepts although
    /// they skip nothing.
    ///
    /// # Errors
    /// [`UnknownPhase`] if there is no such phase.
    pub fn to_skip(&self, name: &str) -> Result<Option<&'static str>, UnknownPhase> {
        let all = name
            .strip_suffix("/all")
            .is_some_and(|parent| self.with_all.contains(&parent));
        match self.find(name) {
            None if !all => Err(UnknownPhase::new(name, &[self])),
            found => Ok(found),
        }
    }
}

/// The parent of the phase `name`.
#[must_use]
pub fn parent(name: &str) -> Option<&str> {
    name.split_once('/').map(|(parent, _)| parent)
}

/// The phase that one of the commands runs for `name`.
///
/// # Errors
/// [`UnknownPhase`] if none of the commands has it.
pub fn to_run(name: &str, trees: &[&Tree]) -> Result<&'static str, UnknownPhase> {
    trees
        .iter()
        .find_map(|tree| tree.run_by(name))
        .ok_or_else(|| UnknownPhase::new(name, trees))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_before_their_children() {
        let mut last_parent = "";
        for name in NAMES {
            match parent(name) {
                Some(parent) => assert_eq!(parent, last_parent, "{name}"),
                None => last_parent = name,
            }
        }
        for name in WITH_ALL {
            assert!(INIT.with_children(name).count() > 1, "{name}");
        }
        let etcd: Vec<&str> = INIT.with_children("etcd").collect();
        assert_eq!(etcd, ["etcd", "etcd/local"]);
        assert_eq!(
            INIT.with_children("certs/ca").collect::<Vec<_>>(),
            ["certs/ca"]
        );
    }

    #[test]
    fn a_phase_to_run_may_be_named_as_on_kubeadms_command_line() {
        for name in NAMES {
            assert_eq!(to_run(name, &[&INIT]), Ok(*name));
            assert_eq!(INIT.to_skip(name), Ok(Some(*name)));
        }
        for (name, meant) in [
            ("certs/all", "certs"),
            ("addon/all", "addon"),
            ("uploadconfig", "upload-config"),
            ("uploadconfig/kubelet", "upload-config/kubelet"),
            ("uploadconfig/all", "upload-config"),
            ("bootstraptoken", "bootstrap-token"),
        ] {
            assert_eq!(to_run(name, &[&INIT]), Ok(meant));
        }
        for name in ["etcd/all", "preflight/all", "certs/", "", "/", "Certs"] {
            assert!(to_run(name, &[&INIT]).is_err(), "{name}");
        }
    }

    #[test]
    fn skip_phases_accepts_all_but_no_alias() {
        for parent in WITH_ALL {
            assert_eq!(INIT.to_skip(&format!("{parent}/all")), Ok(None));
        }
        for name in ["etcd/all", "uploadconfig", "bootstraptoken", "", "addon "] {
            assert!(INIT.to_skip(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_hint_names_the_phase_that_was_meant() {
        for (name, hint) in [
            ("addons", "did you mean `addon`?"),
            ("coredns", "did you mean `addon/coredns`?"),
            (
                "apiserver",
                "did you mean `certs/apiserver` or `control-plane/apiserver`?",
            ),
            ("certs ca", "did you mean `certs/ca`?"),
            ("uploadconfig", "did you mean `upload-config`?"),
            (
                "everything",
                "phases: preflight, certs, kubeconfig, etcd, control-plane, kubelet-start, wait-control-plane, upload-config, \
                 upload-certs, mark-control-plane, bootstrap-token, kubelet-finalize, addon, show-join-command",
            ),
        ] {
            assert_eq!(INIT.to_skip(name).unwrap_err().hint, hint);
        }
        let shown = to_run("a\nb", &[&INIT]).unwrap_err().to_string();
        assert_eq!(shown, "kubeadm init has no phase `a\\nb`");
    }

    #[test]
    fn the_phases_of_join_are_found_by_their_names() {
        let join = |name: &str| to_run(name, &[&JOIN]);
        for name in JOIN_NAMES {
            assert_eq!(join(name), Ok(*name));
            assert_eq!(JOIN.to_skip(name), Ok(Some(*name)));
        }
        assert_eq!(
            join("control-plane-prepare/all"),
            Ok("control-plane-prepare")
        );
        assert_eq!(JOIN.to_skip("control-plane-join/all"), Ok(None));
        let error = join("certs").unwrap_err();
        assert_eq!(error.to_string(), "kubeadm join has no phase `certs`");
        assert_eq!(error.hint, "did you mean `control-plane-prepare/certs`?");
        let mut last_parent = "";
        for name in JOIN_NAMES {
            match parent(name) {
                Some(parent) => assert_eq!(parent, last_parent, "{name}"),
                None => last_parent = name,
            }
        }
    }

    #[test]
    fn a_phase_of_either_command_is_found() {
        for name in ["certs/ca", "etcd-join", "kubelet-start", "uploadconfig"] {
            assert!(to_run(name, &TREES).is_ok(), "{name}");
        }
        let error = to_run("etcd-jion", &TREES).unwrap_err();
        assert_eq!(
            error.to_string(),
            "kubeadm init or kubeadm join has no phase `etcd-jion`"
        );
        assert_eq!(error.hint, "did you mean `etcd-join`?");
        let hint = to_run("everything", &TREES).unwrap_err().hint;
        assert_eq!(hint.matches("kubelet-start").count(), 1, "{hint}");
    }
}
