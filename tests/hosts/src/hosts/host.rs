//! One host: its files, and the process that holds its namespaces.
//!
//! A host outlives the process that started it. Its files are in a directory; whether it runs is seen from its process 1.
//! [`Host::power_cut`] leaves the files as they are at that instant, and [`Host::power_on`] boots from them.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;

use super::cgroup;
use super::layer::SHARED;
use super::network::{Network, Number};
use crate::command::{self, last_lines};
use crate::components::Version;
use crate::sandbox::{Init, NAMESPACES_OF_A_HOST, script};

/// How long a host may take to boot.
const BOOT_WITHIN: Duration = Duration::from_secs(60);

/// A host of a rig.
#[derive(Clone, Debug)]
pub struct Host {
    number: Number,
    directory: PathBuf,
    /// Name of its control groups.
    group: String,
    network: Network,
    /// What its root directory lies over, the uppermost first.
    lower: [PathBuf; 2],
}

impl Host {
    /// The host `number` of the rig in `rig`, whose namespaces begin with `prefix`.
    pub(super) fn new(rig: &Path, prefix: &str, number: Number, lower: [PathBuf; 2]) -> Self {
        Self {
            number,
            directory: rig.join("hosts").join(number.name()),
            group: format!("{prefix}-{}", number.name()),
            network: Network::new(prefix),
            lower,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        self.number.name()
    }

    /// Its place in the network.
    #[must_use]
    pub fn number(&self) -> Number {
        self.number
    }

    /// Whether its files are there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    /// The process 1 that runs now.
    #[must_use]
    pub fn init(&self) -> Option<Init> {
        let init = Init::parse(&fs::read_to_string(self.directory.join("init")).ok()?)?;
        init.is_alive().then_some(init)
    }

    /// Makes its files: an empty disk over the layers, and its identity.
    pub(super) fn make(&self) -> Result<()> {
        for directory in ["upper", "work", "root", "etc"] {
            fs::create_dir_all(self.directory.join(directory))?;
        }
        // overlayfs takes the root directory's own mode from the uppermost layer.
        fs::set_permissions(
            self.directory.join("upper"),
            fs::Permissions::from_mode(0o755),
        )?;
        let [_, tree] = &self.lower;
        command::run(
            Command::new("cp")
                .arg("-a")
                .arg(tree.join("var"))
                .arg(self.directory.join("var")),
        )?;
        let etc = self.directory.join("etc");
        let others: String = Number::all()
            .map(|number| format!("{} {}\n", number.address(), number.name()))
            .collect();
        // systemd makes one from a random number, too.
        let machine_id = fs::read_to_string("/proc/sys/kernel/random/uuid")?.replace('-', "");
        for (name, text) in [
            ("hostname", format!("{}\n", self.name())),
            (
                "hosts",
                format!("127.0.0.1 localhost\n::1 localhost\n{others}"),
            ),
            ("machine-id", machine_id),
            ("resolv.conf", "nameserver 192.168.10.1\n".to_owned()),
        ] {
            fs::write(etc.join(name), text)?;
        }
        let cni = self.directory.join("upper/etc/cni/net.d");
        fs::create_dir_all(&cni)?;
        fs::write(
            cni.join("10-bridge.conflist"),
            self.pod_network().to_string() + "\n",
        )?;
        Ok(())
    }

    /// Settings of the CNI plugins: a bridge for the Pods of this host, in both families.
    fn pod_network(&self) -> serde_json::Value {
        json!({
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": true,
                    "hairpinMode": true,
                    "ipMasq": false,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": self.number.pods()}], [{"subnet": self.number.pods6()}]],
                        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": true}},
            ],
        })
    }

