//! Building one program: `go build`, static, once.
//!
//! What a program is made from is noted in a stamp beside it; a program whose stamp still holds is left alone. A
//! build that fails leaves the program of before.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::module::{self, Module, go_command};
use super::{Component, Reports, Store, Version, releases};
use crate::command;

/// What was done for one program.
#[derive(Clone, Debug)]
pub struct Built {
    /// The program.
    pub name: &'static str,
    /// The release it reports, or lies beside.
    pub version: Version,
    /// How long it took; none if it was there.
    pub took: Option<Duration>,
}

/// Builds `components` into `store`, one after the other, and those of Kubernetes once more as the next patch release,
/// and calls `done` after each.
///
/// # Errors
/// If Go is missing or of another release, a module cannot be had, or a program does not build.
pub fn build(
    store: &Store,
    components: &[&'static Component],
    mut done: impl FnMut(&Built),
) -> Result<()> {
    let go = module::check_go()?;
    let [version, upgrade] = releases()?;
    let mut commit = None;
    let upgrades = components
        .iter()
        .filter(|component| component.has_upgrade());
    let all = components
        .iter()
        .map(|component| (component, version))
        .chain(upgrades.map(|component| (component, upgrade)));
    for (component, version) in all {
        let made_from = made_from(component, version, &go)?;
        let program = store.programs(version).join(component.name);
        let stamp = store.stamp(version, component.name);
        let is_there =
            program.is_file() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_from);
        let mut took = None;
        if !is_there {
            let begin = Instant::now();
            if component.has_upgrade() && commit.is_none() {
                commit = Some(Module::Kubernetes.commit()?);
            }
            let flags = linker_flags(
                component,
                version,
                commit.as_ref().and_then(Option::as_deref),
            )?;
            link(component, &flags, &program)
                .with_context(|| format!("building {}", component.name))?;
            write(&stamp, &made_from)?;
            took = Some(begin.elapsed());
        }
        done(&Built {
            name: component.name,
            version,
            took,
        });
    }
    Ok(())
}

/// A digest of all that decides about the program's bytes.
fn made_from(component: &Component, version: Version, go: &str) -> Result<String> {
    let mut hasher = Sha256::new();
    for part in [
        &component.module.digest()?,
        component.package,
        go,
        &linker_flags(component, version, None)?,
    ] {
        hasher.update(part);
        hasher.update([0]);
    }
    Ok(module::hex(&hasher.finalize()) + "\n")
}

fn linker_flags(component: &Component, version: Version, commit: Option<&str>) -> Result<String> {
    let own = match component.reports {
        Reports::KubernetesVersion => version.linker_flags(commit),
        Reports::Variable(variable) => {
            format!(
                "-X {variable}={}",
                component.module.version()?.trim_start_matches('v')
            )
        }
        Reports::Source => String::new(),
    };
    Ok(format!("-s -w {own}").trim_end().to_owned())
}

fn link(component: &Component, flags: &str, program: &Path) -> Result<()> {
    let folder = program.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let fresh = folder.join(format!(".{}.new", component.name));
    let mut command = go_command(component.module);
    command
        .args(["build", "-trimpath", "-ldflags", flags, "-o"])
        .arg(&fresh)
        .arg(component.package);
    command::run(&mut command).map_err(module::explain)?;
    fs::rename(&fresh, program).with_context(|| format!("putting {} in place", program.display()))
}

/// Writes a stamp.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::{COMPONENTS, select};

    #[test]
    fn what_decides_about_the_bytes_decides_about_the_stamp() {
        let [version, upgrade] = releases().unwrap();
        let kubeadm = select(&["kubeadm".to_owned()]).unwrap()[0];
        let stamp = |version, go| made_from(kubeadm, version, go).unwrap();
        let reference = stamp(version, "go1.26.4");
        assert_eq!(reference, stamp(version, "go1.26.4"));
        assert_ne!(reference, stamp(upgrade, "go1.26.4"));
        assert_ne!(reference, stamp(version, "go1.26.5"));
        let stamps: std::collections::BTreeSet<String> = COMPONENTS
            .iter()
            .map(|component| made_from(component, version, "go1.26.4").unwrap())
            .collect();
        assert_eq!(stamps.len(), COMPONENTS.len());
    }

    #[test]
    fn each_kind_of_program_is_told_its_version() {
        let [version, _] = releases().unwrap();
        let flags = |name: &str| {
            linker_flags(select(&[name.to_owned()]).unwrap()[0], version, None).unwrap()
        };
        assert!(flags("kubelet").contains("component-base/version.gitVersion=v1.36."));
        assert!(flags("crictl").contains("cri-tools/pkg/version.Version=1.36."));
        assert_eq!(flags("etcd"), "-s -w");
    }
}
