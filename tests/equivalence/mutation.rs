//! Breaking one rule of a valid configuration.
//!
//! In: a case. Out: the same case with one mistake that kubeadm refuses. Every row of [`MUTATIONS`] is a rule of kubeadm or of
//! YAML; its choices are different ways to break it.

use kubeplan::config::schema::Kind;
use serde_json::{Map, Value, json};

use super::case::Case;
use super::random::Random;

/// One rule to break.
#[derive(Debug)]
pub struct Mutation {
    /// What is broken.
    pub name: &'static str,
    how: How,
}

#[derive(Debug)]
enum How {
    /// Sets the field of a document to one of some JSON values.
    Set(Kind, &'static str, &'static [&'static str]),
    /// Changes the text: replaces the first of these, or appends if it is empty.
    Text(&'static str, &'static [&'static str]),
    /// Removes a field.
    Remove(Kind, &'static str),
    /// Replaces a whole document by one of some JSON values, or appends it.
    Append(&'static [&'static str]),
}

const fn set(
    name: &'static str,
    kind: Kind,
    path: &'static str,
    values: &'static [&'static str],
) -> Mutation {
    Mutation {
        name,
        how: How::Set(kind, path, values),
    }
}

use Kind::{Cluster, Init, KubeProxy, Kubelet};

const ADDRESSES: &[&str] = &[
    r#""1.2.3""#,
    r#""host""#,
    r#""1.2.3.4/24""#,
    r#""169.254.1.1""#,
    r#""224.0.0.1""#,
    r#""fe80::1""#,
    r#""1.2.3.4:80""#,
    r#""[fd00::1]""#,
    r#""255.255.255.255""#,
    r#""fe80::1%eth0""#,
    r#"" 10.0.0.1""#,
];
const PORTS: &[&str] = &["-1", "65536", "100000", "2147483648", r#""6443""#, "1.5"];
const NAMES: &[&str] = &[
    r#""a_b""#,
    r#""-a""#,
    r#""a-""#,
    r#""a..b""#,
    r#""ä""#,
    r#""a b""#,
    r#"".a""#,
    r#""a.""#,
    r#""a/b""#,
];
const PATHS: &[&str] = &[r#""relative/path""#, r#""./x""#, r#""~/x""#, r#"" /x""#];
const REPOSITORIES: &[&str] = &[
    r#""https://registry.k8s.io""#,
    r#""registry.k8s.io/""#,
    r#""registry.k8s.io/K8s""#,
    r#""a/b:tag""#,
    r#""a b""#,
    r#""-a""#,
    r#""a//b""#,
];
const SANS: &[&str] = &[
    r#"["a_b"]"#,
    r#"["ok.example.com", "*"]"#,
    r#"["*.*.example.com"]"#,
    r#"["a.*.b"]"#,
    r#"["1.2.3.4/5"]"#,
    r#"[""]"#,
    r#"["https://x"]"#,
    r#"["x:80"]"#,
    r#"["fe80::1%eth0"]"#,
];
const NETWORKS: &[&str] = &[
    r#""10.0.0.0""#,
    r#""10.0.0.0/33""#,
    r#""x""#,
    r#""10.0.0.0/16,10.1.0.0/16""#,
    r#""fd00::/112,fd01::/112""#,
    r#""10.0.0.0/16, fd00::/112""#,
    r#""10.0.0.0/16,fd00::/112,10.1.0.0/16""#,
    r#""10.0.0.0/30""#,
    r#""fd00::/126""#,
    r#""10.0.0.0/16,""#,
    r#""300.0.0.0/16""#,
];
const DURATIONS: &[&str] = &[
    r#""1d""#,
    r#""5""#,
    r#""1h 30m""#,
    r#""x""#,
    "5",
    r#""""#,
    "true",
    r#""1H""#,
];
const NOT_TEXT: &[&str] = &["5", "true", "1.5", "[]", "{}", r#"["x"]"#];
const NOT_LIST: &[&str] = &[r#""x""#, "5", r#"{"name": "a", "value": "b"}"#, "true"];
const NOT_MAPPING: &[&str] = &[r#""x""#, "5", "[]", "true"];
const NO_FLAG: &[&str] = &[
    r#"[{"name": "", "value": "x"}]"#,
    r#"[{"value": "x"}]"#,
    r#"[{}]"#,
];

/// The rules.
pub const MUTATIONS: &[Mutation] = &[
    set(
        "advertise address",
        Init,
        "localAPIEndpoint.advertiseAddress",
        ADDRESSES,
    ),
    set("bind port", Init, "localAPIEndpoint.bindPort", PORTS),
    set("node name", Init, "nodeRegistration.name", NAMES),
    set(
        "CRI socket",
        Init,
        "nodeRegistration.criSocket",
        &[r#""http://x""#, r#""tcp://1.2.3.4:5""#, r#""npipe:////x""#],
    ),
    set(
        "pull policy",
        Init,
        "nodeRegistration.imagePullPolicy",
        &[r#""always""#, r#""Sometimes""#, r#""IfNotPresent ""#],
    ),
    set(
        "kubelet flag without name",
        Init,
        "nodeRegistration.kubeletExtraArgs",
        NO_FLAG,
    ),
    set(
        "skipped phase",
        Init,
        "skipPhases",
        &[
            r#"["preflight", "addons"]"#,
            r#"["preflight", "uploadconfig"]"#,
            r#"["preflight", "etcd/all"]"#,
            r#"["preflight", "Certs"]"#,
            r#"["preflight", "certs/ca "]"#,
            r#"["preflight", ""]"#,
            r#"["preflight", "bootstrap-token"]"#,
            r#"["preflight", "upload-certs"]"#,
        ],
    ),
    set(
        "kubelet flags as mapping",
        Init,
        "nodeRegistration.kubeletExtraArgs",
        NOT_LIST,
    ),
    set(
        "token",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"token": "abc"}]"#,
            r#"[{"token": "ABCDEF.0123456789abcdef"}]"#,
            r#"[{"token": ""}]"#,
            r#"[{"token": "abcdef.0123456789abcde"}]"#,
            r#"[{"token": 5}]"#,
            r#"[{"token": "abcdef-0123456789abcdef"}]"#,
        ],
    ),
    set(
        "token usage",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"usages": ["sign"]}]"#,
            r#"[{"usages": ["signing", "Authentication"]}]"#,
        ],
    ),
    set(
        "token group",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"groups": ["system:masters"]}]"#,
            r#"[{"groups": ["system:bootstrappers:A"]}]"#,
            r#"[{"groups": ["system:bootstrappers:"]}]"#,
        ],
    ),
    set(
        "token group without authentication",
        Init,
        "bootstrapTokens",
        &[r#"[{"usages": ["signing"], "groups": ["system:bootstrappers:a"]}]"#],
    ),
    set(
        "token with ttl and expires",
        Init,
        "bootstrapTokens",
        &[
            r#"[{"expires": "2030-01-01T00:00:00Z"}]"#,
            r#"[{"ttl": "1h", "expires": "2030-01-01T00:00:00Z"}]"#,
            r#"[{"expires": "tomorrow"}]"#,
        ],
    ),
    set(
        "certificate key",
        Init,
        "certificateKey",
        &[r#""abc""#, r#""zz""#, r#""00112233""#],
    ),
    set(
        "timeout",
        Init,
        "timeouts.controlPlaneComponentHealthCheck",
        DURATIONS,
    ),
    set(
        "service subnet",
        Cluster,
        "networking.serviceSubnet",
        NETWORKS,
    ),
    set(
        "service subnet too large",
        Cluster,
        "networking.serviceSubnet",
        &[
            r#""10.0.0.0/8""#,
            r#""10.0.0.0/11""#,
            r#""fd00::/64""#,
            r#""fd00::/107""#,
        ],
    ),
    set("pod subnet", Cluster, "networking.podSubnet", NETWORKS),
    set(
        "pod subnet and node mask",
        Cluster,
        "networking",
        &[
            r#"{"podSubnet": "10.0.0.0/7"}"#,
            r#"{"podSubnet": "10.0.0.0/25"}"#,
            r#"{"podSubnet": "fd00::/47"}"#,
            r#"{"podSubnet": "fd00::/65"}"#,
            r#"{"podSubnet": "10.0.0.0/16,fd00::/40"}"#,
        ],
    ),
    set(
        "DNS domain",
        Cluster,
        "networking.dnsDomain",
        &[
            r#""a_b""#,
            r#""Cluster.Local""#,
            r#""-x""#,
            r#""cluster.local.""#,
            r#""a b""#,
        ],
    ),
    set(
        "endpoint",
        Cluster,
        "controlPlaneEndpoint",
        &[
            r#""API.example.com""#,
            r#""a_b:6443""#,
            r#""host:0""#,
            r#""host:65536""#,
            r#""host:x""#,
            r#""https://host""#,
            r#""host:1:2""#,
            r#""[fd00::1""#,
            r#"":6443""#,
            r#""host:""#,
            r#""[host]:6443""#,
            r#""host:+1""#,
        ],
    ),
    set("API server SANs", Cluster, "apiServer.certSANs", SANS),
    set(
        "etcd server SANs",
        Cluster,
        "etcd.local.serverCertSANs",
        SANS,
    ),
    set("etcd peer SANs", Cluster, "etcd.local.peerCertSANs", SANS),
    set(
        "API server flag without name",
        Cluster,
        "apiServer.extraArgs",
        NO_FLAG,
    ),
    set(
        "controller manager flag without name",
        Cluster,
        "controllerManager.extraArgs",
        NO_FLAG,
    ),
    set(
        "scheduler flag without name",
        Cluster,
        "scheduler.extraArgs",
        NO_FLAG,
    ),
    set(
        "etcd flag without name",
        Cluster,
        "etcd.local.extraArgs",
        NO_FLAG,
    ),
    set("flags as mapping", Cluster, "apiServer.extraArgs", NOT_LIST),
    set(
        "volumes as text",
        Cluster,
        "apiServer.extraVolumes",
        NOT_LIST,
    ),
    set("SANs as text", Cluster, "apiServer.certSANs", NOT_LIST),
    set(
        "environment",
        Cluster,
        "scheduler.extraEnvs",
        &[
            r#"[{"name": 5}]"#,
            r#"["A=b"]"#,
            r#"[{"name": "A", "value": 5}]"#,
            r#"[{"name": "A", "valuefrom": {}}]"#,
            r#"{"A": "b"}"#,
            r#"[{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1x"}}}]"#,
        ],
    ),
    set("data folder", Cluster, "etcd.local.dataDir", PATHS),
    set("certificates folder", Cluster, "certificatesDir", PATHS),
    set("image repository", Cluster, "imageRepository", REPOSITORIES),
    set(
        "etcd image repository",
        Cluster,
        "etcd.local.imageRepository",
        REPOSITORIES,
    ),
    set(
        "DNS image repository",
        Cluster,
        "dns.imageRepository",
        REPOSITORIES,
    ),
    set(
        "feature gate",
        Cluster,
        "featureGates",
        &[
            r#"{"EtcdLearnerMode": true}"#,
            r#"{"publicKeysECDSA": true}"#,
            r#"{"NodeSwap": false}"#,
            r#"{"PublicKeysECDSA": "true"}"#,
            r#"{"": true}"#,
        ],
    ),
    set(
        "algorithm",
        Cluster,
        "encryptionAlgorithm",
        &[
            r#""RSA""#,
            r#""rsa-2048""#,
            r#""ECDSA-P521""#,
            r#""Ed25519""#,
        ],
    ),
    set("validity", Cluster, "certificateValidityPeriod", DURATIONS),
    set(
        "CA validity",
        Cluster,
        "caCertificateValidityPeriod",
        DURATIONS,
    ),
    set(
        "version",
        Cluster,
        "kubernetesVersion",
        &[
            r#""v1.30.0""#,
            r#""1.34.9""#,
            r#""v1.36.2.1""#,
            r#""banana""#,
            r#""1.36""#,
            "1.36",
            r#""v2""#,
        ],
    ),
    set(
        "local and external etcd",
        Cluster,
        "etcd",
        &[
            r#"{"local": {"dataDir": "/d"}, "external": {"endpoints": ["https://1.2.3.4:2379"]}}"#,
            r#"{"local": {}, "external": {"endpoints": ["http://1.2.3.4:2379"]}}"#,
        ],
    ),
    set(
        "external etcd",
        Cluster,
        "etcd",
        &[
            r#"{"external": {"endpoints": []}}"#,
            r#"{"external": {"endpoints": ["1.2.3.4:2379"]}}"#,
            r#"{"external": {"endpoints": ["http://1.2.3.4:2379"], "caFile": "/ca"}}"#,
            r#"{"external": {"endpoints": ["https://1.2.3.4:2379"], "certFile": "/c"}}"#,
        ],
    ),
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
        "kubelet integer",
        Kubelet,
        "maxPods",
        &[r#""110""#, "1.5", "2147483648", "true", "[]", "-2147483649"],
    ),
    set(
        "kubelet boolean",
        Kubelet,
        "failSwapOn",
        &[r#""false""#, "0", r#""yes""#, "[]"],
    ),
    set(
        "kubelet duration that is null",
        Kubelet,
        "syncFrequency",
        &["null"],
    ),
    set("kubelet duration", Kubelet, "syncFrequency", DURATIONS),
    set(
        "kubelet mapping",
        Kubelet,
        "evictionHard",
        &[
            r#"["a"]"#,
            r#"{"a": 5}"#,
            r#"{"a": null, "b": 1.5}"#,
            r#""x""#,
        ],
    ),
    set(
        "kubelet taint",
        Kubelet,
        "registerWithTaints",
        &[
            r#"["a=b:NoSchedule"]"#,
            r#"[{"key": 5}]"#,
            r#"[{"key": "a", "timeAdded": "now"}]"#,
        ],
    ),
    set(
        "kubelet quantity",
        Kubelet,
        "reservedMemory",
        &[
            r#"[{"numaNode": 0, "limits": {"memory": "1GB"}}]"#,
            r#"[{"numaNode": 0, "limits": {"memory": ""}}]"#,
            r#"[{"numaNode": 0, "limits": {"memory": true}}]"#,
        ],
    ),
    set(
        "kube-proxy number",
        KubeProxy,
        "clientConnection.qps",
        &[r#""5""#, "true", "1e40"],
    ),
    set(
        "kube-proxy integer",
        KubeProxy,
        "oomScoreAdj",
        &[r#""5""#, "1.5", "4294967296"],
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
        how: How::Remove(Cluster, "kind"),
    },
    Mutation {
        name: "no API version",
        how: How::Remove(Init, "apiVersion"),
    },
    Mutation {
        name: "kind twice",
        how: How::Append(&[
            r#"{"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration"}"#,
            r#"{"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration"}"#,
        ]),
    },
    Mutation {
        name: "no mapping",
        how: How::Append(&["[]", r#""text""#, "5"]),
    },
    Mutation {
        name: "syntax",
        how: How::Text(
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
        how: How::Text(
            "apiVersion:",
            &[
                "clusterName: a\nclusterName: b\napiVersion:",
                "apiVersion: kubeadm.k8s.io/v1beta4\napiVersion:",
            ],
        ),
    },
    Mutation {
        name: "indentation",
        how: How::Text("apiVersion:", &[" apiVersion:", "x:\napiVersion: a\n  y:"]),
    },
];

/// Breaks the rule whose turn case `number` is.
pub fn mutate(case: &mut Case, random: &mut Random, number: u64) {
    let turn = usize::try_from(number)
        .unwrap_or_default()
        .checked_rem(MUTATIONS.len());
    let Some(mutation) = turn.and_then(|turn| MUTATIONS.get(turn)) else {
        return;
    };
    case.mutation = Some(mutation);
    // Whatever else is random may only get in the way of the one mistake.
    if random.chance(50) {
        case.style = None;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    match &mutation.how {
        How::Set(kind, path, values) => {
            let value = parse(random.pick(values));
            if let Some(document) = document_of(&mut case.documents, *kind) {
                set_at(document, path, value);
            }
        }
        How::Remove(kind, field) => {
            if let Some(Value::Object(fields)) = document_of(&mut case.documents, *kind) {
                fields.remove(*field);
            }
        }
        How::Append(documents) => case.documents.push(parse(random.pick(documents))),
        How::Text(find, replacements) => {
            let text = case.kubeadm_text();
            let replacement = random.pick(replacements);
            case.text = Some(if find.is_empty() {
                format!("{text}{replacement}")
            } else {
                text.replacen(find, replacement, 1)
            });
        }
    }
}

/// The document of `kind`, made if there is none.
fn document_of(documents: &mut Vec<Value>, kind: Kind) -> Option<&mut Value> {
    let is = |document: &Value| document.get("kind").and_then(Value::as_str) == Some(kind.name());
    let at = documents.iter().position(is).unwrap_or_else(|| {
        documents.push(json!({ "apiVersion": kind.api_version(), "kind": kind.name() }));
        documents.len() - 1
    });
    documents.get_mut(at)
}

fn set_at(document: &mut Value, path: &str, value: Value) {
    let mut place = document;
    for name in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(name).or_insert(Value::Null);
    }
    *place = value;
}
