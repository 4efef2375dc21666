//! Random extra flags of the components and of the kubelet.
//!
//! In: a source of choices. Out: `extraArgs` lists: flags kubeadm sets itself, flags its output depends on, others; twice,
//! empty, long, hostile. Values of flags that kubeadm reads are ones it can read.

use serde_json::{Value, json};

use super::random::Random;
use super::words;

/// kube-apiserver.
pub const KUBE_APISERVER: &[(&str, &[&str])] = &[
    ("advertise-address", &["10.9.9.9", "fd00::9"]),
    ("secure-port", &["7443", "443"]),
    ("bind-address", &["0.0.0.0", "10.9.9.9", "::"]),
    (
        "authorization-mode",
        &[
            "RBAC",
            "Node",
            "AlwaysAllow",
            "Webhook,Node,RBAC",
            "Foo",
            "Node,ABAC,RBAC",
            "RBAC,RBAC",
        ],
    ),
    ("authorization-config", &["/etc/kubernetes/authz.yaml"]),
    ("authorization-policy-file", &["/etc/kubernetes/abac.json"]),
    (
        "authorization-webhook-config-file",
        &["/etc/kubernetes/webhook.conf"],
    ),
    (
        "enable-admission-plugins",
        &["NodeRestriction,PodSecurity", ""],
    ),
    (
        "service-account-issuer",
        &[
            "https://issuer.example.com",
            "https://kubernetes.default.svc",
        ],
    ),
    ("service-cluster-ip-range", &["10.0.0.0/24"]),
    ("etcd-servers", &["https://etcd.example.com:2379"]),
    ("etcd-cafile", &["/etc/ca.crt"]),
    ("allow-privileged", &["false"]),
    ("tls-cert-file", &["/etc/x.crt"]),
    ("proxy-client-key-file", &["/etc/x.key"]),
    ("requestheader-allowed-names", &["", "a,b"]),
    ("runtime-config", &["api/all=true"]),
    ("feature-gates", &["A=true,B=false"]),
    ("profiling", &["false"]),
    ("audit-log-path", &["-"]),
    ("zzz", &[]),
    ("aaa", &[]),
    ("V", &["5"]),
    ("anonymous-auth", &["false", "true"]),
];

/// kube-controller-manager.
pub const KUBE_CONTROLLER_MANAGER: &[(&str, &[&str])] = &[
    ("bind-address", &["0.0.0.0", "::", "10.9.9.9", "127.0.0.1"]),
    ("secure-port", &["10357"]),
    ("allocate-node-cidrs", &["true", "false"]),
    ("cluster-cidr", &["10.1.0.0/16"]),
    ("node-cidr-mask-size-ipv4", &["24", "25", "26"]),
    ("node-cidr-mask-size-ipv6", &["64", "72"]),
    ("node-cidr-mask-size", &["25", "x"]),
    ("service-cluster-ip-range", &["10.0.0.0/24"]),
    ("cluster-name", &["other"]),
    ("controllers", &["*", "*,bootstrapsigner,-ttl"]),
    ("cluster-signing-cert-file", &["/etc/x.crt"]),
    ("use-service-account-credentials", &["false"]),
    ("leader-elect", &["false"]),
    ("flex-volume-plugin-dir", &["/opt/flex"]),
    ("terminated-pod-gc-threshold", &["50"]),
    ("zzz", &[]),
    ("aaa", &[]),
];

/// kube-scheduler.
pub const KUBE_SCHEDULER: &[(&str, &[&str])] = &[
    ("bind-address", &["0.0.0.0", "::", "10.9.9.9", "fd00::5"]),
    ("secure-port", &["10359"]),
    ("config", &["/etc/kubernetes/scheduler.yaml"]),
    ("leader-elect", &["false"]),
    ("kubeconfig", &["/etc/other.conf"]),
    ("profiling", &["false"]),
    ("zzz", &[]),
    ("aaa", &[]),
];

/// etcd.
pub const ETCD: &[(&str, &[&str])] = &[
    (
        "listen-metrics-urls",
        &[
            "http://127.0.0.1:2381",
            "http://0.0.0.0:2381",
            "https://[::]:3381",
            "http://10.0.0.9:1234,https://10.0.0.8:5678",
            "https://example.com:2381",
            "http://0.0.0.0:2381,http://[::1]:2382",
            "http://[fd00::1]:2381",
        ],
    ),
    (
        "advertise-client-urls",
        &[
            "https://10.0.0.9:2379",
            "https://etcd.example.com:2379,https://10.0.0.9:2379",
            "https://[fd00::1]:2379",
        ],
    ),
    (
        "listen-client-urls",
        &["https://0.0.0.0:2379", "https://[::]:2379"],
    ),
    ("listen-peer-urls", &["https://0.0.0.0:2380"]),
    ("initial-advertise-peer-urls", &["https://10.0.0.9:2380"]),
    ("initial-cluster", &["a=https://10.0.0.9:2380"]),
    ("initial-cluster-state", &["existing"]),
    ("name", &["other"]),
    ("data-dir", &["/elsewhere"]),
    ("quota-backend-bytes", &["8589934592"]),
    ("snapshot-count", &["5000", ""]),
    ("feature-gates", &["X=true"]),
    ("client-cert-auth", &["false"]),
    ("zzz", &[]),
    ("aaa", &[]),
];

const KUBELET: &[(&str, &[&str])] = &[
    ("node-ip", &["10.9.9.9", "fd00::9"]),
    ("hostname-override", &[""]),
    ("node-labels", &["a=b,c=d"]),
    ("cloud-provider", &["external"]),
    ("config", &["/etc/other.yaml"]),
    ("container-runtime-endpoint", &["unix:///x.sock"]),
    ("v", &["4"]),
    ("tls-cert-file", &[]),
    ("address", &[]),
    // The kubelet does not start with these.
    ("pod-infra-container-image", &["pause:1"]),
    ("zzz", &[]),
];

/// A list of the kubelet's flags.
pub fn kubelet(random: &mut Random) -> Value {
    let some = if random.chance(10) {
        KUBELET
    } else {
        KUBELET.split_at(KUBELET.len() - 2).0
    };
    any_of(random, some, words::word)
}

/// A list of some of `flags`.
pub fn list(random: &mut Random, flags: &[(&str, &[&str])]) -> Value {
    any_of(random, flags, words::text)
}

/// A list of some of `flags`; `free` makes values that stand in no row.
fn any_of(
    random: &mut Random,
    flags: &[(&str, &[&str])],
    free: fn(&mut Random) -> String,
) -> Value {
    let mut list = Vec::new();
    for _ in 0..random.between(1, 6) {
        let Some((name, values)) = flags.get(random.below(flags.len())) else {
            continue;
        };
        // kubeadm reads addresses and sizes out of some flags: those keep a value it can read.
        let read = matches!(
            *name,
            "listen-metrics-urls"
                | "advertise-client-urls"
                | "node-cidr-mask-size-ipv4"
                | "node-cidr-mask-size-ipv6"
        );
        let value = if values.is_empty() || (!read && random.chance(15)) {
            free(random)
        } else {
            random.pick(values).to_owned()
        };
        list.push(json!({ "name": name, "value": value }));
        if !read && random.chance(15) {
            list.push(json!({ "name": name, "value": words::word(random) }));
        }
    }
    Value::Array(list)
}
