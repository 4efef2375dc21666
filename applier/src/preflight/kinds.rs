//! The kinds of checks: what each needs, what explains its findings, how it looks.
//!
//! Each kind of [`kubeplan_bundle::check`] implements [`Looking`], in the module of what it looks at. [`kinds`] is the one list of
//! them; it becomes a match over every kind, so that a kind which nothing looks at does not compile.

use kubeplan_bundle::check::{
    CheckKind, CpuCount, DirectConnection, DirectNetwork, DirectoryEmpty, Executable, FileBegins,
    Images, LeftoverFiles, Memory, NoSwap, NodeCertificate, NodeName, PathAbsent, PathPresent,
    PortFree, PrivilegedUser, ProgramVersion, RecordedValue, RuntimeConfig, RuntimeReady,
    SameCluster, ServerVersion, ServiceEnabled, ServiceFlags, ServiceInactive, SwapAllowed,
    SystemRequirements, VersionBelow,
};

use super::{Looked, View};

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

/// What is known of a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) needs: Needs,
    pub(super) explained: Explained,
    /// Whether its errors can be turned into warnings.
    pub(super) ignorable: bool,
    /// What is looked at, for the reference.
    about: &'static str,
}

impl Row {
    pub(super) const fn new(needs: Needs, explained: Explained, about: &'static str) -> Self {
        Self {
            needs,
            explained,
            ignorable: true,
            about,
        }
    }

    pub(super) const fn never_ignored(self) -> Self {
        Self {
            ignorable: false,
            ..self
        }
    }
}

/// A kind of check that this program can make.
pub(super) trait Looking {
    /// What is known of it.
    const ROW: Row;

    /// Looks at the host.
    fn look(&self, view: &View<'_>) -> Looked;
}

/// Writes the list out.
macro_rules! kinds {
    ($($kind:ident($look:ident),)*) => {
        /// What is known of the check's kind.
        pub(super) const fn row(look: &CheckKind) -> Row {
            match look {
                $(CheckKind::$kind(_) => $look::ROW,)*
            }
        }

        /// Makes the check.
        pub(super) fn look(look: &CheckKind, view: &View<'_>) -> Looked {
            match look {
                $(CheckKind::$kind(look) => look.look(view),)*
            }
        }

        /// Every kind of check, for the reference.
        #[must_use]
        pub(crate) fn docs() -> Vec<CheckDoc> {
            vec![$(CheckDoc::new($look::WORD, $look::ROW),)*]
        }
    };
}

kinds! {
    PrivilegedUser(PrivilegedUser),
    CpuCount(CpuCount),
    Memory(Memory),
    VersionBelow(VersionBelow),
    ServiceInactive(ServiceInactive),
    ServiceEnabled(ServiceEnabled),
    PortFree(PortFree),
    PathAbsent(PathAbsent),
    PathPresent(PathPresent),
    DirectoryEmpty(DirectoryEmpty),
    FileBegins(FileBegins),
    Executable(Executable),
    DirectConnection(DirectConnection),
    DirectNetwork(DirectNetwork),
    RuntimeReady(RuntimeReady),
    RuntimeConfig(RuntimeConfig),
    NoSwap(NoSwap),
    System(SystemRequirements),
    NodeName(NodeName),
    ProgramVersion(ProgramVersion),
    ServerVersion(ServerVersion),
    Images(Images),
    SameCluster(SameCluster),
    NodeCertificate(NodeCertificate),
    SwapAllowed(SwapAllowed),
    LeftoverFiles(LeftoverFiles),
    RecordedValue(RecordedValue),
    ServiceFlags(ServiceFlags),
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

impl CheckDoc {
    const fn new(kind: &'static str, row: Row) -> Self {
        Self {
            kind,
            about: row.about,
            on_a_tree: matches!(row.needs, Needs::Tree),
            ignorable: row.ignorable,
            explained: match row.explained {
                Explained::Never => "nothing",
                Explained::ByPath => "paths it recorded",
                Explained::ByNode => "everything",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_the_kinds_in_the_order_of_the_format() {
        let words: Vec<&str> = docs().iter().map(|doc| doc.kind).collect();
        assert_eq!(words, CheckKind::WORDS);
    }
}
