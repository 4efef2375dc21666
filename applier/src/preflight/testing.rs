//! A host in a temporary directory, and answers of a running system.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Mutex;

use kubeplan_bundle::check::{CgroupRequirements, KernelOption, Severity, SystemRequirements};
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{
    Blob, BundleKind, ClusterRef, Content, Entry, EntryName, HostMatch, Index, NodeRef, NodeRole,
    Operation, Place, Placement, Platform, Target, Tool,
};
use kubeplan_bundle::step::Step;
use kubeplan_bundle::timestamp::Timestamp;

use super::surroundings::Surroundings;
use super::{Looked, View};
use crate::contents::Contents;
use crate::host::Root;
use crate::host::program::{Limit, Programs, RunError, Runner, Said};
use crate::host::system::{Kernel, System};
use crate::net::fetch::ClientTls;
use crate::runtime::{Condition, CriError, Runtime, Status};
use crate::state::installed::InstalledNode;

/// A host: a tree and a system.
pub(super) struct Host {
    dir: tempfile::TempDir,
    pub(super) system: FakeSystem,
    pub(super) cluster: RefCell<Sha256Digest>,
    pub(super) pull: bool,
    /// Public files of the bundle, by their paths.
    pub(super) files: BTreeMap<String, String>,
    /// What an earlier installation recorded.
    pub(super) record: Option<InstalledNode>,
    /// Steps of the bundle.
    pub(super) steps: Vec<Step>,
}

/// A bundle with these public entries, by name.
#[derive(Default)]
pub(super) struct Entries(pub(super) BTreeMap<String, Vec<u8>>);

impl Contents for Entries {
    fn public(&self, name: &EntryName) -> Option<&[u8]> {
        self.0.get(name.as_str()).map(Vec::as_slice)
    }

    fn secret(&self, _: &EntryName) -> Option<&[u8]> {
        None
    }
}

/// The time at which checks are made.
pub(super) fn now() -> Timestamp {
    "2026-11-20T10:23:25Z".parse().unwrap()
}

/// A running system that answers what it is told to.
pub(super) struct FakeSystem {
    pub(super) root: bool,
    pub(super) cpus: Result<u32, String>,
    pub(super) memory_mib: u64,
    pub(super) kernel: Kernel,
    pub(super) path: Vec<String>,
    pub(super) proxies: BTreeMap<String, String>,
    pub(super) used_ports: Vec<u16>,
    pub(super) broken_ports: Vec<u16>,
    /// By the words of the command.
    pub(super) programs: BTreeMap<String, Said>,
    pub(super) names: Vec<String>,
    /// By URL, in the order in which they are given.
    pub(super) documents: Mutex<BTreeMap<String, Vec<Fetched>>>,
    pub(super) paused: Mutex<u64>,
    pub(super) runtime: Option<FakeRuntime>,
}

/// Status and body, or why there is no answer.
type Fetched = Result<(u16, String), String>;

/// A container runtime.
#[derive(Clone)]
pub(super) struct FakeRuntime {
    pub(super) status: Status,
    pub(super) config: Result<(), CriError>,
    pub(super) store: Vec<String>,
    /// References that can be pulled, after so many failures.
    pub(super) registry: BTreeMap<String, usize>,
    pub(super) pulled: std::sync::Arc<Mutex<Vec<String>>>,
}

impl Default for FakeRuntime {
    fn default() -> Self {
        Self {
            status: Status {
                conditions: vec![Condition {
                    name: "RuntimeReady".into(),
                    holds: true,
                    message: String::new(),
                }],
                sandbox: Some("sandbox:1".into()),
            },
            config: Ok(()),
            store: vec![],
            registry: BTreeMap::new(),
            pulled: Default::default(),
        }
    }
}

impl Runtime for FakeRuntime {
    fn status(&self) -> Result<Status, CriError> {
        Ok(self.status.clone())
    }

    fn config(&self) -> Result<(), CriError> {
        self.config.clone()
    }

    fn has_image(&self, reference: &str) -> Result<bool, CriError> {
        Ok(self.store.iter().any(|stored| stored == reference))
    }

    fn pull(&self, reference: &str) -> Result<(), CriError> {
        let mut pulled = self.pulled.lock().unwrap();
        pulled.push(reference.to_owned());
        let tries = pulled.iter().filter(|name| *name == reference).count();
        match self.registry.get(reference) {
            Some(failures) if tries > *failures => Ok(()),
            _ => Err(CriError::Failed {
                call: "PullImage",
                reason: "not found".into(),
            }),
        }
    }
}

