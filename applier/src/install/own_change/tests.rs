#![expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]

use std::collections::BTreeSet;
use std::fs;
use std::ops::Deref;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_testkit::Fault;
use serde_json::json;

use super::super::rollback;
use super::super::stage::Place;
use super::super::testing::OpenRun;
use super::*;
use crate::host::Actions;
use crate::state::journal::{Progress, Run};
use crate::steps::{ChangeError, Committer as _};

const TOKEN: &str = "/etc/app/bootstrap.conf";
const OWN: &str = "/etc/app/own.conf";
const OLD: &str = "old content\n";
const NEW: &str = "new content\n";

/// A host with an open run, whose bundle has two files and two steps that change them.
struct Case(OpenRun);

impl Case {
    fn new() -> Self {
        let mut index = OpenRun::index();
        let file = |path: &str| {
            json!({"name": format!("files{path}"), "kind": "file", "phase": "join", "path": path, "mode": "0600",
                "uid": 0, "gid": 0, "size": OLD.len(), "sha256": Sha256Digest::of(OLD.as_bytes())})
        };
        index["entries"] = json!([file(TOKEN), file(OWN)]);
        index["steps"] = json!([
            {"do": "finish-tls-bootstrap", "phase": "join", "bootstrapKubeconfig": TOKEN, "kubeconfig": OWN, "timeoutSeconds": 1},
            {"do": "use-rotated-certificate", "phase": "join", "kubeconfig": OWN, "certificate": "/c.pem", "service": "agent"}]);
        let contents =
            [TOKEN, OWN].map(|path| (format!("files{path}").parse().unwrap(), OLD.to_owned()));
        let mut open = OpenRun::new(index, contents.into());
        for path in [TOKEN, OWN] {
            open.write(path, OLD);
        }
        open.run = Some(open.begin());
        Self(open)
    }

    fn remove(&self, fault: Fault, path: &str) -> (Result<Removal, ChangeError>, u64) {
        let path: HostPath = path.parse().unwrap();
        self.with(fault, |files| files.remove(0, &path))
    }

    fn replace(&self, fault: Fault, old: &str) -> (Result<(), ChangeError>, u64) {
        let path: HostPath = OWN.parse().unwrap();
        let (old, new) = (old.to_owned(), NEW.to_owned());
        let contents = (SecretBytes::from_text(old), SecretBytes::from_text(new));
        self.with(fault, |files| {
            files.replace(1, &path, (&contents.0, &contents.1), 0o600)
        })
    }

    fn run(&self) -> Run {
        let memory = self.memory();
        memory.runs.current().unwrap().clone()
    }
}

impl Deref for Case {
    type Target = OpenRun;

    fn deref(&self) -> &OpenRun {
        &self.0
    }
}

