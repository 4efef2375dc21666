//! The kinds of steps, and the features of the format.
//!
//! One table makes [`StepKind`], [`Step::kind`] and the features that begin with `step:`, so none of them can miss a kind:
//! a variant of [`Step`] without a row does not compile.

use std::collections::BTreeSet;

use super::Step;
use crate::check::CheckKind;

/// Writes the table out.
macro_rules! kinds {
    (
        steps { $($kind:ident => $word:literal, $version:literal;)* }
        others { $($other:literal;)* }
    ) => {
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
                    $(Self::$kind { .. } => StepKind::$kind,)*
                }
            }
        }

        /// The features of steps, and those of the rest of the index.
        const FEATURES: &[&str] = &[$(concat!("step:", $word, "/", $version),)* $($other,)*];
    };
}

kinds! {
    // The variant, the value of `do`, and the version of the feature `step:<do>/<version>`.
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
}