impl Default for FakeSystem {
    /// A system that every check is content with.
    fn default() -> Self {
        let programs = [
            ("systemctl --version", said("systemd 257", true)),
            (
                "systemctl show --property=LoadState,ActiveState fw",
                said("LoadState=not-found\nActiveState=inactive\n", true),
            ),
            ("systemctl is-enabled fw", said("not-found\n", false)),
            (
                "systemctl show --property=LoadState,ActiveState agent",
                said("LoadState=loaded\nActiveState=inactive\n", true),
            ),
            ("systemctl is-enabled agent", said("enabled\n", true)),
            ("agent --version", said("Agent v2.36.2\n", true)),
        ];
        Self {
            root: true,
            cpus: Ok(2),
            memory_mib: 1700,
            kernel: Kernel {
                name: "Linux".into(),
                release: "6.12.3".into(),
            },
            path: vec!["/usr/bin".into(), "/bin".into()],
            proxies: BTreeMap::new(),
            used_ports: vec![],
            broken_ports: vec![],
            programs: programs
                .into_iter()
                .map(|(words, answer)| (words.to_owned(), answer))
                .collect(),
            names: vec!["cp-0".into()],
            documents: Mutex::default(),
            paused: Mutex::default(),
            runtime: Some(FakeRuntime::default()),
        }
    }
}

impl Surroundings for FakeSystem {
    fn fetch(&self, url: &str, _: &ClientTls) -> Result<(u16, String), String> {
        let mut documents = self.documents.lock().unwrap();
        match documents.get_mut(url) {
            Some(answers) if !answers.is_empty() => answers.remove(0),
            _ => Err("refused".into()),
        }
    }

    fn runtime(&self, socket: &str) -> Result<Box<dyn Runtime>, CriError> {
        match &self.runtime {
            Some(runtime) => Ok(Box::new(runtime.clone())),
            None => Err(CriError::Connect {
                socket: socket.to_owned(),
                reason: "no such file".into(),
            }),
        }
    }
}

impl Runner for FakeSystem {
    fn run_with(
        &self,
        program: &str,
        arguments: &[&str],
        _: &[(String, String)],
        limit: Limit,
    ) -> Result<Said, RunError> {
        let words = [&[program], arguments].concat().join(" ");
        match self.programs.get(&words) {
            Some(said) => Ok(said.clone()),
            // As a program that is not there.
            None => Programs::Directory("/nowhere".into()).run(program, arguments, limit),
        }
    }
}

impl System for FakeSystem {
    fn is_root(&self) -> bool {
        self.root
    }

    fn cpus(&self) -> Result<u32, String> {
        self.cpus.clone()
    }

    fn memory_mib(&self) -> u64 {
        self.memory_mib
    }

    fn kernel(&self) -> Kernel {
        self.kernel.clone()
    }

    fn search_path(&self) -> Vec<String> {
        self.path.clone()
    }

    fn proxies(&self) -> BTreeMap<String, String> {
        self.proxies.clone()
    }

    fn is_free(&self, port: u16) -> Result<bool, String> {
        if self.broken_ports.contains(&port) {
            return Err("permission denied".into());
        }
        Ok(!self.used_ports.contains(&port))
    }

    fn programs(&self) -> &dyn Runner {
        self
    }

    fn resolve(&self, name: &str) -> Result<(), String> {
        if self.names.iter().any(|known| known == name) {
            Ok(())
        } else {
            Err("unknown".into())
        }
    }

    fn pause(&self, seconds: u64) {
        *self.paused.lock().unwrap() += seconds;
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests build the tree they look at"
)]
impl Host {
    pub(super) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            system: FakeSystem::default(),
            cluster: RefCell::new(Sha256Digest::of(b"ca")),
            pull: true,
            files: BTreeMap::new(),
            record: None,
            steps: vec![],
        }
    }

    pub(super) fn root(&self) -> Root {
        Root::open(self.dir.path()).unwrap()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        self.write_bytes(path, text.as_bytes());
    }

    pub(super) fn write_bytes(&self, path: &str, bytes: &[u8]) {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, bytes).unwrap();
    }

    /// An empty file whose name need not be text.
    pub(super) fn name(&self, directory: &str, name: &[u8]) {
        use std::os::unix::ffi::OsStrExt as _;

        let directory = self.at(directory);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
    }

    pub(super) fn program(&self, path: &str, mode: u32) {
        self.write(path, "#!");
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn directory(&self, path: &str) {
        fs::create_dir_all(self.at(path)).unwrap();
    }

    pub(super) fn remove(&self, path: &str) {
        let at = self.at(path);
        if at.is_dir() {
            fs::remove_dir_all(at).unwrap();
        } else {
            fs::remove_file(at).unwrap();
        }
    }

    pub(super) fn fifo(&self, path: &str) {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at).status();
        assert!(made.unwrap().success());
    }

    pub(super) fn link(&self, path: &str, target: &str) {
        let at = self.at(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, at).unwrap();
    }

    pub(super) fn view<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        let mut index = index(*self.cluster.borrow(), self.steps.clone());
        let mut contents = Entries::default();
        for (path, text) in &self.files {
            let entry = public_file(path, text);
            contents
                .0
                .insert(entry.name.to_string(), text.clone().into_bytes());
            index.entries.push(entry);
        }
        look(&View {
            root: &self.root(),
            system: &self.system,
            index: &index,
            contents: &contents,
            now: now(),
            record: self.record.as_ref(),
            pull: self.pull,
        })
    }

    /// Looks as a check of `kind` would.
    pub(super) fn look(&self, kind: &kubeplan_bundle::check::CheckKind) -> Looked {
        self.view(|view| super::kinds::look(kind, view))
    }
}

