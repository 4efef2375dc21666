//! Random extra flags of the components and of the kubelet.
//!
//! In: a source of choices. Out: `extraArgs` lists: flags kubeadm sets itself, flags its output depends on, others; twice,
//! empty, long, hostile. Flags that a program reads as a number, a truth value, a duration or an address keep a value that it can
//! read.

use serde_json::{Value, json};

use super::random::Random;
use super::words;

/// A flag and its values.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    name: &'static str,
    values: &'static [&'static str],
    /// Whether any other text is a value, too.
    takes_any: bool,
}

/// A flag with one of these values.
const fn one_of(name: &'static str, values: &'static [&'static str]) -> Flag {
    Flag {
        name,
        values,
        takes_any: false,
    }
}

/// A flag with one of these values, or any other text.
const fn any(name: &'static str, values: &'static [&'static str]) -> Flag {
    Flag {
        name,
        values,
        takes_any: true,
    }
}

/// kube-apiserver.
pub const KUBE_APISERVER: &[Flag] = &[
    one_of("advertise-address", &["10.9.9.9", "fd00::9"]),
    one_of("secure-port", &["7443", "443"]),
    one_of("bind-address", &["0.0.0.0", "10.9.9.9", "::"]),
    any(
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
    any("authorization-config", &["/etc/kubernetes/authz.yaml"]),
    any("authorization-policy-file", &["/etc/kubernetes/abac.json"]),
    any(
        "authorization-webhook-config-file",
        &["/etc/kubernetes/webhook.conf"],
    ),
    any(
        "enable-admission-plugins",
        &["NodeRestriction,PodSecurity", ""],
    ),
    any(
        "service-account-issuer",
        &[
            "https://issuer.example.com",
            "https://kubernetes.default.svc",
        ],
    ),
    any("service-cluster-ip-range", &["10.0.0.0/24"]),
    any("etcd-servers", &["https://etcd.example.com:2379"]),
    any("etcd-cafile", &["/etc/ca.crt"]),
    one_of("allow-privileged", &["false"]),
    any("tls-cert-file", &["/etc/x.crt"]),
    any("proxy-client-key-file", &["/etc/x.key"]),
    any("requestheader-allowed-names", &["", "a,b"]),
    any("runtime-config", &["api/all=true"]),
    any("feature-gates", &["A=true,B=false"]),
    one_of("profiling", &["false"]),
    any("audit-log-path", &["-"]),
    any("zzz", &[]),
    any("aaa", &[]),
    any("V", &["5"]),
    one_of("anonymous-auth", &["false", "true"]),
    one_of("audit-log-maxage", &["30", "0x1e"]),
    one_of("event-ttl", &["1h0m0s", "90m"]),
];

/// kube-controller-manager.
pub const KUBE_CONTROLLER_MANAGER: &[Flag] = &[
    one_of("bind-address", &["0.0.0.0", "::", "10.9.9.9", "127.0.0.1"]),
    one_of("secure-port", &["10357"]),
    one_of("allocate-node-cidrs", &["true", "false", "True", "0"]),
    any("cluster-cidr", &["10.1.0.0/16"]),
    one_of("node-cidr-mask-size-ipv4", &["24", "25", "26"]),
    one_of("node-cidr-mask-size-ipv6", &["64", "72"]),
    one_of("node-cidr-mask-size", &["26", "64"]),
    any("service-cluster-ip-range", &["10.0.0.0/24"]),
    any("cluster-name", &["other"]),
    any("controllers", &["*", "*,bootstrapsigner,-ttl"]),
    any("cluster-signing-cert-file", &["/etc/x.crt"]),
    one_of("use-service-account-credentials", &["false"]),
    one_of("leader-elect", &["false"]),
    any("flex-volume-plugin-dir", &["/opt/flex"]),
    one_of("terminated-pod-gc-threshold", &["50"]),
    any("zzz", &[]),
    any("aaa", &[]),
];

/// kube-scheduler.
pub const KUBE_SCHEDULER: &[Flag] = &[
    one_of("bind-address", &["0.0.0.0", "::", "10.9.9.9", "fd00::5"]),
    one_of("secure-port", &["10359"]),
    any("config", &["/etc/kubernetes/scheduler.yaml"]),
    one_of("leader-elect", &["false"]),
    any("kubeconfig", &["/etc/other.conf"]),
    one_of("profiling", &["false"]),
    any("zzz", &[]),
    any("aaa", &[]),
];

/// etcd.
pub const ETCD: &[Flag] = &[
    one_of(
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
    one_of(
        "advertise-client-urls",
        &[
            "https://10.0.0.9:2379",
            "https://etcd.example.com:2379,https://10.0.0.9:2379",
            "https://[fd00::1]:2379",
        ],
    ),
    any(
        "listen-client-urls",
        &["https://0.0.0.0:2379", "https://[::]:2379"],
    ),
    any("listen-peer-urls", &["https://0.0.0.0:2380"]),
    any("initial-advertise-peer-urls", &["https://10.0.0.9:2380"]),
    any("initial-cluster", &["a=https://10.0.0.9:2380"]),
    any("initial-cluster-state", &["existing"]),
    any("name", &["other"]),
    any("data-dir", &["/elsewhere"]),
    any("quota-backend-bytes", &["8589934592"]),
    any("snapshot-count", &["5000", ""]),
    any("feature-gates", &["X=true"]),
    any("client-cert-auth", &["false"]),
    any("zzz", &[]),
    any("aaa", &[]),
];

const KUBELET: &[Flag] = &[
    one_of("node-ip", &["10.9.9.9", "fd00::9"]),
    one_of("node-labels", &["a=b,c=d", "example.com/env=prod", ""]),
    one_of("cloud-provider", &["external", ""]),
    any("config", &["/etc/other.yaml"]),
    any("container-runtime-endpoint", &["unix:///x.sock"]),
    one_of("v", &["4"]),
    any("tls-cert-file", &[]),
    one_of("address", &["0.0.0.0", "::", "10.9.9.9"]),
    one_of("max-pods", &["110", "0x6e", "-1"]),
    one_of("fail-swap-on", &["false", "True", "1"]),
    one_of("sync-frequency", &["1m", "1h0m0.5s"]),
    one_of("kube-api-qps", &["50"]),
    one_of("feature-gates", &["A=true,B=false"]),
    one_of("system_reserved", &["cpu=100m,memory=1Gi"]),
    one_of("eviction-hard", &["memory.available<5%"]),
    one_of("register-with-taints", &["a=b:NoSchedule", "a:NoExecute"]),
];

/// A list of the kubelet's flags on a node that the API server knows by `name`.
pub fn kubelet(random: &mut Random, name: &str) -> Value {
    let mut list = any_of(random, KUBELET, words::word);
    if let (Value::Array(items), true) = (&mut list, random.chance(10)) {
        items.push(json!({ "name": "hostname-override", "value": name }));
    }
    list
}

/// A list of some of `flags`.
pub fn list(random: &mut Random, flags: &[Flag]) -> Value {
    any_of(random, flags, words::text)
}

/// A list of some of `flags`; `free` makes values that stand in no row.
fn any_of(random: &mut Random, flags: &[Flag], free: fn(&mut Random) -> String) -> Value {
    let mut list = Vec::new();
    for _ in 0..random.between(1, 6) {
        let Some(flag) = flags.get(random.below(flags.len())) else {
            continue;
        };
        let value = |random: &mut Random, percent| {
            if flag.values.is_empty() || (flag.takes_any && random.chance(percent)) {
                free(random)
            } else {
                random.pick(flag.values).to_owned()
            }
        };
        let first = value(random, 15);
        list.push(json!({ "name": flag.name, "value": first }));
        if random.chance(15) {
            let second = value(random, 90);
            list.push(json!({ "name": flag.name, "value": second }));
        }
    }
    Value::Array(list)
}
