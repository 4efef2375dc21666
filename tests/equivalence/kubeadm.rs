//! Running the real kubeadm.
//!
//! In: the program, a configuration, a host. Out: its verdict, every file of `kubeadm init --dry-run` with its mode, and
//! the settings it would upload. As root it runs in a root directory of its own, whose CA directories are the case's; without,
//! it sees the machine it runs on, which then is the host of every case. Nothing is written outside the scratch directory.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use kubeplan::kubeadm::layout::{CA_CERTS_DIR, EXTRA_CA_DIRS};
use kubeplan::yaml::read::{self, Data};
use tempfile::TempDir;

use super::host::Host;
use super::{objects, warnings};
use crate::tree;

/// Names of the ConfigMap entries that are taken out of what kubeadm says.
/// With the phase that uploads each.
pub const SETTINGS: &[(&str, &str)] = &[
    ("ClusterConfiguration", "upload-config/kubeadm"),
    ("kubelet", "upload-config/kubelet"),
    ("config.conf", "addon/kube-proxy"),
];

/// Mode and content of files, by name.
pub type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// A kubeadm that can be run.
pub struct Kubeadm {
    program: PathBuf,
    scratch: TempDir,
    isolated: bool,
    host: Host,
}

/// What kubeadm did with a configuration.
pub struct KubeadmRun {
    /// Whether both `init --dry-run` and `config validate` take it.
    pub accepted: bool,
    /// What it said about that.
    pub said: String,
    /// The files, flat as in a dry run's directory.
    pub files: Files,
    /// Entries of the ConfigMaps it would upload, by name.
    pub settings: BTreeMap<String, String>,
}

impl Kubeadm {
    /// Prepares `program`.
    ///
    /// # Errors
    /// If it cannot be run, or is of a release this suite does not know.
    pub fn new(program: &Path) -> Result<Self> {
        let program = fs::canonicalize(program)
            .with_context(|| format!("looking for {}", program.display()))?;
        let scratch = tempfile::tempdir()?;
        let isolated = id()? == "0" && prepare_root(&program, scratch.path()).is_ok();
        let host = if isolated {
            Host {
                address: Some(ADDRESS),
                ..Host::default()
            }
        } else {
            Host {
                ca_directories: EXTRA_CA_DIRS
                    .iter()
                    .filter(|directory| Path::new(directory).exists())
                    .map(|directory| (*directory).to_owned())
                    .collect(),
                systemd_resolved: resolved_runs(),
                ..Host::default()
            }
        };
        let mut kubeadm = Self {
            program,
            scratch,
            isolated,
            host,
        };
        kubeadm.host.known = true;
        kubeadm.host.hostname = hostname()?;
        let output = kubeadm
            .command(&["version", "--output=short"], &Host::default())
            .output()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(
            output.status.success() && version.starts_with("v1.36."),
            "kubeadm reports version `{version}`; the suite compares with v1.36 only"
        );
        Ok(kubeadm)
    }

