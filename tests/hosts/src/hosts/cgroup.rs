//! Control groups: one for each host in every hierarchy, so that a host's root group is its own.
//!
//! For machines that mount the controllers of version 1 one by one below `/sys/fs/cgroup`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

const ROOT: &str = "/sys/fs/cgroup";
/// Controllers a kubelet does not start without.
const NEEDED: &[&str] = &["cpu", "cpuset", "memory", "pids"];

/// Fails unless this machine's control groups can carry hosts.
///
/// # Errors
/// If they are of version 2 only, or a controller is missing.
pub(super) fn check() -> Result<()> {
    for controller in NEEDED {
        ensure!(
            Path::new(ROOT).join(controller).join("tasks").exists(),
            "hosts need control groups of version 1, and /sys/fs/cgroup/{controller} is not one; boot this machine with \
             systemd.unified_cgroup_hierarchy=0, or mount the controllers there"
        );
    }
    Ok(())
}

/// Makes the group `name` in every hierarchy.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn make(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let group = hierarchy.join(name);
        fs::create_dir_all(&group).with_context(|| format!("making {}", group.display()))?;
        // A new group of this controller has no processors and no memory, and takes no process.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (from, to) = (hierarchy.join(file), group.join(file));
            if from.is_file() && to.is_file() {
                fs::write(&to, fs::read(&from)?)
                    .with_context(|| format!("writing {}", to.display()))?;
            }
        }
    }
    Ok(())
}

/// Removes the group `name`, and all below it, in every hierarchy. Its processes must have been ended.
///
/// # Errors
/// If one still has processes after some seconds.
pub(super) fn remove(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let group = hierarchy.join(name);
        let mut tries = 0;
        while let Err(error) = remove_tree(&group) {
            tries += 1;
            ensure!(tries < 100, "removing {}: {error}", group.display());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

/// The mounted hierarchies of version 1.
fn hierarchies() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(ROOT).with_context(|| format!("reading {ROOT}"))? {
        let entry = entry?;
        // `cpu,cpuacct` may have links of the shorter names beside it.
        if entry.file_type()?.is_dir() && entry.path().join("tasks").exists() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Removes a group with all below it; the files in them go by themselves.
fn remove_tree(group: &Path) -> std::io::Result<()> {
    if !group.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
