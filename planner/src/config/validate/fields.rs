//! Reports fields that are set but do not exist in the planned release.
//!
//! kubeadm reads every document with the types of its own release, and drops an unknown field with a warning.

use serde_json::{Map, Value};

use super::super::draft::Draft;
use crate::kubeadm::releases::{RELEASES, Release};
use crate::schema::{Kind, Object, Type};

/// Reports every field that is set and that the release does not have.
pub(super) fn check(draft: &mut Draft) {
    let Some(release) = draft.release() else {
        return;
    };
    for kind in Kind::ALL {
        let mut found = Vec::new();
        object(
            kind.object(),
            &draft.document(kind),
            "",
            release,
            &mut found,
        );
        for (path, releases) in found {
            let message = format!(
                "Kubernetes 1.{} does not have this field; releases that have it: {releases}",
                release.minor
            );
            draft.error(kind, &path, message, "remove it");
        }
    }
}

fn object(
    table: &Object,
    document: &Map<String, Value>,
    above: &str,
    release: &Release,
    found: &mut Vec<(String, String)>,
) {
    for field in table.fields {
        let Some(set) = document.get(field.name).filter(|set| !set.is_null()) else {
            continue;
        };
        let path = if above.is_empty() {
            field.name.to_owned()
        } else {
            format!("{above}.{}", field.name)
        };
        if field.releases.contains(release) {
            value(&field.ty, set, &path, release, found);
        } else {
            let mut having: Vec<String> = RELEASES
                .iter()
                .filter(|release| field.releases.contains(release))
                .map(|release| format!("1.{}", release.minor))
                .collect();
            having.dedup();
            found.push((path, having.join(", ")));
        }
    }
}

fn value(ty: &Type, set: &Value, path: &str, release: &Release, found: &mut Vec<(String, String)>) {
    match (ty, set) {
        (Type::Object(table), Value::Object(document)) => {
            object(table, document, path, release, found);
        }
        (Type::List(item), Value::Array(items)) => {
            for (position, set) in items.iter().enumerate() {
                value(item, set, &format!("{path}[{position}]"), release, found);
            }
        }
        (Type::Map(item), Value::Object(entries)) => {
            for (key, set) in entries {
                value(item, set, &format!("{path}.{key}"), release, found);
            }
        }
        _ => {}
    }
}
