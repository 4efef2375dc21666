//! InitConfiguration.

use kubeplan::schema::Kind;
use serde_json::{Value, json};

use super::super::host::Host;
use super::super::random::Random;
use super::super::{flags, words};
use super::{Fields, document, maybe, nested};

/// `InitConfiguration`.
pub(super) fn init(random: &mut Random, host: &Host) -> Value {
    let mut init = Fields::new();
    let mut endpoint = Fields::new();
    let address = if random.chance(65) {
        words::ipv4(random)
    } else {
        words::ipv6(random)
    };
    if host.known && host.address.is_some() && random.chance(15) {
        // The host's own address.
        maybe(&mut endpoint, random, 70, "advertiseAddress", |r| {
            json!(r.pick(&["", "0.0.0.0", "::"]))
        });
    } else {
        endpoint.insert("advertiseAddress".into(), json!(address));
    }
    maybe(&mut endpoint, random, 30, "bindPort", |r| {
        json!(r.one::<i64>(&[0, 1, 80, 443, 6443, 7443, 10259, 65535]))
    });
    init.insert("localAPIEndpoint".into(), Value::Object(endpoint));

    let mut node = Fields::new();
    if host.known && random.chance(20) {
        // The host's own name, written or not.
        maybe(&mut node, random, 50, "name", |_| json!(host.hostname));
    } else {
        let name = node_name(random);
        node.insert("name".into(), json!(name));
    }
    maybe(&mut node, random, 40, "criSocket", |r| {
        json!(r.pick(&[
            "unix:///var/run/containerd/containerd.sock",
            "unix:///run/crio/crio.sock",
            "/run/containerd/containerd.sock",
            "unix:///tmp/a-b_c.sock",
            "unix:////run/crio//crio.sock",
            "",
        ]))
    });
    let own_name = node.get("name").and_then(Value::as_str);
    let own_name = own_name.unwrap_or(&host.hostname).trim().to_lowercase();
    maybe(&mut node, random, 35, "kubeletExtraArgs", |r| {
        flags::kubelet(r, &own_name)
    });
    maybe(&mut node, random, 15, "imagePullPolicy", |r| {
        json!(r.pick(&["IfNotPresent", "Always", "Never", ""]))
    });
    maybe(&mut node, random, 10, "imagePullSerial", |r| {
        json!(r.chance(50))
    });
    maybe(&mut node, random, 15, "ignorePreflightErrors", |r| {
        json!(r.one(&[
            vec![],
            vec!["all"],
            vec!["ALL", "all"],
            vec!["Swap", "NumCPU", "swap"],
            vec!["FileContent--proc-sys-net-ipv4-ip_forward"],
        ]))
    });
    maybe(&mut node, random, 25, "taints", taints);
    nested(&mut init, random, "nodeRegistration", node);

    let mut timeouts = Fields::new();
    for (name, percent) in [
        ("controlPlaneComponentHealthCheck", 25),
        ("kubeletHealthCheck", 10),
        ("kubernetesAPICall", 10),
        ("etcdAPICall", 10),
        ("tlsBootstrap", 5),
        ("discovery", 5),
        ("upgradeManifests", 5),
    ] {
        maybe(&mut timeouts, random, percent, name, |r| {
            json!(words::duration(r))
        });
    }
    nested(&mut init, random, "timeouts", timeouts);
    maybe(&mut init, random, 30, "bootstrapTokens", bootstrap_tokens);
    maybe(&mut init, random, 10, "dryRun", |r| json!(r.chance(50)));
    maybe(&mut init, random, 15, "certificateKey", |r| {
        json!(format!("{:016x}", r.bits()).repeat(4))
    });
    maybe(&mut init, random, 25, "skipPhases", skip_phases);
    document(Kind::Init, init)
}

/// What a dry run can do without: `preflight`, which it cannot do here, and any of some groups.
fn skip_phases(random: &mut Random) -> Value {
    let mut phases = vec!["preflight"];
    for group in [
        &["certs/apiserver"][..],
        &["certs/etcd-peer", "certs/front-proxy-client"],
        &["certs/sa", "certs/all", "certs/apiserver-etcd-client"],
        &["kubeconfig/kubelet", "kubeconfig/super-admin"],
        &["kubeconfig/scheduler", "kubeconfig/controller-manager"],
        &["etcd"],
        &["etcd/local"],
        // It prints what those that write files wrote.
        &["wait-control-plane", "control-plane", "kubelet-start"],
        &["wait-control-plane", "control-plane/scheduler"],
        &["wait-control-plane"],
        &["upload-config"],
        &["upload-config/kubelet", "mark-control-plane"],
        &["bootstrap-token", "upload-certs", "show-join-command"],
        &["kubelet-finalize/enable-client-cert-rotation"],
        &["addon"],
        &["addon/coredns"],
        &["addon/kube-proxy"],
        &["show-join-command"],
    ] {
        if random.chance(12) {
            phases.extend(group);
        }
    }
    random.shuffle(&mut phases);
    json!(phases)
}

fn node_name(random: &mut Random) -> String {
    let name = words::subdomain(random, 63);
    match random.below(10) {
        0 => name.to_uppercase(),
        1 => format!("  {name} "),
        2 => format!("{name}\n"),
        _ => name,
    }
}

fn bootstrap_tokens(random: &mut Random) -> Value {
    let mut tokens = Vec::new();
    for token in [
        "abcdef.0123456789abcdef",
        "000000.1111111111111111",
        "1e3e55.1234567890123456",
    ] {
        if random.chance(50) {
            let mut fields = Fields::new();
            fields.insert("token".into(), json!(token));
            maybe(&mut fields, random, 40, "description", |r| {
                json!(words::text(r))
            });
            maybe(&mut fields, random, 40, "ttl", |r| {
                json!(words::duration(r))
            });
            maybe(&mut fields, random, 30, "usages", |r| {
                json!(r.one(&[vec!["signing", "authentication"], vec!["authentication"]]))
            });
            maybe(&mut fields, random, 30, "groups", |r| {
                json!([r.pick(&[
                    "system:bootstrappers:a",
                    "system:bootstrappers:kubeadm:default-node-token"
                ])])
            });
            tokens.push(Value::Object(fields));
        }
    }
    Value::Array(tokens)
}

/// Taints that the API server takes.
fn taints(random: &mut Random) -> Value {
    if random.chance(15) {
        return Value::Null;
    }
    let mut taints = Vec::new();
    for key in [
        "node-role.kubernetes.io/control-plane",
        "example.com/a",
        "b",
    ] {
        if random.chance(40) {
            let mut taint = Fields::new();
            taint.insert("key".into(), json!(key));
            maybe(&mut taint, random, 50, "value", |r| {
                json!(r.pick(&["", "x", "1.2", "yes"]))
            });
            taint.insert(
                "effect".into(),
                json!(random.pick(&["NoSchedule", "PreferNoSchedule", "NoExecute"])),
            );
            taints.push(Value::Object(taint));
        }
    }
    Value::Array(taints)
}