    /// Boots it: its network, its control groups, containerd, and the kubelet where it is enabled.
    ///
    /// # Errors
    /// If it runs, or containerd does not answer; with what its process 1 said.
    pub fn power_on(&self) -> Result<()> {
        ensure!(self.init().is_none(), "{} runs already", self.name());
        self.network.make_hub()?;
        self.network.attach(self.number)?;
        cgroup::make(&self.group)?;
        let console = self.directory.join("console");
        let log = File::create(&console)?;
        let [upper, lower] = &self.lower;
        let mut unshare = Command::new("setsid")
            .arg("sh")
            .arg(script("in-groups.sh"))
            .arg(&self.group)
            .arg("nsenter")
            .arg(format!(
                "--net={}",
                self.network.path(self.number).display()
            ))
            .args([
                "unshare",
                "--mount",
                "--uts",
                "--ipc",
                "--pid",
                "--cgroup",
                "--fork",
                "--kill-child",
                "sh",
            ])
            .arg(script("host.sh"))
            .arg(&self.directory)
            .arg(format!("{}:{}", upper.display(), lower.display()))
            .arg(self.name())
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting setsid")?;
        let begin = Instant::now();
        loop {
            let said = fs::read_to_string(&console)?;
            let mut lines = said.lines();
            if lines.next_back() == Some("ready") {
                let pid = said.lines().next().and_then(|line| line.parse().ok());
                let init = Init::new(pid.context("process 1 did not say its number")?)?;
                fs::write(self.directory.join("init"), init.to_string())?;
                return Ok(());
            }
            if let Some(status) = unshare.try_wait()? {
                bail!(
                    "{} ended with {status} while it booted\n{}",
                    self.name(),
                    last_lines(&said)
                );
            }
            if begin.elapsed() > BOOT_WITHIN {
                unshare.kill()?;
                bail!(
                    "{} did not boot within {} s\n{}",
                    self.name(),
                    BOOT_WITHIN.as_secs(),
                    last_lines(&said)
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it in the middle of whatever it does, without a word to any of its processes.
    ///
    /// What it had written is what its files hold then; they stay.
    ///
    /// # Errors
    /// If its network or control groups cannot be removed.
    pub fn power_cut(&self) -> Result<()> {
        if let Some(init) = self.init() {
            init.kill();
        }
        self.network.detach(self.number)?;
        cgroup::remove(&self.group)
    }

    /// Ends it and removes its files.
    ///
    /// # Errors
    /// As [`Self::power_cut`], or if a file cannot be removed.
    pub fn remove(&self) -> Result<()> {
        self.power_cut()?;
        if self.exists() {
            fs::remove_dir_all(&self.directory)
                .with_context(|| format!("removing {}", self.directory.display()))?;
        }
        Ok(())
    }

    /// Gives containerd the images of `release`, as a registry would.
    ///
    /// # Errors
    /// If the host does not run, or containerd does not take one.
    pub fn import_images(&self, release: Version) -> Result<()> {
        // Without its layers, which are unpacked at once, an image takes half the room.
        self.shell(&format!(
            "set -e; for image in /{SHARED}/{release}/images/*.tar; do \
             ctr --namespace k8s.io images import --local --discard-unpacked-layers $image; done"
        ))
        .map(drop)
    }

    /// Waits until containerd answers.
    ///
    /// # Errors
    /// If it does not within half a minute.
    pub fn wait_for_containerd(&self) -> Result<()> {
        self.shell("for i in $(seq 300); do ctr version && exit; sleep 0.1; done; exit 1")
            .map(drop)
    }

    /// A command that runs `program` on the host as root, with the administrator's kubeconfig as kubectl's default.
    ///
    /// # Errors
    /// If the host does not run.
    pub fn command(&self, program: &str) -> Result<Command> {
        let init = self.init().with_context(|| {
            format!(
                "{0} does not run; `cargo xtask hosts power-on {0}` boots it",
                self.name()
            )
        })?;
        let mut command = Command::new("sh");
        command
            .arg(script("in-groups.sh"))
            .arg(&self.group)
            .arg("nsenter")
            .args(init.enter(NAMESPACES_OF_A_HOST, Path::new("/")))
            .arg(program)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/root")
            .env(
                "TERM",
                std::env::var_os("TERM").unwrap_or_else(|| "dumb".into()),
            )
            .env("KUBECONFIG", "/etc/kubernetes/admin.conf");
        Ok(command)
    }

    /// Runs the shell's `line` on the host to its end.
    ///
    /// # Errors
    /// If the host does not run, or the line fails; with what it said.
    pub fn shell(&self, line: &str) -> Result<Output> {
        command::run(self.command("sh")?.args(["-c", line]))
            .with_context(|| format!("on {}", self.name()))
    }

    /// The directory on this machine that is the host's `/var`; what lies there is on the host, too.
    #[must_use]
    pub fn var(&self) -> PathBuf {
        self.directory.join("var")
    }
}
