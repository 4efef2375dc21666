//! A host in a temporary directory, the bundles for it, and a way to run the program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kubeapply::Surroundings;
use kubeapply::host::clock::Clock;
use kubeapply::host::durable::Actions;
use kubeplan_bundle::check::Check;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{
    Api, ClusterRef, Hole, HostMatch, NodeRef, NodeRole, Operation, Placement, Platform,
    SecretClass, Target, Tool, Transaction,
};
use kubeplan_bundle::seal::{CommitSalt, Identities, Recipient};
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::step::{
    ApplyObjects, CommitTransaction, FinishTlsBootstrap, LabelAndTaintNode, PhaseName, Preflight,
    Step, Taint, TaintEffect,
};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::writer::{Draft, DraftContent, DraftEntry};
use kubeplan_terminal::{Buffer, Io, Stream, Terminals};
use kubeplan_testkit::{Fault, Faults};

use crate::tree::{self, Tree};

/// Inside every test bundle's time window.
pub(crate) const NOW: &str = "2026-11-20T12:00:00Z";

/// A secret that must not be seen anywhere outside its file.
pub(crate) const SECRET: &str = "c2VjcmV0LWtleS1tYXRlcmlhbA==";

pub(crate) const CA: &str = "/etc/app/pki/ca.crt";
pub(crate) const ADMIN: &str = "/etc/app/admin.conf";
pub(crate) const HANDOFF: &str = "/etc/app/agent.conf";
pub(crate) const CONFIG: &str = "/var/lib/agent/config.yaml";
pub(crate) const MANIFEST: &str = "/etc/app/manifests/server.yaml";
pub(crate) const FILES: [&str; 5] = [CA, ADMIN, HANDOFF, CONFIG, MANIFEST];

/// Everything a test needs.
pub(crate) struct Fixture {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) author: PrivateKey,
    recipient: Recipient,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Durable actions, also the one that failed.
    pub(crate) performed: u64,
}

impl Output {
    #[track_caller]
    pub(crate) fn expect(self, code: u8) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Runs the program with these streams.
pub(crate) struct Run {
    pub(crate) now: &'static str,
    pub(crate) fault: Fault,
    pub(crate) stdin: &'static str,
    pub(crate) terminal: bool,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            now: NOW,
            fault: Fault::None,
            stdin: "",
            terminal: false,
        }
    }
}

impl Run {
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let (stdout, stderr) = (Buffer::default(), Buffer::default());
        let terminals = if self.terminal {
            Terminals::ALL
        } else {
            Terminals::default()
        };
        let streams = (Stream::new(stdout.clone()), Stream::new(stderr.clone()));
        let io = Io::new(self.stdin.as_bytes(), streams.0, streams.1, terminals);
        let faults = Faults::new(self.fault);
        let around = Surroundings {
            clock: Clock::Fixed(self.now.parse().unwrap()),
            actions: Actions::observed(Rc::new(faults.clone())),
        };
        let args = std::iter::once("kubeapply")
            .chain(args.iter().copied())
            .map(OsString::from);
        let code = kubeapply::run(args, &around, &mut io.coloured());
        Output {
            code,
            stdout: String::from_utf8(stdout.take()).unwrap(),
            stderr: String::from_utf8(stderr.take()).unwrap(),
            performed: faults.performed(),
        }
    }
}

