//! Validates kubeadm's own feature gates, which differ between releases.

use serde_json::Value;

use super::super::draft::Draft;
use crate::kubeadm::KeyAlgorithm;
use crate::kubeadm::releases::{RELEASES, removed_gate};
use crate::schema::Kind;

/// Checks kubeadm's own feature gates. Returns the key algorithm that a gate forces.
pub(super) fn check(draft: &mut Draft) -> Option<KeyAlgorithm> {
    // If the release is not known, accept a gate that any release has.
    let releases = draft.release().map_or(RELEASES, std::slice::from_ref);
    let removed = |name: &str| removed_gate(name, releases.last()?);
    let gate_of = |name: &str| releases.iter().find_map(|release| release.gate(name));
    let mut known: Vec<&str> = releases
        .iter()
        .flat_map(|release| release.gates)
        .map(|gate| gate.name)
        .collect();
    known.sort_unstable();
    known.dedup();
    let gates = match draft.get(Kind::Cluster, "featureGates") {
        Some(Value::Object(gates)) => gates.clone(),
        _ => return None,
    };
    let mut forced = None;
    for (name, value) in gates {
        let path = format!("featureGates.{name}");
        let on = value == Value::Bool(true);
        match (name.as_str(), gate_of(&name)) {
            (_, Some(gate)) if !gate.has_effect => {
                if on != gate.default {
                    let message = "the gate has no effect in this release";
                    draft.warn(Kind::Cluster, &path, message, "remove it");
                }
            }
            (
                "ControlPlaneKubeletLocalMode" | "NodeLocalCRISocket" | "RootlessControlPlane",
                Some(_),
            ) => {}
            ("PublicKeysECDSA", Some(_)) => {
                forced = Some(if on {
                    KeyAlgorithm::EcdsaP256
                } else {
                    KeyAlgorithm::Rsa2048
                });
                let message = "the gate is deprecated and overrides encryptionAlgorithm";
                draft.warn(
                    Kind::Cluster,
                    &path,
                    message,
                    "set `encryptionAlgorithm` instead",
                );
            }
            (_, Some(gate)) => {
                if on != gate.default {
                    draft.error(Kind::Cluster, &path, "not supported yet", "remove it");
                }
            }
            (_, None) if let Some(gate) = removed(&name) => {
                let message = format!(
                    "kubeadm 1.{} removed this feature gate: {}",
                    gate.removed_in, gate.now
                );
                draft.error(Kind::Cluster, &path, message, "remove it");
            }
            (_, None) => {
                let near = crate::suggest::nearest(&name, known.iter().copied());
                let hint = near.map_or_else(
                    || format!("kubeadm's gates: {}; set gates of components in extraArgs or in their configuration", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                draft.error(
                    Kind::Cluster,
                    &path,
                    "kubeadm does not have this feature gate",
                    &hint,
                );
            }
        }
    }
    forced
}
