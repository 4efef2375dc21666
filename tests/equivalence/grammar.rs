//! Random valid configurations over every field that takes effect.
//!
//! In: a source of choices, what the host says. Out: kubeadm's documents (and kubeplan's own one where only it can name a
//! bundle). A field that starts to take effect gets its line here. What a value may be is kubeadm's rule (v1.36.2,
//! cmd/kubeadm/app/apis/kubeadm/validation/validation.go) narrowed by the rows of [`super::differences`].

use kubeplan::schema::Kind;
use serde_json::{Map, Value, json};

mod etcd;
mod init;
mod pods;

use super::flags::Flag;
use super::host::Host;
use super::random::Random;
use super::{component, flags, words};

/// Fields of one mapping under construction.
type Fields = Map<String, Value>;

/// Documents in random order.
pub fn documents(random: &mut Random, host: &Host) -> Vec<Value> {
    let mut documents = vec![init::init(random, host)];
    let cluster = cluster(random);
    let name = cluster
        .get("clusterName")
        .and_then(Value::as_str)
        .unwrap_or("kubernetes");
    let mut inventory = Fields::new();
    if name.parse::<kubeplan_bundle::index::Name>().is_err() && !name.is_empty() {
        inventory.insert("metadata".into(), json!({"name": "named-for-the-bundle"}));
    }
    if cluster.get("certificateValidityPeriod").is_some()
        || cluster.get("caCertificateValidityPeriod").is_some()
    {
        // Without it, certificates that live for less than 30 days are refused.
        inventory.insert("credentials".into(), json!({"minRemaining": "0s"}));
    }
    if !inventory.is_empty() {
        documents.push(document(Kind::Inventory, inventory));
    }
    documents.push(cluster);
    for kind in [Kind::Kubelet, Kind::KubeProxy] {
        if random.chance(45) {
            documents.push(component::document(random, kind));
        }
    }
    random.shuffle(&mut documents);
    documents
}