impl Fixture {
    /// An empty root, whose `/etc/kubeplan` trusts the author.
    pub(crate) fn new() -> Self {
        // Syncing costs nothing there, and these tests do little else.
        let dir = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap();
        let author = PrivateKey::from_ed25519_seed(&[1; 32], "author@example.com").unwrap();
        let (identity, recipient) = Identities::generate();
        let file = dir.path().join("identity.txt");
        fs::write(&file, identity.expose()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        let fixture = Self {
            dir,
            author,
            recipient,
        };
        fixture.trust(&fixture.author, "author@example.com", "kubeplan-bundle");
        fixture
    }

    pub(crate) fn trust(&self, key: &PrivateKey, principal: &str, namespace: &str) {
        let public = key.public();
        Run::default()
            .run(&[
                "trust",
                "add",
                &public.to_openssh(),
                "--principal",
                principal,
                "--namespaces",
                namespace,
                "--fingerprint",
                &public.fingerprint().to_string(),
                "--root",
                &self.root(),
            ])
            .expect(0);
    }

    pub(crate) fn root(&self) -> String {
        self.path("root").display().to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A path inside the root.
    pub(crate) fn host(&self, path: &str) -> PathBuf {
        self.dir
            .path()
            .join("root")
            .join(path.trim_start_matches('/'))
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.host(path)).unwrap()
    }

    /// Writes the bundle of `plan` as serial 1, signed by the author.
    pub(crate) fn bundle(&self, plan: Plan) -> String {
        let author = self.author.clone();
        self.write("bundle.tar.gz", plan, 1, &[&author])
    }

    pub(crate) fn write(
        &self,
        name: &str,
        plan: Plan,
        serial: u64,
        authors: &[&PrivateKey],
    ) -> String {
        let recipients = plan.recipients.clone();
        let recipients = recipients.unwrap_or_else(|| vec![self.recipient.clone()]);
        let mut bytes = Vec::new();
        plan.draft()
            .prepare()
            .unwrap()
            .write(serial, &recipients, authors, &mut bytes)
            .unwrap();
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// `install BUNDLE` into the root, with the identity and these further arguments.
    pub(crate) fn install(&self, bundle: &str, more: &[&str]) -> Output {
        self.install_with(&Run::default(), bundle, more)
    }

    pub(crate) fn install_with(&self, run: &Run, bundle: &str, more: &[&str]) -> Output {
        let root = self.root();
        let identity = self.path("identity.txt").display().to_string();
        let mut args = vec!["install", bundle, "--root", &root, "--identity", &identity];
        args.extend(more);
        run.run(&args)
    }

    /// `kubeapply` with these arguments, on the root.
    pub(crate) fn run(&self, run: &Run, args: &[&str]) -> Output {
        let root = self.root();
        let mut all = args.to_vec();
        all.extend(["--root", &root]);
        run.run(&all)
    }

    /// Kills an installation as soon as `status` says this of the host.
    pub(crate) fn stop_when(&self, bundle: &str, says: &str) {
        self.save("stop-when");
        for number in 0..1000 {
            self.restore("stop-when");
            let run = Run {
                fault: Fault::StopAfter(number),
                ..Run::default()
            };
            self.install_with(&run, bundle, &[]);
            if self.run(&Run::default(), &["status"]).stdout.contains(says) {
                fs::remove_dir_all(self.path("stop-when")).unwrap();
                return;
            }
        }
        panic!("never `{says}`");
    }

    /// Everything about the root but times and the program's own state.
    pub(crate) fn tree(&self) -> Tree {
        tree::read(&self.path("root"), &["var/lib/kubeplan"])
    }

    /// Keeps a copy of the root under this name.
    pub(crate) fn save(&self, name: &str) {
        copy(&self.path("root"), &self.path(name));
    }

    /// Puts the copy back.
    pub(crate) fn restore(&self, name: &str) {
        fs::remove_dir_all(self.path("root")).unwrap();
        copy(&self.path(name), &self.path("root"));
    }

    /// Everything about the root: kinds, modes, owners, times, contents.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, String> {
        let mut tree = BTreeMap::new();
        walk(&self.path("root"), &mut tree);
        tree
    }

    /// Names of temporary files and directories in the root.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        self.snapshot()
            .into_keys()
            .filter(|path| path.to_string_lossy().contains(".kubeplan-stage"))
            .collect()
    }

    pub(crate) fn mode(&self, path: &str) -> u32 {
        fs::symlink_metadata(self.host(path)).unwrap().mode() & 0o7777
    }
}

/// Copies a tree with modes, owners and times.
fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp")
        .arg("-a")
        .arg(from)
        .arg(to)
        .status()
        .unwrap();
    assert!(status.success());
}

fn walk(path: &Path, tree: &mut BTreeMap<PathBuf, String>) {
    let meta = fs::symlink_metadata(path).unwrap();
    let kind = meta.file_type();
    let content = if kind.is_symlink() {
        fs::read_link(path).unwrap().display().to_string()
    } else if kind.is_file() {
        Sha256Digest::of(&fs::read(path).unwrap()).to_string()
    } else if kind.is_fifo() {
        "fifo".to_owned()
    } else {
        "directory".to_owned()
    };
    tree.insert(
        path.to_owned(),
        format!(
            "{:o} {}:{} {}.{} {content}",
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.mtime(),
            meta.mtime_nsec()
        ),
    );
    if kind.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), tree);
        }
    }
}

