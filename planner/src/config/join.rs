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
/// `None` if `sources` contain no JoinConfiguration.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn check(
    sources: &[Source<'_>],
    given: &[Given],
    lenient: bool,
) -> Result<Option<Report>, Report> {
    let mut draft = load::read(sources, lenient)?;
    if !draft.is_supplied(Kind::Join) {
        return Ok(None);
    }
    stands_alone(&mut draft);
    let Some(mut join) = split(&mut draft) else {
        return Ok(None);
    };
    load::warn_of_old_versions(&mut join);
    given.iter().for_each(|given| flags::set(&mut join, given));
    default::join::apply_to_check(&mut join);
    validate::join::rules(&mut join, validate::join::Discovery::Advised);
    let mut report = draft.report;
    report.extend(join.report);
    if report.has_errors() {
        Err(report)
    } else {
        Ok(Some(report))
    }
}

/// Reports documents that have no effect on a joining node.
pub(super) fn stands_alone(draft: &mut Draft) {
    for kind in [
        Kind::Init,
        Kind::Cluster,
        Kind::Kubelet,
        Kind::KubeProxy,
        Kind::Inventory,
    ] {
        if draft.is_supplied(kind) {
            let message = "it has no effect beside a JoinConfiguration: discovery reads the cluster's own document";
            draft.error(
                kind,
                "",
                message,
                "move the two documents to separate files",
            );
        }
    }
}

/// Reports a JoinConfiguration in the configuration of a new cluster.
pub(super) fn refuse(draft: &mut Draft) {
    if !draft.is_supplied(Kind::Join) {
        return;
    }
    let (message, hint) = if draft.is_supplied(Kind::Inventory) {
        (
            "a JoinConfiguration has no effect beside a Cluster document, whose nodes join the cluster that is planned with them",
            "remove it, and set what the nodes need in their entries of the Cluster document",
        )
    } else {
        (
            "a JoinConfiguration is for a node that joins a running cluster; this command plans a new cluster",
            "run `kubeapply discover` on the host, then `kubeplan plan --join FACTS` with the file that it writes",
        )
    };
    draft.error(Kind::Join, "", message, hint);
}

#[cfg(test)]
mod tests;
