//! Rules about volumes and mounts.

use serde_json::json;

use super::{Case, assert_found};

#[test]
fn what_the_kubelet_refuses_is_found() {
    let cases: &[Case] = &[
        (
            "/spec/containers/0/volumeMounts/-",
            json!({"mountPath": "/y", "name": "z"}),
            "the Pod has no volume `z`",
        ),
        (
            "/spec/containers/0/volumeMounts/-",
            json!({"mountPath": "", "name": "extra"}),
            "mountPath: it is empty",
        ),
        (
            "/spec/containers/0/volumeMounts/-",
            json!({"mountPath": "/srv/x", "name": "ca-certs"}),
            "is mounted at `/srv/x`, too",
        ),
        (
            "/spec/containers/0/volumeMounts/-",
            json!({"mountPath": "/srv/y", "name": "extra"}),
            "",
        ),
        (
            "/spec/containers/0/volumeMounts/1/subPath",
            json!("../a"),
            "is not a path below the volume",
        ),
        (
            "/spec/containers/0/volumeMounts/1/subPath",
            json!("/a"),
            "is not a path below the volume",
        ),
        ("/spec/containers/0/volumeMounts/1/subPath", json!("a"), ""),
        (
            "/spec/containers/0/volumeMounts/1/mountPropagation",
            json!("Both"),
            "is not one of",
        ),
        (
            "/spec/containers/0/volumeMounts/1/mountPropagation",
            json!("Bidirectional"),
            "only a privileged container",
        ),
        (
            "/spec/containers/0/volumeMounts/1/recursiveReadOnly",
            json!("Enabled"),
            "the mount is not read-only",
        ),
        (
            "/spec/containers/0/volumeDevices",
            json!([{"name": "a", "devicePath": "/dev/a"}]),
            "cannot refer to objects",
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
    ];
    assert_found(cases);
}
