//! Labels of nodes: their grammar, and which of them a kubelet may set.
//!
//! A kubelet may set any label outside the domains `kubernetes.io` and `k8s.io` on its own Node, and a few inside them. With another
//! label in `--node-labels` it does not start, and the admission plugin NodeRestriction would refuse the Node.
//! Sources: Kubernetes v1.36.2, k8s.io/kubelet/pkg/apis/well_known_labels.go, cmd/kubelet/app/options/options.go
//! (ValidateKubeletFlags), plugin/pkg/admission/noderestriction.

/// Labels in Kubernetes' domains that a kubelet may set.
const ALLOWED: [&str; 11] = [
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Domains of Kubernetes, with their subdomains, whose labels a kubelet may set.
const ALLOWED_DOMAINS: [&str; 2] = ["kubelet.kubernetes.io", "node.kubernetes.io"];

/// Domains that are Kubernetes' own.
const OWN_DOMAINS: [&str; 2] = ["kubernetes.io", "k8s.io"];

/// Whether a kubelet may set the label on its own Node.
#[must_use]
pub(super) fn kubelet_may_set(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else {
        return true;
    };
    let within = |domains: &[&str]| {
        domains.iter().any(|known| {
            domain
                .strip_suffix(known)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    };
    !within(&OWN_DOMAINS) || ALLOWED.contains(&key) || within(&ALLOWED_DOMAINS)
}

/// `[prefix/]name`, the form of the keys of labels and taints (k8s.io/apimachinery, IsQualifiedName).
#[must_use]
pub(crate) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => super::address::is_subdomain(domain) && is_name(name),
        None => is_name(text),
    }
}

/// The value of a label or taint (k8s.io/apimachinery, IsValidLabelValue).
#[must_use]
pub(crate) fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

fn is_name(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= 63
        && text.bytes().all(inner)
        && edge(text.bytes().next())
        && edge(text.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_qualified_names() {
        for good in ["a", "node-role.kubernetes.io/control-plane", "A_b.c"] {
            assert!(is_qualified_name(good), "{good}");
        }
        for bad in ["", "a/b/c", "/a", "a/", "A.com/x", "-a", "a b", "a..b/x"] {
            assert!(!is_qualified_name(bad), "{bad}");
        }
        assert!(is_value("") && is_value("a.b"));
        assert!(!is_value("-") && !is_value("a,b") && !is_value(&"a".repeat(64)));
    }

    #[test]
    fn a_kubelet_may_set_the_labels_that_node_restriction_allows() {
        for allowed in [
            "site",
            "example.com/site",
            "notkubernetes.io/x",
            "kubernetes.io/hostname",
            "topology.kubernetes.io/zone",
            "failure-domain.beta.kubernetes.io/region",
            "node.kubernetes.io/instance-type",
            "node.kubernetes.io/any",
            "a.node.kubernetes.io/any",
            "kubelet.kubernetes.io/any",
        ] {
            assert!(kubelet_may_set(allowed), "{allowed}");
        }
        for forbidden in [
            "node-role.kubernetes.io/worker",
            "node-restriction.kubernetes.io/team",
            "a.node-restriction.kubernetes.io/team",
            "kubernetes.io/role",
            "topology.kubernetes.io/rack",
            "xnode.kubernetes.io/any",
            "k8s.io/x",
            "a.k8s.io/x",
        ] {
            assert!(!kubelet_may_set(forbidden), "{forbidden}");
        }
    }
}
