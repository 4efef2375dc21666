//! The differences that are intended. `docs/differences.md` gives each of them its reason, under the same name.
//!
//! In: what a program said. Out: the row that covers it, if there is one. Rows cover verdicts only: there is no intended
//! difference in what is written.

/// One intended difference between the verdicts.
pub struct Difference {
    /// Its heading in `docs/differences.md`.
    pub name: &'static str,
    /// Parts of what the refusing program says, one of which it says.
    pub said: &'static [&'static str],
}

impl Difference {
    fn is_in(&self, text: &str) -> bool {
        self.said.iter().any(|said| text.contains(said))
    }
}

/// What kubeadm takes and the planner refuses; `said` is part of the planner's finding.
pub const STRICTER: &[Difference] = &[
    Difference {
        name: "cri-socket",
        said: &["is not a valid unix socket", "is a socket of Windows"],
    },
    Difference {
        name: "dot-dot",
        said: &["contains `..`, and the kubelet does not mount such a path"],
    },
    Difference {
        name: "negative-timeout",
        said: &["a timeout cannot be negative"],
    },
    Difference {
        name: "without-root",
        said: &["the ids of the users that kubeadm would create"],
    },
    Difference {
        name: "min-remaining",
        said: &["is not shorter than the validity of certificates"],
    },
    Difference {
        name: "cluster-name",
        said: &["files and bundles cannot be named after the cluster"],
    },
    Difference {
        name: "hosts",
        said: &[
            "can be read in two ways",
            "is neither a valid IPv4 address nor a DNS name",
            "clients cannot connect to it",
        ],
    },
    Difference {
        name: "networks",
        said: &[
            "gives no node a subnet for its Pods",
            "have no endpoints",
            "is the address of the Service",
            "which hosts do not route",
            "kube-controller-manager does not start",
            "is longer than an address of",
        ],
    },
    Difference {
        name: "node-name",
        said: &["the API server will refuse the Node"],
    },
    Difference {
        name: "taints",
        said: &[
            "a second taint with key",
            "is not a valid taint key",
            "is not a valid taint value",
            "unknown effect",
            "the control plane sets this field itself",
            "is not a valid taint: the kubelet will not start",
        ],
    },
    Difference {
        name: "flag-names",
        said: &["is not the name of a flag"],
    },
    Difference {
        name: "static-pods",
        said: &["the kubelet will refuse the static Pod"],
    },
    Difference {
        name: "image-tags",
        said: &["is not a valid image tag"],
    },
    Difference {
        name: "kubelet-flags",
        said: &[
            "the kubelet of Kubernetes",
            "the kubelet's unit splits its flags there",
            "the kubelet exits with the cloud provider",
            "but its credentials are those of node",
            "in node-labels",
            "the kubelet prints a text and exits",
            "of one family: the kubelet exits",
        ],
    },
    Difference {
        name: "component-flags",
        said: &[
            "kube-apiserver of Kubernetes",
            "kube-controller-manager of Kubernetes",
            "kube-scheduler of Kubernetes",
        ],
    },
    Difference {
        name: "static-pod-path",
        said: &["of a control-plane node"],
    },
];

/// What kubeadm refuses and the planner takes; `said` is part of kubeadm's error, or of the configuration where kubeadm
/// ends without a word.
pub const LAXER: &[Difference] = &[
    Difference {
        name: "documents-without-content",
        said: &["kind and apiVersion is mandatory information that must be specified"],
    },
    Difference {
        name: "control-characters",
        said: &["\\x7f"],
    },
    Difference {
        name: "other-releases",
        said: &[
            "this version of kubeadm only supports deploying clusters with the control plane version",
        ],
    },
    Difference {
        name: "ipv6-registry",
        said: &["[fd00::1]:5000/k8s"],
    },
];

/// The row of each of `findings`, if rows cover all of them.
#[must_use]
pub fn stricter(findings: &[String]) -> Option<Vec<&'static str>> {
    let row = |finding: &String| STRICTER.iter().find(|row| row.is_in(finding));
    findings
        .iter()
        .map(|finding| row(finding).map(|row| row.name))
        .collect()
}

/// The rows that cover what kubeadm said about `config`.
#[must_use]
pub fn laxer(said: &str, config: &str) -> Vec<&'static str> {
    LAXER
        .iter()
        .filter(|row| row.is_in(said) || row.is_in(config))
        .map(|row| row.name)
        .collect()
}
