//! Whole hosts out of namespaces: each with its network, process numbers, mounts, host name and control groups, a Debian
//! tree as root directory, containerd and a kubelet.
//!
//! In: how many. Out: hosts named `host1`, `host2`, … at 192.168.10.11, .12, … that real kubeadm sets up in seconds. They
//! share this machine's kernel and nothing else, have no way out to any network, and stay until [`Rig::down`], which
//! leaves nothing of them.

mod cgroup;
mod host;
mod layer;
mod network;
mod seed;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

pub use host::Host;
pub use layer::SHARED;
pub use network::{MAX_HOSTS, Number};
pub use tree::ensure as ensure_tree;

use crate::command;
use crate::components::{Store, Version, build_images, cache_directory, releases};
use crate::sandbox;
use network::Network;
use seed::Seed;

/// Programs that hosts are made with, beyond those of a sandbox, and the Debian packages they are in.
const MORE_TOOLS: &[(&str, &str)] = &[
    ("setsid", "util-linux"),
    ("cp", "coreutils"),
    ("chroot", "coreutils"),
];

/// Hosts that see each other.
#[derive(Clone, Debug)]
pub struct Rig {
    directory: PathBuf,
    /// In front of the names of namespaces and control groups, which this machine has only one list of.
    prefix: String,
}

impl Rig {
    /// The rig whose state is in `directory`; it need not exist.
    #[must_use]
    pub fn at(directory: &Path) -> Self {
        let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
        let short: String = digest
            .iter()
            .take(3)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            directory: directory.to_owned(),
            prefix: format!("kubeplan-{short}"),
        }
    }

    /// The user's rig, in `${XDG_CACHE_HOME:-~/.cache}/kubeplan/hosts`.
    ///
    /// # Errors
    /// If the user has no home.
    pub fn in_cache() -> Result<Self> {
        Ok(Self::at(&cache_directory()?.join("hosts")))
    }

    /// Where its state is.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Fails, naming what is missing, unless this machine can run hosts.
    ///
    /// # Errors
    /// If namespaces cannot be made, a program is missing, or control groups are of another version.
    pub fn check_machine() -> Result<()> {
        sandbox::check()?;
        command::require(MORE_TOOLS)?;
        cgroup::check()
    }

    /// Makes and boots hosts until `count` of them run, and calls `done` after each; those that are there stay.
    ///
    /// # Errors
    /// If this machine lacks something, or a host does not boot.
    pub fn up(&self, count: u8, store: &Store, mut done: impl FnMut(&Host)) -> Result<()> {
        Self::check_machine()?;
        make_room_for_watches()?;
        let _alone = store.lock()?;
        let tree = tree::ensure(store)?;
        let images = build_images(store, &tree)?;
        let layer = self.layer();
        if !layer.is_dir() {
            fs::create_dir_all(&self.directory)?;
            let scratch = tempfile::Builder::new()
                .prefix(".layer-")
                .tempdir_in(&self.directory)?;
            let fresh = scratch.path().join("layer");
            layer::make(&fresh, store)?;
            // In this order: where there is a layer, it is known what lies below.
            fs::write(
                self.directory.join("tree"),
                tree.as_os_str().as_encoded_bytes(),
            )?;
            fs::rename(&fresh, &layer)?;
        }
        let [version, _] = releases()?;
        let seed = Seed::new(store, version, &images, &tree)?;
        for number in Number::all().take(usize::from(count)) {
            let host = self.host_at(number)?;
            if !host.exists() {
                // Half a host would pass for a whole one next time.
                first_boot(&host, &seed, version).inspect_err(|_| drop(host.remove()))?;
            } else if host.init().is_none() {
                host.power_on()?;
            }
            done(&host);
        }
        Ok(())
    }

    /// The hosts that were made, running or not.
    ///
    /// # Errors
    /// If the rig's state cannot be read.
    pub fn hosts(&self) -> Result<Vec<Host>> {
        if !self.layer().is_dir() {
            return Ok(Vec::new());
        }
        let all: Result<Vec<Host>> = Number::all().map(|number| self.host_at(number)).collect();
        Ok(all?.into_iter().filter(Host::exists).collect())
    }

    /// The host called `name`.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn host(&self, name: &str) -> Result<Host> {
        let hosts = self.hosts()?;
        let names: Vec<String> = hosts.iter().map(Host::name).collect();
        match hosts.into_iter().find(|host| host.name() == name) {
            Some(host) => Ok(host),
            None if names.is_empty() => {
                bail!("there is no host; `cargo xtask hosts up 1` makes one")
            }
            None => bail!("there is no host `{name}`; there are {}", names.join(", ")),
        }
    }

    /// A command that runs `program` of this machine in the network of the hosts, which know it as 192.168.10.1.
    ///
    /// Nothing of the environment is changed: a command that needs this machine's programs may need it.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!(
                "--net={}",
                Network::new(&self.prefix).hub_path().display()
            ))
            .arg("--")
            .arg(program);
        command
    }

    /// Runs `action` on a thread that is in the network of the hosts, at 192.168.10.1; so are threads that it starts.
    ///
    /// # Errors
    /// If no host was ever up, or `action` fails or panics.
    pub fn in_network<T: Send>(&self, action: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        sandbox::in_network(&Network::new(&self.prefix).hub_path(), action)
    }

    /// Ends every host and removes all of them: processes, namespaces, control groups, files.
    ///
    /// # Errors
    /// If something of them cannot be removed.
    pub fn down(&self) -> Result<()> {
        for host in self.hosts()? {
            host.remove()?;
        }
        Network::new(&self.prefix).remove_hub()?;
        if self.directory.is_dir() {
            fs::remove_dir_all(&self.directory)
                .with_context(|| format!("removing {}", self.directory.display()))?;
        }
        Ok(())
    }

    fn layer(&self) -> PathBuf {
        self.directory.join("layer")
    }

    fn host_at(&self, number: Number) -> Result<Host> {
        let tree = fs::read_to_string(self.directory.join("tree"))
            .context("looking for the tree the hosts lie over")?;
        Ok(Host::new(
            &self.directory,
            &self.prefix,
            number,
            [self.layer(), PathBuf::from(tree)],
        ))
    }
}

