//! Random patches of every target and type.
//!
//! In: a source of choices. Out: files of a directory of patches, and the field that names the directory. Nearly all of them apply; what
//! does not is refused by both programs. [`refused`] makes those after which the kubelet refuses a static Pod.

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
    name_directory(documents);
}

/// Gives the host one file, and InitConfiguration the name of its directory.
pub fn add_file(host: &mut Host, documents: &mut [Value], name: &str, text: String) {
    host.patches.insert(name.to_owned(), text);
    name_directory(documents);
}

/// The name and text of a patch after which the kubelet refuses the static Pod.
pub fn refused(random: &mut Random) -> (String, String) {
    // An external etcd is no Pod.
    let target = random.pick(PODS.split_at(1).1).to_owned();
    let kind = random.pick(&["", "+merge", "+json"]);
    let patch = match kind {
        "+json" => choose(random, json_that_breaks("/spec")),
        _ => {
            let spec = specs_that_break(&target, kind == "+merge");
            json!({ "spec": choose(random, spec) })
        }
    };
    (format!("{target}9{kind}.yaml"), patch.to_string())
}

fn name_directory(documents: &mut [Value]) {
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
                let pod = {
                    let specs = pod_specs(random, target, plain);
                    choose(random, specs)
                };
                let metadata = metadata(random);
                choose(
                    random,
                    vec![json!({ "spec": pod }), json!({ "metadata": metadata })],
                )
            }
        };
        // A strategic merge patch cannot set a field beside `$retainKeys` that it does not list.
        let sets_strategy = |patch: &Value| patch.pointer("/spec/strategy").is_some();
        if !(sets_strategy(&patch) && sets_strategy(&change)) {
            join(&mut patch, change);
        }
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

/// Changes of a Pod's specification that the kubelet takes.
fn pod_specs(random: &mut Random, container: &str, plain: bool) -> Vec<Value> {
    let text = words::text(random);
    let mut choices = vec![
        json!({"priority": random.below(1000)}),
        json!({"priorityClassName": "system-cluster-critical"}),
        json!({"hostNetwork": null, "dnsPolicy": "ClusterFirstWithHostNet"}),
        json!({"nodeSelector": {"a": "x.y", "b": ""}}),
        json!({"tolerations": [{"operator": "Exists"}, {"key": "k", "tolerationSeconds": 5, "effect": "NoExecute"}]}),
        json!({"securityContext": {"runAsUser": 0, "seccompProfile": null, "sysctls": [{"name": "a", "value": "1"}]}}),
        json!({"overhead": {"cpu": 0.5, "memory": "1024Mi"}}),
        json!({"unknownField": {"a": 1}}),
        json!({"terminationGracePeriodSeconds": 0, "enableServiceLinks": false}),
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}}}),
        json!({"hostname": "cp"}),
    ];
    if plain {
        choices.push(
            json!({"containers": [{"name": container, "image": "example.com/a:1", "env": [{"name": "A", "value": text}]}]}),
        );
        choices.push(json!({"hostAliases": [{"ip": "1.2.3.4"}]}));
    } else {
        let resources =
            json!({"limits": {"cpu": "1500m", "memory": "0.5Gi"}, "requests": {"cpu": null}});
        let probe = json!({"httpGet": {"port": "probe-port", "scheme": null}, "periodSeconds": 0});
        choices.extend([
            json!({"volumes": []}),
            json!({"containers": [{"name": container, "image": "example.com/a:1"}]}),
            json!({"containers": [{"name": container, "resources": resources}]}),
            json!({"containers": [{"name": container, "livenessProbe": probe}]}),
            json!({"containers": [{"name": container, "env": [{"name": "A", "value": text}, {"name": "B"}]}]}),
            json!({"containers": [{"name": container, "command": [container, "--only=this", text]}]}),
            json!({"containers": [{"name": container, "args": ["-x"], "stdin": true, "tty": false}]}),
            json!({"containers": [{"name": container, "ports": [{"containerPort": 99, "name": "x"}]}]}),
            json!({"containers": [{"name": container, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}], "volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1G"}}]}),
            json!({"containers": [{"name": container, "securityContext": {"capabilities": {"drop": ["ALL"]}, "privileged": false}}]}),
            json!({"containers": [{"name": "side", "image": "i", "lifecycle": {"preStop": {"exec": {"command": ["a"]}}}}]}),
            json!({"containers": [{"name": "gone", "$patch": "delete"}, {"name": "first", "image": "j"}], "$setElementOrder/containers": [{"name": "first"}, {"name": container}]}),
            json!({"containers": [{"name": container, "startupProbe": {"$patch": "delete"}}]}),
            json!({"containers": [{"name": container, "livenessProbe": {"$patch": "replace", "exec": {"command": ["true"]}}}]}),
            json!({"initContainers": [{"name": "i", "image": "j", "restartPolicy": "Always"}]}),
            json!({"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a"]}]}),
            json!({"securityContext": {"$retainKeys": ["runAsGroup"], "runAsGroup": 5}}),
        ]);
    }
    choices
}

