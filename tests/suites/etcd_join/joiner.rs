//! A host that joins: a root directory of its own, with what runs its static Pod of etcd.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kubeplan_bundle::index::{
    Api, ClusterRef, Hole, HostMatch, NodeRef, NodeRole, Operation, Placement, Platform, Target,
    Tool, Transaction,
};
use kubeplan_bundle::seal::CommitSalt;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::PrivateKey;
use kubeplan_bundle::step::{EtcdClient, EtcdPods, JoinEtcd, PhaseName, Step};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_bundle::writer::{Draft, DraftContent, DraftEntry};
use kubeplan_testhosts::command;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use tempfile::TempDir;

use super::super::crash::AS_KUBEAPPLY;
use super::site::{ANNOTATION, LABELS, Site};

const MANIFEST: &str = "etc/kubernetes/manifests/etcd.yaml";
const DATA: &str = "var/lib/etcd";
/// Where the programs lie in the root directory.
const PROGRAM: &str = "/usr/bin/kubeapply";
const ETCD: &str = "/usr/bin/etcd";

pub(super) struct Joiner<'s> {
    site: &'s Site,
    dir: TempDir,
    pub(super) name: String,
    pub(super) address: String,
    kubelet: Option<Kubelet>,
}

/// How a run of kubeapply ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ended {
    pub(super) fn expect(self, code: i32) -> Result<Self> {
        ensure!(
            self.code == Some(code),
            "exit code {code} expected: {self:#?}"
        );
        Ok(self)
    }
}

impl<'s> Joiner<'s> {
    /// The host `cp<number>` at its address, with all it needs but the bundle.
    pub(super) fn new(site: &'s Site, number: u8) -> Result<Self> {
        let joiner = Self {
            site,
            dir: tempfile::tempdir()?,
            name: format!("cp{number}"),
            address: format!("192.168.10.1{number}"),
            kubelet: None,
        };
        site.add_address(&joiner.address)?;
        joiner.copy_program()?;
        joiner.write(
            "etc/kubernetes/admin.conf",
            &site.read("etc/kubernetes/super-admin.conf")?,
        )?;
        let signers = format!(
            "author namespaces=\"kubeplan-bundle\" {}",
            author()?.public().to_openssh()
        );
        joiner.write("etc/kubeplan/allowed_signers", &format!("{signers}\n"))?;
        joiner.certificates("etc/kubernetes/pki/etcd")?;
        joiner.bundle(60)?;
        Ok(joiner)
    }

    pub(super) fn peer_url(&self) -> String {
        format!("https://{}:2380", self.address)
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn write(&self, path: &str, content: &str) -> Result<()> {
        let path = self.path(path);
        fs::create_dir_all(path.parent().context("no directory")?)?;
        fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    }

    pub(super) fn manifest(&self) -> Option<String> {
        fs::read_to_string(self.path(MANIFEST)).ok()
    }

    /// This test program and its libraries, so that it runs with the directory as its root.
    fn copy_program(&self) -> Result<()> {
        let program = std::env::current_exe()?;
        let libraries = command::text(Command::new("ldd").arg(&program))?;
        let paths = libraries
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        for path in paths {
            self.copy(Path::new(path), path)?;
        }
        self.copy(&program, PROGRAM)
    }

    fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let to = self.path(to);
        fs::create_dir_all(to.parent().context("no directory")?)?;
        command::link_or_copy(&fs::canonicalize(from)?, &to)
    }

