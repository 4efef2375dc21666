//! A JoinConfiguration in a draft: a draft of its own, and its fields about the node copied to InitConfiguration and back.

use serde_json::{Map, Value};

use super::draft::Draft;
use super::provenance::Origin;
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
        draft.provenance.record_name(names.0, names.1);
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
