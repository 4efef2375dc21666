#![expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Index;
use kubeplan_terminal::CliError;
use serde_json::json;

use super::super::recover::recover;
use super::super::report::InstallReport;
use super::super::request::Request;
use super::super::rollback::{self, RolledBack};
use super::super::run::Operator;
use super::super::stage::Place;
use super::super::steps::{LateRun, LiveSteps};
use super::*;
use crate::host::clock::Clock;
use crate::host::durable::Fault;
use crate::host::{Actions, Root};
use crate::state::journal::record::{Begin, FORMAT, RecordedRequest};
use crate::state::journal::{Progress, Run};
use crate::state::memory::Memory;
use crate::steps::{Committer as _, Event, FileError};

const TOKEN: &str = "/etc/app/bootstrap.conf";
const OWN: &str = "/etc/app/own.conf";
const OLD: &str = "old content\n";
const NEW: &str = "new content\n";

struct Silent;

impl Operator for Silent {
    fn agrees(&mut self, _: &InstallReport) -> Result<bool, CliError> {
        Ok(true)
    }

    fn event(&mut self, _: &Event) {}
}

/// A host with an open run, whose bundle has two files and two steps that change them.
struct Case {
    folder: tempfile::TempDir,
    root: Root,
    index: Index,
    contents: BTreeMap<EntryName, String>,
    request: Request,
    run: Option<u32>,
}

impl Case {
    fn new() -> Self {
        let mut value: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/data/index.json")).unwrap();
        let file = |path: &str| {
            json!({"name": format!("files{path}"), "kind": "file", "phase": "join", "path": path, "mode": "0600",
                "uid": 0, "gid": 0, "size": OLD.len(), "sha256": Sha256Digest::of(OLD.as_bytes())})
        };
        value["entries"] = json!([file(TOKEN), file(OWN)]);
        value["steps"] = json!([
            {"do": "finish-tls-bootstrap", "phase": "join", "bootstrapKubeconfig": TOKEN, "kubeconfig": OWN, "timeoutSeconds": 1},
            {"do": "use-rotated-certificate", "phase": "join", "kubeconfig": OWN, "certificate": "/c.pem", "service": "agent"}]);
        let index: Index = serde_json::from_value(value).unwrap();
        let folder = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        fs::create_dir_all(folder.path().join("etc/app")).unwrap();
        let root = Root::open(folder.path()).unwrap();
        let contents = [TOKEN, OWN]
            .map(|path| (format!("files{path}").parse().unwrap(), OLD.to_owned()))
            .into();
        let mut case = Self {
            contents,
            request: Request::default(),
            folder,
            root,
            index,
            run: None,
        };
        for path in [TOKEN, OWN] {
            case.write(path, OLD);
        }
        case.run = Some(case.begin());
        case
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.at(path), text).unwrap();
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn begin(&self) -> u32 {
        let actions = Actions::new(Fault::None);
        let mut memory = Memory::load(&self.root).unwrap();
        ensure_salt(&mut memory, &self.root, &actions).unwrap();
        let begin = Begin {
            format: FORMAT.to_owned(),
            run: memory.runs.next_number(),
            time: self.index.created,
            version: "0".into(),
            request: RecordedRequest::default(),
            index_digest: Sha256Digest::of(b"index"),
            plan_digest: self.index.plan_digest,
            cluster: self.index.cluster.clone(),
            node: self.index.node.name.clone(),
            serial: 1,
            confirm_by: None,
            previous: None,
            stages: Some(crate::host::RunTag::random().unwrap()),
            folders: vec!["/etc/app".parse().unwrap()],
            transactions: Vec::new(),
        };
        memory.runs.begin(&self.root, &actions, begin).unwrap()
    }

    /// As a program that was just started, with what it remembers.
    fn with<T>(&self, fault: Fault, action: impl FnOnce(&mut Recorder<'_, '_>) -> T) -> (T, u64) {
        let actions = Actions::new(fault);
        let mut memory = Memory::load(&self.root).unwrap();
        let none = BTreeSet::new();
        let steps = LiveSteps {
            request: &self.request,
            index: &self.index,
            contents: &self.contents,
            root: &self.root,
            actions: &actions,
            selected: &none,
            completed: &none,
            files_changed: false,
            run: Cell::new(self.run),
            late: Some(self),
        };
        let mut recorder = Recorder {
            operator: &mut Silent,
            clock: Clock::System,
            memory: &mut memory,
            steps: &steps,
        };
        let value = action(&mut recorder);
        (value, actions.count())
    }

