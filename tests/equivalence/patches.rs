//! Random patches of every target and type.
//!
//! In: a source of choices. Out: files of a directory of patches, and the field that names the directory. Nearly all of them apply; what
//! does not is refused by both programs.

use serde_json::{Map, Value, json};

use super::host::{Host, PATCHES_DIR};
use super::random::Random;
use super::words;

/// Components that are static Pods.
const PODS: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];

/// In a third of the cases, gives the host a directory of patches and InitConfiguration its name.
pub fn add(random: &mut Random, host: &mut Host, documents: &mut [Value]) {
    if !random.chance(35) {
        return;
    }
    for number in 0..random.between(1, 6) {
        let (name, text) = file(random, number);
        host.patches.insert(name, text);
    }
    let init = documents
        .iter_mut()
        .find(|document| document["kind"] == "InitConfiguration");
    if let Some(Value::Object(fields)) = init {
        fields.insert("patches".into(), json!({ "directory": PATCHES_DIR }));
    }
}

fn file(random: &mut Random, number: usize) -> (String, String) {
    let targets = [PODS, &["kubeletconfiguration", "corednsdeployment"]].concat();
    let target = random.pick(&targets).to_owned();
    let kind = random.pick(&["", "+strategic", "+merge", "+json"]);
    let documents: Vec<Value> = (0..random.between(1, 2))
        .map(|_| match kind {
            "+json" => json_patch(random, &target),
            _ => merge(random, &target, kind == "+merge"),
        })
        .collect();
    let directory = random.pick(&["", "", "below/"]);
    // A name of its own that no other one is the beginning of: the order of files is the order of names.
    let (extension, text) = if random.chance(50) {
        let text = documents
            .iter()
            .map(|document| format!("---\n{document}\n"))
            .collect();
        ("yaml", text)
    } else {
        (
            "json",
            documents.first().map(Value::to_string).unwrap_or_default(),
        )
    };
    (
        format!("{directory}{target}{number}{kind}.{extension}"),
        text,
    )
}

/// One of `choices`.
fn choose(random: &mut Random, mut choices: Vec<Value>) -> Value {
    let at = random.below(choices.len());
    choices.swap_remove(at)
}

/// A merge of two mappings, the second one's fields first.
fn join(into: &mut Value, other: Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            for (key, value) in other {
                join(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, other) => *into = other,
    }
}

/// A strategic merge patch or, with `plain`, a merge patch, which has no directives and replaces lists.
fn merge(random: &mut Random, target: &str, plain: bool) -> Value {
    let mut patch = Value::Object(Map::new());
    for _ in 0..random.between(1, 3) {
        let change = match target {
            "kubeletconfiguration" => kubelet(random),
            "corednsdeployment" => deployment(random, plain),
            _ => {
                let pod = pod_spec(random, target, plain);
                let metadata = metadata(random);
                choose(
                    random,
                    vec![json!({ "spec": pod }), json!({ "metadata": metadata })],
                )
            }
        };
        join(&mut patch, change);
    }
    patch
}

fn metadata(random: &mut Random) -> Value {
    let text = words::text(random);
    choose(
        random,
        vec![
            json!({"annotations": {"example.com/note": text}}),
            json!({"labels": {"tier": null, "x": "y"}}),
            json!({"labels": {"component": "z"}, "finalizers": ["a.b/c", "d"]}),
            json!({"creationTimestamp": "2027-01-02T03:04:05.678+01:00"}),
            json!({"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]}),
            json!({"annotations": null}),
        ],
    )
}

fn pod_spec(random: &mut Random, container: &str, plain: bool) -> Value {
    let text = words::text(random);
    let mut choices = vec![
        json!({"priority": random.below(1000)}),
        json!({"priorityClassName": text}),
        json!({"hostNetwork": null, "dnsPolicy": "ClusterFirstWithHostNet"}),
        json!({"nodeSelector": {"a": text, "b": ""}}),
        json!({"tolerations": [{"operator": "Exists"}, {"key": "k", "tolerationSeconds": 5, "effect": "NoExecute"}]}),
        json!({"securityContext": {"runAsUser": 0, "seccompProfile": null, "sysctls": [{"name": "a", "value": "1"}]}}),
        json!({"overhead": {"cpu": 0.5, "memory": "1024Mi"}}),
        json!({"unknownField": {"a": 1}}),
        json!({"terminationGracePeriodSeconds": 0, "enableServiceLinks": false}),
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}}}),
        json!({"volumes": []}),
    ];
    if plain {
        choices.push(json!({"containers": [{"name": container, "image": text}]}));
        choices.push(json!({"hostAliases": [{"ip": "1.2.3.4"}], "volumes": null}));
    } else {
        let resources =
            json!({"limits": {"cpu": "1500m", "memory": "0.5Gi"}, "requests": {"cpu": null}});
        let probe = json!({"httpGet": {"port": "probe-port", "scheme": null}, "periodSeconds": 0, "tcpSocket": {"port": 5}});
        choices.extend([
            json!({"containers": [{"name": container, "image": text}]}),
            json!({"containers": [{"name": container, "resources": resources}]}),
            json!({"containers": [{"name": container, "livenessProbe": probe}]}),
            json!({"containers": [{"name": container, "env": [{"name": "A", "value": text}, {"name": "B"}]}]}),
            json!({"containers": [{"name": container, "command": [container, "--only=this", text]}]}),
            json!({"containers": [{"name": container, "args": ["-x"], "stdin": true, "tty": false}]}),
            json!({"containers": [{"name": container, "ports": [{"containerPort": 99, "name": "x"}]}]}),
            json!({"containers": [{"name": container, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}], "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1G"}}]}),
            json!({"containers": [{"name": container, "securityContext": {"capabilities": {"drop": ["ALL"]}, "privileged": false}}]}),
            json!({"containers": [{"name": "side", "image": "i", "lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}]}),
            json!({"containers": [{"name": "gone", "$patch": "delete"}, {"name": "first"}], "$setElementOrder/containers": [{"name": "first"}, {"name": container}]}),
            json!({"containers": [{"name": container, "startupProbe": {"$patch": "delete"}}]}),
            json!({"containers": [{"name": container, "livenessProbe": {"$patch": "replace", "exec": {"command": ["true"]}}}]}),
            json!({"volumes": [{"$patch": "replace"}, {"name": "only", "hostPath": {"path": "/only", "type": ""}}]}),
            json!({"volumes": [{"name": "k8s-certs", "$patch": "delete"}]}),
            json!({"volumes": [{"name": "k8s-certs", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}),
            json!({"initContainers": [{"name": "i", "image": "j", "restartPolicy": "Always"}]}),
            json!({"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a"]}], "imagePullSecrets": [{"name": "p"}]}),
            json!({"securityContext": {"$retainKeys": ["runAsGroup"], "runAsGroup": 5}}),
        ]);
    }
    choose(random, choices)
}

