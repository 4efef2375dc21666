//! The kinds of checks: one row and one function for each.

use kubeplan_bundle::check::CheckKind;

use super::{CannotLook, Looked, View};
use super::{cluster, files, kernel, node, ports, proxy, runtime, version};

/// What a kind of check needs to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// The host's files; the check is made for a tree too that is to be copied to a host.
    Tree,
    /// The running system.
    Live,
}

/// What an earlier installation of the same node explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Explained {
    /// Nothing.
    Never,
    /// A path that it recorded.
    ByPath,
    /// Everything of this kind, once the node was installed.
    ByNode,
}

/// A row.
pub(super) struct KindDef {
    /// The value of `kind` in the bundle.
    pub(super) word: &'static str,
    pub(super) needs: Needs,
    pub(super) explained: Explained,
    /// Whether its errors can be turned into warnings.
    pub(super) ignorable: bool,
    /// What is looked at, for the reference.
    pub(super) about: &'static str,
    pub(super) look: fn(&CheckKind, &View<'_>) -> Looked,
}

use Explained::{ByNode, ByPath, Never};
use Needs::{Live, Tree};

const fn row(
    word: &'static str,
    needs: Needs,
    explained: Explained,
    about: &'static str,
    look: fn(&CheckKind, &View<'_>) -> Looked,
) -> KindDef {
    KindDef {
        word,
        needs,
        explained,
        ignorable: true,
        about,
        look,
    }
}

/// Every kind.
#[rustfmt::skip]
pub(super) const KINDS: &[KindDef] = &[
    row("privileged-user", Live, Never, "the user id of the process", node::privileged_user),
    row("cpu-count", Live, Never, "the CPUs the process may use (sched_getaffinity)", node::cpu_count),
    row("memory", Live, Never, "the memory of the host (sysinfo)", node::memory),
    row("version-below", Tree, Never, "two versions in the bundle", version::below),
    row("service-inactive", Live, Never, "systemctl, or rc-service and rc-update", node::service_inactive),
    row("service-enabled", Live, Never, "systemctl, or rc-service and rc-update", node::service_enabled),
    row("port-free", Live, ByNode, "listening on the port, on all addresses", ports::free),
    row("path-absent", Tree, ByPath, "the path below the root", files::absent),
    row("path-present", Live, Never, "the path below the root", files::present),
    row("directory-empty", Tree, ByNode, "the folder below the root", files::empty),
    row("file-begins", Live, Never, "the first bytes of the file below the root", files::begins),
    row("executable", Live, Never, "the folders of PATH below the root", files::executable),
    row("direct-connection", Live, Never, "HTTPS_PROXY and NO_PROXY of the process", proxy::direct_connection),
    row("direct-network", Live, Never, "HTTPS_PROXY and NO_PROXY of the process", proxy::direct_network),
    row("runtime-ready", Live, Never, "the container runtime's Status", runtime::ready),
    row("runtime-config", Live, Never, "the container runtime's RuntimeConfig", runtime::config),
    row("no-swap", Live, Never, "/proc/swaps", files::no_swap),
    row("system", Live, Never, "uname, the kernel's configuration, /proc/mounts, the controllers of cgroups", kernel::system),
    row("node-name", Live, Never, "the name's form, and the resolver", node::name),
    row("program-version", Live, Never, "what the program prints with --version", version::program),
    row("server-version", Live, Never, "a document on each server: 10 s, three attempts 5 s apart", version::server),
    row("images", Live, Never, "the container runtime's ImageStatus, PullImage and Status", runtime::images),
    KindDef { ignorable: false, ..row("same-cluster", Tree, Never, "the CA certificate and the kubeconfigs below the root", cluster::same) },
];

/// The row of a check.
pub(super) fn of(look: &CheckKind) -> Option<&'static KindDef> {
    KINDS.iter().find(|row| row.word == look.word())
}

/// A function met a kind that is not its own: a mistake in the table, and no pass.
pub(super) fn mismatch(look: &CheckKind) -> Looked {
    Err(CannotLook(format!(
        "nothing looks at `{}` here",
        look.word()
    )))
}

/// A kind of check, for the reference.
#[derive(Clone, Copy, Debug)]
pub struct CheckDoc {
    /// The value of `kind` in the bundle.
    pub kind: &'static str,
    /// What is looked at.
    pub about: &'static str,
    /// Whether it is made for a tree that is not the running system.
    pub on_a_tree: bool,
    /// Whether its errors can be ignored.
    pub ignorable: bool,
    /// What an earlier installation of the same node explains.
    pub explained: &'static str,
}

/// Every kind of check, for the reference.
#[must_use]
pub(crate) fn docs() -> Vec<CheckDoc> {
    KINDS
        .iter()
        .map(|row| CheckDoc {
            kind: row.word,
            about: row.about,
            on_a_tree: row.needs == Tree,
            ignorable: row.ignorable,
            explained: match row.explained {
                Never => "nothing",
                ByPath => "paths it recorded",
                ByNode => "everything",
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_row() {
        let words: Vec<&str> = KINDS.iter().map(|row| row.word).collect();
        assert_eq!(words, CheckKind::WORDS);
    }
}
