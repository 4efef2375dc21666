//! Finds what the kubelet would refuse in a static Pod.
//!
//! In: a Pod as in its manifest, with the user's patches and where its values come from. Out: a [`RefusedPod`] with every finding, or
//! nothing. The kubelet gives a Pod of a file its defaults, validates it as the API server does, and skips it with a line in its
//! log. kubeadm does not check this, so the node would wait for a component that never starts.
//! Source: Kubernetes v1.36.2, pkg/kubelet/config/common.go, pkg/apis/core/validation/validation.go (ValidatePodCreate),
//! pkg/api/pod/util.go (HasAPIObjectReference), pkg/apis/core/v1/defaults.go. `docs/static-pods.md` lists the rules, and those that
//! are left out.
//!
//! | module | rules about |
//! |---|---|
//! | [`containers`] | containers: names, images, ports, resources |
//! | [`environment`] | environment variables |
//! | [`mounts`] | volumes and where containers mount them |
//! | [`place`] | where a value is in the Pod, and where it comes from |
//! | [`probes`] | probes and handlers |
//! | [`security`] | users, groups, profiles, namespaces of the host |
//! | [`spec`] | metadata, and fields of the whole Pod |
//! | [`values`] | names and numbers that several rules share |

mod containers;
mod environment;
mod mounts;
mod place;
mod probes;
mod security;
mod spec;
mod values;

use serde_json::Value;

use place::{Findings, Place};

pub use place::Sources;

/// Why the kubelet would refuse a static Pod.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kubelet will refuse the static Pod `{component}`: {}", .findings.join("; "))]
pub struct RefusedPod {
    /// The component.
    pub component: &'static str,
    /// What is wrong: the field of the configuration or the patch, if known, and the field of the Pod.
    pub findings: Vec<String>,
}

/// Checks the Pod of `component`. Every finding names where the value comes from: a field of the configuration, a flag or a patch.
///
/// # Errors
/// [`RefusedPod`] with every finding.
pub fn check(component: &'static str, pod: &Value, sources: Sources<'_>) -> Result<(), RefusedPod> {
    let mut found = Findings::new(sources);
    spec::metadata(&mut found, pod);
    let place = Place::root("spec");
    match pod.get("spec") {
        Some(spec) => spec::check(&mut found, &place, spec),
        None => found.say(&place, "", "", "it is missing"),
    }
    let findings = found.into_lines();
    if findings.is_empty() {
        Ok(())
    } else {
        Err(RefusedPod {
            component,
            findings,
        })
    }
}

#[cfg(test)]
mod tests;