/// What to plan; the default is a small node with every kind of file.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) ca: String,
    pub(crate) config: String,
    pub(crate) agent: String,
    pub(crate) manifest: String,
    pub(crate) secret: String,
    pub(crate) target: HostMatch,
    pub(crate) test_only: bool,
    pub(crate) recipients: Option<Vec<Recipient>>,
    pub(crate) without_config: bool,
    pub(crate) cluster_id: Sha256Digest,
    pub(crate) node: &'static str,
    pub(crate) apply_after: &'static str,
    pub(crate) apply_before: &'static str,
    pub(crate) annotations: BTreeMap<String, String>,
    /// With objects and steps that need a running cluster.
    pub(crate) live_steps: bool,
    /// With a step that takes [`HANDOFF`] away once it was used.
    pub(crate) bootstraps: bool,
    /// What is looked at first: one list for each run.
    pub(crate) checks: Vec<Vec<Check>>,
    /// What the bundle itself ignores.
    pub(crate) ignore: Vec<&'static str>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            ca: "certificate 1\n".into(),
            config: "config: 1\nport: 10250\n".into(),
            agent: "agent-1".into(),
            manifest: "manifest: 1\n".into(),
            secret: SECRET.into(),
            target: HostMatch::default(),
            test_only: false,
            recipients: None,
            without_config: false,
            cluster_id: Sha256Digest::of(b"ca"),
            node: "cp-0",
            apply_after: "2026-11-20T00:00:00Z",
            apply_before: "2027-10-20T00:00:00Z",
            annotations: BTreeMap::new(),
            live_steps: false,
            bootstraps: false,
            checks: vec![],
            ignore: vec![],
        }
    }
}

impl Plan {
    /// The second version of every file.
    pub(crate) fn second() -> Self {
        Self {
            ca: "certificate 2\n".into(),
            config: "config: 2\nport: 10250\n".into(),
            agent: "agent-2".into(),
            manifest: "manifest: 2\n".into(),
            secret: "c2Vjb25kLXNlY3JldC1rZXk=".into(),
            ..Self::default()
        }
    }

    /// The bytes planned for a path.
    pub(crate) fn content(&self, path: &str) -> String {
        match path {
            CA => self.ca.clone(),
            ADMIN => kubeconfig("admin", &self.secret),
            HANDOFF => kubeconfig(&self.agent, &self.secret),
            CONFIG => self.config.clone(),
            MANIFEST => self.manifest.clone(),
            _ => panic!("{path}"),
        }
    }

    pub(crate) fn draft(&self) -> Draft {
        let certs: PhaseName = "certs".parse().unwrap();
        let last: PhaseName = "control-plane".parse().unwrap();
        let place =
            |path: &str, mode: &str| DraftEntry::directory(certs.clone(), placement(path, mode));
        let public = |path: &str, mode: &str| {
            let content = DraftContent::Public(self.content(path).into_bytes());
            DraftEntry::file(certs.clone(), placement(path, mode), content)
        };
        let secret = |path: &str| {
            let content = DraftContent::Secret {
                class: SecretClass::Kubeconfig,
                bytes: SecretBytes::from_text(self.content(path)),
                spki: None,
            };
            DraftEntry::file(certs.clone(), placement(path, "0600"), content)
        };
        let mut handoff = secret(HANDOFF);
        handoff.handoff = true;
        let mut first = vec![
            place("/etc/app", "0755"),
            place("/etc/app/pki", "0755"),
            public(CA, "0644"),
            secret(ADMIN),
            handoff,
            place("/var/lib/agent", "0700"),
        ];
        if !self.without_config {
            first.push(public(CONFIG, "0644"));
        }
        let second = vec![
            place("/etc/app/manifests", "0700"),
            public(MANIFEST, "0600"),
        ];
        let transaction = |name: &str, entries: &[DraftEntry]| Transaction {
            name: name.parse().unwrap(),
            entries: entries.iter().map(|entry| entry.name.clone()).collect(),
        };
        let transactions = vec![
            transaction("node", &first),
            transaction("static-pods", &second),
        ];
        let step = |phase: &PhaseName, name: &str| {
            Step::CommitTransaction(CommitTransaction {
                phase: phase.clone(),
                transaction: name.parse().unwrap(),
            })
        };
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let mut entries: Vec<DraftEntry> = first.into_iter().chain(second).collect();
        let preflight = self.checks.iter().map(|checks| {
            Step::Preflight(Preflight {
                phase: "preflight".parse().unwrap(),
                checks: checks.clone(),
                ignore: self
                    .ignore
                    .iter()
                    .map(|name| name.parse().unwrap())
                    .collect(),
            })
        });
        let mut steps: Vec<Step> = preflight.collect();
        steps.extend([step(&certs, "node"), step(&last, "static-pods")]);
        if self.bootstraps {
            steps.push(Step::FinishTlsBootstrap(FinishTlsBootstrap {
                phase: "wait-bootstrap".parse().unwrap(),
                bootstrap_kubeconfig: HANDOFF.parse().unwrap(),
                kubeconfig: "/etc/kubernetes/kubelet.conf".parse().unwrap(),
                timeout_seconds: 300,
            }));
        }
        if self.live_steps {
            let (objects, live) = live_steps(&self.secret);
            entries.extend(objects);
            steps.extend(live);
        }
        Draft {
            operation: Operation::Init,
            sources: None,
            cluster: ClusterRef {
                name: "test".parse().unwrap(),
                id: self.cluster_id,
            },
            node: NodeRef {
                name: self.node.parse().unwrap(),
                role: NodeRole::ControlPlane,
            },
            target: Target {
                r#match: self.target.clone(),
                platform: Platform {
                    os: "linux".into(),
                    arch: "amd64".into(),
                },
            },
            created: time(self.apply_after),
            apply_after: time(self.apply_after),
            apply_before: time(self.apply_before),
            test_only: self.test_only,
            planner: Tool {
                name: "kubeplan".into(),
                version: "0.1.0".into(),
            },
            api: steps.iter().any(Step::calls_api).then(|| Api {
                kubeconfig: "/etc/kubernetes/admin.conf".parse().unwrap(),
                server: "https://10.0.0.10:6443".into(),
                timeout_seconds: 60,
            }),
            annotations: self.annotations.clone(),
            entries,
            transactions,
            steps,
            commit_salt: CommitSalt::new(SecretBytes::new(vec![7; 32])).unwrap(),
        }
    }
}

