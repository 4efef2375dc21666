//! Reads and writes YAML as kubeadm does.

pub mod apart;
pub mod read;
pub mod write;

/// Joins several documents to one text, as `kubeadm config print` does.
#[must_use]
pub fn documents(values: &[serde_json::Value]) -> String {
    let texts: Vec<String> = values.iter().map(write::to_go_yaml).collect();
    texts.join("---\n")
}
