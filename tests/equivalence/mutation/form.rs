//! Rules of form: unknown fields, wrong types, versions and kinds, YAML.

use kubeplan::schema::Kind::{Cluster, Init, KubeProxy, Kubelet};

use super::values::{NOT_MAPPING, NOT_TEXT};
use super::{Change, Mutation, set};

pub(super) const RULES: &[Mutation] = &[
    set(
        "unknown field of init",
        Init,
        "banana",
        &["1", "null", "{}"],
    ),
    set(
        "unknown field of cluster",
        Cluster,
        "networking.servicSubnet",
        &[r#""10.96.0.0/12""#],
    ),
    set("field in another case", Cluster, "ClusterName", &[r#""x""#]),
    set("unknown field of the kubelet", Kubelet, "maxPod", &["5"]),
    set(
        "unknown field of kube-proxy",
        KubeProxy,
        "iptables.masquerade",
        &["true"],
    ),
    set(
        "unknown field deep down",
        Cluster,
        "apiServer.extraVolumes",
        &[r#"[{"name": "a", "hostPath": "/a", "mountPath": "/a", "readonly": true}]"#],
    ),
    set("text that is none", Cluster, "clusterName", NOT_TEXT),
    set(
        "domain that is no text",
        Cluster,
        "networking.dnsDomain",
        NOT_TEXT,
    ),
    set("mapping that is none", Cluster, "networking", NOT_MAPPING),
    set(
        "mapping that is none, in init",
        Init,
        "localAPIEndpoint",
        NOT_MAPPING,
    ),
    set(
        "API version",
        Init,
        "apiVersion",
        &[
            r#""kubeadm.k8s.io/v1beta5""#,
            r#""kubeadm.k8s.io/v1beta2""#,
            r#""kubeadm.k8s.io/v1alpha1""#,
            r#""v1""#,
            r#""""#,
            "5",
        ],
    ),
    set(
        "API version of the kubelet's document",
        Kubelet,
        "apiVersion",
        &[
            r#""kubelet.config.k8s.io/v1""#,
            r#""kubelet.config.k8s.io/v1alpha1""#,
        ],
    ),
    set(
        "kind",
        Cluster,
        "kind",
        &[r#""""#, r#""Cluster""#, r#""clusterConfiguration""#, "5"],
    ),
    Mutation {
        name: "no kind",
        how: Change::Remove(Cluster, "kind"),
    },
    Mutation {
        name: "no API version",
        how: Change::Remove(Init, "apiVersion"),
    },
    Mutation {
        name: "kind twice",
        how: Change::Append(&[
            r#"{"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration"}"#,
            r#"{"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration"}"#,
        ]),
    },
    Mutation {
        name: "no mapping",
        how: Change::Append(&["[]", r#""text""#, "5"]),
    },
    Mutation {
        name: "syntax",
        how: Change::Text(
            "",
            &[
                "x: [\n",
                "\t- a\n",
                "x: 'y\n",
                "x: \"\\q\"\n",
                "- a\n",
                "x: *unknown\n",
                "x: &a\n",
                "  x: y: z\n",
                "x: %y\n",
                "x: @y\n",
                "!!x y: z\n",
            ],
        ),
    },
    Mutation {
        name: "field twice",
        how: Change::Text(
            "apiVersion:",
            &[
                "clusterName: a\nclusterName: b\napiVersion:",
                "apiVersion: kubeadm.k8s.io/v1beta4\napiVersion:",
            ],
        ),
    },
    Mutation {
        name: "indentation",
        how: Change::Text("apiVersion:", &[" apiVersion:", "x:\napiVersion: a\n  y:"]),
    },
];
