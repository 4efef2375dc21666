//! Where the API has objects of a kind: asked for, and remembered for one run.
//!
//! In: the `apiVersion` and `kind` of an object. Out: the path of the object. Which kinds there are is the cluster's
//! business; nothing here knows one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::json::Json;

/// How objects of one kind are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The plural in paths.
    pub(crate) plural: String,
    /// Whether its objects lie in namespaces.
    pub(crate) namespaced: bool,
}

/// What has been asked for so far: kinds by `apiVersion`.
#[derive(Debug, Default)]
pub(crate) struct Resources(BTreeMap<String, BTreeMap<String, Resource>>);

impl Resources {
    /// What is known of a kind.
    pub(crate) fn get(&self, api_version: &str, kind: &str) -> Option<&Resource> {
        self.0.get(api_version)?.get(kind)
    }

    /// Remembers an APIResourceList. Subresources (`pods/status`) are left out.
    pub(crate) fn learn(&mut self, api_version: &str, list: &Json) {
        let resources = list.at(["resources"]).and_then(Value::as_array);
        let kinds = resources.into_iter().flatten().filter_map(|resource| {
            let name = resource.get("name")?.as_str()?;
            let kind = resource.get("kind")?.as_str()?;
            (!name.contains('/')).then(|| {
                let namespaced = resource.get("namespaced") == Some(&Value::Bool(true));
                (
                    kind.to_owned(),
                    Resource {
                        plural: name.to_owned(),
                        namespaced,
                    },
                )
            })
        });
        self.0.insert(api_version.to_owned(), kinds.collect());
    }
}

/// The path of an API group and version.
pub(crate) fn group_path(api_version: &str) -> String {
    // The group that has no name lies apart from the others.
    let parent = if api_version.contains('/') {
        "apis"
    } else {
        "api"
    };
    let parts: Vec<String> = api_version.split('/').map(segment).collect();
    format!("/{parent}/{}", parts.join("/"))
}

/// The path of one object.
pub(crate) fn object_path(
    api_version: &str,
    resource: &Resource,
    namespace: &str,
    name: &str,
) -> String {
    let mut path = objects_path(api_version, resource, namespace);
    let _ = write!(path, "/{}", segment(name));
    path
}

/// The path and query of the objects with these labels.
pub(crate) fn list_path(
    api_version: &str,
    resource: &Resource,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> String {
    let selector: Vec<String> = labels
        .iter()
        .map(|(key, value)| segment(&format!("{key}={value}")))
        .collect();
    let path = objects_path(api_version, resource, namespace);
    format!("{path}?labelSelector={}", selector.join("%2C"))
}

fn objects_path(api_version: &str, resource: &Resource, namespace: &str) -> String {
    let mut path = group_path(api_version);
    if resource.namespaced {
        let _ = write!(path, "/namespaces/{}", segment(namespace));
    }
    let _ = write!(path, "/{}", segment(&resource.plural));
    path
}

/// One part of a path, with every character that could end it escaped (RFC 3986 section 3.3).
fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_found_where_the_api_says() {
        let mut resources = Resources::default();
        resources.learn(
            "v1",
            &Json::new(json!({"resources": [
                {"name": "widgets/status", "kind": "Widget", "namespaced": true},
                {"name": "widgets", "kind": "Widget", "namespaced": true},
                {"name": "worlds", "kind": "World", "namespaced": false},
                {"kind": "Broken"},
            ]})),
        );
        let path = |kind: &str, name: &str| {
            object_path("v1", resources.get("v1", kind).unwrap(), "ns", name)
        };
        assert_eq!(path("Widget", "a"), "/api/v1/namespaces/ns/widgets/a");
        assert_eq!(path("World", "a:b"), "/api/v1/worlds/a:b");
        assert_eq!(path("World", "../a?b"), "/api/v1/worlds/..%2Fa%3Fb");
        let labels = BTreeMap::from([("a/b".into(), "c".into()), ("d".into(), "".into())]);
        assert_eq!(
            list_path("v1", resources.get("v1", "Widget").unwrap(), "ns", &labels),
            "/api/v1/namespaces/ns/widgets?labelSelector=a%2Fb%3Dc%2Cd%3D"
        );
        assert_eq!(resources.get("v1", "Broken"), None);
        assert_eq!(resources.get("v2", "Widget"), None);
        assert_eq!(group_path("apps.example/v1"), "/apis/apps.example/v1");
    }
}
