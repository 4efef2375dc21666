//! Reads and checks a JoinConfiguration: how a node joins a running cluster.
//!
//! In: a draft with the document as written. Out: a second draft in which JoinConfiguration's fields about the node are copied to
//! InitConfiguration, so that the same rules check both; findings name the fields that the user wrote. Also converts the
//! document back for printing. Whether the cluster is as the document says, `kubeapply discover` checks on the host.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/util/config/joinconfiguration.go.

mod running;

pub use running::{RunningCluster, load_join};

use serde_json::Value;

use super::documents::Source;
use super::draft::Draft;
use super::flags::{self, Given};
use super::purpose::Purpose;
use super::report::Report;
use super::{default, joining, load, unreadable, validate};
use crate::schema::Kind;

/// The document of `kubeadm config print join-defaults`, in Go's normal form, with its placeholders. The node's name is a
/// placeholder too; kubeadm prints the name of the host that it runs on.
#[must_use]
pub fn join_defaults() -> Value {
    let mut draft = Draft::default();
    for (path, value) in [
        (
            "discovery.bootstrapToken.token",
            "abcdef.0123456789abcdef".into(),
        ),
        (
            "discovery.bootstrapToken.apiServerEndpoint",
            "kube-apiserver:6443".into(),
        ),
        (
            "discovery.bootstrapToken.unsafeSkipCAVerification",
            true.into(),
        ),
        ("nodeRegistration.name", "node".into()),
        (
            "nodeRegistration.criSocket",
            default::DEFAULT_CRI_SOCKET.into(),
        ),
    ] {
        draft.set(Kind::Join, path, value);
    }
    default::join::apply_static(&mut draft);
    joining::hand_on(&mut draft);
    default::join::apply_static_to_node(&mut draft);
    joining::document(&mut draft).into()
}

/// Checks a JoinConfiguration and the flags beside it by those of kubeadm's rules that need neither the host nor the cluster.
/// `None` if `sources` contain no JoinConfiguration, or also documents that make a new cluster.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn check(
    sources: &[Source<'_>],
    given: &[Given],
    lenient: bool,
) -> Result<Option<Report>, Report> {
    let draft = load::read(sources, lenient, Purpose::Join);
    let makes_cluster = [Kind::Init, Kind::Cluster, Kind::Inventory]
        .iter()
        .any(|kind| draft.is_ignored(*kind));
    if makes_cluster || !draft.is_supplied(Kind::Join) {
        return Ok(None);
    }
    unreadable::checked(draft, |mut draft| {
        load::warn_of_old_versions(&mut draft);
        given.iter().for_each(|given| flags::set(&mut draft, given));
        default::join::apply_to_check(&mut draft);
        validate::join::rules(&mut draft, validate::join::Discovery::Advised);
        if draft.report.has_errors() {
            Err(draft.report)
        } else {
            Ok(Some(draft.report))
        }
    })
}

#[cfg(test)]
mod tests;
