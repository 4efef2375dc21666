//! One row for each rule of `docs/static-pods.md`: a change of a Pod that the kubelet accepts, and what is said.

use serde_json::{Value, json};

use super::*;
use crate::render::static_pod::flags::KUBEADM_DEFAULT;

/// A Pod that kubeadm could have written.
fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "kube-apiserver",
            "namespace": "kube-system",
            "labels": {"component": "kube-apiserver"},
            "annotations": {"kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint": "10.0.0.1:6443"},
        },
        "spec": {
            "containers": [{
                "name": "kube-apiserver",
                "image": "registry.k8s.io/kube-apiserver:v1.36.2",
                "imagePullPolicy": "IfNotPresent",
                "command": ["kube-apiserver"],
                "env": [{"name": "A.b", "value": "x"}],
                "ports": [{"containerPort": 6443, "name": "probe-port", "protocol": "TCP"}],
                "livenessProbe": {
                    "httpGet": {"host": "10.0.0.1", "path": "/livez", "port": "probe-port", "scheme": "HTTPS"},
                    "failureThreshold": 8,
                },
                "readinessProbe": {"httpGet": {"port": 6443}},
                "resources": {"requests": {"cpu": "250m"}},
                "volumeMounts": [
                    {"mountPath": "/etc/ssl/certs", "name": "ca-certs", "readOnly": true},
                    {"mountPath": "/srv/x", "name": "extra"},
                ],
            }],
            "hostNetwork": true,
            "priorityClassName": "system-node-critical",
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
            "volumes": [
                {"name": "ca-certs", "hostPath": {"path": "/etc/ssl/certs", "type": "DirectoryOrCreate"}},
                {"name": "extra", "hostPath": {"path": "/srv/a", "type": ""}},
            ],
        },
        "status": {},
    })
}

/// The pod with the value at this JSON pointer replaced, or added.
fn with(pointer: &str, value: &Value) -> Value {
    let mut pod = pod();
    let (above, last) = pointer.rsplit_once('/').unwrap();
    match pod.pointer_mut(above).unwrap() {
        Value::Array(items) if last == "-" => items.push(value.clone()),
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = value.clone(),
        above => above[last] = value.clone(),
    }
    pod
}

fn said(pod: &Value) -> String {
    check("kube-apiserver", pod, &[], &Provenance::default())
        .err()
        .map_or_else(String::new, |refused| refused.findings.join("\n"))
}

const CONTAINER: &str = "/spec/containers/0";

#[test]
fn a_pod_of_kubeadm_is_accepted() {
    assert_eq!(said(&pod()), "");
}

