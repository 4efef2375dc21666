//! What a bundle asks the applier to do, in order.
//!
//! The enum is closed on purpose: a new variant breaks the applier's one `match` at compile time, and a
//! step that an older applier does not know is refused through the index's `requires` list.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::check::{Check, CheckName};
use crate::index::{EntryName, Name, TransactionName};

/// A phase in kubeadm's words (`certs`, `control-plane`, …). Phases travel as names with the bundle's own
/// order, so a new one needs no new applier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhaseName(String);

/// The text is not a phase name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a phase name (lower-case letters, digits, `-` and `/`, at most 60)")]
pub struct ParsePhaseError(String);

impl PhaseName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhaseName {
    type Err = ParsePhaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = !text.is_empty()
            && text.len() <= 60
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'/')
            && text.split('/').all(|part| !part.is_empty());
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParsePhaseError(text.chars().take(80).collect()))
        }
    }
}

text_form!(PhaseName, ParsePhaseError);

text_display!(PhaseName);

/// One step of an installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "do",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Step {
    /// Looks at the host before anything is changed: one run of kubeadm's preflight checks.
    ///
    /// - Precondition: none.
    /// - Effect: none on files. Every check of the run is made, in order, also after a failed one; if one fails that is not
    ///   ignored, nothing that comes later happens. A check of images pulls them into the container runtime's store.
    /// - Twice: the same; what an earlier installation of the same node left is not held against it.
    /// - Completion: every check has passed, has only warned, or is ignored.
    /// - Undo: none is needed; images that were pulled stay.
    Preflight {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The checks, in kubeadm's order.
        checks: Vec<Check>,
        /// Checks whose errors count as warnings, in any case; `all` for every one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignore: Vec<CheckName>,
    },
    /// Brings the files of one transaction to their destinations.
    ///
    /// - Precondition: every entry is staged, verified and synced.
    /// - Effect: each file is replaced by rename, in the transaction's order, and its folder synced.
    /// - Twice: a file that already has the planned bytes, mode and owner is not touched.
    /// - Completion: the journal's record of the transaction.
    /// - Undo: the files from before are restored.
    CommitTransaction {
        /// kubeadm's phase that writes these files.
        phase: PhaseName,
        /// Which transaction of the index.
        transaction: TransactionName,
    },
    /// Brings objects into the API, in order.
    ///
    /// - Precondition: the API server answers, and the identity that is used may write these objects; every hole of an
    ///   object can be filled.
    /// - Effect: holes are filled, then each object is applied as a whole (server-side apply): created, or changed to what
    ///   the bundle says. Fields the bundle does not name are left alone.
    /// - Twice: an object that is as planned is not changed, except where a hole is filled with a new value.
    /// - Completion: the API returns each object.
    /// - Undo: none. What was there before is not known; the objects that were applied are listed.
    ApplyObjects {
        /// kubeadm's phase that writes these objects.
        phase: PhaseName,
        /// Object entries of the index, in the order in which they are applied.
        entries: Vec<EntryName>,
    },
    /// Sets labels and adds taints of the bundle's own node.
    ///
    /// - Precondition: the kubelet has registered the node, and the node has the label `kubernetes.io/hostname`.
    /// - Effect: each label is set to its value; each taint that the node does not have is put in front of those it has.
    /// - Twice: labels and taints that are there are not touched.
    /// - Completion: the API returns the node with every label and taint.
    /// - Undo: none. Labels and taints that were set are listed.
    LabelAndTaintNode {
        /// kubeadm's phase that does so.
        phase: PhaseName,
        /// The node.
        node: Name,
        /// Labels by key.
        labels: BTreeMap<String, String>,
        /// Taints, in order.
        taints: Vec<Taint>,
    },
}

/// A taint of a node: Pods that do not tolerate it are kept away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value; none if empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// What it does to Pods.
    pub effect: TaintEffect,
}

/// What a taint does to Pods that do not tolerate it, in Kubernetes' words (core/v1 TaintEffect).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaintEffect {
    /// They are not placed on the node.
    NoSchedule,
    /// They are placed elsewhere if possible.
    PreferNoSchedule,
    /// They are not placed on the node, and those that run there are evicted.
    NoExecute,
}

