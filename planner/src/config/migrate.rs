//! Older documents as `kubeadm.k8s.io/v1beta4`, as `kubeadm config migrate` writes them.
//!
//! In: the text of one or several YAML files. Out: InitConfiguration and ClusterConfiguration, JoinConfiguration, or all of them,
//! with kubeadm's defaults, checked by kubeadm's rules. What kubeadm would take from the host it runs on, a generated token, or the
//! internet stays unset: a conversion must not depend on where it is done. Whether kubeplan can plan the outcome is
//! `validate`'s question.

use serde_json::{Map, Value};

use super::documents::Source;
use super::draft::Draft;
use super::report::Report;
use super::{default, join, load, validate};
use crate::schema::Kind;

/// Converted documents and what the user should know about them.
#[derive(Clone, Debug)]
pub struct Migrated {
    /// InitConfiguration and ClusterConfiguration if there was one of them, then JoinConfiguration if there was one; every key that
    /// kubeadm prints; holds tokens as written.
    pub documents: Vec<Value>,
    /// Warnings; never errors.
    pub warnings: Report,
}

/// Converts `sources`; where `lenient`, unknown and repeated fields are warnings.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn migrate(sources: &[Source<'_>], lenient: bool) -> Result<Migrated, Report> {
    let mut draft = load::read(sources, lenient)?;
    let join = join::split(&mut draft);
    let founds =
        join.is_none() || draft.is_supplied(Kind::Init) || draft.is_supplied(Kind::Cluster);
    let mut documents = Vec::new();
    if founds {
        default::apply_to_convert(&mut draft);
        validate::kubeadm_rules(&mut draft);
        documents.extend(
            [Kind::Init, Kind::Cluster]
                .map(|kind| without_missing_tokens(default::complete(&mut draft, kind))),
        );
    }
    if let Some(mut join) = join {
        default::join::apply_to_convert(&mut join);
        validate::join::rules(&mut join, validate::join::Discovery::Needed);
        documents.push(join::document(&mut join).into());
        draft.report.extend(join.report);
    }
    for kind in [Kind::Kubelet, Kind::KubeProxy, Kind::Inventory] {
        if draft.is_supplied(kind) {
            let message = "only kubeadm's own documents are converted, as kubeadm does it; this one is not in the result";
            draft.warn(kind, "", message, "append it to the result unchanged");
        }
    }
    if draft.report.has_errors() {
        return Err(draft.report);
    }
    Ok(Migrated {
        documents,
        warnings: draft.report,
    })
}

/// A token nobody wrote is left away; kubeadm generates it when the cluster is made.
fn without_missing_tokens(mut document: Map<String, Value>) -> Value {
    if let Some(Value::Array(tokens)) = document.get_mut("bootstrapTokens") {
        for token in tokens {
            if let Value::Object(token) = token
                && token.get("token").is_some_and(Value::is_null)
            {
                token.remove("token");
            }
        }
    }
    document.into()
}

/// Says which host value is missing in the outcome.
pub(super) fn warn_of_unset(draft: &mut Draft, kind: Kind, path: &str, source: &str) {
    let message = format!("it stays unset; kubeadm would {source}");
    draft.warn(kind, path, message, "");
}

#[cfg(test)]
mod tests;
