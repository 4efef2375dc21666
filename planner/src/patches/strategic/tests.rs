use serde_json::json;

use super::*;
use crate::kubeadm::go_types::tables::core_v1::POD;
use crate::kubeadm::releases;

fn schema(object: &'static Object, minor: u64) -> Schema {
    Schema::Object(object, releases::find(minor).unwrap())
}

fn apply(original: &Value, patch: &Value) -> Result<Value, StrategicError> {
    let map = |value: &Value| value.as_object().cloned().unwrap();
    merge(map(original), map(patch), schema(&POD, 36)).map(Value::Object)
}

/// A Pod with two containers, mounts and finalizers.
fn pod() -> Value {
    json!({
        "metadata": {"labels": {"a": "1", "b": "2"}, "finalizers": ["x", "y"]},
        "spec": {
            "containers": [
                {"name": "one", "image": "i1", "command": ["c", "--x"], "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                {"name": "two", "image": "i2", "ports": [{"containerPort": 1, "name": "p"}]},
            ],
            "volumes": [{"name": "v", "hostPath": {"path": "/v"}}, {"name": "w", "emptyDir": {}}],
        },
    })
}

#[test]
fn lists_are_merged_by_their_keys_and_others_replaced() {
    let cases = [
        // Items in the patch keep its order; each other item comes before the first of them that it preceded.
        (
            json!({"spec": {"containers": [{"name": "new", "image": "n"}, {"name": "one", "image": "i3"}]}}),
            "/spec/containers/1/image",
            json!("i3"),
        ),
        (
            json!({"spec": {"containers": [{"name": "one", "command": ["d"]}]}}),
            "/spec/containers/0/command",
            json!(["d"]),
        ),
        (
            json!({"spec": {"containers": [{"name": "two", "ports": [{"containerPort": 1, "hostPort": 2}]}]}}),
            "/spec/containers/1/ports",
            json!([{"containerPort": 1, "name": "p", "hostPort": 2}]),
        ),
        (
            json!({"spec": {"containers": [{"name": "one", "volumeMounts": [{"mountPath": "/w", "name": "w"}]}]}}),
            "/spec/containers/0/volumeMounts",
            json!([{"name": "w", "mountPath": "/w"}, {"name": "v", "mountPath": "/v"}]),
        ),
        (
            json!({"metadata": {"labels": {"a": null, "c": "3"}}}),
            "/metadata/labels",
            json!({"b": "2", "c": "3"}),
        ),
        (
            json!({"metadata": {"finalizers": ["z", "x"]}}),
            "/metadata/finalizers",
            json!(["z", "x", "y"]),
        ),
    ];
    for (patch, pointer, expected) in cases {
        let patched = apply(&pod(), &patch).unwrap();
        assert_eq!(patched.pointer(pointer), Some(&expected), "{patch}");
    }
}

#[test]
fn directives_replace_delete_and_order() {
    let cases = [
        (
            json!({"spec": {"volumes": [{"name": "v", "$patch": "delete"}]}}),
            "/spec/volumes",
            json!([{"name": "w", "emptyDir": {}}]),
        ),
        (
            json!({"spec": {"volumes": [{"$patch": "replace"}, {"name": "n"}]}}),
            "/spec/volumes",
            json!([{"name": "n"}]),
        ),
        (
            json!({"metadata": {"labels": {"$patch": "replace", "c": "3"}}}),
            "/metadata/labels",
            json!({"c": "3"}),
        ),
        (
            json!({"metadata": {"labels": {"$patch": "delete"}}}),
            "/metadata/labels",
            json!({}),
        ),
        (
            json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]}}),
            "/spec/volumes/0",
            json!({"name": "v", "emptyDir": {}}),
        ),
        (
            json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}}),
            "/metadata/finalizers",
            json!(["y"]),
        ),
        (
            json!({"spec": {"$setElementOrder/volumes": [{"name": "w"}, {"name": "v"}]}}),
            "/spec/volumes",
            json!([{"name": "w", "emptyDir": {}}, {"name": "v", "hostPath": {"path": "/v"}}]),
        ),
        (
            json!({"spec": {"$setElementOrder/volumes": [{"name": "n"}, {"name": "v"}], "volumes": [{"name": "n"}]}}),
            "/spec/volumes",
            json!([{"name": "n"}, {"name": "v", "hostPath": {"path": "/v"}}, {"name": "w", "emptyDir": {}}]),
        ),
    ];
    for (patch, pointer, expected) in cases {
        let patched = apply(&pod(), &patch).unwrap();
        assert_eq!(patched.pointer(pointer), Some(&expected), "{patch}");
    }
}

#[test]
fn a_patch_that_contradicts_the_type_or_itself_is_refused() {
    let no_key = StrategicError::NoMergeKey("name".into());
    for (patch, error) in [
        (
            json!({"spec": {"containers": [{"image": "x"}]}}),
            no_key.clone(),
        ),
        (
            json!({"spec": {"containers": [{"$patch": "delete"}]}}),
            no_key,
        ),
        (
            json!({"spec": {"containers": ["one"]}}),
            StrategicError::Items,
        ),
        (
            json!({"spec": {"containers": [null]}}),
            StrategicError::Items,
        ),
        (
            json!({"spec": {"$patch": "merge"}}),
            StrategicError::Directive("merge".into()),
        ),
        (
            json!({"spec": {"$retainKeys": ["containers"], "volumes": []}}),
            StrategicError::RetainKeys("volumes".into()),
        ),
        (
            json!({"spec": {"$setElementOrder/volumes": [{"name": "w"}], "volumes": [{"name": "v"}]}}),
            StrategicError::ElementOrder("volumes".into()),
        ),
        (
            json!({"metadata": {"$deleteFromPrimitiveList": ["x"]}}),
            StrategicError::DirectiveList("$deleteFromPrimitiveList".into()),
        ),
    ] {
        assert_eq!(apply(&pod(), &patch), Err(error), "{patch}");
    }
    let mut odd = pod();
    odd["spec"]["odd"] = json!({});
    let error = apply(&odd, &json!({"spec": {"odd": {"x": 1}}})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "PodSpec has no field `odd`, so kubeplan does not know how to merge it"
    );
}

#[test]
fn without_merge_keys_lists_are_replaced() {
    let map = |value: Value| value.as_object().cloned().unwrap();
    let schema = schema(crate::schema::Kind::Kubelet.object(), 36);
    let merged = merge(
        map(json!({"clusterDNS": ["10.96.0.10"], "evictionHard": {"a": "1"}})),
        map(json!({"clusterDNS": ["10.0.0.1"], "evictionHard": {"b": "2"}})),
        schema,
    );
    let expected = map(json!({"clusterDNS": ["10.0.0.1"], "evictionHard": {"a": "1", "b": "2"}}));
    assert_eq!(merged, Ok(expected));
    // A field that only an earlier patch has set can be set again, but not merged.
    let odd = |before: Value, patch: Value| merge(map(before), map(patch), schema);
    assert!(odd(json!({"odd": 1}), json!({"odd": 2})).is_ok());
    let error = odd(json!({"odd": [1]}), json!({"odd": [1]})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "KubeletConfiguration has no field `odd`, so kubeplan does not know how to merge it"
    );
}