/// A rig for one test: it is taken down with this value.
///
/// Only a test process that is killed leaves it standing; `cargo xtask hosts --dir DIR down` removes it then.
#[derive(Debug)]
pub struct ScratchRig(Rig);

impl ScratchRig {
    /// A rig whose state is in `directory`; what a killed test left there is removed first.
    ///
    /// # Errors
    /// If something of it cannot be removed.
    pub fn at(directory: &Path) -> Result<Self> {
        let rig = Rig::at(&std::path::absolute(directory)?);
        rig.down()?;
        Ok(Self(rig))
    }
}

impl std::ops::Deref for ScratchRig {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.0
    }
}

impl Drop for ScratchRig {
    fn drop(&mut self) {
        // The error cannot be returned from here; the next test with this directory tries again.
        let _ = self.0.down();
    }
}

/// Makes a host that has the images of `release`.
fn first_boot(host: &Host, seed: &Seed, release: Version) -> Result<()> {
    host.make()?;
    if seed.is_there() {
        seed.plant(host)?;
        return host.power_on();
    }
    host.power_on()?;
    host.import_images(release)?;
    seed.harvest(host)
}

/// Watches of files that a user may have, on all hosts of the machine together: a host with a control plane has a
/// dozen, and containerd starts without its interface for the kubelet where it gets none.
const WATCHES: u32 = 1024;

/// Lets root have enough of them; the kernel begins with 128. More stays more.
fn make_room_for_watches() -> Result<()> {
    let path = "/proc/sys/fs/inotify/max_user_instances";
    let now: u32 = fs::read_to_string(path)?
        .trim()
        .parse()
        .with_context(|| format!("{path} is no number"))?;
    if now < WATCHES {
        fs::write(path, WATCHES.to_string()).with_context(|| format!("raising {path}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rigs_of_two_directories_do_not_meet() {
        let (one, other) = (
            Rig::at(Path::new("/a/hosts")),
            Rig::at(Path::new("/b/hosts")),
        );
        assert_ne!(one.prefix, other.prefix);
        assert_eq!(one.prefix, Rig::at(Path::new("/a/hosts")).prefix);
    }

    #[test]
    fn a_rig_that_was_never_up_has_no_hosts() {
        let scratch = tempfile::tempdir().unwrap();
        let rig = Rig::at(&scratch.path().join("hosts"));
        assert!(rig.hosts().unwrap().is_empty());
        let error = rig.host("host1").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no host; `cargo xtask hosts up 1` makes one"
        );
    }
}
