//! Makes a node's own KubeletConfiguration from the cluster's, the node's overrides and its host's facts.
//!
//! In: the cluster's document with its defaults, the node's entry, the host's facts. Out: the node's document. Mappings are
//! merged key by key; every other value, lists included, replaces the cluster's. Warns where an override differs from what
//! kubeadm recommends; the cluster's own differences have been reported already.

use serde_json::{Map, Value};

use super::super::draft::{Draft, NODE};
use super::super::merge_keys;
use super::super::provenance::{Origin, Provenance};
use super::super::report::Report;
use super::super::valid::{ComponentConfig, HostFacts, Shared};
use super::component;
use crate::schema::Kind;

const RESOLVER: &str = "resolvConf";

/// The document that all kubelets share, and the origins of its values.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct SharedKubelet {
    /// The fields that are set.
    document: Map<String, Value>,
    /// The document with every key.
    complete: Value,
    pub(in super::super) provenance: Provenance,
}

impl SharedKubelet {
    /// Takes the document from the draft of the first control-plane node, without what depends on that node's host.
    pub(in super::super) fn of(draft: &Draft) -> Self {
        let mut document = draft.document(Kind::Kubelet);
        let mut provenance = Provenance::default();
        for (path, origin) in draft.provenance.below(Kind::Kubelet.name()) {
            provenance.record(path, origin.clone());
        }
        let full = draft.full_path(Kind::Kubelet, RESOLVER);
        if matches!(provenance.at(&full), Some(Origin::Facts { .. })) {
            document.remove(RESOLVER);
            provenance.remove(&full);
        }
        let mut own = Draft::of_node(0, &draft.first_file, provenance, Report::default());
        own.put(Kind::Kubelet, document.clone());
        Self {
            document,
            complete: super::complete(&mut own, Kind::Kubelet).into(),
            provenance: own.provenance,
        }
    }

    /// The document with every key, for a node that overrides nothing.
    pub(in super::super) fn complete(&self, supplied: bool) -> Shared<ComponentConfig> {
        Shared::from(ComponentConfig {
            value: self.complete.clone(),
            supplied,
        })
    }
}

/// The document of the draft's node with every key, if it differs from the cluster's. Records the origins of its values in the
/// draft's provenance.
pub(in super::super) fn kubelet_of_node(
    draft: &mut Draft,
    shared: &SharedKubelet,
    facts: &HostFacts,
) -> Option<Value> {
    let from = format!("{NODE}.kubelet.config");
    let overrides = match draft.get(Kind::Inventory, &from) {
        Some(Value::Object(overrides)) if !overrides.is_empty() => overrides.clone(),
        _ => Map::new(),
    };
    let resolves = facts.systemd_resolved && !shared.document.contains_key(RESOLVER);
    if overrides.is_empty() && !resolves {
        return None;
    }
    let provenance = shared.provenance.clone();
    let mut own = Draft::of_node(
        draft.position,
        &draft.first_file,
        provenance,
        Report::default(),
    );
    // The fields of the cluster from which the kubelet's defaults are derived.
    own.put(Kind::Cluster, draft.document(Kind::Cluster));
    let mut document = shared.document.clone();
    merge(&mut document, &overrides);
    own.put(Kind::Kubelet, document);
    hand_on(draft, &mut own, &overrides, &from, "");
    component::kubelet(&mut own);
    component::resolver(&mut own, facts);
    merge_keys::check(&mut own);
    let about_node = draft.full_path(Kind::Inventory, NODE);
    for finding in own.report.findings() {
        if finding.path.starts_with(&about_node) {
            draft.adopt(finding.clone());
        }
    }
    let value = super::complete(&mut own, Kind::Kubelet).into();
    draft.provenance.extend(own.provenance);
    Some(value)
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

/// Records for every override where it was written, and in which field.
fn hand_on(draft: &Draft, own: &mut Draft, overrides: &Map<String, Value>, from: &str, to: &str) {
    for (key, value) in overrides {
        let from = format!("{from}.{key}");
        let to = match to {
            "" => key.clone(),
            above => format!("{above}.{key}"),
        };
        match value {
            Value::Object(inner) if !inner.is_empty() => hand_on(draft, own, inner, &from, &to),
            _ => {
                let full = own.full_path(Kind::Kubelet, &to);
                let stale: Vec<String> = own
                    .provenance
                    .below(&full)
                    .map(|(path, _)| path.to_owned())
                    .collect();
                for path in stale {
                    own.provenance.remove(&path);
                }
                let origin = super::entry::origin_of(draft, &from);
                own.provenance.record(full, origin.clone());
                let known_as = own.full_path(Kind::Inventory, &from);
                own.provenance.record(known_as, origin);
                own.alias((Kind::Kubelet, &to), &from);
            }
        }
    }
}
