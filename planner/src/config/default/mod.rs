//! Sets defaults: kubeadm's static and dynamic defaults, and kubeplan's own.
//!
//! In: documents as written, host facts. Out: the same documents with every default set and its rule recorded, and the
//! assumptions made where kubeadm would have read the host. Works offline: a missing value that kubeadm would read from the
//! host or the internet is an error, never a guess.
//! Rules: kubeadm v1.36.2, cmd/kubeadm/app/apis/kubeadm/v1beta4/defaults.go, app/util/config/initconfiguration.go.

mod component;
mod entry;
mod inventory;
pub(super) mod join;
mod kubeadm;
mod kubelet_flags;
mod override_kubelet;

use kubeplan_bundle::index::NodeRole;
use serde_json::{Map, Value};

use super::draft::Draft;
use super::provenance::{Origin, Provenance};
use super::valid::{Assumption, HostFacts};
use crate::schema::{Kind, normal_form};

pub(super) use entry::labels;
pub(super) use inventory::role;
pub use kubeadm::STAND_IN;
pub(super) use kubeadm::{DEFAULT_CRI_SOCKET, apply_static};
pub(super) use override_kubelet::{SharedKubelet, kubelet_of_node};

/// The rule recorded for fields that Go prints although they are not set.
const UNSET: &str = "left unset: the component decides";

/// Sets every default of the cluster and of its first control-plane node.
pub(super) fn apply(draft: &mut Draft, facts: &HostFacts) -> Vec<Assumption> {
    let mut assumptions = Vec::new();
    inventory::shared(draft);
    inventory::node(draft, facts);
    kubeadm::apply_static(draft);
    kubeadm::apply_dynamic(draft, facts, &mut assumptions);
    component::apply(draft, facts);
    kubeadm::apply_version(draft);
    assume_about_host(facts, NodeRole::ControlPlane, &mut assumptions);
    assumptions
}

/// Sets every default of a node that joins the cluster, as `kubeadm join` does.
pub(super) fn apply_to_joining(draft: &mut Draft, facts: &HostFacts) -> Vec<Assumption> {
    let mut assumptions = Vec::new();
    inventory::node(draft, facts);
    let role = role(draft).unwrap_or(NodeRole::Worker);
    kubeadm::apply_static_of_node(draft);
    kubeadm::apply_dynamic_to_node(draft, facts, role, &mut assumptions);
    assume_about_host(facts, role, &mut assumptions);
    assumptions
}

/// Sets the defaults that `config migrate` writes. What kubeadm would read from the host or the internet stays unset.
pub(super) fn apply_to_convert(draft: &mut Draft) {
    kubeadm::apply_static(draft);
    kubeadm::apply_to_convert(draft);
}

/// Sets the static defaults of the component configurations alone, for `config print init-defaults`.
pub(super) fn apply_components(draft: &mut Draft) {
    component::apply(draft, &HostFacts::default());
}

/// The complete document of `kind`. Records fields that are not set as such.
pub(super) fn complete(draft: &mut Draft, kind: Kind) -> Map<String, Value> {
    let document = normal_form(kind, &draft.document(kind));
    for (name, value) in &document {
        if matches!(name.as_str(), "apiVersion" | "kind") {
            continue;
        }
        record_unset(
            &mut draft.provenance,
            &format!("{}.{name}", kind.name()),
            value,
        );
    }
    document
}

fn record_unset(provenance: &mut Provenance, path: &str, value: &Value) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (name, value) in entries {
                record_unset(provenance, &format!("{path}.{name}"), value);
            }
        }
        _ if provenance.at(path).is_some() => {}
        _ => provenance.record(
            path,
            Origin::Default {
                rule: UNSET.to_owned(),
            },
        ),
    }
}

/// Names of the assumptions that matter only for control-plane nodes.
const OF_CONTROL_PLANES: [&str; 2] = ["ca-directories", "proxies"];

/// Adds assumptions for what kubeadm would have read from the host and the facts do not contain.
fn assume_about_host(facts: &HostFacts, role: NodeRole, assumptions: &mut Vec<Assumption>) {
    let looked = facts.hostname.is_some();
    for (about, assumed, instead) in [
        (
            "hostname",
            "the host's name may differ from the node's, so the kubelet gets the node's name (--hostname-override)",
            "nothing to do: the flag has no effect if the names are equal",
        ),
        (
            "ca-directories",
            "/etc/ssl/certs is the only directory of the host with CA certificates, so kube-apiserver and kube-controller-manager mount no other",
            "set apiServer.extraVolumes and controllerManager.extraVolumes",
        ),
        (
            "systemd-resolved",
            "systemd-resolved does not run on the host, so the kubelet keeps its default resolv.conf",
            "if it runs, set KubeletConfiguration.resolvConf to /run/systemd/resolve/resolv.conf",
        ),
        (
            "proxies",
            "the control plane needs no proxy variables in its environment",
            "set extraEnvs of each control-plane component",
        ),
    ] {
        let known = looked && !facts.unknown.contains(about);
        if known || (role == NodeRole::Worker && OF_CONTROL_PLANES.contains(&about)) {
            continue;
        }
        assumptions.push(Assumption {
            about,
            assumed: assumed.into(),
            instead,
        });
    }
}

/// Warns that a value that kubeadm would take from `source` is missing in the result.
fn warn_of_unset(draft: &mut Draft, kind: Kind, path: &str, source: &str) {
    let message = format!("it stays unset; kubeadm would {source}");
    draft.warn(kind, path, message, "");
}