/// Changes after which the kubelet refuses the static Pod of `container`. A Deployment can have them.
fn specs_that_break(container: &str, plain: bool) -> Vec<Value> {
    let mut choices = vec![
        json!({"priorityClassName": "not a name"}),
        json!({"nodeSelector": {"a": "not a value"}}),
        json!({"imagePullSecrets": [{"name": "p"}]}),
    ];
    if plain {
        choices.extend([
            json!({"volumes": []}),
            json!({"containers": [{"name": container, "image": "not an image"}]}),
            json!({"hostAliases": [{"ip": "1.2.3.4"}], "volumes": null}),
        ]);
    } else {
        choices.extend([
            json!({"containers": [{"name": container, "image": ""}]}),
            json!({"containers": [{"name": container, "livenessProbe": {"tcpSocket": {"port": 5}}}]}),
            json!({"containers": [{"name": "first"}]}),
            json!({"volumes": [{"$patch": "replace"}, {"name": "only", "hostPath": {"path": "/only", "type": ""}}]}),
            json!({"volumes": [{"name": "secret", "$retainKeys": ["name", "secret"], "secret": {"secretName": "s"}}]}),
        ]);
    }
    choices
}

/// JSON patches after which the kubelet refuses the static Pod whose specification is at `spec`.
fn json_that_breaks(spec: &str) -> Vec<Value> {
    vec![
        json!([{"op": "add", "path": format!("{spec}/hostname"), "value": "not a label"}]),
        json!([{"op": "replace", "path": format!("{spec}/containers/0/image"), "value": "not an image"}]),
        json!([{"op": "remove", "path": format!("{spec}/volumes/0")}]),
    ]
}

fn deployment(random: &mut Random, plain: bool) -> Value {
    let mut pods = pod_specs(random, "coredns", plain);
    pods.extend(specs_that_break("coredns", plain));
    let pod = choose(random, pods);
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
            json!({"resolvConf": "", "staticPodPath": "/etc/kubernetes/manifests/"}),
            json!({"logging": {"verbosity": 5, "options": {"json": {"infoBufferSize": "1Ki"}}}}),
            json!({"containerRuntimeEndpoint": "unix:///x.sock"}),
        ],
    )
}

fn json_patch(random: &mut Random, target: &str) -> Value {
    let text = words::text(random);
    let (spec, kind) = match target {
        "kubeletconfiguration" => {
            return choose(
                random,
                vec![
                    json!([{"op": "add", "path": "/maxPods", "value": 7}]),
                    json!([{"op": "replace", "path": "/rotateCertificates", "value": false}, {"op": "add", "path": "/odd~1x", "value": text}]),
                    json!([{"op": "add", "path": "/clusterDNS/-", "value": "1.1.1.1"}, {"op": "remove", "path": "/clusterDNS/0"}]),
                    json!([{"op": "copy", "from": "/staticPodPath", "path": "/copied"}]),
                ],
            );
        }
        "corednsdeployment" => ("/spec/template/spec", "Deployment"),
        _ => ("/spec", "Pod"),
    };
    let at = |path: &str| format!("{spec}{path}");
    let mut choices = vec![
        json!([{"op": "test", "path": "/kind", "value": kind}, {"op": "add", "path": at("/hostname"), "value": "cp"}]),
        json!([{"op": "add", "path": at("/containers/0/env"), "value": [{"name": "E", "value": text}]}]),
        json!([{"op": "add", "path": at("/containers/-"), "value": {"name": "side"}}, {"op": "copy", "from": at("/containers/0/image"), "path": at("/containers/1/image")}]),
        json!([{"op": "add", "path": at("/containers/0"), "value": {"name": "before", "image": "b"}}]),
        json!([{"op": "replace", "path": at("/containers/0/image"), "value": "example.com/b:2"}]),
        json!([{"op": "add", "path": "/metadata/annotations", "value": {"b/c": "d"}}, {"op": "replace", "path": "/metadata/annotations/b~1c", "value": "e"}]),
        json!([{"op": "copy", "from": at("/containers/0/livenessProbe"), "path": at("/containers/0/readinessProbe")}]),
        json!([{"op": "add", "path": at("/priority"), "value": -5}, {"op": "add", "path": at("/unknown"), "value": {}}]),
    ];
    if kind == "Deployment" {
        choices.extend(json_that_breaks(spec));
        choices.push(json!([{"op": "add", "path": "/metadata/annotations", "value": {"a~b/c": "d"}}, {"op": "move", "from": "/metadata/annotations/a~0b~1c", "path": "/metadata/annotations/e"}]));
    }
    choose(random, choices)
}