fn deployment(random: &mut Random, plain: bool) -> Value {
    let pod = pod_spec(random, "coredns", plain);
    let text = words::text(random);
    let mut choices = vec![
        json!({"spec": {"replicas": random.below(5)}}),
        json!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null}}}),
        json!({"spec": {"strategy": {"rollingUpdate": {"maxSurge": "10%", "maxUnavailable": 0}}}}),
        json!({"spec": {"minReadySeconds": 3, "paused": true, "progressDeadlineSeconds": 0}}),
        json!({"spec": {"revisionHistoryLimit": 0, "unknown": 1}}),
        json!({"spec": {"template": {"metadata": {"annotations": {"a": text}}}}}),
        json!({"metadata": {"labels": {"x": "1"}, "annotations": {"note": text}}}),
        json!({"spec": {"template": {"spec": pod.clone()}}}),
        json!({"spec": {"template": {"spec": pod}}}),
    ];
    if !plain {
        choices.push(json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}));
        choices.push(json!({"spec": {"template": {"spec": {"tolerations": [], "nodeSelector": {"$patch": "replace", "a": "b"}}}}}));
    }
    choose(random, choices)
}

fn kubelet(random: &mut Random) -> Value {
    let text = words::text(random);
    let pods = random.below(500);
    choose(
        random,
        vec![
            json!({"maxPods": pods}),
            json!({"clusterDNS": ["10.0.0.53", text.clone()]}),
            json!({"clusterDomain": null}),
            json!({"authentication": {"anonymous": {"enabled": true}, "x509": null}}),
            json!({"evictionHard": {"memory.available": text}, "odd": [1, 2.5, {"a": null}]}),
            json!({"resolvConf": "", "staticPodPath": "/x"}),
            json!({"logging": {"verbosity": 5, "options": {"json": {"infoBufferSize": "1Ki"}}}}),
            json!({"containerRuntimeEndpoint": "unix:///x.sock"}),
        ],
    )
}

fn json_patch(random: &mut Random, target: &str) -> Value {
    let text = words::text(random);
    let (spec, container) = match target {
        "kubeletconfiguration" => {
            return choose(
                random,
                vec![
                    json!([{"op": "add", "path": "/maxPods", "value": 7}]),
                    json!([{"op": "replace", "path": "/rotateCertificates", "value": false}, {"op": "add", "path": "/odd~1x", "value": text}]),
                    json!([{"op": "add", "path": "/clusterDNS/-", "value": "1.1.1.1"}, {"op": "remove", "path": "/clusterDNS/0"}]),
                    json!([{"op": "move", "from": "/staticPodPath", "path": "/moved"}]),
                ],
            );
        }
        "corednsdeployment" => ("/spec/template/spec", "coredns"),
        pod => ("/spec", pod),
    };
    let at = |path: &str| format!("{spec}{path}");
    choose(
        random,
        vec![
            json!([{"op": "test", "path": at("/containers/0/name"), "value": container}, {"op": "add", "path": at("/hostname"), "value": text}]),
            json!([{"op": "add", "path": at("/containers/0/env"), "value": [{"name": "E", "value": text}]}]),
            json!([{"op": "add", "path": at("/containers/-"), "value": {"name": "side"}}, {"op": "copy", "from": at("/containers/0/image"), "path": at("/containers/1/image")}]),
            json!([{"op": "add", "path": at("/containers/0"), "value": {"name": "before", "image": "b"}}]),
            json!([{"op": "replace", "path": at("/containers/0/image"), "value": text}]),
            json!([{"op": "remove", "path": at("/volumes/0")}]),
            json!([{"op": "add", "path": "/metadata/annotations", "value": {"a~b/c": "d"}}, {"op": "replace", "path": "/metadata/annotations/a~0b~1c", "value": "e"}]),
            json!([{"op": "move", "from": at("/containers/0/livenessProbe"), "path": at("/containers/0/readinessProbe")}]),
            json!([{"op": "add", "path": at("/priority"), "value": -5}, {"op": "add", "path": at("/unknown"), "value": {}}]),
        ],
    )
}
