//! The names of the phases of `kubeadm init`.
//!
//! In: a name as a user gives it. Out: the phase it stands for, or what may have been meant. The tree is the same in
//! every supported release (v1.33 to v1.37, cmd/kubeadm/app/cmd/init.go and app/cmd/phases/init); what a name selects is
//! in [`super::selection`].

use crate::config::schema::nearest;

/// Every phase in kubeadm's order, each parent in front of its children.
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

/// The parents that `kubeadm init phase` gives a child `all`, which stands for all its siblings.
const WITH_ALL: &[&str] = &[
    "certs",
    "kubeconfig",
    "control-plane",
    "upload-config",
    "kubelet-finalize",
    "addon",
];

/// What `kubeadm init phase` also takes; the list of skipped phases does not.
const ALIASES: &[(&str, &str)] = &[
    ("uploadconfig", "upload-config"),
    ("bootstraptoken", "bootstrap-token"),
];

/// kubeadm's runner refuses to run the first without the second.
pub const DEPENDENCIES: &[(&str, &str)] = &[
    ("show-join-command", "bootstrap-token"),
    ("show-join-command", "upload-certs"),
];

/// No phase has that name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("kubeadm init has no phase `{}`", name.escape_debug())]
pub struct UnknownPhase {
    /// The name.
    name: String,
    /// What to write instead.
    pub hint: String,
}

impl UnknownPhase {
    fn new(name: &str) -> Self {
        let own = |known: &&&str| known.split_once('/').is_some_and(|(_, own)| own == name);
        let mut meant: Vec<&str> = NAMES.iter().filter(own).copied().collect();
        if meant.is_empty() {
            meant.extend(nearest(name, NAMES.iter().copied()));
        }
        let hint = if meant.is_empty() {
            let top_level = NAMES.iter().filter(|name| !name.contains('/'));
            let top_level: Vec<&str> = top_level.copied().collect();
            format!("known: {}", top_level.join(", "))
        } else {
            let quoted: Vec<String> = meant.iter().map(|name| format!("`{name}`")).collect();
            format!("did you mean {}?", quoted.join(" or "))
        };
        Self {
            name: name.to_owned(),
            hint,
        }
    }
}

/// The phase and the phases below it.
pub fn with_children(name: &str) -> impl Iterator<Item = &'static str> {
    NAMES
        .iter()
        .copied()
        .filter(move |known| *known == name || parent(known) == Some(name))
}

/// The phase `name` lies in.
#[must_use]
pub fn parent(name: &str) -> Option<&str> {
    name.split_once('/').map(|(parent, _)| parent)
}

/// The phase that `kubeadm init phase` runs for `name`, with `/` for its blanks: `certs/all` is `certs`.
///
/// # Errors
/// [`UnknownPhase`] if there is none.
pub fn to_run(name: &str) -> Result<&'static str, UnknownPhase> {
    let (top, rest) = match name.split_once('/') {
        Some((top, rest)) => (top, Some(rest)),
        None => (name, None),
    };
    let top = ALIASES
        .iter()
        .find(|(alias, _)| *alias == top)
        .map_or(top, |(_, meant)| meant);
    let full = match rest {
        Some("all") if WITH_ALL.contains(&top) => top.to_owned(),
        Some(rest) => format!("{top}/{rest}"),
        None => top.to_owned(),
    };
    find(&full).ok_or_else(|| UnknownPhase::new(name))
}

/// The phase that kubeadm leaves out for `name` in a list of skipped phases. It takes `certs/all` and the like, which
/// leave out nothing.
///
/// # Errors
/// [`UnknownPhase`] if there is none.
pub fn to_skip(name: &str) -> Result<Option<&'static str>, UnknownPhase> {
    let all = name
        .strip_suffix("/all")
        .is_some_and(|parent| WITH_ALL.contains(&parent));
    match find(name) {
        None if !all => Err(UnknownPhase::new(name)),
        found => Ok(found),
    }
}

fn find(name: &str) -> Option<&'static str> {
    NAMES.iter().copied().find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_stand_in_front_of_their_children() {
        let mut last_parent = "";
        for name in NAMES {
            match parent(name) {
                Some(parent) => assert_eq!(parent, last_parent, "{name}"),
                None => last_parent = name,
            }
        }
        for name in WITH_ALL {
            assert!(with_children(name).count() > 1, "{name}");
        }
        let etcd: Vec<&str> = with_children("etcd").collect();
        assert_eq!(etcd, ["etcd", "etcd/local"]);
        assert_eq!(with_children("certs/ca").collect::<Vec<_>>(), ["certs/ca"]);
    }

    #[test]
    fn a_phase_to_run_may_be_named_as_on_kubeadms_command_line() {
        for name in NAMES {
            assert_eq!(to_run(name), Ok(*name));
            assert_eq!(to_skip(name), Ok(Some(*name)));
        }
        for (name, meant) in [
            ("certs/all", "certs"),
            ("addon/all", "addon"),
            ("uploadconfig", "upload-config"),
            ("uploadconfig/kubelet", "upload-config/kubelet"),
            ("uploadconfig/all", "upload-config"),
            ("bootstraptoken", "bootstrap-token"),
        ] {
            assert_eq!(to_run(name), Ok(meant));
        }
        for name in ["etcd/all", "preflight/all", "certs/", "", "/", "Certs"] {
            assert!(to_run(name).is_err(), "{name}");
        }
    }

    #[test]
    fn kubeadm_takes_all_in_the_list_of_skipped_phases_but_no_alias() {
        for parent in WITH_ALL {
            assert_eq!(to_skip(&format!("{parent}/all")), Ok(None));
        }
        for name in ["etcd/all", "uploadconfig", "bootstraptoken", "", "addon "] {
            assert!(to_skip(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_may_have_been_meant_is_named() {
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
                "known: preflight, certs, kubeconfig, etcd, control-plane, kubelet-start, wait-control-plane, upload-config, \
                 upload-certs, mark-control-plane, bootstrap-token, kubelet-finalize, addon, show-join-command",
            ),
        ] {
            assert_eq!(to_skip(name).unwrap_err().hint, hint);
        }
        let shown = to_run("a\nb").unwrap_err().to_string();
        assert_eq!(shown, "kubeadm init has no phase `a\\nb`");
    }
}
