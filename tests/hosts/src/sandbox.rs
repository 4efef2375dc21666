//! A process that holds namespaces open, and commands that run in them.
//!
//! In: a script of `tests/hosts/inside/` that arranges what the namespaces hold. Out: their process 1, as which the
//! script stays. When it ends, whatever runs inside ends with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::command;
use crate::repository;

/// Programs that a sandbox is made with, and the Debian packages they are in.
const TOOLS: &[(&str, &str)] = &[
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("ip", "iproute2"),
];

/// The namespaces of a sandbox.
const NAMESPACES: &[&str] = &["net", "mount", "pid"];
/// The namespaces of a host.
pub(crate) const NAMESPACES_OF_A_HOST: &[&str] = &["net", "mount", "pid", "uts", "ipc", "cgroup"];

/// Fails, naming what is missing, unless this process can make sandboxes.
///
/// # Errors
/// If this is not root, a program is missing, or the kernel refuses, as in many containers.
pub fn check() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "namespaces are made by root only"
    );
    command::require(TOOLS)?;
    let mut unshare = Command::new("unshare");
    unshare.args(NAMESPACES.iter().map(|namespace| format!("--{namespace}")));
    command::run(unshare.args(["--fork", "mount", "-t", "tmpfs", "probe", "/mnt"]))
        .context("this machine does not let users make namespaces and mount in them")?;
    Ok(())
}

/// The path of a script that runs inside.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    repository().join("tests/hosts/inside").join(name)
}

/// Namespaces that end when this value does, even if this process is killed.
#[derive(Debug)]
pub struct Sandbox {
    /// `unshare`, which ends with its child.
    holder: Child,
    /// The script ends when this pipe does.
    _held: ChildStdin,
    init: Init,
}

impl Sandbox {
    /// Makes namespaces for network, mounts and processes, and runs `script` in them with `arguments`.
    ///
    /// The script prints its process number as this machine counts, arranges everything, prints `ready`, and stays
    /// until its standard input ends.
    ///
    /// # Errors
    /// If namespaces cannot be made, or the script fails; with what it said.
    pub fn start(script: &Path, arguments: &[&std::ffi::OsStr]) -> Result<Self> {
        let mut holder = Command::new("unshare")
            .args(NAMESPACES.iter().map(|namespace| format!("--{namespace}")))
            .args(["--fork", "--kill-child", "sh"])
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting unshare")?;
        let held = holder.stdin.take().context("unshare has no input")?;
        let mut said =
            BufReader::new(holder.stdout.take().context("unshare has no output")?).lines();
        let first = said.next().transpose()?.unwrap_or_default();
        let second = said.next().transpose()?.unwrap_or_default();
        let (Ok(pid), "ready") = (first.parse(), second.as_str()) else {
            drop(held);
            let output = holder.wait_with_output()?;
            bail!(
                "{} ended with {}\n{}",
                script.display(),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        };
        Ok(Self {
            holder,
            _held: held,
            init: Init::new(pid)?,
        })
    }

    /// The process that holds the namespaces.
    #[must_use]
    pub fn init(&self) -> &Init {
        &self.init
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // unshare ignores gentler signals while it waits; the kernel ends its child, and with it all inside.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        self.init.wait();
    }
}

/// Process 1 of a sandbox, as this machine counts processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    pid: u32,
    /// When it started, in clock ticks after boot: a number is given again, a pair is not.
    started: u64,
}

impl Init {
    /// The process `pid`.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(pid: u32) -> Result<Self> {
        let started = start_time(pid).with_context(|| format!("there is no process {pid}"))?;
        Ok(Self { pid, started })
    }

    /// What [`std::fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self {
            pid: pid.parse().ok()?,
            started: started.parse().ok()?,
        })
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Ends it at once, and all that runs with it.
    pub fn kill(&self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let (true, Some(pid)) = (self.is_alive(), pid) {
            // Gone already is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
        self.wait();
    }

    /// Waits, up to ten seconds, until it is gone.
    fn wait(&self) {
        for _ in 0..500 {
            if !self.is_alive() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// A command that runs `program` inside, with a clean environment and the root directory of process 1.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        self.command_in(Path::new("/"), program)
    }

    /// A command that runs `program` inside, whose root directory is what process 1 sees at `root`.
    #[must_use]
    pub fn command_in(&self, root: &Path, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(self.enter(NAMESPACES, root))
            .arg(program)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/root");
        command
    }

    /// What `nsenter` takes, before a program, to enter `namespaces` with the root directory that process 1 sees at `root`.
    pub(crate) fn enter(&self, namespaces: &[&str], root: &Path) -> Vec<String> {
        let root = format!("/proc/{}/root{}", self.pid, root.display());
        let mut arguments = vec!["--target".to_owned(), self.pid.to_string()];
        arguments.extend(namespaces.iter().map(|namespace| format!("--{namespace}")));
        arguments.extend([
            format!("--root={root}"),
            format!("--wd={root}"),
            "--".to_owned(),
        ]);
        arguments
    }

    /// Runs `action` on a thread that is in the sandbox's network; files stay this machine's.
    ///
    /// # Errors
    /// If the network cannot be entered, or `action` fails or panics.
    pub fn in_network<T: Send>(&self, action: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_network(Path::new(&format!("/proc/{}/ns/net", self.pid)), action)
    }
}

/// Runs `action` on a thread that is in the network of the namespace at `path`.
///
/// # Errors
/// If the network cannot be entered, or `action` fails or panics.
pub(crate) fn in_network<T: Send>(
    path: &Path,
    action: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let network = fs::File::open(path).context("looking for the network")?;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            use std::os::fd::AsFd as _;
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
                .context("entering the network")?;
            action()
        });
        thread
            .join()
            .unwrap_or_else(|_| bail!("the action in another network panicked"))
    })
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.pid, self.started)
    }
}

/// When the process started; none if there is none, or only its exit code is left.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may hold anything; state and start time are the 1st and 20th field after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X")
        .then(|| fields.nth(18))??
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_number_and_start() {
        let this = Init::new(std::process::id()).unwrap();
        assert!(this.is_alive());
        assert_eq!(Init::parse(&this.to_string()), Some(this.clone()));
        let other = Init {
            started: this.started + 1,
            ..this
        };
        assert!(!other.is_alive());
        assert_eq!(Init::parse("1"), None);
    }
}
