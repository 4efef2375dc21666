//! What an earlier cluster, or an editor, left on the host for the plan's components to find.

use std::collections::BTreeSet;

use kubeplan_bundle::check::{CheckKind, LeftoverFiles, RecordedValue};
use kubeplan_bundle::index::Place;
use kubeplan_terminal::quote;
use serde_json::Value;

use super::kinds::Explained::Never;
use super::kinds::Needs::Tree;
use super::kinds::{Looking, Row};
use super::{Finding, Looked, View, found, passed};
use crate::host::{Found, HostError, LinkRefusal, Root, RootPath};

/// Bytes of a document with recorded values; the kubelet's grow with the Pods of a node.
const LIMIT: u64 = 4 * 1024 * 1024;

/// How many names of a directory are looked at. A component would not get through more in useful time.
const MAX_NAMES: usize = 10_000;

/// How many files a finding names.
const SHOWN: usize = 8;

/// Nothing lies in the directory that a component would use.
impl Looking for LeftoverFiles {
    const ROW: Row = Row::new(
        Tree,
        Never,
        "names in the directory below the root, without those of the bundle, of an earlier installation, and of `path-absent`",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        if self.until_installed && view.record.is_some_and(|node| !node.files.is_empty()) {
            return passed();
        }
        let directory = RootPath::from(&self.directory);
        if !matches!(view.root.look(&directory)?, Found::Directory(_)) {
            return passed();
        }
        let Some(opened) = view.root.view(&directory)? else {
            return passed();
        };
        let known = known(view);
        let mut counted = 0_usize;
        let names = opened.names_that(|name| {
            let counts = counts(self, name) && !known.contains(directory.join(name).as_str());
            counted += usize::from(counts);
            counts && counted <= MAX_NAMES
        })?;
        let mut paths = Vec::new();
        for name in names {
            if is_file(view.root, &directory, opened.inspect(&name)?, &name) {
                paths.push(directory.join(&name));
            }
        }
        let mut findings = Vec::new();
        let unnamed = opened.names_without_text(|name| {
            let ending = |ending: &String| name.ends_with(ending.as_bytes());
            self.names.is_empty()
                && !name.starts_with(b".")
                && (self.endings.is_empty() || self.endings.iter().any(ending))
        })?;
        if unnamed > 0 {
            findings.push(Finding::AsPlanned(format!(
                "{directory} has files whose names are not UTF-8 ({unnamed}): {}; list them with `ls -lb -- {}`, and remove what nothing needs",
                self.consequence,
                quote(&on_host(view.root, &directory))
            )));
        }
        if paths.is_empty() {
            return Ok(findings);
        }
        let shown: Vec<RootPath> = paths.iter().take(SHOWN).cloned().collect();
        let texts: Vec<&str> = shown.iter().map(RootPath::as_str).collect();
        let more = match paths.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (them, were) = if paths.len() == 1 {
            ("it", "was")
        } else {
            ("them", "were")
        };
        findings.push(Finding::AsPlanned(format!(
            "{}{more} {were} not installed by kubeapply: {}; if nothing needs {them}, remove {them} with `{}`",
            texts.join(", "),
            self.consequence,
            removal(view.root, &shown)
        )));
        Ok(findings)
    }
}

/// What exists, the component can continue with.
impl Looking for RecordedValue {
    const ROW: Row = Row::new(
        Tree,
        Never,
        "one field of the JSON document below the root, if it exists",
    );

    fn look(&self, view: &View<'_>) -> Looked {
        let path = RootPath::from(&self.path);
        let Some(bytes) = view.root.read(&path, LIMIT)? else {
            return passed();
        };
        let Self {
            field,
            value: planned,
            consequence,
            ..
        } = self;
        let recorded = serde_json::from_slice::<Value>(bytes.expose())
            .ok()
            .and_then(|document| document.get(field)?.as_str().map(str::to_owned));
        let differs = match recorded {
            Some(recorded) if recorded == *planned => return passed(),
            Some(recorded) => {
                let recorded: String = recorded.chars().take(80).collect();
                format!("says {field} `{recorded}`, and the plan says `{planned}`")
            }
            None => format!("has no {field} that can be read, and the plan says `{planned}`"),
        };
        found(format!(
            "{path} {differs}: {consequence}; stop the kubelet and remove the file with `{}`",
            removal(view.root, std::slice::from_ref(&path))
        ))
    }
}

/// Whether a name is one of those that the check is about.
fn counts(check: &LeftoverFiles, name: &str) -> bool {
    let named = match check.names.as_slice() {
        [] => !name.starts_with('.'),
        names => names.iter().any(|known| known == name),
    };
    let ends = |ending: &String| name.ends_with(ending.as_str());
    named && (check.endings.is_empty() || check.endings.iter().any(ends))
}

