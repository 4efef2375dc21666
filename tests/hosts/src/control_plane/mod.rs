//! A light control plane: etcd and the three programs of a control plane as plain processes.
//!
//! In: a root folder that a bundle was installed into. Out: an API server at the address its manifest says, in a network
//! of its own, with the certificates, kubeconfigs and flags that were installed. There is no kubelet and no container, so
//! it takes seconds and half a GiB of memory: enough for objects, RBAC, tokens, signing and approving; not for Pods.
//! The installed root is only read, never changed. All of it ends when the value is dropped, or its process killed.

mod manifest;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use crate::command::last_lines;
use crate::components::Programs;
use crate::sandbox::{Sandbox, script};
use manifest::Invocation;

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

/// How long the API server may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A running control plane.
#[derive(Debug)]
pub struct ControlPlane {
    // Dropped first: the processes must be gone before their files go.
    sandbox: Sandbox,
    installed: PathBuf,
    running: BTreeMap<String, Child>,
    state: TempDir,
}

impl ControlPlane {
    /// Starts what the manifests below `installed` say, and waits until the API server is ready.
    ///
    /// # Errors
    /// If a program is missing, no sandbox can be made, or the API server does not become ready; with the end of its log.
    pub fn start(installed: &Path, programs: &Programs) -> Result<Self> {
        programs.check(PROGRAMS)?;
        let server = Invocation::read(installed, "kube-apiserver")?;
        let address: IpAddr = server
            .flag("advertise-address")
            .context("the API server's manifest has no --advertise-address")?
            .parse()?;
        let state = tempfile::tempdir()?;
        let bin = state.path().join("bin");
        for folder in [&bin, &state.path().join("root"), &state.path().join("etcd")] {
            fs::create_dir(folder)?;
        }
        fs::write(
            state.path().join("hosts"),
            format!("127.0.0.1 localhost\n{address} control-plane\n"),
        )?;
        for program in PROGRAMS {
            link_or_copy(&programs.path(program)?, &bin.join(program))?;
        }
        let with_prefix = format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 });
        let arguments: [&OsStr; 4] = [
            installed.as_os_str(),
            state.path().as_os_str(),
            bin.as_os_str(),
            with_prefix.as_ref(),
        ];
        let sandbox = Sandbox::start(&script("control-plane.sh"), &arguments)?;
        let mut plane = Self {
            sandbox,
            installed: installed.to_owned(),
            running: BTreeMap::new(),
            state,
        };
        if plane.manifest_exists("etcd") {
            plane.run("etcd")?;
        }
        plane.run("kube-apiserver")?;
        plane.wait_ready()?;
        // They give up when the API server is not there soon.
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

    /// Starts `program` with the flags its manifest has now; its log is kept.
    ///
    /// # Errors
    /// If there is no manifest, or it runs already.
    pub fn run(&mut self, program: &str) -> Result<()> {
        ensure!(
            !self.running.contains_key(program),
            "{program} runs already"
        );
        let invocation = Invocation::read(&self.installed, program)?;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(program))?;
        let child = self
            .command(&format!("/bin/{}", invocation.program))
            .args(&invocation.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {program}"))?;
        self.running.insert(program.to_owned(), child);
        Ok(())
    }

    /// Ends `program` at once, as a crash would.
    ///
    /// # Errors
    /// If it does not run.
    pub fn kill(&mut self, program: &str) -> Result<()> {
        let mut child = self
            .running
            .remove(program)
            .with_context(|| format!("{program} does not run"))?;
        // The child is `nsenter`; the program is its only child.
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()))?;
        for pid in children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok())
        {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL)?;
            }
        }
        child.wait()?;
        Ok(())
    }

    /// Ends `program` and starts it with the flags its manifest has now.
    ///
    /// # Errors
    /// As [`Self::kill`] and [`Self::run`].
    pub fn restart(&mut self, program: &str) -> Result<()> {
        self.kill(program)?;
        self.run(program)
    }

    /// Waits until the API server says that it is ready.
    ///
    /// # Errors
    /// If it ends, or does not within two minutes; with the end of its log.
    pub fn wait_ready(&mut self) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < READY_WITHIN {
            if self
                .kubectl(User::SuperAdmin, &["get", "--raw", "/readyz"], "")?
                .status
                .success()
            {
                return Ok(());
            }
            for (program, child) in &mut self.running {
                if let Some(status) = child.try_wait()? {
                    let log = fs::read_to_string(self.state.path().join(format!("{program}.log")))?;
                    bail!("{program} ended with {status}\n{}", last_lines(&log));
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let log = fs::read_to_string(self.log("kube-apiserver"))?;
        bail!(
            "the API server was not ready within {} s\n{}",
            READY_WITHIN.as_secs(),
            last_lines(&log)
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

    /// A command that runs inside; its root folder holds `/etc/kubernetes`, `/bin` with [`PROGRAMS`] and little else.
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

    /// The log of a program.
    #[must_use]
    pub fn log(&self, program: &str) -> PathBuf {
        self.state.path().join(format!("{program}.log"))
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.sandbox.init().kill();
        for child in self.running.values_mut() {
            let _ = child.wait();
        }
    }
}

/// Makes `to` the same file as `from`, or a copy of it on another file system.
fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}
