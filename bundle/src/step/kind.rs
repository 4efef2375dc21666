//! The kinds of steps: one row for each. And the features of the format.
//!
//! One table makes [`Step`], [`StepKind`], what is asked of every step, and the features that begin with `step:`, so none of them can
//! miss a kind: a row without its struct, or a struct that does not answer every question of [`Act`], does not compile.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::questions::{Act, Stage, Surroundings, Work};
use super::{
    AnnotateNode, ApplyObjects, CommitTransaction, Endpoint, FinishTlsBootstrap, JoinEtcd,
    LabelAndTaintNode, PhaseName, Preflight, RequireFreeNodeName, ServiceName, ShowJoinCommand,
    StartService, UseRotatedCertificate, WaitForControlPlane, WaitForEndpoints,
};
use crate::access::StepPath;
use crate::check::{Broken, Check, CheckKind, CheckName};
use crate::name::{EntryName, TransactionName};
use crate::path::HostPath;

/// Writes the table out.
macro_rules! kinds {
    (
        steps { $($kind:ident => $word:literal, $version:literal;)* }
        others { $($other:literal;)* }
    ) => {
        /// One step of an installation.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "do")]
        pub enum Step {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] #[serde(rename = $word)] $kind($kind),)*
        }

        /// A kind of step.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum StepKind {
            $(#[doc = concat!("[`Step::", stringify!($kind), "`].")] $kind,)*
        }

        impl StepKind {
            /// Every kind, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The value of `do`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }

            /// The feature an applier must have to run such a step, as listed in the index's `requires`.
            #[must_use]
            pub const fn feature(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!("step:", $word, "/", $version),)*
                }
            }
        }

        impl Step {
            /// Which kind of step it is.
            #[must_use]
            pub const fn kind(&self) -> StepKind {
                match self {
                    $(Self::$kind(_) => StepKind::$kind,)*
                }
            }

            /// kubeadm's phase this step belongs to.
            #[must_use]
            pub const fn phase(&self) -> &PhaseName {
                match self {
                    $(Self::$kind(step) => &step.phase,)*
                }
            }

            const fn as_act(&self) -> &dyn Act {
                match self {
                    $(Self::$kind(step) => step,)*
                }
            }
        }

        /// The features of steps, and those of the rest of the index.
        const FEATURES: &[&str] = &[$(concat!("step:", $word, "/", $version),)* $($other,)*];
    };
}

kinds! {
    // The struct, the value of `do`, and the version of the feature `step:<do>/<version>`.
    steps {
        Preflight => "preflight", 1;
        CommitTransaction => "commit-transaction", 1;
        ApplyObjects => "apply-objects", 1;
        LabelAndTaintNode => "label-and-taint-node", 1;
        AnnotateNode => "annotate-node", 1;
        StartService => "start-service", 1;
        WaitForEndpoints => "wait-for-endpoints", 1;
        UseRotatedCertificate => "use-rotated-certificate", 1;
        WaitForControlPlane => "wait-for-control-plane", 1;
        RequireFreeNodeName => "require-free-node-name", 1;
        FinishTlsBootstrap => "finish-tls-bootstrap", 1;
        JoinEtcd => "join-etcd", 1;
        ShowJoinCommand => "show-join-command", 1;
    }
    others {
        "hole:token-expiry/1";
        "hole:owner-uid/1";
        "hole:etcd-initial-cluster/1";
        "format:parts/1";
        "payload:chunks/1";
    }
}

/// Every feature this version of the format knows; an index that requires another one is refused.
pub fn features() -> impl Iterator<Item = &'static str> {
    FEATURES.iter().chain(CheckKind::FEATURES).copied()
}

impl Step {
    /// The features an applier must have to run this step, as listed in the index's `requires`: that of its kind, and those of
    /// the checks in it.
    #[must_use]
    pub fn features(&self) -> BTreeSet<&'static str> {
        let mut features = BTreeSet::from([self.kind().feature()]);
        features.extend(
            self.checks()
                .iter()
                .filter_map(|check| check.look.feature()),
        );
        features
    }

    /// What the step does, in one line for people. Secrets have no part in it.
    #[must_use]
    pub fn summary(&self) -> String {
        self.as_act().summary()
    }

    /// Whether the step looks at the host before anything is changed. All such steps come first.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        self.as_act().stage() == Stage::Look
    }

    /// Whether the step needs a running host. Such a step is not run when a bundle is installed into a directory.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.as_act().stage(), Stage::Live { .. })
    }

    /// Whether the step calls the API server.
    #[must_use]
    pub fn calls_api(&self) -> bool {
        self.as_act().stage() == Stage::Live { calls_api: true }
    }

    /// The checks that the step makes, in order.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        match self.as_act().work() {
            Work::Checks { checks, .. } => checks,
            _ => &[],
        }
    }

    /// The checks whose errors the step counts as warnings.
    #[must_use]
    pub fn ignores(&self) -> &[CheckName] {
        match self.as_act().work() {
            Work::Checks { ignored, .. } => ignored,
            _ => &[],
        }
    }

    /// The transaction that the step commits.
    #[must_use]
    pub fn commits(&self) -> Option<&TransactionName> {
        match self.as_act().work() {
            Work::Commits(transaction) => Some(transaction),
            _ => None,
        }
    }

    /// The file that the step takes away once its use is over.
    #[must_use]
    pub fn removes(&self) -> Option<&HostPath> {
        match self.as_act().work() {
            Work::Removes(path) => Some(path),
            _ => None,
        }
    }

    /// The object entries that the step applies, in order.
    #[must_use]
    pub fn applies(&self) -> &[EntryName] {
        match self.as_act().work() {
            Work::Applies(entries) => entries,
            _ => &[],
        }
    }

    /// The service that the step starts.
    #[must_use]
    pub fn starts(&self) -> Option<&ServiceName> {
        match self.as_act().work() {
            Work::Starts(service) => Some(service),
            _ => None,
        }
    }

    /// The endpoints that have to answer before the step is done, and how long each of them has, in seconds.
    #[must_use]
    pub fn awaits(&self) -> Option<(&[Endpoint], u32)> {
        match self.as_act().work() {
            Work::Awaits {
                endpoints,
                timeout_seconds,
            } => Some((endpoints, timeout_seconds)),
            _ => None,
        }
    }

    /// Every path of the host that the step reads, changes or removes, in the order of its fields. The paths of a
    /// transaction's files are those of its entries. [`crate::index::Index::check`] compares each with what it may be before
    /// anything is done, when a bundle is written and when it is read.
    #[must_use]
    pub fn paths(&self) -> Vec<StepPath<'_>> {
        self.as_act().paths()
    }

    /// Checks what the step names, but for its paths.
    pub(crate) fn check(&self, around: &Surroundings<'_>) -> Result<(), Broken> {
        self.as_act().check(around)
    }
}