impl fmt::Display for Taint {
    /// As `kubectl taint` takes it: `key=value:effect` or `key:effect`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if !self.value.is_empty() {
            write!(f, "={}", self.value)?;
        }
        write!(f, ":{:?}", self.effect)
    }
}

impl Step {
    /// The feature an applier must have to run this step, as listed in the index's `requires`.
    #[must_use]
    pub const fn feature(&self) -> &'static str {
        match self {
            Self::Preflight { .. } => "step:preflight/1",
            Self::CommitTransaction { .. } => "step:commit-transaction/1",
            Self::ApplyObjects { .. } => "step:apply-objects/1",
            Self::LabelAndTaintNode { .. } => "step:label-and-taint-node/1",
        }
    }

    /// kubeadm's phase this step belongs to.
    #[must_use]
    pub const fn phase(&self) -> &PhaseName {
        match self {
            Self::Preflight { phase, .. }
            | Self::CommitTransaction { phase, .. }
            | Self::ApplyObjects { phase, .. }
            | Self::LabelAndTaintNode { phase, .. } => phase,
        }
    }

    /// Whether the step needs a running cluster. Such a step is not run when a bundle is installed into a folder.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        match self {
            Self::Preflight { .. } | Self::CommitTransaction { .. } => false,
            Self::ApplyObjects { .. } | Self::LabelAndTaintNode { .. } => true,
        }
    }
}

/// Every feature this version of the format knows; an index that requires another one is refused.
pub const FEATURES: &[&str] = &[
    "step:commit-transaction/1",
    "step:apply-objects/1",
    "step:label-and-taint-node/1",
    "step:preflight/1",
    "hole:token-expiry/1",
    "hole:owner-uid/1",
    "payload:chunks/1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_steps_are_read_and_known() {
        for (text, live) in [
            (
                r#"{"do":"preflight","phase":"preflight","checks":[{"name":"Swap","severity":"warning","look":{"kind":"no-swap"}}],"ignore":["NumCPU"]}"#,
                false,
            ),
            (
                r#"{"do":"commit-transaction","phase":"certs","transaction":"certs"}"#,
                false,
            ),
            (
                r#"{"do":"apply-objects","phase":"addon/coredns","entries":["objects/01.yaml"]}"#,
                true,
            ),
            (
                r#"{"do":"label-and-taint-node","phase":"mark-control-plane","node":"n","labels":{"a":""},"taints":[{"key":"k","value":"v","effect":"NoSchedule"},{"key":"k","effect":"NoExecute"}]}"#,
                true,
            ),
        ] {
            let step: Step = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&step).unwrap(), text);
            assert!(FEATURES.contains(&step.feature()), "{text}");
            assert_eq!(step.is_live(), live, "{text}");
        }
        let taint = |value: &str| Taint {
            key: "k".into(),
            value: value.into(),
            effect: TaintEffect::NoSchedule,
        };
        assert_eq!(taint("v").to_string(), "k=v:NoSchedule");
        assert_eq!(taint("").to_string(), "k:NoSchedule");
    }

    #[test]
    fn steps_are_tagged_objects_without_room_for_more() {
        let step: Step = serde_json::from_str(
            r#"{"do":"commit-transaction","phase":"certs","transaction":"certs"}"#,
        )
        .unwrap();
        assert!(FEATURES.contains(&step.feature()));
        assert_eq!(step.phase().as_str(), "certs");
        for bad in [
            r#"{"do":"label-and-taint-node","phase":"p","node":"n","labels":{},"taints":[{"key":"k","effect":"Now"}]}"#,
            r#"{"do":"run-shell","phase":"certs","command":"true"}"#,
            r#"{"do":"commit-transaction","phase":"certs","transaction":"certs","also":1}"#,
            r#"{"do":"commit-transaction","phase":"Certs","transaction":"certs"}"#,
        ] {
            assert!(serde_json::from_str::<Step>(bad).is_err(), "{bad}");
        }
    }
}