/// Paths that another check, or the installation, tells of: those of the bundle, of the record, and of `path-absent`.
fn known(view: &View<'_>) -> BTreeSet<String> {
    let entries = view
        .index
        .entries
        .iter()
        .filter_map(|entry| match &entry.place {
            Place::File(placement) | Place::Directory(placement) => {
                Some(placement.path.to_string())
            }
            Place::Object | Place::Payload => None,
        });
    let recorded = view.record.into_iter().flat_map(|node| node.files.keys());
    let absent = view.index.steps.iter().flat_map(|step| step.checks());
    let absent = absent.filter_map(|check| match &check.look {
        CheckKind::PathAbsent(look) => Some(look.path.to_string()),
        _ => None,
    });
    entries
        .chain(recorded.map(ToString::to_string))
        .chain(absent)
        .collect()
}

/// Whether a component that opens the name reads a file. Of a link that cannot be followed here, that is assumed.
fn is_file(root: &Root, directory: &RootPath, found: Found, name: &str) -> bool {
    match found {
        Found::File(_) => true,
        Found::Missing | Found::Directory(_) | Found::Special(_) => false,
        Found::Link => match root.look(&directory.join(name)) {
            Ok(Found::File(_) | Found::Link) => true,
            Ok(Found::Missing | Found::Directory(_) | Found::Special(_)) => false,
            // A link that leads nowhere is read by no component either.
            Err(HostError::Link {
                reason: LinkRefusal::Dangling { .. } | LinkRefusal::TooMany,
                ..
            }) => false,
            Err(HostError::Link { .. }) => true,
            Err(_) => false,
        },
    }
}

/// The command that removes these files, on the host or in the tree.
pub(super) fn removal(root: &Root, paths: &[RootPath]) -> String {
    let mut command = "rm --".to_owned();
    for path in paths {
        command.push(' ');
        command.push_str(&quote(&on_host(root, path)));
    }
    command
}