    /// Certificates of the CA of the first node's etcd.
    fn certificates(&self, dir: &str) -> Result<()> {
        let authority = self.site.read("etc/kubernetes/pki/etcd/ca.crt")?;
        let key = KeyPair::from_pem(&self.site.read("etc/kubernetes/pki/etcd/ca.key")?)?;
        let issuer = Issuer::from_ca_cert_pem(&authority, key)?;
        for name in ["server", "peer", "healthcheck-client"] {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
            // On one machine who calls has the address of whom he calls, and etcd compares that with the certificate.
            for number in 1..=4 {
                let address = format!("192.168.10.1{number}").parse()?;
                params.subject_alt_names.push(SanType::IpAddress(address));
            }
            params.extended_key_usages = vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ];
            let key = KeyPair::generate()?;
            let certificate = params.signed_by(&key, &issuer)?;
            self.write(&format!("{dir}/{name}.crt"), &certificate.pem())?;
            self.write(&format!("{dir}/{name}.key"), &key.serialize_pem())?;
        }
        self.write(&format!("{dir}/ca.crt"), &authority)
    }

    /// The bundle whose only step joins etcd, and tries each call for so long.
    pub(super) fn bundle(&self, timeout_seconds: u32) -> Result<()> {
        let mut bytes = Vec::new();
        self.draft(timeout_seconds)?
            .prepare()?
            .write(1, &[], &[&author()?], &mut bytes)?;
        fs::write(self.path("bundle.tar.gz"), bytes)?;
        Ok(())
    }

    fn draft(&self, timeout_seconds: u32) -> Result<Draft> {
        let phase: PhaseName = "etcd-join".parse()?;
        let place = |path: &str, mode: &str| -> Result<Placement> {
            Ok(Placement {
                path: format!("/{path}").parse()?,
                mode: mode.parse()?,
                uid: 0,
                gid: 0,
            })
        };
        let content = DraftContent::Public(self.template().into_bytes());
        let mut manifest = DraftEntry::file(phase.clone(), place(MANIFEST, "0600")?, content);
        manifest.holes.push(Hole::EtcdInitialCluster {
            at: "spec/containers/0/command/2".parse()?,
        });
        let dir = |path| -> Result<DraftEntry> {
            Ok(DraftEntry::directory(phase.clone(), place(path, "0700")?))
        };
        let entries = vec![dir(DATA)?, dir("etc/kubernetes/manifests")?, manifest];
        let pki = |name: &str| format!("/etc/kubernetes/pki/etcd/{name}").parse();
        let step = Step::JoinEtcd(JoinEtcd {
            phase: phase.clone(),
            member: self.name.parse()?,
            peer_url: self.peer_url(),
            pods: EtcdPods {
                namespace: "kube-system".into(),
                labels: LABELS.map(|(key, value)| (key.into(), value.into())).into(),
                client_urls: ANNOTATION.into(),
            },
            client: EtcdClient {
                authority: pki("ca.crt")?,
                certificate: pki("healthcheck-client.crt")?,
                key: pki("healthcheck-client.key")?,
            },
            transaction: "etcd".parse()?,
            timeout_seconds,
        });
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_secs())?;
        let time = |seconds| Timestamp::from_unix_seconds(seconds).context("the clock");
        Ok(Draft {
            operation: Operation::Join,
            sources: None,
            cluster: ClusterRef {
                name: "test".parse()?,
                id: kubeplan_bundle::digest::Sha256Digest::of(b"cluster"),
            },
            node: NodeRef {
                name: self.name.parse()?,
                role: NodeRole::ControlPlane,
            },
            target: Target {
                r#match: HostMatch::default(),
                platform: Platform {
                    os: "linux".into(),
                    arch: "amd64".into(),
                },
            },
            created: time(now - 60)?,
            apply_after: time(now - 60)?,
            apply_before: time(now + 86_400)?,
            test_only: false,
            planner: Tool {
                name: "kubeplan".into(),
                version: "0.1.0".into(),
            },
            api: Some(Api {
                kubeconfig: "/etc/kubernetes/admin.conf".parse()?,
                server: "https://192.168.10.11:6443".into(),
                timeout_seconds: 30,
            }),
            annotations: Default::default(),
            transactions: vec![Transaction {
                name: "etcd".parse()?,
                entries: entries.iter().map(|entry| entry.name.clone()).collect(),
            }],
            entries,
            steps: vec![step],
            commit_salt: CommitSalt::new(SecretBytes::new(vec![7; 32]))?,
        })
    }

    /// The manifest with its hole.
    fn template(&self) -> String {
        let (name, address) = (&self.name, &self.address);
        let pki = "/etc/kubernetes/pki/etcd";
        let flags = [
            format!("--name={name}"),
            "--initial-cluster=<hole:etcd-initial-cluster>".to_owned(),
            "--initial-cluster-state=existing".to_owned(),
            format!("--data-dir=/{DATA}"),
            format!("--advertise-client-urls=https://{address}:2379"),
            format!("--initial-advertise-peer-urls=https://{address}:2380"),
            format!("--listen-client-urls=https://{address}:2379"),
            format!("--listen-peer-urls=https://{address}:2380"),
            "--client-cert-auth=true".to_owned(),
            "--peer-client-cert-auth=true".to_owned(),
            // As said at the certificates: the first node's names that node alone.
            "--peer-skip-client-san-verification=true".to_owned(),
            format!("--cert-file={pki}/server.crt"),
            format!("--key-file={pki}/server.key"),
            format!("--peer-cert-file={pki}/peer.crt"),
            format!("--peer-key-file={pki}/peer.key"),
            format!("--trusted-ca-file={pki}/ca.crt"),
            format!("--peer-trusted-ca-file={pki}/ca.crt"),
        ];
        let flags: String = flags.iter().map(|flag| format!("    - {flag}\n")).collect();
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n  namespace: kube-system\nspec:\n  containers:\n  - command:\n    - etcd\n{flags}    image: example.com/etcd\n    name: etcd\n  volumes:\n  - hostPath:\n      path: /{DATA}\n      type: DirectoryOrCreate\n    name: etcd-data\n"
        )
    }

    /// Runs the static Pod from now on, as a kubelet would.
    pub(super) fn start_kubelet(&mut self) -> Result<()> {
        let mut etcd = vec!["chroot".to_owned(), self.dir.path().display().to_string()];
        if !self.path(ETCD).exists() {
            self.copy(self.site.etcd(), ETCD)?;
        }
        etcd.push(ETCD.to_owned());
        let nsenter = self.site.command(Path::new("env"))?;
        let prefix: Vec<String> = std::iter::once(nsenter.get_program())
            .chain(nsenter.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .chain(etcd)
            .collect();
        self.kubelet = Some(Kubelet::start(
            prefix,
            self.path(MANIFEST),
            self.path("etcd.log"),
        ));
        Ok(())
    }

    pub(super) fn stop_kubelet(&mut self) {
        self.kubelet = None;
    }

    /// A command that is kubeapply on this host.
    fn kubeapply(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.site.command(Path::new("chroot"))?;
        command
            .arg(self.dir.path())
            .arg(PROGRAM)
            .args(arguments)
            .env(AS_KUBEAPPLY, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        Ok(command)
    }

    /// Runs kubeapply on this host.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Ended> {
        ended(self.kubeapply(arguments)?.spawn()?)
    }

    /// Begins an installation.
    pub(super) fn begin(&self) -> Result<Child> {
        Ok(self
            .kubeapply(&["install", "--yes", "/bundle.tar.gz"])?
            .spawn()?)
    }

    pub(super) fn install(&self) -> Result<Ended> {
        ended(self.begin()?)
    }

    /// As if nothing had ever been installed here.
    pub(super) fn wipe(&mut self) -> Result<()> {
        self.stop_kubelet();
        for path in [DATA, "etc/kubernetes/manifests", "var/lib/kubeplan"] {
            let path = self.path(path);
            if path.exists() {
                fs::remove_dir_all(path)?;
            }
        }
        Ok(())
    }

    pub(super) fn etcd_log(&self) -> String {
        fs::read_to_string(self.path("etcd.log")).map_or_else(
            |_| "etcd wrote nothing".to_owned(),
            |log| command::last_lines(&log),
        )
    }
}