    /// The host of cases that are not varied.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether every case may have a host of its own.
    #[must_use]
    pub fn can_vary_host(&self) -> bool {
        self.isolated
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The name by which kubeadm finds what lies at [`Self::path`].
    fn seen(&self, name: &str) -> PathBuf {
        if self.isolated {
            Path::new("/").join(name)
        } else {
            self.path(name)
        }
    }

    fn command(&self, args: &[&str], host: &Host) -> Command {
        let mut command = if self.isolated {
            isolated(self.scratch.path())
        } else {
            Command::new(&self.program)
        };
        command
            .args(args)
            .env_clear()
            .envs(&host.proxies)
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", self.seen("home"))
            .env("KUBEADM_INIT_DRYRUN_DIR", self.seen("out"));
        command
    }

    /// Runs `kubeadm config validate` and `kubeadm init --dry-run` on `config`.
    ///
    /// # Errors
    /// If it cannot be started or its files cannot be read.
    pub fn run(&self, config: &str, host: &Host) -> Result<KubeadmRun> {
        fs::write(self.path("config.yaml"), config)?;
        let out = self.path("out");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir(&out)?;
        if self.isolated {
            self.make_ca_directories(host)?;
            self.make_patches(host)?;
        }
        let seen = self.seen("config.yaml").display().to_string();
        let validate = self
            .command(&["config", "validate", "--config", &seen], host)
            .output()?;
        let mut run = KubeadmRun {
            accepted: validate.status.success(),
            said: text(&validate),
            files: Files::new(),
            settings: BTreeMap::new(),
        };
        if !run.accepted {
            return Ok(run);
        }
        // The flag replaces the list of the file.
        let skipped = format!("--skip-phases={}", skipped_phases(config).join(","));
        let mut args = vec!["init", "--dry-run", "--config", &seen, &skipped];
        if host.upload_certs {
            args.push("--upload-certs");
        }
        let init = self.command(&args, host).output()?;
        run.accepted = init.status.success();
        run.said = last_lines(&text(&init));
        if run.accepted {
            let said = String::from_utf8_lossy(&init.stdout);
            run.files = files(&out)?;
            run.settings = settings(&said);
            let warnings = warnings::of_kubeadm(&text(&init));
            run.settings.insert("warnings".into(), warnings);
            let images = self
                .command(&["config", "images", "list", "--config", &seen], host)
                .output()?;
            let images = String::from_utf8_lossy(&images.stdout).into_owned();
            run.settings.insert("images".into(), images);
            let node = objects::node_of_dry_run(&said);
            run.settings.insert("node".into(), node);
            for (number, object) in objects::of_dry_run(&said, config).into_iter().enumerate() {
                run.settings.insert(format!("object-{number:02}"), object);
            }
        }
        Ok(run)
    }

    fn make_patches(&self, host: &Host) -> Result<()> {
        let directory = self.path(host.patches_dir().trim_start_matches('/'));
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        for (name, text) in &host.patches {
            let file = directory.join(name);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(file, text)?;
        }
        Ok(())
    }

    /// Whether a kubeadm can have a root directory of its own on this machine, in which it can be given an `/etc/kubernetes`.
    #[must_use]
    pub fn can_be_isolated() -> bool {
        let unshare = Command::new("unshare").args(["--net", "true"]).output();
        id().is_ok_and(|id| id == "0") && unshare.is_ok_and(|output| output.status.success())
    }

    /// Runs [`Self::run`] with `files`, flat as in a dry run's directory, in `/etc/kubernetes` and `/etc/kubernetes/pki`.
    ///
    /// # Errors
    /// If it has no root directory of its own, or the files cannot be written.
    pub fn run_beside(&self, config: &str, host: &Host, files: &Files) -> Result<KubeadmRun> {
        ensure!(self.isolated, "the files would be the machine's own");
        let kubernetes = self.path("etc/kubernetes");
        for (name, (_, bytes)) in files {
            let directory = if name.ends_with(".conf") { "" } else { "pki" };
            let path = kubernetes.join(directory).join(name);
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            fs::write(path, bytes)?;
        }
        let run = self.run(config, host);
        fs::remove_dir_all(&kubernetes)?;
        fs::create_dir(&kubernetes)?;
        run
    }

    /// Runs `kubeadm certs generate-csr` on `config`: its files, flat as in a dry run's directory.
    ///
    /// # Errors
    /// If it fails.
    pub fn generate_csr(&self, config: &str) -> Result<Files> {
        fs::write(self.path("config.yaml"), config)?;
        let out = self.path("csr");
        if out.exists() {
            fs::remove_dir_all(&out)?;
        }
        fs::create_dir(&out)?;
        let seen = |name: &str| self.seen(name).display().to_string();
        let (config, directory) = (seen("config.yaml"), seen("csr"));
        let run = self
            .command(
                &[
                    "certs",
                    "generate-csr",
                    "--config",
                    &config,
                    "--cert-dir",
                    &directory,
                    "--kubeconfig-dir",
                    &directory,
                ],
                &self.host,
            )
            .output()?;
        ensure!(run.status.success(), "{}", last_lines(&text(&run)));
        files(&out)
    }

    fn make_ca_directories(&self, host: &Host) -> Result<()> {
        for directory in EXTRA_CA_DIRS {
            let path = self.path(directory.trim_start_matches('/'));
            let wanted = host.ca_directories.iter().any(|wanted| wanted == directory);
            if wanted {
                fs::create_dir_all(&path)?;
            } else if path.exists() {
                fs::remove_dir(&path)?;
            }
        }
        Ok(())
    }
}

/// A root directory that holds kubeadm, the libraries it is linked with, and nothing else.
fn prepare_root(program: &Path, root: &Path) -> Result<()> {
    fs::copy(program, root.join("kubeadm"))?;
    let linked = Command::new("ldd").arg(program).output()?;
    for library in String::from_utf8_lossy(&linked.stdout).split_whitespace() {
        if library.starts_with('/') {
            let copy = root.join(library.trim_start_matches('/'));
            if let Some(directory) = copy.parent() {
                fs::create_dir_all(directory)?;
            }
            fs::copy(library, copy)?;
        }
    }
    for directory in [
        CA_CERTS_DIR,
        "/tmp",
        "/home",
        "/etc/kubernetes",
        "/proc/net",
    ] {
        fs::create_dir_all(root.join(directory.trim_start_matches('/')))?;
    }
    fs::write(root.join("proc/net/route"), ROUTE)?;
    let output = isolated(root).arg("version").output()?;
    ensure!(
        output.status.success(),
        "kubeadm does not run in its own root directory"
    );
    Ok(())
}

/// The address of the host whose root directory kubeadm gets.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);

/// What kubeadm reads to find that address: a default route through the interface that has it.
const ROUTE: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
    lo\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";

/// kubeadm in `root`, without a network but its own address: it would ask the internet for a version that is not given.
fn isolated(root: &Path) -> Command {
    let script = format!(
        "ip link set lo up && ip address add {ADDRESS}/24 dev lo && exec chroot \"$0\" /kubeadm \"$@\""
    );
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", &script]).arg(root);
    command
}

fn id() -> Result<String> {
    let output = Command::new("id").arg("-u").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn hostname() -> Result<String> {
    let name =
        fs::read_to_string("/proc/sys/kernel/hostname").context("reading this machine's name")?;
    Ok(name.trim().to_lowercase())
}

fn resolved_runs() -> bool {
    Command::new("systemctl")
        .args(["is-active", "systemd-resolved"])
        .output()
        .is_ok_and(|output| matches!(text(&output).trim(), "active" | "activating"))
}

fn text(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{out}{err}")
}

/// The phases that `config` skips, and `preflight`, which looks at the machine.
fn skipped_phases(config: &str) -> Vec<String> {
    let documents = read::read(config).unwrap_or_default();
    let lists = documents
        .iter()
        .filter_map(|document| field(&document.data, "skipPhases"));
    let mut phases = vec!["preflight".to_owned()];
    for item in lists.flat_map(|list| match list {
        Data::Seq(items) => items.as_slice(),
        _ => &[],
    }) {
        if let Data::String(phase) = &item.data {
            phases.push(phase.clone());
        }
    }
    phases
}

/// The end of what a program said: its errors.
fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    let end = lines.get(lines.len().saturating_sub(5)..);
    end.unwrap_or_default().join("\n")
}

fn files(directory: &Path) -> Result<Files> {
    let mut files = Files::new();
    for (name, bytes) in tree::read(directory)? {
        let mode = fs::metadata(directory.join(&name))?.permissions().mode() & 0o7777;
        files.insert(name, (mode, bytes));
    }
    Ok(files)
}

/// `text` with one line feed at its end: whether an entry of a ConfigMap has one, or more, is its object's business.
#[must_use]
pub fn ended(text: &str) -> String {
    format!("{}\n", text.trim_end_matches('\n'))
}

/// The ConfigMap entries named in [`SETTINGS`] among the objects a dry run prints.
fn settings(said: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for object in said.split("[dryrun] Attached object:\n").skip(1) {
        // Only YAML keys and list items stand in the first column of an object; what kubeadm says next starts with `[`.
        let object = object.split("\n[").next().unwrap_or_default();
        let Ok(documents) = read::read(object) else {
            continue;
        };
        let data = documents
            .first()
            .and_then(|document| field(&document.data, "data"));
        for (name, _) in SETTINGS {
            if let Some(Data::String(text)) = data.and_then(|data| field(data, name)) {
                found.insert((*name).to_owned(), ended(text));
            }
        }
    }
    found
}

/// The field `name` of a mapping.
#[must_use]
pub fn field<'a>(data: &'a Data, name: &str) -> Option<&'a Data> {
    match data {
        Data::Map(entries) => entries
            .iter()
            .find(|entry| entry.key == name)
            .map(|entry| &entry.value.data),
        _ => None,
    }
}