#[test]
fn a_removed_file_is_on_record_with_a_copy_and_comes_back() {
    let case = Case::new();
    assert_eq!(case.remove(Fault::None, TOKEN).0.unwrap(), Removal::Done);
    assert_eq!(case.on_host(TOKEN), None);
    let run = case.run();
    let attempt = run.attempts.last().unwrap();
    assert_eq!(attempt.planned.name.as_str(), "finish-tls-bootstrap");
    assert_eq!(attempt.progress, Progress::Committed);
    assert!(matches!(
        attempt.planned.changes[..],
        [Change::Remove { .. }]
    ));
    assert!(run.paths_in_place().is_empty());
    assert_eq!(case.remove(Fault::None, TOKEN).0.unwrap(), Removal::Missing);
    let back = case.roll_back();
    assert_eq!(back.restored, [TOKEN.parse().unwrap()]);
    assert!(back.left.is_empty());
    assert_eq!(case.on_host(TOKEN).as_deref(), Some(OLD));
    let mode = fs::metadata(case.at(TOKEN)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn what_others_put_in_its_place_is_left_by_a_rollback_and_named() {
    let case = Case::new();
    case.remove(Fault::None, TOKEN).0.unwrap();
    case.write(TOKEN, "another token");
    let back = case.roll_back();
    assert_eq!(back.left, [TOKEN.parse().unwrap()]);
    assert_eq!(case.on_host(TOKEN).as_deref(), Some("another token"));
}

#[test]
fn only_a_file_of_the_bundle_is_removed_and_only_as_it_was_installed() {
    let case = Case::new();
    let before = case.run().attempts.len();
    // No file of the bundle.
    case.write("/etc/app/shadow", OLD);
    for (path, why) in [
        ("/etc/app/shadow", "not a file of this bundle"),
        ("/etc/app", "it is not a file"),
    ] {
        let left = case.remove(Fault::None, path).0.unwrap();
        assert!(
            matches!(left, Removal::Left(said) if said.contains(why)),
            "{left:?}"
        );
    }
    assert_eq!(case.on_host("/etc/app/shadow").as_deref(), Some(OLD));
    // Changed since.
    case.write(TOKEN, "mine");
    let left = case.remove(Fault::None, TOKEN).0.unwrap();
    assert!(matches!(left, Removal::Left(why) if why.contains("not as it was installed")));
    assert_eq!(case.on_host(TOKEN).as_deref(), Some("mine"));
    // A link in its place.
    fs::remove_file(case.at(TOKEN)).unwrap();
    symlink("own.conf", case.at(TOKEN)).unwrap();
    let left = case.remove(Fault::None, TOKEN).0.unwrap();
    assert!(matches!(left, Removal::Left(_)));
    assert_eq!(case.on_host(OWN).as_deref(), Some(OLD));
    assert_eq!(case.run().attempts.len(), before);
}

#[test]
fn a_replaced_file_is_on_record_with_a_copy_and_comes_back() {
    let case = Case::new();
    let error = case.replace(Fault::None, "something else").0.unwrap_err();
    assert_eq!(error.to_string(), format!("`{OWN}` cannot be replaced"));
    assert_eq!(case.on_host(OWN).as_deref(), Some(OLD));
    case.replace(Fault::None, OLD).0.unwrap();
    assert_eq!(case.on_host(OWN).as_deref(), Some(NEW));
    assert_eq!(case.run().paths_in_place(), [&OWN.parse().unwrap()]);
    let memory = case.memory();
    let actions = Actions::default();
    let place = Place::of(&memory, &case.root, &actions);
    let preview = rollback::preview(place, &case.run(), &BTreeSet::new()).unwrap();
    assert_eq!((preview.len(), preview[0].action), (1, "restore"));
    assert!(case.roll_back().left.is_empty());
    assert_eq!(case.on_host(OWN).as_deref(), Some(OLD));
}

#[test]
fn a_run_is_begun_where_none_is_open() {
    let mut case = Case::new();
    let first = case.0.run.take();
    case.remove(Fault::None, TOKEN).0.unwrap();
    assert_ne!(Some(case.run().number()), first);
    case.roll_back();
    assert_eq!(case.on_host(TOKEN).as_deref(), Some(OLD));
}

/// Stopped, without power, and failing at every durable action: the file is as before or as after, the next run goes on, and a
/// rollback brings it back.
#[test]
fn a_change_by_a_live_step_is_whole_whatever_happens() {
    let kinds: [fn(u64) -> Fault; 3] = [Fault::StopAfter, Fault::LoseUnsynced, Fault::FailAt];
    for kind in kinds {
        for (path, after) in [(TOKEN, None), (OWN, Some(NEW.to_owned()))] {
            let act = |case: &Case, fault| {
                if path == TOKEN {
                    let (outcome, performed) = case.remove(fault, TOKEN);
                    (outcome.map(drop), performed)
                } else if case.on_host(OWN).as_deref() == Some(NEW) {
                    (Ok(()), 0)
                } else {
                    case.replace(fault, OLD)
                }
            };
            let mut crashed = 0;
            for number in 0.. {
                let case = Case::new();
                let fault = kind(number);
                let (outcome, performed) = act(&case, fault);
                let whole = |case: &Case| {
                    let found = case.on_host(path);
                    assert!(
                        found.as_deref() == Some(OLD) || found == after,
                        "{fault:?}: {found:?}"
                    );
                };
                whole(&case);
                case.recover();
                whole(&case);
                assert!(case.leftovers() == 0, "{fault:?}");
                act(&case, Fault::None).0.unwrap();
                assert_eq!(case.on_host(path), after, "{fault:?}");
                assert!(case.leftovers() == 0, "{fault:?}");
                assert!(case.roll_back().left.is_empty(), "{fault:?}");
                assert_eq!(case.on_host(path).as_deref(), Some(OLD), "{fault:?}");
                if outcome.is_ok() && performed <= number {
                    break;
                }
                crashed += 1;
            }
            assert!(crashed > 10, "{crashed}");
        }
    }
}

impl Case {
    /// As if the run had created both files itself.
    fn created(&self) {
        let actions = Actions::default();
        let mut memory = self.memory();
        let run = self.run.unwrap();
        let number = memory.runs.get(run).unwrap().next_transaction();
        let salt = memory.salt.as_ref().unwrap();
        let changes = [TOKEN, OWN].map(|path| {
            let path = RootPath::from(&path.parse::<HostPath>().unwrap());
            let directory = self.root.open_directory(&path.parent()).unwrap().unwrap();
            let Found::File(meta) = directory.inspect(path.file_name()).unwrap() else {
                panic!()
            };
            Change::Create {
                path: path.as_str().parse().unwrap(),
                after: FileState::of(meta, salt.digest(OLD.as_bytes())),
            }
        });
        let planned = PlannedChanges {
            number,
            name: "files".parse().unwrap(),
            phase: "join".parse().unwrap(),
            changes: changes.into(),
        };
        for record in [
            Record::Filled {
                time: self.index.created,
                transactions: vec![planned],
            },
            Record::Prepared {
                transaction: number,
            },
            Record::Committed {
                transaction: number,
            },
        ] {
            let recorded = memory.runs.record(&self.root, &actions, run, record);
            assert!(recorded.is_ok());
        }
    }
}

#[test]
fn what_the_run_made_itself_is_not_left_behind_by_a_rollback() {
    let case = Case::new();
    case.created();
    case.remove(Fault::None, TOKEN).0.unwrap();
    case.replace(Fault::None, OLD).0.unwrap();
    let run = case.run();
    assert_eq!(run.paths_in_place(), [&OWN.parse().unwrap()]);
    let memory = case.memory();
    let installed = memory.as_installed();
    let node = installed.node(&case.index.cluster, &case.index.node.name);
    let files: Vec<&str> = node.unwrap().files.keys().map(HostPath::as_str).collect();
    assert_eq!(files, [OWN]);
    let actions = Actions::default();
    let place = Place::of(&memory, &case.root, &actions);
    let previews = rollback::preview(place, &run, &BTreeSet::new()).unwrap();
    let previews: Vec<(&str, &str)> = previews
        .iter()
        .map(|preview| (preview.path.as_str(), preview.action))
        .collect();
    assert_eq!(previews, [(OWN, "remove")]);
    let back = case.roll_back();
    assert!(back.left.is_empty(), "{:?}", back.left);
    assert_eq!(back.restored.len(), 2, "{:?}", back.restored);
    assert_eq!((case.on_host(TOKEN), case.on_host(OWN)), (None, None));
}
