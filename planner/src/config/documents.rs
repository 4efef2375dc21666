//! Splits files into documents, each kind at most once.
//!
//! In: the text of every file, and the command's [`Purpose`]. Out: a [`Draft`] with each document that the command uses, as
//! written. Documents of kubeadm's other commands are ignored with a warning, as in kubeadm. An unknown kind or API version is
//! an error; kubeadm ignores such documents with a warning.

use kubeplan_bundle::yaml_budget::Budget;

use super::decode::{Fields, decode};
use super::draft::Draft;
use super::provenance::Origin;
use super::purpose::{Ignored, Purpose};
use super::report::{Finding, Severity};
use super::v1beta3;
use crate::schema::{Kind, Object, V1BETA3};
use crate::suggest::nearest;
use crate::yaml::apart::read_apart;
use crate::yaml::read::{self, Data, Entry, Node, ReadError};

/// The text of one configuration file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file as the user named it, `-` for standard input.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// The last kubeadm release that read each old API version, which converts it to the next one (kubeadm v1.36.2,
/// cmd/kubeadm/app/util/config/common.go).
const OLD_VERSIONS: &[(&str, &str)] = &[
    ("v1alpha1", "v1.11"),
    ("v1alpha2", "v1.12"),
    ("v1alpha3", "v1.14"),
    ("v1beta1", "v1.15"),
    ("v1beta2", "v1.22"),
];