/// A document that another command of kubeadm uses, and `init` ignores.
pub fn of_another_command(random: &mut Random) -> Value {
    let (kind, fields) = random.one(&[
        (
            "UpgradeConfiguration",
            json!({"apply": {"forceUpgrade": true}}),
        ),
        ("UpgradeConfiguration", json!({})),
        ("ResetConfiguration", json!({"force": true})),
        (
            "JoinConfiguration",
            json!({"discovery": {"bootstrapToken": {
                "apiServerEndpoint": "cp.example.com:6443",
                "token": "abcdef.0123456789abcdef",
                "unsafeSkipCAVerification": true,
            }}}),
        ),
    ]);
    let mut document = match fields {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    document.insert("apiVersion".into(), json!(Kind::Init.api_version()));
    document.insert("kind".into(), json!(kind));
    Value::Object(document)
}

/// Whether the documents have an external etcd.
#[must_use]
pub fn has_external_etcd(documents: &[Value]) -> bool {
    documents
        .iter()
        .any(|document| document.pointer("/etcd/external").is_some())
}

/// Puts in `key` `percent` times in a hundred.
fn maybe(
    fields: &mut Fields,
    random: &mut Random,
    percent: usize,
    key: &str,
    value: impl FnOnce(&mut Random) -> Value,
) {
    if random.chance(percent) {
        let value = value(random);
        fields.insert(key.to_owned(), value);
    }
}

/// Puts in a mapping if anything is in it; sometimes an empty one or null.
fn nested(fields: &mut Fields, random: &mut Random, key: &str, inner: Fields) {
    if !inner.is_empty() || random.chance(4) {
        fields.insert(key.to_owned(), Value::Object(inner));
    } else if random.chance(3) {
        fields.insert(key.to_owned(), Value::Null);
    }
}

fn document(kind: Kind, mut fields: Fields) -> Value {
    fields.insert("apiVersion".into(), json!(kind.api_version()));
    fields.insert("kind".into(), json!(kind.name()));
    Value::Object(fields)
}

fn cluster(random: &mut Random) -> Value {
    let mut cluster = Fields::new();
    cluster.insert(
        "kubernetesVersion".into(),
        json!(random.pick(&[
            // Of the patch releases that write the same as the one that is run; the others have rows of their own in
            // the table of releases.
            "v1.36.2",
            "v1.36.2",
            "1.36.2",
            "1.36.1",
            "v1.36.3-alpha.0.5+abc"
        ])),
    );
    let mut networking = Fields::new();
    // Pods need an address of each family of the Services.
    let families = Families::of(random);
    let services = random.chance(45);
    if services {
        networking.insert(
            "serviceSubnet".into(),
            json!(service_subnet(random, families)),
        );
    }
    let mut pods = None;
    if random.chance(45) {
        let families = if services { families } else { Families::V4 };
        networking.insert("podSubnet".into(), json!(pod_subnet(random, families)));
        pods = Some(families);
    }
    maybe(&mut networking, random, 25, "dnsDomain", |r| {
        json!(words::subdomain(r, 80))
    });
    nested(&mut cluster, random, "networking", networking);
    maybe(&mut cluster, random, 35, "controlPlaneEndpoint", |r| {
        json!(endpoint(r))
    });

    let mut api_server = component_fields(random, flags::KUBE_APISERVER);
    maybe(&mut api_server, random, 35, "certSANs", |r| json!(sans(r)));
    nested(&mut cluster, random, "apiServer", api_server);
    let mut manager = component_fields(random, flags::KUBE_CONTROLLER_MANAGER);
    fit_masks(&mut manager, pods);
    nested(&mut cluster, random, "controllerManager", manager);
    let scheduler = component_fields(random, flags::KUBE_SCHEDULER);
    nested(&mut cluster, random, "scheduler", scheduler);

    let etcd = etcd::etcd(random);
    nested(&mut cluster, random, "etcd", etcd);
    let mut dns = Fields::new();
    maybe(&mut dns, random, 15, "imageRepository", |r| {
        json!(repository(r))
    });
    maybe(&mut dns, random, 15, "imageTag", |r| {
        json!(r.pick(&["v1.14.2", "v9", "latest", "1.0", "", "0x1F"]))
    });
    maybe(&mut dns, random, 8, "disabled", |r| json!(r.chance(70)));
    nested(&mut cluster, random, "dns", dns);
    let mut proxy = Fields::new();
    maybe(&mut proxy, random, 10, "disabled", |r| json!(r.chance(70)));
    nested(&mut cluster, random, "proxy", proxy);
    maybe(&mut cluster, random, 20, "certificatesDir", |r| {
        json!(r.pick(&[
            "/etc/kubernetes/pki",
            "/etc/kubernetes/custom-pki",
            "/srv/a.b/c_d",
            "/etc/kubernetes/pki/etcd",
            "/etc/kubernetes/pki/",
            "//etc/./kubernetes//custom-pki/",
            "/p"
        ]))
    });
    maybe(&mut cluster, random, 25, "imageRepository", |r| {
        json!(repository(r))
    });
    maybe(&mut cluster, random, 25, "clusterName", |r| {
        json!(if r.chance(50) {
            words::subdomain(r, 40)
        } else {
            words::text(r)
        })
    });
    encryption(&mut cluster, random);
    for (key, choices) in [
        (
            "certificateValidityPeriod",
            &["24h", "8760h", "1h30m", "87600h", "1s", "2160h0m0s"],
        ),
        (
            "caCertificateValidityPeriod",
            &["87600h", "8760h", "24h", "262800h", "1s", "43800h30m"],
        ),
    ] {
        maybe(&mut cluster, random, 15, key, |r| json!(r.pick(choices)));
    }
    document(Kind::Cluster, cluster)
}

/// Mostly ECDSA: RSA keys cost kubeadm a second.
fn encryption(cluster: &mut Fields, random: &mut Random) {
    let algorithm = match random.below(100) {
        0..=64 => Some("ECDSA-P256"),
        65..=84 => Some("ECDSA-P384"),
        85..=91 => Some("RSA-2048"),
        92 => Some("RSA-3072"),
        93 => Some("RSA-4096"),
        _ => None,
    };
    if let Some(algorithm) = algorithm {
        cluster.insert("encryptionAlgorithm".into(), json!(algorithm));
    }
    if random.chance(15) {
        let mut gates = Fields::new();
        maybe(&mut gates, random, 50, "NodeLocalCRISocket", |r| {
            json!(r.chance(50))
        });
        maybe(&mut gates, random, 30, "PublicKeysECDSA", |r| {
            json!(r.chance(80))
        });
        maybe(&mut gates, random, 20, "RootlessControlPlane", |_| {
            json!(false)
        });
        cluster.insert("featureGates".into(), Value::Object(gates));
    }
}

/// The families of the cluster's networks.
#[derive(Clone, Copy)]
enum Families {
    V4,
    V6,
    V4First,
    V6First,
}

impl Families {
    fn of(random: &mut Random) -> Self {
        match random.below(8) {
            0..=3 => Self::V4,
            4 => Self::V6,
            5 => Self::V6First,
            _ => Self::V4First,
        }
    }
}

fn service_subnet(random: &mut Random, families: Families) -> String {
    let (v4, v6) = (words::cidr4(random, 12, 28), words::cidr6(random, 108, 124));
    of_families(families, v4, v6)
}

fn pod_subnet(random: &mut Random, families: Families) -> String {
    // At most 16 bits shorter than the subnet of a node, whose size flags can set to 26 and 72.
    let (v4, v6) = (words::cidr4(random, 10, 24), words::cidr6(random, 56, 64));
    // Beside the Services, whose networks begin with 10 by default and here.
    let v4 = v4.replacen("10.", "11.", 1);
    of_families(families, v4, v6)
}

fn of_families(families: Families, v4: String, v6: String) -> String {
    match families {
        Families::V4 => v4,
        Families::V6 => v6,
        Families::V6First => format!("{v6},{v4}"),
        Families::V4First => format!("{v4},{v6}"),
    }
}

fn endpoint(random: &mut Random) -> String {
    let port = random.pick(&["443", "6443", "1", "65535", "08443"]);
    let name = words::host_name(random, 60);
    let (v4, v6) = (words::ipv4(random), words::ipv6(random));
    match random.below(8) {
        0 | 1 => name,
        2 | 3 => format!("{name}:{port}"),
        4 => v4,
        5 => format!("{v4}:{port}"),
        6 => v6,
        _ => format!("[{v6}]:{port}"),
    }
}

fn sans(random: &mut Random) -> Vec<String> {
    let mut names: Vec<String> = (0..random.below(6)).map(|_| san(random)).collect();
    if random.chance(30)
        && let Some(first) = names.first().cloned()
    {
        names.push(first);
    }
    names
}

fn san(random: &mut Random) -> String {
    match random.below(10) {
        0..=3 => words::host_name(random, 80),
        4 => format!("*.{}", words::subdomain(random, 60)),
        5 | 6 => words::ipv4(random),
        7 => words::ipv6(random),
        8 => random
            .pick(&[
                "127.0.0.1",
                "::1",
                "10.96.0.1",
                "0.0.0.0",
                "::ffff:10.0.0.1",
                "010.001.000.007",
            ])
            .to_owned(),
        _ => random
            .pick(&[
                "localhost",
                "kubernetes",
                "kubernetes.default.svc",
                "cp1",
                "example.com",
                "1.2.3.a",
            ])
            .to_owned(),
    }
}

fn repository(random: &mut Random) -> String {
    random
        .pick(&[
            "registry.k8s.io",
            "registry.example.com:5000/k8s",
            "localhost/a__b/c-d",
            "k8s",
            "Registry.Example.Com/k8s",
            "10.0.0.1:443",
            "a.b/c---d",
            "gcr.io/k8s-staging-ci-images",
        ])
        .to_owned()
}

/// Removes the sizes of nodes' subnets with which kube-controller-manager does not start beside Pods of these families.
fn fit_masks(manager: &mut Fields, pods: Option<Families>) {
    let (Some(pods), Some(Value::Array(args))) = (pods, manager.get_mut("extraArgs")) else {
        return;
    };
    let is = |arg: &Value, name: &str| arg.get("name").and_then(Value::as_str) == Some(name);
    let sizes_one_family = args
        .iter()
        .any(|arg| is(arg, "node-cidr-mask-size-ipv4") || is(arg, "node-cidr-mask-size-ipv6"));
    args.retain(|arg| {
        if is(arg, "node-cidr-mask-size-ipv4") {
            return !matches!(pods, Families::V6);
        }
        if is(arg, "node-cidr-mask-size-ipv6") {
            return !matches!(pods, Families::V4);
        }
        let fitting = match pods {
            Families::V4 => "26",
            Families::V6 => "64",
            Families::V4First | Families::V6First => "",
        };
        let fits = arg.get("value").and_then(Value::as_str) == Some(fitting);
        !is(arg, "node-cidr-mask-size") || (fits && !sizes_one_family)
    });
}

fn component_fields(random: &mut Random, flags: &[Flag]) -> Fields {
    let mut fields = Fields::new();
    maybe(&mut fields, random, 40, "extraArgs", |r| {
        flags::list(r, flags)
    });
    maybe(&mut fields, random, 25, "extraVolumes", pods::extra_volumes);
    maybe(&mut fields, random, 25, "extraEnvs", pods::extra_envs);
    fields
}