#[test]
fn what_the_kubelet_refuses_is_found() {
    // The field below the container, its value, and what is said; nothing if it is accepted.
    let of_container = [
        ("/name", json!("A"), "is not a valid name"),
        ("/name", json!(""), "is not a valid name"),
        ("/image", json!(""), "is not a valid image reference"),
        ("/image", json!(" a:b"), "is not a valid image reference"),
        (
            "/image",
            json!("https://a/b"),
            "is not a valid image reference",
        ),
        ("/image", json!("My.Repo/b:c"), ""),
        (
            "/imagePullPolicy",
            json!("Sometimes"),
            "is not one of Always, IfNotPresent, Never",
        ),
        ("/imagePullPolicy", Value::Null, ""),
        ("/terminationMessagePolicy", json!("x"), "is not one of"),
        (
            "/ports/-",
            json!({"containerPort": 0}),
            "ports[1].containerPort: 0 is not a port",
        ),
        (
            "/ports/-",
            json!({"containerPort": 65536}),
            "65536 is not a port",
        ),
        (
            "/ports/-",
            json!({"containerPort": 1, "hostPort": 2}),
            "it is the `containerPort`",
        ),
        ("/ports/-", json!({"containerPort": 1, "hostPort": 1}), ""),
        (
            "/ports/-",
            json!({"containerPort": 1, "name": "Probe"}),
            "is not a valid name",
        ),
        (
            "/ports/-",
            json!({"containerPort": 1, "name": "probe-port"}),
            "a second port",
        ),
        (
            "/ports/-",
            json!({"containerPort": 1, "protocol": "tcp"}),
            "is not one of SCTP, TCP, UDP",
        ),
        (
            "/ports/-",
            json!({"containerPort": 6443}),
            "the host's port 6443 (TCP) is used twice",
        ),
        (
            "/ports/-",
            json!({"containerPort": 6443, "protocol": "UDP"}),
            "",
        ),
        (
            "/env/-",
            json!({"name": ""}),
            "env[1].name: `` is not a valid name",
        ),
        ("/env/-", json!({"name": "a=b"}), "is not a valid name"),
        ("/env/-", json!({"name": "ä"}), "is not a valid name"),
        ("/env/-", json!({"name": "a b"}), ""),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {}}),
            "valueFrom: it is empty",
        ),
        (
            "/env/-",
            json!({"name": "a", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}),
            "`value` is set, too",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v1"}}}),
            "",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v2"}}}),
            "the API version `v2` is not `v1`",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a/b']"}}}),
            "",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a b']"}}}),
            "cannot contain the field",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels"}}}),
            "cannot contain the field",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1000m"}}}),
            "",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu", "divisor": "1Mi"}}}),
            "the divisor `1Mi` of limits.cpu is not one of 1m, 1",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1e3"}}}),
            "the divisor `1e3`",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}),
            "cannot contain the resource",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}}),
            "cannot refer to objects of the API server",
        ),
        (
            "/env/-",
            json!({"name": "a", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}),
            "cannot refer to objects of the API server",
        ),
        (
            "/envFrom",
            json!([{"secretRef": {"name": "x"}}]),
            "cannot refer to objects of the API server",
        ),
        (
            "/volumeMounts/-",
            json!({"mountPath": "/y", "name": "z"}),
            "the Pod has no volume `z`",
        ),
        (
            "/volumeMounts/-",
            json!({"mountPath": "", "name": "extra"}),
            "mountPath: it is empty",
        ),
        (
            "/volumeMounts/-",
            json!({"mountPath": "/srv/x", "name": "ca-certs"}),
            "is mounted at `/srv/x`, too",
        ),
        (
            "/volumeMounts/-",
            json!({"mountPath": "/srv/y", "name": "extra"}),
            "",
        ),
        (
            "/volumeMounts/1/subPath",
            json!("../a"),
            "is not a path below the volume",
        ),
        (
            "/volumeMounts/1/subPath",
            json!("/a"),
            "is not a path below the volume",
        ),
        ("/volumeMounts/1/subPath", json!("a"), ""),
        (
            "/volumeMounts/1/mountPropagation",
            json!("Both"),
            "is not one of",
        ),
        (
            "/volumeMounts/1/mountPropagation",
            json!("Bidirectional"),
            "only a privileged container",
        ),
        (
            "/volumeMounts/1/recursiveReadOnly",
            json!("Enabled"),
            "the mount is not read-only",
        ),
        (
            "/volumeDevices",
            json!([{"name": "a", "devicePath": "/dev/a"}]),
            "cannot refer to objects",
        ),
        ("/resources/requests/cpu", json!("-1"), "it is negative"),
        ("/resources/requests/gpu", json!("1"), "use cpu, memory"),
        (
            "/resources/limits",
            json!({"cpu": "200m"}),
            "it is greater than its limit",
        ),
        ("/resources/limits", json!({"cpu": "250m"}), ""),
        ("/resources/requests/example.com~1gpu", json!("1"), ""),
        (
            "/resources/claims",
            json!([{"name": "a"}]),
            "cannot refer to objects",
        ),
        (
            "/livenessProbe/exec",
            json!({"command": ["x"]}),
            "livenessProbe: set one of",
        ),
        (
            "/livenessProbe/httpGet",
            Value::Null,
            "livenessProbe: set one of",
        ),
        ("/livenessProbe/httpGet/port", json!(0), "0 is not a port"),
        (
            "/livenessProbe/httpGet/port",
            json!("nothing"),
            "the container has no port `nothing`",
        ),
        (
            "/livenessProbe/httpGet/port",
            json!("A"),
            "nor the name of a port",
        ),
        (
            "/livenessProbe/httpGet/scheme",
            json!("https"),
            "is not one of HTTP, HTTPS",
        ),
        (
            "/livenessProbe/httpGet/httpHeaders",
            json!([{"name": "a b", "value": "c"}]),
            "HTTP header",
        ),
        (
            "/livenessProbe/periodSeconds",
            json!(-1),
            "-1 is less than 0",
        ),
        (
            "/livenessProbe/successThreshold",
            json!(2),
            "2 is not between 0 and 1",
        ),
        ("/readinessProbe/successThreshold", json!(2), ""),
        (
            "/readinessProbe/terminationGracePeriodSeconds",
            json!(1),
            "does not end the container",
        ),
        (
            "/livenessProbe/terminationGracePeriodSeconds",
            json!(0),
            "0 is less than 1",
        ),
        (
            "/startupProbe",
            json!({"tcpSocket": {"port": 70000}}),
            "70000 is not a port",
        ),
        ("/startupProbe", json!({"grpc": {"port": 2379}}), ""),
        (
            "/startupProbe",
            json!({"exec": {"command": []}}),
            "command: it is empty",
        ),
        (
            "/lifecycle",
            json!({"preStop": {"sleep": {"seconds": 31}}}),
            "31 is not between 0 and 30",
        ),
        (
            "/lifecycle",
            json!({"preStop": {"sleep": {"seconds": 30}}}),
            "",
        ),
        (
            "/securityContext",
            json!({"runAsUser": -1}),
            "is not between 0 and 2147483647",
        ),
        (
            "/securityContext",
            json!({"procMount": "Unmasked"}),
            "needs `hostUsers: false`",
        ),
        (
            "/securityContext",
            json!({"procMount": "x"}),
            "is not one of Default, Unmasked",
        ),
        (
            "/securityContext",
            json!({"privileged": true, "allowPrivilegeEscalation": false}),
            "a privileged container",
        ),
        (
            "/securityContext",
            json!({"allowPrivilegeEscalation": false, "capabilities": {"add": ["CAP_SYS_ADMIN"]}}),
            "CAP_SYS_ADMIN",
        ),
        (
            "/securityContext",
            json!({"runAsNonRoot": true, "runAsUser": 0}),
            "`runAsUser` is 0",
        ),
        (
            "/securityContext",
            json!({"runAsNonRoot": true, "runAsUser": 1}),
            "",
        ),
        (
            "/securityContext",
            json!({"seccompProfile": {"type": "Localhost"}}),
            "localhostProfile: it is empty",
        ),
        (
            "/securityContext",
            json!({"seccompProfile": {"type": "Localhost", "localhostProfile": "../a"}}),
            "below the kubelet's profiles",
        ),
        (
            "/securityContext",
            json!({"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}}),
            "only a profile of type `Localhost`",
        ),
    ];
    let of_container = of_container
        .into_iter()
        .map(|(field, value, expected)| (format!("{CONTAINER}{field}"), value, expected));
    let of_pod = [
        ("/metadata/name", json!("A"), "metadata.name"),
        ("/metadata/name", Value::Null, "metadata.name"),
        (
            "/metadata/namespace",
            json!("a.b"),
            "is not the name of a namespace",
        ),
        (
            "/metadata/labels",
            json!({"a b": "c"}),
            "`a b` is not a valid key",
        ),
        (
            "/metadata/labels",
            json!({"a": "b c"}),
            "`b c` is not a valid value",
        ),
        (
            "/metadata/annotations",
            json!({"a b": "c"}),
            "`a b` is not a valid key",
        ),
        (
            "/metadata/annotations",
            json!({"Example.com/A": "any thing"}),
            "",
        ),
        (
            "/metadata/annotations",
            json!({"a": "b".repeat(262_144)}),
            "the limit is 262144",
        ),
        ("/spec", Value::Null, "spec.containers: it is empty"),
        (
            "/spec/containers",
            json!([]),
            "spec.containers: it is empty",
        ),
        (
            "/spec/containers/-",
            json!({"name": "kube-apiserver", "image": "a"}),
            "a second container `kube-apiserver`",
        ),
        (
            "/spec/containers/-",
            json!({"name": "a", "image": "a", "ports": [{"containerPort": 6443}]}),
            "the host's port 6443 (TCP) is used twice",
        ),
        (
            "/spec/initContainers",
            json!([{"name": "a", "image": "a"}]),
            "",
        ),
        (
            "/spec/initContainers",
            json!([{"name": "a", "image": "a", "livenessProbe": {"exec": {"command": ["a"]}}}]),
            "an init container that ends has no probes",
        ),
        (
            "/spec/initContainers",
            json!([{"name": "a", "image": "a", "restartPolicy": "Always", "livenessProbe": {"exec": {"command": ["a"]}}}]),
            "",
        ),
        (
            "/spec/ephemeralContainers",
            json!([{"name": "a"}]),
            "only a running Pod",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "Bad_Name"}),
            "`Bad_Name` is not a valid name",
        ),
        ("/spec/volumes/-", json!({"name": "a"}), ""),
        (
            "/spec/volumes/-",
            json!({"name": "extra", "emptyDir": {}}),
            "a second volume `extra`",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "emptyDir": {}, "hostPath": {"path": "/a"}}),
            "a volume has one kind",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "hostPath": {"path": ""}}),
            "path: it is empty",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "hostPath": {"path": "a"}}),
            "is not an absolute path",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "hostPath": {"path": "/a/../b"}}),
            "contains `..`",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "hostPath": {"path": "/a", "type": "Folder"}}),
            "`Folder` is not one of BlockDevice",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "secret": {"secretName": "b"}}),
            "cannot refer to objects",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "configMap": {"name": "b"}}),
            "cannot refer to objects",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "b"}}]}}),
            "cannot refer to objects",
        ),
        (
            "/spec/volumes/-",
            json!({"name": "a", "projected": {"sources": [{"downwardAPI": {}}]}}),
            "",
        ),
        ("/spec/restartPolicy", json!("Sometimes"), "is not one of"),
        ("/spec/dnsPolicy", json!("Host"), "is not one of"),
        ("/spec/preemptionPolicy", json!("x"), "is not one of"),
        (
            "/spec/activeDeadlineSeconds",
            json!(0),
            "is not between 1 and",
        ),
        ("/spec/hostname", json!("a.b"), "is not a DNS label"),
        ("/spec/subdomain", json!("A"), "is not a DNS label"),
        (
            "/spec/priorityClassName",
            json!("A"),
            "is not the name of a priority class",
        ),
        (
            "/spec/nodeSelector",
            json!({"a": "b c"}),
            "is not a valid value",
        ),
        (
            "/spec/serviceAccountName",
            json!("a"),
            "cannot refer to objects",
        ),
        (
            "/spec/imagePullSecrets",
            json!([{"name": "a"}]),
            "cannot refer to objects",
        ),
        (
            "/spec/resourceClaims",
            json!([{"name": "a"}]),
            "cannot refer to objects",
        ),
        (
            "/spec/schedulingGates",
            json!([{"name": "a"}]),
            "is not scheduled",
        ),
        (
            "/spec/os",
            json!({"name": "windows"}),
            "is not one of linux",
        ),
        (
            "/spec/hostUsers",
            json!(false),
            "cannot have users of its own",
        ),
        (
            "/spec/hostAliases",
            json!([{"ip": "1.2.3", "hostnames": ["a"]}]),
            "is not a valid IP address",
        ),
        (
            "/spec/hostAliases",
            json!([{"ip": "1.2.3.4", "hostnames": ["A"]}]),
            "is not a valid DNS name",
        ),
        ("/spec/tolerations", json!([{"operator": "Exists"}]), ""),
        (
            "/spec/tolerations",
            json!([{"operator": "Is", "key": "a"}]),
            "is not one of Equal, Exists",
        ),
        (
            "/spec/tolerations",
            json!([{"value": "a"}]),
            "without a key, use `Exists`",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a b"}]),
            "is not a valid key",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "value": "b c"}]),
            "is not a valid value",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "operator": "Exists", "value": "b"}]),
            "has no value",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "effect": "Never"}]),
            "is not one of NoExecute",
        ),
        (
            "/spec/tolerations",
            json!([{"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1}]),
            "needs the effect `NoExecute`",
        ),
        (
            "/spec/securityContext",
            json!({"runAsGroup": 2_147_483_648_i64}),
            "is not between 0 and",
        ),
        (
            "/spec/securityContext",
            json!({"supplementalGroups": [-1]}),
            "is not between 0 and",
        ),
        (
            "/spec/securityContext",
            json!({"fsGroupChangePolicy": "x"}),
            "is not one of",
        ),
        (
            "/spec/securityContext",
            json!({"seccompProfile": {"type": "x"}}),
            "is not one of Localhost",
        ),
        (
            "/spec/securityContext",
            json!({"sysctls": [{"name": "net.ipv4.ip_forward", "value": "1"}]}),
            "while `hostNetwork` is true",
        ),
    ];
    let of_pod = of_pod
        .into_iter()
        .map(|(field, value, expected)| (field.to_owned(), value, expected));
    for (pointer, value, expected) in of_container.chain(of_pod) {
        // `~1` in the last step stands for a slash.
        let said = said(&match pointer.strip_suffix("example.com~1gpu") {
            Some(above) => {
                let mut pod = pod();
                let above = pod.pointer_mut(above.trim_end_matches('/')).unwrap();
                above["example.com/gpu"] = value.clone();
                pod
            }
            None => with(&pointer, &value),
        });
        if expected.is_empty() && !pointer.ends_with("gpu") {
            assert_eq!(said, "", "{pointer} {value}");
        } else {
            assert!(said.contains(expected), "{pointer} {value}: {said:?}");
        }
    }
}

#[test]
fn a_finding_names_the_field_or_the_patch_that_sets_the_value() {
    let row = |value: &str, from: &str| ValueSource {
        value: value.to_owned(),
        from: from.to_owned(),
    };
    let sources = [
        row("spec.volumes[ca-certs]", KUBEADM_DEFAULT),
        row(
            "spec.volumes[extra]",
            "ClusterConfiguration.apiServer.extraVolumes[1]",
        ),
        row(
            "spec.containers[0].env[A.b]",
            "ClusterConfiguration.apiServer.extraEnvs[0]",
        ),
        row(
            "spec.containers[0].livenessProbe.periodSeconds",
            "patch kube-apiserver.yaml",
        ),
    ];
    let mut provenance = Provenance::default();
    let file = "c.yaml".to_owned();
    provenance.record(
        "ClusterConfiguration.apiServer.extraVolumes[1]",
        crate::config::provenance::Origin::Written { file, line: 12 },
    );
    let said = |pod: &Value| {
        check("kube-apiserver", pod, &sources, &provenance)
            .unwrap_err()
            .findings
    };
    let mount = &format!("{CONTAINER}/volumeMounts/1/mountPath");
    assert_eq!(
        said(&with(mount, &json!("/etc/ssl/certs"))),
        [
            "c.yaml:12: ClusterConfiguration.apiServer.extraVolumes[1].mountPath (spec.containers[0].volumeMounts[1].mountPath): the volume `ca-certs` is mounted at `/etc/ssl/certs`, too; a volume with that name replaces it"
        ]
    );
    let path = "/spec/volumes/1/hostPath/type";
    assert!(said(&with(path, &json!("x")))[0].starts_with(
        "c.yaml:12: ClusterConfiguration.apiServer.extraVolumes[1].pathType (spec.volumes[1].hostPath.type): `x`"
    ));
    let value_from = json!({"name": "A.b", "valueFrom": {}});
    let variable = &format!("{CONTAINER}/env/0");
    assert_eq!(
        said(&with(variable, &value_from)),
        [
            "ClusterConfiguration.apiServer.extraEnvs[0].valueFrom (spec.containers[0].env[0].valueFrom): it is empty"
        ]
    );
    let period = &format!("{CONTAINER}/livenessProbe/periodSeconds");
    assert_eq!(
        said(&with(period, &json!(-1))),
        [
            "patch kube-apiserver.yaml (spec.containers[0].livenessProbe.periodSeconds): -1 is less than 0"
        ]
    );
    let policy = "/spec/restartPolicy";
    assert!(said(&with(policy, &json!("x")))[0].starts_with("spec.restartPolicy: `x`"));
}

#[test]
fn findings_are_limited() {
    let volumes: Vec<Value> = (0..60).map(|n| json!({"name": format!("A{n}")})).collect();
    let refused = check(
        "etcd",
        &with("/spec/volumes", &volumes.into()),
        &[],
        &Provenance::default(),
    );
    assert_eq!(refused.unwrap_err().findings.len(), 51);
}
