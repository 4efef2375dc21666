//! Converts documents to `kubeadm.k8s.io/v1beta4`, as `kubeadm config migrate` does.
//!
//! In: the text of one or several YAML files. Out: InitConfiguration and ClusterConfiguration, JoinConfiguration, or all of them,
//! with kubeadm's defaults, checked by kubeadm's rules. What kubeadm would read from the host or the internet, or generate, stays
//! unset, so that the result does not depend on where the command runs. Whether kubeplan can plan the result, `kubeplan validate`
//! checks.

use serde_json::{Map, Value};

use super::documents::Source;
use super::draft::Draft;

use super::purpose::Purpose;
use super::report::Report;
use super::{default, joining, load, unreadable, validate};
use crate::schema::Kind;

/// Converted documents, with warnings.
#[derive(Clone, Debug)]
pub struct Migrated {
    /// InitConfiguration and ClusterConfiguration if the input has one of them, then JoinConfiguration if the input has one; with every
    /// key that kubeadm prints. Contains the input's tokens.
    pub documents: Vec<Value>,
    /// Warnings; contains no errors.
    pub warnings: Report,
}

/// Converts `sources`. If `lenient`, unknown and duplicate fields are warnings.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn migrate(sources: &[Source<'_>], lenient: bool) -> Result<Migrated, Report> {
    unreadable::checked(load::read(sources, lenient, Purpose::Convert), convert)
}

fn convert(mut draft: Draft) -> Result<Migrated, Report> {
    let join = joining::split(&mut draft);
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
        documents.push(joining::document(&mut join).into());
        draft.report.extend(join.report);
    }
    for kind in [Kind::Kubelet, Kind::KubeProxy, Kind::Inventory] {
        if draft.is_supplied(kind) {
            let message = "the result does not contain this document: as kubeadm does, only kubeadm's own documents are converted";
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

/// Removes tokens that are not set: kubeadm generates them when the cluster is created.
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

#[cfg(test)]
mod tests;