/// Reads every document of every file that a command with this `purpose` uses.
pub(super) fn read_documents(sources: &[Source<'_>], fields: Fields, purpose: Purpose) -> Draft {
    let mut draft = Draft::default();
    draft.first_file = sources
        .first()
        .map_or_else(String::new, |source| source.name.to_owned());
    let mut seen: Vec<(String, String, u64)> = Vec::new();
    for source in sources {
        for result in parts(source.text, &mut draft.yaml) {
            match result {
                Ok(documents) => {
                    for document in &documents {
                        take(
                            &mut draft,
                            &mut seen,
                            source.name,
                            document,
                            fields,
                            purpose,
                        );
                    }
                }
                Err(error) => unreadable(&mut draft, source.name, &error),
            }
        }
    }
    if let Some(timeout) = draft.moved_timeout.take() {
        let path = "timeouts.controlPlaneComponentHealthCheck";
        draft.set_from(Kind::Init, path, timeout.value.into(), timeout.origin);
    }
    // Without files, flags are the configuration.
    if !sources.is_empty() && !draft.has_unreadable() {
        require_main_document(&mut draft, purpose);
    }
    draft
}

/// The documents of a text; if it is not valid YAML, those of each part that is, and the errors of the others.
fn parts(text: &str, budget: &mut Budget) -> Vec<Result<Vec<Node>, ReadError>> {
    let before = budget.clone();
    match read::read_within(text, budget) {
        Ok(documents) => vec![Ok(documents)],
        Err(error @ (ReadError::TooLarge(_) | ReadError::OverBudget { .. })) => vec![Err(error)],
        Err(error) => {
            *budget = before;
            read_apart(text, budget).unwrap_or_else(|| vec![Err(error)])
        }
    }
}

fn unreadable(draft: &mut Draft, file: &str, error: &ReadError) {
    let at = error.position();
    draft.report.push(Finding {
        severity: Severity::Error,
        file: file.to_owned(),
        line: at.map(|at| at.line),
        column: at.map(|at| at.column),
        path: String::new(),
        message: error.to_string(),
        hint: error.hint().map(str::to_owned),
    });
}

/// Reports that the files do not contain the document that makes a command's configuration.
fn require_main_document(draft: &mut Draft, purpose: Purpose) {
    let (main, missing, hint): (&[Kind], _, _) = match purpose {
        Purpose::NewCluster if !draft.is_ignored(Kind::Join) => (
            &[Kind::Init, Kind::Cluster],
            "the configuration contains neither an InitConfiguration nor a ClusterConfiguration",
            "`kubeplan config print init-defaults` prints both",
        ),
        Purpose::NewCluster => (
            &[Kind::Init, Kind::Cluster],
            "the configuration contains a JoinConfiguration, but neither an InitConfiguration nor a ClusterConfiguration: it is about a node that \
             joins a running cluster",
            "run `kubeapply discover` on the host, then `kubeplan plan --join FACTS` with this configuration and the file that it writes",
        ),
        Purpose::Join => (
            &[Kind::Join],
            "the configuration contains no JoinConfiguration",
            "`kubeplan config print join-defaults` prints one",
        ),
        Purpose::Convert => (
            &[Kind::Init, Kind::Cluster, Kind::Join],
            "the configuration contains no InitConfiguration, ClusterConfiguration or JoinConfiguration",
            "`kubeplan config print init-defaults` and `kubeplan config print join-defaults` print them",
        ),
    };
    if main.iter().any(|kind| draft.is_supplied(*kind)) {
        return;
    }
    draft.report.push(Finding {
        severity: Severity::Error,
        file: draft.first_file.clone(),
        line: None,
        column: None,
        path: String::new(),
        message: missing.to_owned(),
        hint: Some(hint.to_owned()),
    });
}

/// Reads, leniently, the one document of `kind` that a cluster stores; reports what is not valid at its place in `file`. Ignores
/// what only the user's own file can set (timeouts that belong to another kind).
pub(super) fn take_stored(draft: &mut Draft, kind: Kind, file: &str, text: &str) {
    let refuse = |draft: &mut Draft, line, message: String, hint: Option<&str>| {
        let mend = "correct the document in the cluster before a node can join";
        draft.report.push(Finding {
            severity: Severity::Error,
            file: file.to_owned(),
            line,
            column: None,
            path: kind.name().to_owned(),
            message,
            hint: Some(hint.map_or_else(|| mend.to_owned(), |hint| format!("{mend}: {hint}"))),
        });
    };
    let documents = match read::read_within(text, &mut draft.yaml) {
        Ok(documents) => documents,
        Err(error) => {
            let line = error.position().map(|at| at.line);
            return refuse(draft, line, error.to_string(), error.hint());
        }
    };
    let [document] = documents.as_slice() else {
        return refuse(
            draft,
            None,
            format!(
                "the cluster stores {} documents instead of one",
                documents.len()
            ),
            None,
        );
    };
    let name = match &document.data {
        Data::Map(entries) => field(entries, "kind").map(|node| &node.data),
        _ => None,
    };
    if !matches!(name, Some(Data::String(name)) if name == kind.name()) {
        let message = format!(
            "the cluster stores another kind of document than {}",
            kind.name()
        );
        return refuse(draft, Some(document.position.line), message, None);
    }
    let lenient = Fields::Lenient;
    take(
        draft,
        &mut Vec::new(),
        file,
        document,
        lenient,
        Purpose::NewCluster,
    );
    draft.old_documents.retain(|old| *old != kind);
    draft.moved_timeout = None;
}

fn field<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Node> {
    entries
        .iter()
        .find(|entry| entry.key == key)
        .map(|entry| &entry.value)
}

/// The table of fields for a document of this kind and API version.
fn table(api_version: &str, name: &str) -> Option<(Kind, &'static Object)> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
    if api_version == V1BETA3 {
        return Some((kind, kind.v1beta3()?));
    }
    (kind.api_version() == api_version).then(|| (kind, kind.object()))
}

fn take(
    draft: &mut Draft,
    seen: &mut Vec<(String, String, u64)>,
    file: &str,
    document: &Node,
    fields: Fields,
    purpose: Purpose,
) {
    let line = document.position.line;
    let mut report = |severity, path: &str, message: String, hint: &str| {
        draft.report.push(Finding {
            severity,
            file: file.to_owned(),
            line: Some(line),
            column: None,
            path: path.to_owned(),
            message,
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        });
    };
    let mut refuse = |path: &str, message, hint: &str| report(Severity::Error, path, message, hint);
    let Data::Map(entries) = &document.data else {
        refuse(
            "",
            "a document must be a mapping".to_owned(),
            "start the document with `apiVersion:` and `kind:`",
        );
        return;
    };
    let text_of = |key| match field(entries, key).map(|node| &node.data) {
        Some(Data::String(text)) if !text.is_empty() => Some(text.clone()),
        _ => None,
    };
    let (Some(api_version), Some(name)) = (text_of("apiVersion"), text_of("kind")) else {
        refuse(
            "",
            "`apiVersion` or `kind` is missing, or is not a string".to_owned(),
            "for example `apiVersion: kubeadm.k8s.io/v1beta4` and `kind: ClusterConfiguration`",
        );
        return;
    };
    if let Some((_, first_file, first_line)) = seen.iter().find(|(kind, ..)| *kind == name) {
        let message = format!("a second document of kind {name}");
        refuse(
            &name,
            message,
            &format!("the first one is at {first_file}:{first_line}; merge the two"),
        );
        return;
    }
    seen.push((name.clone(), file.to_owned(), line));
    let found = table(&api_version, &name);
    let ignored = match found {
        Some((kind, _)) => purpose.ignores(kind),
        None => purpose.ignores_other(&api_version, &name),
    };
    if let Some(Ignored { message, hint }) = ignored {
        report(Severity::Warning, &name, message.to_owned(), hint);
        draft.ignored.extend(found.map(|(kind, _)| kind));
        return;
    }
    let Some((kind, table)) = found else {
        let (message, hint) = explain_unknown(&api_version, &name);
        report(Severity::Error, &name, message, &hint);
        return;
    };
    draft.provenance.record(
        kind.name(),
        Origin::Written {
            file: file.to_owned(),
            line,
        },
    );
    let mut values = decode(
        table,
        entries,
        file,
        fields,
        &mut draft.provenance,
        &mut draft.report,
    );
    if api_version == V1BETA3 {
        let timeout = v1beta3::convert(kind, &mut values, &mut draft.provenance);
        if kind == Kind::Join {
            v1beta3::move_discovery_timeout(&mut values, &mut draft.provenance);
        }
        draft.moved_timeout = timeout.or(draft.moved_timeout.take());
        draft.old_documents.push(kind);
    }
    draft.supply(kind, values, file, line);
}

/// The message and hint for a document of an API version and kind that kubeplan does not read.
fn explain_unknown(api_version: &str, name: &str) -> (String, String) {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let same_group: Vec<Kind> = Kind::ALL
        .into_iter()
        .filter(|kind| {
            kind.api_version()
                .split_once('/')
                .is_some_and(|(known, _)| known == group)
        })
        .collect();
    if group == "kubeadm.k8s.io" {
        if let Some(first) = OLD_VERSIONS.iter().position(|(old, _)| *old == version) {
            let kubeadms: Vec<&str> = OLD_VERSIONS
                .iter()
                .skip(first)
                .map(|(_, last)| *last)
                .collect();
            return (
                format!(
                    "the API version `{api_version}` is too old: kubeplan reads v1beta4 and v1beta3"
                ),
                format!(
                    "convert the file with `kubeadm config migrate` of kubeadm {}, and the result with `kubeplan config migrate`",
                    kubeadms.join(", then of ")
                ),
            );
        }
        if !matches!(version, "v1beta3" | "v1beta4") {
            return (
                format!("unknown API version `{api_version}`"),
                "write `kubeadm.k8s.io/v1beta4`".to_owned(),
            );
        }
    } else if let Some(kind) = same_group.iter().find(|kind| kind.name() == name) {
        return (
            format!("the API version `{api_version}` of {name} is not supported"),
            format!("convert the document by hand to `{}`", kind.api_version()),
        );
    }
    let hint = if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        format!("{name} belongs to `{}`", kind.api_version())
    } else if let Some(near) = nearest(name, Kind::ALL.into_iter().map(Kind::name)) {
        format!("did you mean `{near}`?")
    } else {
        "kubeplan reads InitConfiguration, ClusterConfiguration, JoinConfiguration, KubeletConfiguration, KubeProxyConfiguration and its own Cluster; \
         objects of the Kubernetes API do not belong here"
            .to_owned()
    };
    (format!("unknown document `{api_version}` {name}"), hint)
}
