//! Extra volumes and environment variables of static Pods.

use serde_json::{Value, json};

use super::super::random::Random;
use super::super::words;
use super::{Fields, maybe};

pub(super) fn extra_volumes(random: &mut Random) -> Value {
    let mut volumes = Vec::new();
    for position in 0..random.between(1, 4) {
        let mut volume = Fields::new();
        volume.insert(
            "name".into(),
            json!(random.pick(&[
                "audit",
                "extra-1",
                "k8s-certs",
                "ca-certs",
                "kubeconfig",
                "etc-pki-tls-certs",
                "a",
                "zz",
                "usr-share-ca-certificates",
                "1",
                "yes",
                "flexvolume-dir",
            ])),
        );
        volume.insert(
            "hostPath".into(),
            json!(random.pick(&[
                "/var/log",
                "/etc/kubernetes/x y",
                "/",
                "/a:b",
                "/etc/kubernetes/pki",
                "/a#b",
                "/a #b",
            ])),
        );
        // One place for each volume: the kubelet refuses a Pod that mounts two volumes at the same place.
        let mount = random.pick(&["/mnt/x y", "/mnt", "/a:b", "relative", "/a#b", "/a #b"]);
        volume.insert("mountPath".into(), json!(format!("{mount}/{position}")));
        maybe(&mut volume, random, 50, "readOnly", |r| json!(r.chance(50)));
        maybe(&mut volume, random, 70, "pathType", |r| {
            json!(r.pick(&[
                "",
                "Directory",
                "DirectoryOrCreate",
                "File",
                "FileOrCreate",
                "Socket",
                "CharDevice",
                "BlockDevice",
            ]))
        });
        volumes.push(Value::Object(volume));
    }
    Value::Array(volumes)
}

pub(super) fn extra_envs(random: &mut Random) -> Value {
    let mut variables = Vec::new();
    for _ in 0..random.between(1, 4) {
        let mut variable = Fields::new();
        variable.insert(
            "name".into(),
            json!(random.pick(&[
                "HTTPS_PROXY",
                "no_proxy",
                "A",
                "B_1",
                "a.b",
                "yes",
                "ETCD_QUOTA",
                "Z"
            ])),
        );
        if random.chance(50) {
            maybe(&mut variable, random, 85, "value", |r| {
                json!(words::text(r))
            });
        } else {
            let source = value_from(random);
            variable.insert("valueFrom".into(), source);
        }
        variables.push(Value::Object(variable));
    }
    Value::Array(variables)
}

/// Sources that a static Pod can have.
fn value_from(random: &mut Random) -> Value {
    let mut source = Fields::new();
    match random.below(3) {
        0 => {
            source.insert(
                "fieldPath".into(),
                json!(random.pick(&["status.podIP", "metadata.labels['a']", "spec.nodeName"])),
            );
            maybe(&mut source, random, 40, "apiVersion", |r| {
                json!(r.pick(&["v1", ""]))
            });
            json!({ "fieldRef": source })
        }
        1 => {
            source.insert(
                "resource".into(),
                json!(random.pick(&["limits.memory", "requests.memory"])),
            );
            maybe(&mut source, random, 40, "containerName", |r| {
                json!(r.pick(&["kube-apiserver", "x"]))
            });
            maybe(&mut source, random, 60, "divisor", |r| {
                json!(r.pick(&["1", "1000m", "1Mi", "0", "1024Ki"]))
            });
            json!({ "resourceFieldRef": source })
        }
        _ => {
            for key in ["volumeName", "path", "key"] {
                source.insert(key.into(), json!(words::word(random)));
            }
            maybe(&mut source, random, 40, "optional", |r| json!(r.chance(50)));
            json!({ "fileKeyRef": source })
        }
    }
}
