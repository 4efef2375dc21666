//! YAML as kubeadm reads and writes it.

pub mod read;
pub mod write;

/// Several documents as one text, joined as `kubeadm config print` joins them.
#[must_use]
pub fn documents(values: &[serde_json::Value]) -> String {
    let texts: Vec<String> = values.iter().map(write::to_go_yaml).collect();
    texts.join("---\n")
}
