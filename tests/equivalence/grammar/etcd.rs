//! etcd: a member on the node, or an external cluster.

use serde_json::{Value, json};

use super::super::random::Random;
use super::super::{flags, words};
use super::{Fields, maybe, nested, pods, repository, sans};

/// `etcd`, empty in half of the cases.
pub(super) fn etcd(random: &mut Random) -> Fields {
    let mut etcd = Fields::new();
    match random.below(100) {
        0..=39 => {
            let local = local(random);
            nested(&mut etcd, random, "local", local);
        }
        40..=54 => {
            etcd.insert("external".into(), external(random));
        }
        _ => {}
    }
    etcd
}

fn external(random: &mut Random) -> Value {
    let secure = random.chance(75);
    let mut external = Fields::new();
    let endpoints: Vec<String> = (0..random.between(1, 3))
        .map(|_| endpoint(random, secure))
        .collect();
    external.insert("endpoints".into(), json!(endpoints));
    maybe(&mut external, random, 25, "httpEndpoints", |r| {
        json!([endpoint(r, false), endpoint(r, true)])
    });
    if secure {
        let directories = [
            "/etc/etcd/pki",
            "/etc/kubernetes/pki",
            "/etc/kubernetes/pki/etcd",
            "/etc/ssl/certs",
            "/srv/a b",
            "/etc/pki/ca-trust",
            "/c",
        ];
        external.insert(
            "caFile".into(),
            json!(format!("{}/ca.crt", random.pick(&directories))),
        );
        if random.chance(80) {
            let directory = random.pick(&directories);
            external.insert("certFile".into(), json!(format!("{directory}/client.crt")));
            let directory = random.pick(&directories);
            external.insert("keyFile".into(), json!(format!("{directory}/client.key")));
        }
    }
    Value::Object(external)
}

fn endpoint(random: &mut Random, secure: bool) -> String {
    let scheme = if secure { "https" } else { "http" };
    let host = match random.below(4) {
        0 => format!("[{}]", words::ipv6(random)),
        1 => words::ipv4(random),
        _ => words::host_name(random, 40),
    };
    let port = random.pick(&[":2379", ":2379", ":443", ""]);
    let path = random.pick(&["", "", "", "/", "/etcd?x=1"]);
    format!("{scheme}://{host}{port}{path}")
}

fn local(random: &mut Random) -> Fields {
    let mut etcd = Fields::new();
    maybe(&mut etcd, random, 45, "extraArgs", |r| {
        flags::list(r, flags::ETCD)
    });
    maybe(&mut etcd, random, 20, "extraEnvs", pods::extra_envs);
    for key in ["serverCertSANs", "peerCertSANs"] {
        maybe(&mut etcd, random, 30, key, |r| json!(sans(r)));
    }
    maybe(&mut etcd, random, 35, "dataDir", |r| {
        json!(r.pick(&[
            "/var/lib/etcd",
            "/data/etcd",
            "/d",
            "/srv/a b/etcd",
            "/var/lib//etcd/",
            "/var/lib/etcd-1.2"
        ]))
    });
    maybe(&mut etcd, random, 20, "imageRepository", |r| {
        json!(etcd_repository(r))
    });
    maybe(&mut etcd, random, 25, "imageTag", |r| {
        json!(r.pick(&["3.6.8-1", "v3.5.21", "latest", "1", "1.0", "0x1F", "3_6"]))
    });
    etcd
}

/// As [`repository`], also one that kubeadm's own template of CoreDNS cannot hold.
fn etcd_repository(random: &mut Random) -> String {
    if random.chance(15) {
        return "[fd00::2]:5000/etcd".to_owned();
    }
    repository(random)
}
