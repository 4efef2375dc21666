//! The kinds of checks: one row for each.
//!
//! One table makes [`CheckKind`] and what is asked of every kind, so none of them can miss one: a row without its type, or a type
//! that does not answer every question of [`Look`], does not compile.

use serde::{Deserialize, Serialize};

use super::{
    Broken, CpuCount, DirectConnection, DirectNetwork, DirectoryEmpty, Executable, FileBegins,
    Images, LeftoverFiles, Look, Memory, NoSwap, NodeCertificate, NodeName, PathAbsent,
    PathPresent, PortFree, PrivilegedUser, ProgramVersion, RecordedValue, RuntimeConfig,
    RuntimeReady, SameCluster, ServerVersion, ServiceEnabled, ServiceFlags, ServiceInactive,
    SwapAllowed, SystemRequirements, VersionBelow,
};
use crate::access::StepPath;

/// Writes the table out.
macro_rules! kinds {
    (
        of_the_step { $($kind:ident($look:ty) => $word:literal;)* }
        of_their_own { $($(#[$attribute:meta])* $new:ident($new_look:ty) => $new_word:literal, $version:literal;)* }
    ) => {
        /// What is looked at, and with what it is compared.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum CheckKind {
            $(#[doc = concat!("See [`", stringify!($look), "`].")] #[serde(rename = $word)] $kind($look),)*
            $($(#[$attribute])* #[doc = concat!("See [`", stringify!($new_look), "`].")] #[serde(rename = $new_word)] $new($new_look),)*
        }

        impl CheckKind {
            /// Every value of `kind`, in the order of the enum.
            pub const WORDS: &'static [&'static str] = &[$($word,)* $($(#[$attribute])* $new_word,)*];

            /// The features of kinds that have one of their own.
            pub(crate) const FEATURES: &'static [&'static str] = &[$($(#[$attribute])* concat!("check:", $new_word, "/", $version),)*];

            /// The value of `kind`.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $word,)*
                    $($(#[$attribute])* Self::$new(_) => $new_word,)*
                }
            }

            /// The feature an applier must have to make such a check besides that of the step, as listed in the index's
            /// `requires`; `None` for the kinds that every applier of format 1 knows.
            #[must_use]
            pub const fn feature(&self) -> Option<&'static str> {
                match self {
                    $(Self::$kind(_) => None,)*
                    $($(#[$attribute])* Self::$new(_) => Some(concat!("check:", $new_word, "/", $version)),)*
                }
            }

            const fn as_look(&self) -> &dyn Look {
                match self {
                    $(Self::$kind(look) => look,)*
                    $($(#[$attribute])* Self::$new(look) => look,)*
                }
            }
        }

        $(impl $look {
            /// The value of `kind`.
            pub const WORD: &'static str = $word;
        })*

        $(impl From<$look> for CheckKind {
            fn from(look: $look) -> Self {
                Self::$kind(look)
            }
        })*

        $($(#[$attribute])* impl $new_look {
            /// The value of `kind`.
            pub const WORD: &'static str = $new_word;
        })*

        $($(#[$attribute])* impl From<$new_look> for CheckKind {
            fn from(look: $new_look) -> Self {
                Self::$new(look)
            }
        })*
    };
}

kinds! {
    // Every applier of format 1 makes these checks, so they need no feature but the step's. The list is closed.
    of_the_step {
        PrivilegedUser(PrivilegedUser) => "privileged-user";
        CpuCount(CpuCount) => "cpu-count";
        Memory(Memory) => "memory";
        VersionBelow(VersionBelow) => "version-below";
        ServiceInactive(ServiceInactive) => "service-inactive";
        ServiceEnabled(ServiceEnabled) => "service-enabled";
        PortFree(PortFree) => "port-free";
        PathAbsent(PathAbsent) => "path-absent";
        PathPresent(PathPresent) => "path-present";
        DirectoryEmpty(DirectoryEmpty) => "directory-empty";
        FileBegins(FileBegins) => "file-begins";
        Executable(Executable) => "executable";
        DirectConnection(DirectConnection) => "direct-connection";
        DirectNetwork(DirectNetwork) => "direct-network";
        RuntimeReady(RuntimeReady) => "runtime-ready";
        RuntimeConfig(RuntimeConfig) => "runtime-config";
        NoSwap(NoSwap) => "no-swap";
        System(SystemRequirements) => "system";
        NodeName(NodeName) => "node-name";
        ProgramVersion(ProgramVersion) => "program-version";
        ServerVersion(ServerVersion) => "server-version";
        Images(Images) => "images";
        SameCluster(SameCluster) => "same-cluster";
    }
    // A kind that is added goes here, with the version of its feature `check:<kind>/<version>`: an applier that does not
    // know the feature refuses the bundle instead of skipping the check.
    of_their_own {
        NodeCertificate(NodeCertificate) => "node-certificate", 1;
        SwapAllowed(SwapAllowed) => "swap-allowed", 1;
        LeftoverFiles(LeftoverFiles) => "leftover-files", 1;
        RecordedValue(RecordedValue) => "recorded-value", 1;
        ServiceFlags(ServiceFlags) => "service-flags", 1;
        #[cfg(test)]
        OnlyInTests(super::OnlyInTests) => "only-in-tests", 1;
    }
}

impl CheckKind {
    /// Every path of the host that the check looks at, with the field that names it.
    #[must_use]
    pub fn paths(&self) -> Vec<StepPath<'_>> {
        self.as_look().paths()
    }

    /// Checks that the programs, sockets and servers in the parameters are ones that a check may name.
    pub(crate) fn check_destinations(&self) -> Result<(), Broken> {
        self.as_look().check_destinations()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::OnlyInTests;

    #[test]
    fn a_new_kind_has_a_feature_of_its_own() {
        let new = CheckKind::from(OnlyInTests {});
        assert_eq!(new.word(), OnlyInTests::WORD);
        assert_eq!(new.feature(), Some("check:only-in-tests/1"));
        assert!(CheckKind::FEATURES.contains(&"check:only-in-tests/1"));
        assert_eq!(
            CheckKind::from(NoSwap {}).feature(),
            None,
            "a kind of the first bundles needs the step alone"
        );
        // The list of kinds without a feature is closed.
        assert_eq!(CheckKind::WORDS.len() - CheckKind::FEATURES.len(), 23);
    }
}
