//! Reads and checks a JoinConfiguration: how a node joins a running cluster.
//!
//! In: a draft with the document as written. Out: a second draft in which JoinConfiguration's fields about the node are copied to
//! InitConfiguration, so that the same rules check both; findings name the fields that the user wrote. Also converts the
//! document back for printing. Whether the cluster is as the document says, `kubeapply discover` checks on the host.
//! Source: kubeadm v1.36.2, cmd/kubeadm/app/util/config/joinconfiguration.go.

mod running;

pub use running::{RunningCluster, load_join};

use serde_json::{Map, Value};

use super::documents::Source;
use super::draft::Draft;
use super::flags::{self, Given};
use super::provenance::Origin;
use super::purpose::Purpose;
use super::report::Report;
use super::{default, load, validate};
use crate::schema::{Kind, normal_form};

/// Fields of JoinConfiguration and the fields of InitConfiguration with the same meaning.
const SAME: &[(&str, &str)] = &[
    ("dryRun", "dryRun"),
    ("nodeRegistration", "nodeRegistration"),
    ("controlPlane.localAPIEndpoint", "localAPIEndpoint"),
    ("controlPlane.certificateKey", "certificateKey"),
    ("skipPhases", "skipPhases"),
    ("patches", "patches"),
    ("timeouts", "timeouts"),
];

/// The field whose presence makes the node a control-plane node.
const CONTROL_PLANE: &str = "controlPlane";

/// Whether the node joins as a control-plane node.
pub(super) fn is_control_plane(draft: &Draft) -> bool {
    draft.get(Kind::Join, CONTROL_PLANE).is_some()
}

/// Moves the JoinConfiguration from `draft` to a draft of its own; `None` if there is none.
pub(super) fn split(draft: &mut Draft) -> Option<Draft> {
    let supplied = draft.supplied.remove(&Kind::Join)?;
    let mut own = Draft::default();
    own.first_file.clone_from(&draft.first_file);
    let is_old = |kind: &Kind| *kind == Kind::Join;
    own.old_documents = draft
        .old_documents
        .extract_if(.., |kind| is_old(kind))
        .collect();
    own.provenance = draft
        .provenance
        .take_out(|path| path.starts_with(Kind::Join.name()));
    own.supplied.insert(Kind::Join, supplied);
    own.put(Kind::Join, draft.document(Kind::Join));
    draft.put(Kind::Join, Map::new());
    Some(own)
}

/// Copies the document's fields about the node to InitConfiguration.
pub(super) fn hand_on(draft: &mut Draft) {
    draft.joins = true;
    for (from, to) in SAME {
        let names = (full(Kind::Init, to), full(Kind::Join, from));
        let records: Vec<(String, Origin)> = draft
            .provenance
            .below(&names.1)
            .filter_map(|(path, origin)| {
                let rest = path.strip_prefix(&names.1)?;
                Some((format!("{}{rest}", names.0), origin.clone()))
            })
            .collect();
        for (path, origin) in records {
            draft.provenance.record(path, origin);
        }
        draft.aliases.push(names);
        if let Some(value) = draft.get(Kind::Join, from).cloned() {
            draft.set(Kind::Init, to, value);
        }
    }
}

fn full(kind: Kind, path: &str) -> String {
    format!("{}.{path}", kind.name())
}

/// The document in Go's normal form, with the node's values after defaulting.
pub(super) fn document(draft: &mut Draft) -> Map<String, Value> {
    let control_plane = is_control_plane(draft);
    for (to, from) in SAME {
        if to.starts_with(CONTROL_PLANE) && !control_plane {
            continue;
        }
        if let Some(value) = draft.get(Kind::Init, from).cloned() {
            draft.set(Kind::Join, to, value);
        }
    }
    normal_form(Kind::Join, &draft.document(Kind::Join))
}

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
    hand_on(&mut draft);
    default::join::apply_static_to_node(&mut draft);
    document(&mut draft).into()
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
    let draft = load::documents(sources, lenient, Purpose::Join);
    let makes_cluster = [Kind::Init, Kind::Cluster, Kind::Inventory]
        .iter()
        .any(|kind| draft.is_ignored(*kind));
    if makes_cluster || !draft.is_supplied(Kind::Join) {
        return Ok(None);
    }
    let mut draft = load::readable(draft)?;
    load::warn_of_old_versions(&mut draft);
    given.iter().for_each(|given| flags::set(&mut draft, given));
    default::join::apply_to_check(&mut draft);
    validate::join::rules(&mut draft, validate::join::Discovery::Advised);
    if draft.report.has_errors() {
        Err(draft.report)
    } else {
        Ok(Some(draft.report))
    }
}

#[cfg(test)]
mod tests;