pub(super) fn ended(child: Child) -> Result<Ended> {
    let output = child.wait_with_output()?;
    Ok(Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn author() -> Result<PrivateKey> {
    Ok(PrivateKey::from_ed25519_seed(&[1; 32], "author")?)
}

/// Runs what a manifest says, from when it appears until it vanishes.
struct Kubelet {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Kubelet {
    fn start(prefix: Vec<String>, manifest: PathBuf, log: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut running: Option<(String, Child)> = None;
            let mut rest = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&manifest).ok();
                let gone = running.as_mut().is_some_and(|(of, child)| {
                    Some(&*of) != text.as_ref() || !matches!(child.try_wait(), Ok(None))
                });
                if gone && let Some((_, mut child)) = running.take() {
                    let _ = child.kill();
                    let _ = child.wait();
                    rest = Instant::now() + Duration::from_millis(500);
                }
                if running.is_none()
                    && Instant::now() >= rest
                    && let Some(text) = text
                {
                    running = spawn(&prefix, &text, &log).map(|child| (text, child));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            if let Some((_, mut child)) = running {
                let _ = child.kill();
                let _ = child.wait();
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

fn spawn(prefix: &[String], manifest: &str, log: &Path) -> Option<Child> {
    let flags = manifest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- --"))
        .map(|flag| format!("--{flag}"));
    let log = fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .ok()?;
    let (program, rest) = prefix.split_first()?;
    Command::new(program)
        .args(rest)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .ok()
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
