//! The annotation by which upstream kubeadm knows a component's configuration as its own, and not edited since.
//!
//! In: the ConfigMap's data. Out: the annotation, unless the user wrote the document: then kubeadm must not replace it in an
//! upgrade. Source: kubeadm v1.36.2, cmd/kubeadm/app/componentconfigs/checksums.go.

use std::collections::BTreeMap;

use kubeplan_bundle::digest::Sha256Digest;

use crate::config::valid::ComponentConfig;

/// The annotation's key.
const HASH: &str = "kubeadm.kubernetes.io/component-config.hash";

/// SHA-256 over all values in the order of their keys, nothing between them.
pub(crate) fn annotations(
    component: &ComponentConfig,
    data: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    if component.supplied {
        return None;
    }
    let values: Vec<&[u8]> = data.values().map(String::as_bytes).collect();
    let hash = format!("sha256:{}", Sha256Digest::of_parts(&values));
    Some(BTreeMap::from([(HASH.to_owned(), hash)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_values_in_key_order_and_a_supplied_document_has_none() {
        let data = BTreeMap::from([("b".to_owned(), "c".into()), ("a".to_owned(), "ab".into())]);
        let component = |supplied| ComponentConfig {
            value: serde_json::Value::Null,
            supplied,
        };
        let annotations_of = |supplied| annotations(&component(supplied), &data);
        // sha256 of "abc".
        let expected =
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        assert_eq!(
            annotations_of(false),
            Some(BTreeMap::from([(HASH.to_owned(), expected)]))
        );
        assert_eq!(annotations_of(true), None);
    }
}