    fn remove(&self, fault: Fault, path: &str) -> (Result<Removal, FileError>, u64) {
        let path: HostPath = path.parse().unwrap();
        self.with(fault, |files| files.remove(0, &path))
    }

    fn replace(&self, fault: Fault, old: &str) -> (Result<(), FileError>, u64) {
        let path: HostPath = OWN.parse().unwrap();
        let (old, new) = (old.to_owned(), NEW.to_owned());
        let contents = (SecretBytes::from_text(old), SecretBytes::from_text(new));
        self.with(fault, |files| {
            files.replace(1, &path, (&contents.0, &contents.1), 0o600)
        })
    }

    fn recover(&self) {
        let actions = Actions::new(Fault::None);
        let mut memory = Memory::load(&self.root).unwrap();
        recover(&mut memory, &self.root, &actions, self.index.created).unwrap();
    }

    fn roll_back(&self) -> RolledBack {
        let actions = Actions::new(Fault::None);
        let mut memory = Memory::load(&self.root).unwrap();
        let number = memory.runs.current().unwrap().number();
        let (now, none) = (self.index.created, BTreeSet::new());
        rollback::begin(&mut memory, &self.root, &actions, now, number, &none).unwrap();
        rollback::carry_out(&mut memory, &self.root, &actions, now, number).unwrap()
    }

    fn on_host(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    fn run(&self) -> Run {
        let memory = Memory::load(&self.root).unwrap();
        memory.runs.current().unwrap().clone()
    }

    fn leftovers(&self) -> bool {
        let etc = fs::read_dir(self.at("/etc")).unwrap();
        let app = fs::read_dir(self.at("/etc/app")).unwrap();
        etc.chain(app).any(|entry| {
            let name = entry.unwrap().file_name();
            name.to_string_lossy().contains(".kubeplan-stage-")
        })
    }
}

impl LateRun for Case {
    fn begin_late(&self, memory: &mut Memory) -> Result<u32, CliError> {
        let run = self.begin();
        *memory = Memory::load(&self.root)?;
        Ok(run)
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
        ("/etc/app", "something else than a file"),
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
    let memory = Memory::load(&case.root).unwrap();
    let actions = Actions::new(Fault::None);
    let place = Place::of(&memory, &case.root, &actions);
    let preview = rollback::preview(place, &case.run(), &BTreeSet::new()).unwrap();
    assert_eq!((preview.len(), preview[0].action), (1, "restore"));
    assert!(case.roll_back().left.is_empty());
    assert_eq!(case.on_host(OWN).as_deref(), Some(OLD));
}

#[test]
fn a_run_is_begun_where_none_is_open() {
    let mut case = Case::new();
    let first = case.run.take();
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
                assert!(!case.leftovers(), "{fault:?}");
                act(&case, Fault::None).0.unwrap();
                assert_eq!(case.on_host(path), after, "{fault:?}");
                assert!(!case.leftovers(), "{fault:?}");
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
        let actions = Actions::new(Fault::None);
        let mut memory = Memory::load(&self.root).unwrap();
        let run = self.run.unwrap();
        let number = memory.runs.get(run).unwrap().next_transaction();
        let salt = memory.salt.as_ref().unwrap();
        let changes = [TOKEN, OWN].map(|path| {
            let path = RootPath::from(&path.parse::<HostPath>().unwrap());
            let folder = self.root.open_directory(&path.parent()).unwrap().unwrap();
            let Found::File(meta) = folder.inspect(path.file_name()).unwrap() else {
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
    let memory = Memory::load(&case.root).unwrap();
    let installed = memory.as_installed();
    let node = installed.node(&case.index.cluster, &case.index.node.name);
    let files: Vec<&str> = node.unwrap().files.keys().map(HostPath::as_str).collect();
    assert_eq!(files, [OWN]);
    let actions = Actions::new(Fault::None);
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
