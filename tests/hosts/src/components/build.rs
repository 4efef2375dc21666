//! Building one program: `go build`, static, once.
//!
//! What a program is made from is noted in a stamp beside it; a program whose stamp still holds is left alone. A
//! build that fails leaves the program of before.

use std::cell::OnceCell;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::module::{self, Module, go_command};
use super::{Component, Kind, Reports, Store, Version, releases};
use crate::command;

/// Where a program came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    There,
    /// It was taken from the directory of existing programs.
    Taken,
    /// It was built, in so much time.
    Built(Duration),
}

/// What was done for one program.
#[derive(Clone, Debug)]
pub struct Built {
    /// The program.
    pub name: &'static str,
    /// The release it reports, or lies beside.
    pub version: Version,
    /// Where it came from.
    pub origin: Origin,
}

/// Builds `components` into `store`, one after the other, and those of Kubernetes once more as the next patch release,
/// and calls `done` after each. What the directory `existing` has is taken from there and not built.
///
/// # Errors
/// If Go is missing or of another release, a module cannot be had, a program does not build, or an existing one is of
/// another version.
pub fn build(
    store: &Store,
    components: &[&'static Component],
    existing: Option<&Path>,
    mut done: impl FnMut(&Built),
) -> Result<()> {
    let _alone = store.lock()?;
    let [version, upgrade] = releases()?;
    let builder = Builder {
        store,
        existing,
        go: OnceCell::new(),
        commit: OnceCell::new(),
    };
    for component in components {
        let origin = match builder.take(component, version)? {
            Some(origin) => origin,
            None => builder.make(component, version)?,
        };
        done(&Built {
            name: component.name,
            version,
            origin,
        });
    }
    // Where Go was not wanted for the release itself, it is not wanted for the one after it.
    let upgrades = components
        .iter()
        .filter(|component| component.has_upgrade());
    for component in upgrades.filter(|_| builder.go.get().is_some()) {
        let origin = builder.make(component, upgrade)?;
        done(&Built {
            name: component.name,
            version: upgrade,
            origin,
        });
    }
    Ok(())
}

struct Builder<'s> {
    store: &'s Store,
    existing: Option<&'s Path>,
    /// The version of Go, once it is wanted.
    go: OnceCell<String>,
    /// The commit that Kubernetes' module was made from, once it is wanted.
    commit: OnceCell<Option<String>>,
}

impl Builder<'_> {
    fn go(&self) -> Result<&str> {
        if let Some(known) = self.go.get() {
            return Ok(known);
        }
        let found = module::check_go()?;
        Ok(self.go.get_or_init(|| found))
    }

    fn commit(&self) -> Result<Option<&str>> {
        if let Some(known) = self.commit.get() {
            return Ok(known.as_deref());
        }
        let found = Module::Kubernetes.commit()?;
        Ok(self.commit.get_or_init(|| found).as_deref())
    }

    /// Takes the program from the directory of existing ones, if it has it.
    fn take(&self, component: &Component, version: Version) -> Result<Option<Origin>> {
        let Some(from) = self
            .existing
            .map(|directory| directory.join(component.name))
            .filter(|path| path.is_file())
        else {
            return Ok(None);
        };
        let metadata = fs::metadata(&from)?;
        let made_from = format!(
            "{} {} {:?}\n",
            from.display(),
            metadata.len(),
            metadata.modified()?
        );
        self.put(component, version, &made_from, |fresh| {
            command::link_or_copy(&from, fresh)
        })
        .map(|new| Some(if new { Origin::Taken } else { Origin::There }))
    }

    /// Builds the program, unless it is there.
    fn make(&self, component: &Component, version: Version) -> Result<Origin> {
        let made_from = made_from(component, version, self.go()?)?;
        let begin = Instant::now();
        let new = self.put(component, version, &made_from, |fresh| {
            let commit = if component.has_upgrade() {
                self.commit()?
            } else {
                None
            };
            link(component, &linker_flags(component, version, commit)?, fresh)
        })?;
        Ok(if new {
            Origin::Built(begin.elapsed())
        } else {
            Origin::There
        })
    }

    /// Has `make` write the program, unless it is there and made from the same; whether it was written.
    fn put(
        &self,
        component: &Component,
        version: Version,
        made_from: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<bool> {
        let directory = self.store.programs(version);
        let program = directory.join(component.name);
        let stamp = self.store.stamp(version, component.name);
        if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|text| text == made_from) {
            return Ok(false);
        }
        fs::create_dir_all(&directory)
            .with_context(|| format!("making {}", directory.display()))?;
        let fresh = directory.join(format!(".{}.new", component.name));
        if fresh.exists() {
            fs::remove_file(&fresh)?;
        }
        make(&fresh)
            .and_then(|()| check_version(component, version, &fresh))
            .with_context(|| format!("making {} {version}", component.name))?;
        fs::rename(&fresh, &program)
            .with_context(|| format!("putting {} in place", program.display()))?;
        write(&stamp, made_from)?;
        Ok(true)
    }
}

/// Fails unless the program says that it is of the pinned version.
fn check_version(component: &Component, version: Version, program: &Path) -> Result<()> {
    let arguments = component.version_arguments();
    if arguments.is_empty() {
        return Ok(());
    }
    let wanted = if component.has_upgrade() {
        version.to_string()
    } else {
        component.pinned()?
    };
    let said = command::text(Command::new(program).args(arguments))?;
    ensure!(
        said.contains(&wanted),
        "{} is not of version {wanted}; it says `{said}`",
        program.display()
    );
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
            format!("-X {variable}={}", component.pinned()?)
        }
        Reports::Source => String::new(),
    };
    Ok(format!("-s -w {own}").trim_end().to_owned())
}

fn link(component: &Component, flags: &str, program: &Path) -> Result<()> {
    let mut command = go_command(component.module);
    command
        .args(match component.kind {
            Kind::Main => ["build"].as_slice(),
            Kind::Tests => &["test", "-c"],
        })
        .args(["-trimpath", "-ldflags", flags, "-o"])
        .arg(program)
        .arg(component.package);
    command::run(&mut command)
        .map(drop)
        .map_err(module::explain)
}

/// Writes a stamp.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)
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