/// A public object, a sealed one with a hole, and a node to label and taint.
fn live_steps(secret: &str) -> (Vec<DraftEntry>, [Step; 2]) {
    let phase: PhaseName = "bootstrap-token".parse().unwrap();
    let object = |name: &str, content| {
        DraftEntry::object(
            phase.clone(),
            format!("objects/{name}").parse().unwrap(),
            content,
        )
    };
    let text = format!(
        "apiVersion: v1\ndata:\n  expiration: <hole:token-expiry>\n  token-secret: {secret}\nkind: Secret\n"
    );
    let content = DraftContent::Secret {
        class: SecretClass::SecretObject,
        bytes: SecretBytes::from_text(text),
        spki: None,
    };
    let mut token = object("02-token.yaml", content);
    token.holes.push(Hole::TokenExpiry {
        at: "data/expiration".parse().unwrap(),
        ttl: "24h0m0s".parse().unwrap(),
    });
    let info = DraftContent::Public(b"kind: ConfigMap\n".to_vec());
    let objects = vec![object("01-info.yaml", info), token];
    let apply = Step::ApplyObjects(ApplyObjects {
        phase,
        entries: objects.iter().map(|entry| entry.name.clone()).collect(),
        fallback_kubeconfig: None,
    });
    let label = Step::LabelAndTaintNode(LabelAndTaintNode {
        phase: "mark-control-plane".parse().unwrap(),
        node: "cp-0".parse().unwrap(),
        labels: BTreeMap::from([("example.com/role".into(), String::new())]),
        taints: vec![Taint {
            key: "example.com/role".into(),
            value: String::new(),
            effect: TaintEffect::NoSchedule,
        }],
    });
    (objects, [label, apply])
}

fn placement(path: &str, mode: &str) -> Placement {
    Placement {
        path: path.parse().unwrap(),
        mode: mode.parse().unwrap(),
        uid: 0,
        gid: 0,
    }
}

fn kubeconfig(user: &str, secret: &str) -> String {
    format!(
        "apiVersion: v1\n\
         clusters:\n\
         - cluster:\n    \
             certificate-authority-data: Y2E=\n    \
             server: https://10.0.0.1:6443\n  \
           name: test\n\
         contexts:\n\
         - context:\n    \
             cluster: test\n    \
             user: {user}\n  \
           name: {user}@test\n\
         current-context: {user}@test\n\
         kind: Config\n\
         users:\n\
         - name: {user}\n  \
           user:\n    \
             client-certificate-data: Y2VydA==\n    \
             client-key-data: {secret}\n"
    )
}
