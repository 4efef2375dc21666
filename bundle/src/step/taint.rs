//! Taints of a node, in the words of core/v1.

use std::fmt;

use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taint_is_written_as_kubectl_takes_it() {
        let taint = |value: &str| Taint {
            key: "k".into(),
            value: value.into(),
            effect: TaintEffect::NoSchedule,
        };
        assert_eq!(taint("v").to_string(), "k=v:NoSchedule");
        assert_eq!(taint("").to_string(), "k:NoSchedule");
    }
}
