//! A host with an open run, for tests of what a live step changes.

#![expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{EntryName, Index};
use kubeplan_testkit::Fault;

use super::InstallError;
use super::means::Operator;
use super::record::ensure_salt;
use super::recover::recover;
use super::report::InstallReport;
use super::request::Request;
use super::rollback::{self, RolledBack};
use super::steps::{LateRun, LiveSteps, Recorder};
use crate::host::clock::Clock;
use crate::host::{Actions, Root, RunTag};
use crate::state::journal::record::{Begin, FORMAT, RecordedRequest};
use crate::state::memory::Memory;
use crate::steps::Event;

struct Silent;

impl Operator for Silent {
    fn agrees(&mut self, _: &InstallReport) -> Result<bool, String> {
        Ok(true)
    }

    fn event(&mut self, _: &Event) {}
}

/// A host, a bundle, and the number of the run that installs it, once there is one.
pub(super) struct OpenRun {
    directory: tempfile::TempDir,
    pub(super) root: Root,
    pub(super) index: Index,
    contents: BTreeMap<EntryName, String>,
    request: Request,
    pub(super) run: Option<u32>,
}

impl OpenRun {
    /// A host on which nothing is installed, and a bundle with this index and these public contents.
    pub(super) fn new(index: serde_json::Value, contents: BTreeMap<EntryName, String>) -> Self {
        let directory = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        Self {
            root: Root::open(directory.path()).unwrap(),
            directory,
            index: serde_json::from_value(index).unwrap(),
            contents,
            request: Request::default(),
            run: None,
        }
    }

    /// The index that tests of this crate begin with.
    pub(super) fn index() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/data/index.json")).unwrap()
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.directory.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(super) fn on_host(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    /// Begins a run, and returns its number.
    pub(super) fn begin(&self) -> u32 {
        let actions = Actions::default();
        let mut memory = self.memory();
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
            stages: Some(RunTag::random().unwrap()),
            directories: vec!["/etc/app".parse().unwrap()],
            transactions: Vec::new(),
        };
        memory.runs.begin(&self.root, &actions, begin).unwrap()
    }

    /// What a program that was just started remembers.
    pub(super) fn memory(&self) -> Memory {
        Memory::load(&self.root).unwrap()
    }

    /// As a program that was just started, with what it remembers; returns how many durable actions there were, too.
    pub(super) fn with<T>(
        &self,
        fault: Fault,
        action: impl FnOnce(&mut Recorder<'_, '_>) -> T,
    ) -> (T, u64) {
        let (actions, faults) = Actions::failing(fault);
        let mut memory = self.memory();
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
        (value, faults.performed())
    }

    /// What the next run does first.
    pub(super) fn recover(&self) {
        let actions = Actions::default();
        let mut memory = self.memory();
        recover(&mut memory, &self.root, &actions, self.index.created).unwrap();
    }

    /// Brings back what the newest run changed.
    pub(super) fn roll_back(&self) -> RolledBack {
        let actions = Actions::default();
        let mut memory = self.memory();
        let number = memory.runs.current().unwrap().number();
        let (now, none) = (self.index.created, BTreeSet::new());
        rollback::begin(&mut memory, &self.root, &actions, now, number, &none).unwrap();
        rollback::carry_out(&mut memory, &self.root, &actions, now, number).unwrap()
    }

    /// How many unfinished files there are.
    pub(super) fn leftovers(&self) -> usize {
        fn count(directory: &Path) -> usize {
            let entries = fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            entries
                .map(|path| {
                    let temporary = path.to_string_lossy().contains(".kubeplan-stage-");
                    usize::from(temporary) + if path.is_dir() { count(&path) } else { 0 }
                })
                .sum()
        }
        count(self.directory.path())
    }
}

impl LateRun for OpenRun {
    fn begin_late(&self, memory: &mut Memory) -> Result<u32, InstallError> {
        let run = self.begin();
        *memory = Memory::load(&self.root)?;
        Ok(run)
    }
}