/// The path as an operator types it: with the root in front, unless that is the running system's.
pub(super) fn on_host(root: &Root, path: &RootPath) -> String {
    if root.is_live() {
        path.to_string()
    } else {
        format!("{}{path}", root.absolute().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::check::{Check, PathAbsent, Severity};
    use kubeplan_bundle::step::{Preflight, Step};

    use super::super::testing::Host;
    use super::*;
    use crate::state::installed::InstalledNode;

    fn files(directory: &str) -> LeftoverFiles {
        LeftoverFiles {
            directory: directory.parse().unwrap(),
            names: vec![],
            endings: vec![],
            until_installed: false,
            consequence: "they are used".into(),
        }
    }

    /// What is found, if anything is.
    fn told(host: &Host, check: impl Into<CheckKind>) -> Option<String> {
        match host.look(&check.into()).unwrap().as_slice() {
            [] => None,
            [Finding::AsPlanned(message)] => Some(message.clone()),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn files_whose_names_are_no_text_are_counted() {
        let host = Host::new();
        host.name("/m", b".\xff");
        assert_eq!(
            told(&host, files("/m")),
            None,
            "a name with a dot at its start"
        );
        host.name("/m", b"\xff.yaml");
        let said = told(&host, files("/m")).unwrap();
        assert!(
            said.contains("/m has files whose names are not UTF-8 (1): they are used")
                && said.contains("`ls -lb -- "),
            "{said}"
        );
        let conf = LeftoverFiles {
            endings: vec![".conf".into()],
            ..files("/m")
        };
        assert_eq!(told(&host, conf), None);
    }

    fn record(host: &Host, paths: &[&str]) -> InstalledNode {
        let files = paths
            .iter()
            .map(|path| (path.parse().unwrap(), Default::default()))
            .collect();
        host.view(|view| InstalledNode {
            cluster_id: view.index.cluster.id,
            cluster_name: view.index.cluster.name.clone(),
            node: view.index.node.name.clone(),
            plan_digest: None,
            serial: None,
            installed: None,
            target_overridden: false,
            done: BTreeSet::new(),
            remaining: vec![],
            files,
            directories: Default::default(),
        })
    }

    #[test]
    fn every_file_that_the_kubelet_would_read_is_named_and_nothing_else() {
        let host = Host::new();
        let check = files("/pods");
        assert_eq!(told(&host, check.clone()), None, "no directory");
        host.directory("/pods");
        assert_eq!(told(&host, check.clone()), None, "nothing in it");
        // Read by no kubelet.
        host.write("/pods/.hidden.yaml", "x");
        host.write("/pods/below/pod.yaml", "x");
        host.link("/pods/to-directory", "/pods/below");
        host.link("/pods/loop", "/pods/loop");
        host.link("/pods/dangling", "/nowhere");
        host.fifo("/pods/fifo");
        assert_eq!(told(&host, check.clone()), None);
        for name in ["a.yaml.bak", "b.yaml.orig", "c~", "d e.yaml"] {
            host.write(&format!("/pods/{name}"), "x");
        }
        host.link("/pods/link.yaml", "/pods/below/pod.yaml");
        let text = told(&host, check.clone()).unwrap();
        let root = host.root().absolute();
        for part in [
            "/pods/a.yaml.bak, /pods/b.yaml.orig, /pods/c~, /pods/d e.yaml, /pods/link.yaml were not installed by kubeapply: they are used;",
            &format!("`rm -- {root}/pods/a.yaml.bak {root}/pods/b.yaml.orig"),
            &format!("'{root}/pods/d e.yaml'"),
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("hidden") && !text.contains("fifo"), "{text}");
        let file = LeftoverFiles {
            names: vec!["c~".into()],
            ..check
        };
        let text = told(&host, file.clone()).unwrap();
        assert!(text.starts_with("/pods/c~ was not installed"), "{text}");
        host.remove("/pods/c~");
        assert_eq!(told(&host, file.clone()), None);
        // Not followed here, but a component could.
        host.link("/pods/c~", "../../../outside");
        assert!(told(&host, file).is_some());
    }

    #[test]
    fn what_the_bundle_the_record_or_another_check_tells_of_is_not_told_twice() {
        let mut host = Host::new();
        for name in ["planned", "recorded", "absent", "other"] {
            host.write(&format!("/pods/{name}.yaml"), "x");
        }
        host.files.insert("/pods/planned.yaml".into(), "x".into());
        host.record = Some(record(&host, &["/pods/recorded.yaml"]));
        host.steps = vec![Step::Preflight(Preflight {
            phase: "preflight".parse().unwrap(),
            checks: vec![Check {
                name: "FileAvailable--pods-absent.yaml".parse().unwrap(),
                severity: Severity::Error,
                look: CheckKind::from(PathAbsent {
                    path: "/pods/absent.yaml".parse().unwrap(),
                }),
            }],
            ignore: vec![],
        })];
        let text = told(&host, files("/pods")).unwrap();
        assert!(text.starts_with("/pods/other.yaml was not"), "{text}");
        host.remove("/pods/other.yaml");
        assert_eq!(told(&host, files("/pods")), None);
    }

    #[test]
    fn what_components_write_later_counts_on_a_new_node_alone() {
        let mut host = Host::new();
        let check = LeftoverFiles {
            endings: vec![".conf".into(), ".conflist".into()],
            until_installed: true,
            ..files("/net.d")
        };
        host.write("/net.d/README", "x");
        host.write("/net.d/10-a.conf.disabled", "x");
        assert_eq!(told(&host, check.clone()), None);
        host.write("/net.d/20-b.conf", "x");
        host.write("/net.d/10-a.conflist", "x");
        let text = told(&host, check.clone()).unwrap();
        assert!(
            text.starts_with("/net.d/10-a.conflist, /net.d/20-b.conf were"),
            "the first is the one that counts: {text}"
        );
        host.record = Some(record(&host, &[]));
        assert!(told(&host, check.clone()).is_some(), "nothing was recorded");
        host.record = Some(record(&host, &["/etc/app/f"]));
        assert_eq!(told(&host, check), None);
    }

    #[test]
    fn many_files_are_counted_and_names_are_for_one_line() {
        let host = Host::new();
        for number in 0..20 {
            host.write(&format!("/pods/{number:02}"), "x");
        }
        let text = told(&host, files("/pods")).unwrap();
        assert!(text.contains("/pods/07 and 12 more were"), "{text}");
        assert!(!text.contains("/pods/08"), "{text}");
    }

    #[test]
    fn a_recorded_value_is_the_planned_one() {
        let host = Host::new();
        let check = RecordedValue {
            path: "/var/lib/kubelet/cpu_manager_state".parse().unwrap(),
            field: "policyName".into(),
            value: "static".into(),
            consequence: "the kubelet exits".into(),
        };
        let path = "/var/lib/kubelet/cpu_manager_state";
        assert_eq!(told(&host, check.clone()), None, "no file");
        for (text, found) in [
            (r#"{"policyName":"static","checksum":1}"#, None),
            (
                r#"{"policyName":"none","defaultCpuSet":""}"#,
                Some("says policyName `none`, and the plan says `static`: the kubelet exits;"),
            ),
            (
                r#"{"policyName":1}"#,
                Some("has no policyName that can be read"),
            ),
            (
                r#"["policyName"]"#,
                Some("has no policyName that can be read"),
            ),
            ("", Some("has no policyName that can be read")),
        ] {
            host.write(path, text);
            let told = told(&host, check.clone());
            match (&told, found) {
                (None, None) => {}
                (Some(message), Some(part)) => {
                    assert!(message.contains(part), "{text}: {message}");
                    assert!(message.contains("`rm -- "), "{message}");
                }
                _ => panic!("{text}: {told:?}"),
            }
        }
        host.remove(path);
        host.fifo(path);
        assert!(
            host.look(&CheckKind::from(check)).is_err(),
            "it does not wait"
        );
    }
}
