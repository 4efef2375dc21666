//! A light control plane: etcd and the three programs of a control plane as plain processes.
//!
//! In: a root directory that a bundle was installed into. Out: an API server at the address its manifest says, in a network
//! of its own, with the certificates, kubeconfigs and flags that were installed. There is no kubelet and no container, so
//! it takes seconds and half a GiB of memory: enough for objects, RBAC, tokens, signing and approving; not for Pods.
//! The installed root is only read, never changed. All of it ends when the value is dropped, or its process killed.

mod manifest;
mod place;
mod processes;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::command::last_lines;
use crate::components::Programs;
use crate::sandbox::{Init, Sandbox, script};
use manifest::Invocation;
use place::Place;
use processes::Processes;

/// The programs it needs.
pub const PROGRAMS: &[&str] = &[
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
];

/// Who talks to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// `admin.conf`; may do anything once `kubeadm:cluster-admins` is bound.
    Admin,
    /// `super-admin.conf`; may do anything.
    SuperAdmin,
}

impl User {
    const fn kubeconfig(self) -> &'static str {
        match self {
            Self::Admin => "/etc/kubernetes/admin.conf",
            Self::SuperAdmin => "/etc/kubernetes/super-admin.conf",
        }
    }
}

/// How often etcd or the API server may end before they are given up.
const TRIES: u32 = 3;
/// How long the API server may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A running control plane.
pub struct ControlPlane {
    // In this order: what keeps processes alive goes first, their files last.
    processes: Processes,
    sandbox: Sandbox,
    installed: PathBuf,
    state: TempDir,
}

impl ControlPlane {
    /// Starts what the manifests below `installed` say, and waits until the API server is ready.
    ///
    /// # Errors
    /// If a program is missing, no sandbox can be made, or the API server does not become ready; with the end of its log.
    pub fn start(installed: &Path, programs: &Programs) -> Result<Self> {
        programs.check(PROGRAMS)?;
        let state = tempfile::tempdir()?;
        let bin = state.path().join("bin");
        fs::create_dir(&bin)?;
        for directory in ["root", "upper", "work"] {
            fs::create_dir(state.path().join(directory))?;
        }
        let place = Place::read(installed)?;
        fs::write(state.path().join("hosts"), place.hosts())?;
        for program in PROGRAMS {
            symlink(
                fs::canonicalize(programs.path(program)?)?,
                bin.join(program),
            )?;
        }
        let addresses = place.addresses();
        let mut arguments: Vec<&OsStr> = vec![
            installed.as_os_str(),
            state.path().as_os_str(),
            bin.as_os_str(),
        ];
        arguments.extend(addresses.iter().map(OsStr::new));
        let sandbox = Sandbox::start(&script("control-plane.sh"), &arguments)?;
        let start = Start {
            init: sandbox.init().clone(),
            installed: installed.to_owned(),
            state: state.path().to_owned(),
        };
        let plane = Self {
            processes: Processes::new(move |program| start.start(program)),
            sandbox,
            installed: installed.to_owned(),
            state,
        };
        if plane.manifest_exists("etcd") {
            plane.run("etcd")?;
        }
        plane.run("kube-apiserver")?;
        plane.wait_ready()?;
        // Without an API server they would only end and be started again.
        plane.run("kube-controller-manager")?;
        plane.run("kube-scheduler")?;
        Ok(plane)
    }

    fn manifest_exists(&self, program: &str) -> bool {
        self.installed
            .join("etc/kubernetes/manifests")
            .join(format!("{program}.yaml"))
            .is_file()
    }

    /// Starts `program` with the flags its manifest has now. When it ends by itself it is started again.
    ///
    /// # Errors
    /// If there is no manifest, or it runs already.
    pub fn run(&self, program: &str) -> Result<()> {
        self.processes.run(program)
    }

    /// Ends `program` at once, as a crash would, and leaves it down.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&self, program: &str) -> Result<()> {
        self.processes.kill(program)
    }

    /// Ends `program` and starts it with the flags its manifest has now.
    ///
    /// # Errors
    /// As [`Self::kill`] and [`Self::run`].
    pub fn restart(&self, program: &str) -> Result<()> {
        self.kill(program)?;
        self.run(program)
    }

    /// Waits until the API server says that it is ready.
    ///
    /// # Errors
    /// If a program keeps ending, or it is not ready within two minutes; with the end of the log.
    pub fn wait_ready(&self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < READY_WITHIN {
            let ready = self.kubectl(User::SuperAdmin, &["get", "--raw", "/readyz"], "")?;
            if ready.status.success() {
                return Ok(());
            }
            if let Some((program, ended)) = self.processes.least_steady()
                && ended >= TRIES
                && (program == "etcd" || program == "kube-apiserver")
            {
                bail!("{program} ended {ended} times\n{}", self.log_end(&program)?);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!(
            "the API server was not ready within {} s\n{}",
            READY_WITHIN.as_secs(),
            self.log_end("kube-apiserver")?
        )
    }

    /// Runs kubectl inside with `input`; it sees the installed `/etc/kubernetes` and nothing else.
    ///
    /// # Errors
    /// If it cannot be run; not if it fails.
    pub fn kubectl(&self, user: User, arguments: &[&str], input: &str) -> Result<Output> {
        let mut child = self
            .command("/bin/kubectl")
            .args(["--kubeconfig", user.kubeconfig()])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting kubectl")?;
        let mut pipe = child.stdin.take().context("kubectl has no input")?;
        // A kubectl that fails early closes its input; what it says then matters more.
        let _ = pipe.write_all(input.as_bytes());
        drop(pipe);
        Ok(child.wait_with_output()?)
    }

    /// Runs kubectl, which must succeed, and takes what it prints.
    ///
    /// # Errors
    /// If it fails; with what it said.
    pub fn kubectl_text(&self, user: User, arguments: &[&str], input: &str) -> Result<String> {
        let output = self.kubectl(user, arguments, input)?;
        ensure!(
            output.status.success(),
            "kubectl {} ended with {}\n{}",
            arguments.join(" "),
            output.status,
            last_lines(&String::from_utf8_lossy(&output.stderr))
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A command that runs inside; its root directory holds `/etc/kubernetes`, `/bin` with [`PROGRAMS`] and little else.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        self.sandbox
            .init()
            .command_in(&self.state.path().join("root"), program)
    }

    /// Runs `action`, such as an API client, in the control plane's network. Files stay this machine's.
    ///
    /// # Errors
    /// If the network cannot be entered, or `action` fails.
    pub fn in_network<T: Send>(&self, action: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        self.sandbox.init().in_network(action)
    }

    /// The end of a program's log.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn log_end(&self, program: &str) -> Result<String> {
        let path = log(self.state.path(), program);
        let text =
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        Ok(last_lines(&text))
    }
}

/// What is needed to start a program, from any thread.
struct Start {
    init: Init,
    installed: PathBuf,
    state: PathBuf,
}

impl Start {
    fn start(&self, program: &str) -> Result<std::process::Child> {
        let invocation = Invocation::read(&self.installed, program)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(log(&self.state, program))?;
        self.init
            .command_in(
                &self.state.join("root"),
                &format!("/bin/{}", invocation.program),
            )
            .args(&invocation.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {program}"))
    }
}

fn log(state: &Path, program: &str) -> PathBuf {
    state.join(format!("{program}.log"))
}
