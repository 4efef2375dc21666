//! A host in a directory of its own, the two bundles for it, and the commands that are run on it.
//!
//! In: the planner, in this process. Out: two bundles of one node, every transaction of which differs; hosts that can be saved and
//! put back; `status` as a value.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::index::{EntryName, Place};
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_testkit::Fault;
use serde::Deserialize;
use tempfile::TempDir;

use super::compare::{Group, STAGE, Tree, read, without_state};
use crate::programs::{Run, Setting, kubeplan, repository};

/// What the second plan adds to the first: something in each transaction.
const CHANGES: &str = "apiServer:
  certSANs: [second.example.com]
  extraArgs: [{name: v, value: \"2\"}]
controllerManager:
  extraArgs: [{name: v, value: \"2\"}]
scheduler:
  extraArgs: [{name: v, value: \"2\"}]
etcd:
  local:
    extraArgs: [{name: snapshot-count, value: \"5000\"}]
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 42
";

/// Two plans of the same node, and what a host needs to install them.
pub struct Bundles {
    directory: TempDir,
    /// The first one's transactions, in order; the second has the same.
    pub groups: Vec<Group>,
}

/// Which bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Serial 1.
    First,
    /// Serial 2.
    Second,
}

impl Bundles {
    /// Plans them, with test keys.
    ///
    /// # Errors
    /// If planning fails.
    pub fn plan() -> Result<Self> {
        let directory = scratch()?;
        let at = |name: &str| directory.path().join(name).display().to_string();
        kubeplan(&["keygen", "-o", &at("author")]).expect(0)?;
        let public = fs::read_to_string(at("author.pub"))?;
        fs::write(at("allowed_signers"), format!("author {public}"))?;
        let fixture = repository().join("fixtures/single-node-ecdsa.yaml");
        let first = fs::read_to_string(fixture)?;
        let second = format!("{}\n{CHANGES}", first.trim_end());
        let now = i64::try_from(
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)?
                .as_secs(),
        )?;
        // Processes have the real clock; the plans are made an hour apart, so that no certificate is the same.
        for (name, text, time) in [("first", first, now - 3600), ("second", second, now)] {
            fs::write(at("cluster.yaml"), text)?;
            let now = Timestamp::from_unix_seconds(time)
                .context("no such time")?
                .to_string();
            kubeplan(&[
                "plan",
                "-f",
                &at("cluster.yaml"),
                "--now",
                &now,
                "--output",
                &at("out"),
                "--sign-key",
                &at("author"),
                "--identity-out",
                &at("identity"),
                "--test-pki",
                "crash",
            ])
            .expect(0)?;
            let mut written = fs::read_dir(at("out"))?;
            let bundle = written.next().context("plan wrote nothing")??.path();
            fs::copy(bundle, at(name))?;
        }
        let mut bundles = Self {
            directory,
            groups: Vec::new(),
        };
        bundles.groups = bundles.transactions(Which::First)?;
        let names = |groups: &[Group]| -> Vec<_> {
            groups
                .iter()
                .map(|g| (g.name.clone(), g.paths.clone()))
                .collect()
        };
        let second = bundles.transactions(Which::Second)?;
        ensure!(
            names(&bundles.groups) == names(&second) && second.len() > 2,
            "the plans have different transactions"
        );
        Ok(bundles)
    }

    /// Where a bundle is.
    #[must_use]
    pub fn path(&self, which: Which) -> PathBuf {
        self.directory.path().join(match which {
            Which::First => "first",
            Which::Second => "second",
        })
    }

    fn transactions(&self, which: Which) -> Result<Vec<Group>> {
        let bundle = Bundle::open(fs::File::open(self.path(which))?)?.into_intact()?;
        let index = bundle.index();
        let path_of = |name: &EntryName| {
            let entry = index.entries.iter().find(|entry| entry.name == *name)?;
            match &entry.place {
                Place::File(at) | Place::Directory(at) => {
                    Some(at.path.as_str().trim_start_matches('/').to_owned())
                }
                Place::Object | Place::Payload => None,
            }
        };
        Ok(index
            .transactions
            .iter()
            .map(|transaction| Group {
                name: transaction.name.to_string(),
                paths: transaction.entries.iter().filter_map(path_of).collect(),
            })
            .collect())
    }

    /// The words of an installation, without `--root`.
    #[must_use]
    pub fn install_words(&self, which: Which, more: &[&str]) -> Vec<String> {
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        let mut words = vec![
            "install".to_owned(),
            self.path(which).display().to_string(),
            "--allowed-signers".to_owned(),
            at("allowed_signers"),
            "--identity".to_owned(),
            at("identity"),
            "--allow-test-only".to_owned(),
            // A reset forgets what is installed, but no serial.
            "--allow-older-serial".to_owned(),
        ];
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words
    }
}

/// A directory in memory if there is one: there `fsync` costs nothing, and what a killed process wrote is there all the same.
fn scratch() -> Result<TempDir> {
    let memory = tempfile::Builder::new()
        .prefix("kubeplan-crash-")
        .tempdir_in("/dev/shm");
    Ok(memory.or_else(|_| tempfile::tempdir())?)
}

/// A host.
pub struct Host<'a> {
    directory: TempDir,
    /// The bundles for it.
    pub bundles: &'a Bundles,
}

/// What `status --format json` says, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// In one word.
    pub state: String,
    /// The commands to run next.
    pub next: Vec<String>,
    /// The run that counts.
    pub run: Option<RunStatus>,
    drift: Vec<serde_json::Value>,
}

/// A run in [`Status`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    transactions: Vec<TransactionStatus>,
    /// Whether there is a way back.
    pub can_be_rolled_back: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct TransactionStatus {
    name: String,
    progress: String,
}

impl Status {
    /// Whether a run or a rollback is not over.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        matches!(self.state.as_str(), "interrupted" | "rollback-interrupted")
    }

    /// Whether others changed anything since, as far as `status` knows.
    #[must_use]
    pub fn has_drift(&self) -> bool {
        !self.drift.is_empty()
    }

    /// Where the run stands: the state and, unless it is over, the transaction that is at work.
    #[must_use]
    pub fn phase(&self) -> String {
        let Some(run) = self.run.as_ref().filter(|_| self.is_interrupted()) else {
            return self.state.clone();
        };
        let mut last: Vec<&TransactionStatus> = Vec::new();
        for transaction in &run.transactions {
            last.retain(|other| other.name != transaction.name);
            last.push(transaction);
        }
        let rolls_back = self.state == "rollback-interrupted";
        let done = if rolls_back { "as-before" } else { "in-place" };
        let open = if rolls_back {
            last.iter().rev().find(|one| one.progress != done)
        } else {
            last.iter().find(|one| one.progress != done)
        };
        match open {
            Some(one) => format!("{}: {} {}", self.state, one.name, one.progress),
            None => format!("{}: all {done}", self.state),
        }
    }
}

impl<'a> Host<'a> {
    /// A host with nothing but another program's files.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn bare(bundles: &'a Bundles) -> Result<Self> {
        let host = Self {
            directory: scratch()?,
            bundles,
        };
        for directory in ["etc", "var/lib/other"] {
            fs::create_dir_all(host.root().join(directory))?;
        }
        host.put("etc/hostname", "cp1\n", 0o644)?;
        host.put("var/lib/other/data", "precious\n", 0o640)?;
        Ok(host)
    }

    /// Puts a file of another program there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn put(&self, path: &str, text: &str, mode: u32) -> Result<()> {
        let path = self.root().join(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(&path, text)?;
        Ok(fs::set_permissions(
            &path,
            fs::Permissions::from_mode(mode),
        )?)
    }

    /// The host's root directory.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// A path beside the root.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// These words with `--root` of this host.
    #[must_use]
    pub fn rooted<T: AsRef<str>>(&self, words: &[T]) -> Vec<String> {
        let mut all: Vec<String> = words.iter().map(|word| word.as_ref().to_owned()).collect();
        all.push("--root".to_owned());
        all.push(self.root().display().to_string());
        all
    }

    /// Runs `kubeapply` on this host, in this process.
    pub fn run<T: AsRef<str>>(&self, fault: Fault, words: &[T]) -> Run {
        let setting = Setting {
            fault,
            ..Setting::default()
        };
        setting.kubeapply(&self.rooted(words))
    }

    /// An installation that only recovers: the operator says no.
    pub fn recover_only(&self, words: &[String]) -> Run {
        let setting = Setting {
            answer: Some("n\n"),
            ..Setting::default()
        };
        setting.kubeapply(&self.rooted(words))
    }

    /// What `status` says.
    ///
    /// # Errors
    /// If it fails.
    pub fn status(&self) -> Result<Status> {
        let run = self
            .run(Fault::None, &["status", "--format", "json"])
            .expect(0)
            .context("status")?;
        serde_json::from_slice(&run.out).with_context(|| run.text())
    }

    /// The words of a command that `status` printed; `install_words` stand in for `install BUNDLE`.
    ///
    /// # Errors
    /// If it is no command for this host.
    pub fn words_of(&self, command: &str, install_words: &[String]) -> Result<Vec<String>> {
        ensure!(!command.contains('\''), "quoted words: {command}");
        let mut words = command.split_whitespace().map(str::to_owned);
        ensure!(
            words.next().as_deref() == Some("kubeapply"),
            "no command: {command}"
        );
        let words: Vec<String> = words.collect();
        if let Some(rest) = words.strip_prefix(&["install".to_owned(), "BUNDLE".to_owned()]) {
            return Ok(install_words.iter().chain(rest).cloned().collect());
        }
        Ok(words)
    }

    /// Runs words that name their root already.
    #[must_use]
    pub fn run_exactly(&self, words: &[String]) -> Run {
        Setting::default().kubeapply(words)
    }

    /// Everything but what the program remembers.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn tree(&self) -> Result<Tree> {
        Ok(without_state(self.save()?))
    }

    /// Temporary files and directories, also in what the program remembers.
    ///
    /// # Errors
    /// If the host cannot be read.
    pub fn leftovers(&self) -> Result<Vec<String>> {
        let names = self.save()?.into_keys();
        Ok(names.filter(|name| name.contains(STAGE)).collect())
    }

    /// Everything.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn save(&self) -> Result<Tree> {
        read(&self.root())
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn restore(&self, tree: &Tree) -> Result<()> {
        let root = self.root();
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        for (name, node) in tree {
            let path = root.join(name);
            match (&node.bytes, &node.target) {
                (Some(bytes), _) => fs::write(&path, bytes)?,
                (None, Some(target)) => symlink(target, &path)?,
                (None, None) => fs::create_dir(&path)?,
            }
            if node.target.is_none() {
                own(&path, node.owner)?;
            }
        }
        for (name, node) in tree.iter().rev() {
            if node.target.is_none() {
                let mode = fs::Permissions::from_mode(node.mode);
                fs::set_permissions(root.join(name), mode)?;
            }
        }
        Ok(())
    }
}

fn own(path: &Path, owner: (u32, u32)) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let found = fs::symlink_metadata(path)?;
    if (found.uid(), found.gid()) != owner {
        chown(path, Some(owner.0), Some(owner.1))?;
    }
    Ok(())
}