/// What a program said on its standard output.
pub(super) fn said(text: &str, success: bool) -> Said {
    Said {
        code: Some(if success { 0 } else { 1 }),
        stdout: text.to_owned(),
        stderr: String::new(),
    }
}

/// An entry of a public file.
fn public_file(path: &str, text: &str) -> Entry {
    Entry {
        name: format!("files{path}").parse().unwrap(),
        phase: "certs".parse().unwrap(),
        place: Place::File(Placement {
            path: path.parse().unwrap(),
            mode: "0644".parse().unwrap(),
            uid: 0,
            gid: 0,
        }),
        content: Content::Public(Blob::of(text.as_bytes())),
        handoff: false,
        holes: vec![],
    }
}

/// An index with these steps and no files.
pub(super) fn index(cluster: Sha256Digest, steps: Vec<Step>) -> Index {
    Index {
        format: kubeplan_bundle::index::FORMAT.into(),
        kind: BundleKind::Node,
        operation: Operation::Init,
        sources: None,
        requires: vec![],
        cluster: ClusterRef {
            name: "test".parse().unwrap(),
            id: cluster,
        },
        node: NodeRef {
            name: "cp-0".parse().unwrap(),
            role: NodeRole::ControlPlane,
        },
        target: Target {
            r#match: HostMatch::default(),
            platform: Platform {
                os: "linux".into(),
                arch: "amd64".into(),
            },
        },
        plan_digest: Sha256Digest::of(b""),
        serial: 1,
        created: "2026-11-20T00:00:00Z".parse().unwrap(),
        apply_after: "2026-11-20T00:00:00Z".parse().unwrap(),
        apply_before: "2027-11-20T00:00:00Z".parse().unwrap(),
        test_only: true,
        planner: Tool {
            name: "kubeplan".into(),
            version: "0".into(),
        },
        entries: vec![].into(),
        sealed: None,
        members: vec![],
        payloads: vec![],
        transactions: vec![],
        steps,
        api: None,
        annotations: BTreeMap::new(),
    }
}

const OPTIONS: [&str; 3] = ["MEMCG", "INET", "NETFILTER_XT_TARGET_REDIRECT"];

fn option(name: &str) -> KernelOption {
    KernelOption {
        name: name.into(),
        aliases: if name == "NETFILTER_XT_TARGET_REDIRECT" {
            vec!["IP_NF_TARGET_REDIRECT".into()]
        } else {
            vec![]
        },
    }
}

/// What a kubelet needs, in short.
pub(super) fn requirements() -> SystemRequirements {
    let controllers = |required: &[&str], optional: &[&str]| CgroupRequirements {
        required: required.iter().map(|name| (*name).into()).collect(),
        optional: optional.iter().map(|name| (*name).into()).collect(),
    };
    SystemRequirements {
        os: "Linux".into(),
        kernel_series: ["5.4", "5.10", "5.15"].map(Into::into).to_vec(),
        kernel_major: 6,
        kernel_severity: Severity::Warning,
        options: OPTIONS.map(option).to_vec(),
        options_v1: vec![option("CGROUP_CPUACCT")],
        options_v2: vec![option("CGROUP_BPF")],
        v1: controllers(&["cpu", "cpuacct"], &["blkio"]),
        v2: controllers(&["cpu", "devices", "freezer"], &["io"]),
        program: "agent".into(),
        v1_error_since: Some("2.35.0-0".into()),
    }
}

/// A configuration with every option of [`requirements`] but these.
pub(super) fn kernel_config(without: &[&str]) -> String {
    let mut text = "# comment\n".to_owned();
    for name in OPTIONS.iter().chain(&["CGROUP_BPF", "CGROUP_CPUACCT"]) {
        let name = format!("CONFIG_{name}");
        if without.contains(&name.as_str()) {
            text.push_str(&format!("# {name} is not set\n"));
        } else {
            text.push_str(&format!("{name}=y\n"));
        }
    }
    text
}
