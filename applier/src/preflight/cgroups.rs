//! cgroups: which version, which controllers.
//!
//! kubeadm makes a cgroup to see whether it can be frozen; here an existing one is looked at, so that nothing is written.

use std::collections::BTreeSet;

use kubeplan_bundle::check::SystemRequirements;
use semver::Version;

use super::{CannotLook, Finding, View, version};
use crate::host::{Found, Root, RootPath};

const MOUNTS: RootPath = RootPath::fixed("/proc/mounts");
const CONTROLLERS_V1: RootPath = RootPath::fixed("/proc/cgroups");
const MEMORY_V1: RootPath = RootPath::fixed("/sys/fs/cgroup/memory");

/// Where cgroups are usually mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// Bytes of a file of the kernel.
const LIMIT: u64 = 1024 * 1024;

/// Which cgroups the host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cgroups {
    /// One hierarchy for each controller.
    V1,
    /// One hierarchy.
    V2 {
        /// Where it is mounted.
        mount: String,
    },
}

/// Finds out which cgroups the host has, as system-validators does.
pub(super) fn find(root: &Root) -> Result<Cgroups, CannotLook> {
    let text = root
        .read_text(&MOUNTS, LIMIT)?
        .ok_or_else(|| CannotLook(format!("{MOUNTS} does not exist, so cgroups are not known")))?;
    let v2 = |mount: &str| Cgroups::V2 {
        mount: mount.to_owned(),
    };
    let mut first_v2 = None;
    let mut has_v1 = false;
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let (Some(_), Some(mount), Some(kind)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        match kind {
            "cgroup2" if mount == MOUNT => return Ok(v2(mount)),
            "tmpfs" if mount == MOUNT => {
                return Ok(match root.look(&MEMORY_V1)? {
                    Found::Directory(_) => Cgroups::V1,
                    _ => v2(mount),
                });
            }
            "cgroup2" => first_v2 = first_v2.or(Some(mount)),
            "cgroup" => has_v1 = true,
            _ => {}
        }
    }
    match first_v2 {
        Some(mount) => Ok(v2(mount)),
        None if has_v1 => Ok(Cgroups::V1),
        None => Err(CannotLook("no cgroups are mounted".to_owned())),
    }
}

/// What speaks against the host's cgroups.
pub(super) fn judge(
    cgroups: &Cgroups,
    wanted: &SystemRequirements,
    view: &View<'_>,
) -> Result<Vec<Finding>, CannotLook> {
    let (there, wanted_controllers) = match cgroups {
        Cgroups::V1 => (controllers_v1(view.root)?, &wanted.v1),
        Cgroups::V2 { mount } => (controllers_v2(view.root, mount)?, &wanted.v2),
    };
    let missing = |names: &[String]| -> Vec<String> {
        names
            .iter()
            .filter(|name| !there.contains(name.as_str()))
            .cloned()
            .collect()
    };
    let mut findings = Vec::new();
    let required = missing(&wanted_controllers.required);
    if !required.is_empty() {
        findings.push(Finding::Error(format!(
            "the cgroup controllers {} are missing",
            required.join(", ")
        )));
    }
    let optional = missing(&wanted_controllers.optional);
    if !optional.is_empty() {
        findings.push(Finding::Warning(format!(
            "the optional cgroup controllers {} are missing",
            optional.join(", ")
        )));
    }
    if *cgroups == Cgroups::V1 {
        let finding = v1(wanted, view).unwrap_or_else(|CannotLook(reason)| Finding::Error(reason));
        findings.push(finding);
    }
    Ok(findings)
}

/// What cgroups v1 as such count as: the kubelet decides.
fn v1(wanted: &SystemRequirements, view: &View<'_>) -> Result<Finding, CannotLook> {
    let message = |consequence: &str| format!("the host has cgroups v1, {consequence}");
    let Some(since) = &wanted.v1_error_since else {
        return Ok(Finding::Warning(message("which are being given up")));
    };
    let since = Version::parse(since)
        .map_err(|_| CannotLook(format!("`{}` is not a version", since.escape_debug())))?;
    let program = &wanted.program;
    if version::of_program(view, program)? < since {
        return Ok(Finding::Warning(message("which are being given up")));
    }
    Ok(Finding::Error(message(&format!(
        "and this {program} does not start with them unless its configuration says `failCgroupV1: false`: move to cgroups v2, or plan with that setting"
    ))))
}

/// `/proc/cgroups`: name, hierarchy, number of cgroups, whether it is on.
fn controllers_v1(root: &Root) -> Result<BTreeSet<String>, CannotLook> {
    let text = root
        .read_text(&CONTROLLERS_V1, LIMIT)?
        .ok_or_else(|| CannotLook(format!("{CONTROLLERS_V1} does not exist")))?;
    let enabled = text.lines().filter(|line| !line.starts_with('#'));
    Ok(enabled
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            match fields.as_slice() {
                [name, _, _, on] if *on != "0" => Some((*name).to_owned()),
                _ => None,
            }
        })
        .collect())
}

/// `cgroup.controllers`, and the two that are no controllers any more: `devices` is always there, `freezer` if a cgroup can be
/// frozen.
fn controllers_v2(root: &Root, mount: &str) -> Result<BTreeSet<String>, CannotLook> {
    let mount = RootPath::from_text(mount);
    let path = mount.join("cgroup.controllers");
    let text = root
        .read_text(&path, LIMIT)?
        .ok_or_else(|| CannotLook(format!("{path} does not exist")))?;
    let mut controllers: BTreeSet<String> = text.split_whitespace().map(str::to_owned).collect();
    controllers.insert("devices".to_owned());
    if can_freeze(root, &mount)? {
        controllers.insert("freezer".to_owned());
    }
    Ok(controllers)
}

/// Whether the mount, or a cgroup directly in it, has the file that freezes it; the outermost cgroup of a host has not.
fn can_freeze(root: &Root, mount: &RootPath) -> Result<bool, CannotLook> {
    const FREEZE: &str = "cgroup.freeze";
    let Some(directory) = root.view(mount)? else {
        return Ok(false);
    };
    if directory.inspect(FREEZE)? != Found::Missing {
        return Ok(true);
    }
    for name in directory.names()? {
        if let Ok(Some(below)) = directory.open(&name)
            && matches!(below.inspect(FREEZE), Ok(Found::File(_)))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Host;
    use super::*;

    #[test]
    fn mounts_decide_the_version() {
        let v2 = |mount: &str| {
            Ok(Cgroups::V2 {
                mount: mount.into(),
            })
        };
        let host = Host::new();
        assert!(find(&host.root()).is_err());
        for (mounts, memory, expected) in [
            (
                "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
                false,
                v2("/sys/fs/cgroup"),
            ),
            (
                "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n",
                false,
                v2("/sys/fs/cgroup"),
            ),
            ("tmpfs /sys/fs/cgroup tmpfs rw 0 0\n", true, Ok(Cgroups::V1)),
            ("c /a cgroup rw 0 0\nc /b cgroup2 rw 0 0\n", false, v2("/b")),
            ("c /a cgroup rw,cpu 0 0\n", false, Ok(Cgroups::V1)),
        ] {
            let host = Host::new();
            host.write("/proc/mounts", &format!("proc /proc proc rw 0 0\n{mounts}"));
            if memory {
                host.directory("/sys/fs/cgroup/memory");
            }
            assert_eq!(find(&host.root()), expected, "{mounts}");
        }
        host.write("/proc/mounts", "proc /proc proc rw 0 0\n");
        assert!(find(&host.root()).unwrap_err().0.contains("no cgroups"));
    }
}
