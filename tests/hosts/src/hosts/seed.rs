//! What containerd makes of the images, kept, so that only the first host ever imports them.
//!
//! containerd never changes a blob or a layer in place, so hosts share them as hard links; its databases are copies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::host::Host;
use crate::command;
use crate::components::{ImageArchive, Store, Version};

/// The kept state of containerd for one release's images.
#[derive(Debug)]
pub(super) struct Seed {
    directory: PathBuf,
    stamp: PathBuf,
    made_from: String,
}

impl Seed {
    /// The seed of `images`, of which those of `release` are imported, on hosts over `tree`.
    pub(super) fn new(
        store: &Store,
        release: Version,
        images: &[ImageArchive],
        tree: &Path,
    ) -> Result<Self> {
        let mut made_from = format!("{}\n", tree.display());
        for image in images {
            let made = fs::metadata(&image.path)?.modified()?;
            made_from.push_str(&format!("{} {made:?}\n", image.reference));
        }
        Ok(Self {
            directory: store.images(release).with_file_name("containerd"),
            stamp: store.stamp(release, "containerd"),
            made_from,
        })
    }

    /// Whether it is there and of these images.
    pub(super) fn is_there(&self) -> bool {
        self.directory.is_dir()
            && fs::read_to_string(&self.stamp).is_ok_and(|text| text == self.made_from)
    }

    /// Gives it to a host that never ran.
    pub(super) fn plant(&self, host: &Host) -> Result<()> {
        copy(&self.directory, &data(host))
    }

    /// Takes it from a host that has just imported the images.
    pub(super) fn harvest(&self, host: &Host) -> Result<()> {
        if self.directory.is_dir() {
            fs::remove_dir_all(&self.directory)?;
        }
        // Its databases are whole only while it does not run.
        host.shell("systemctl stop containerd")?;
        copy(&data(host), &self.directory)?;
        host.shell("systemctl start containerd")?;
        host.wait_for_containerd()?;
        fs::write(&self.stamp, &self.made_from)
            .with_context(|| format!("writing {}", self.stamp.display()))
    }
}

/// containerd's data on a host.
fn data(host: &Host) -> PathBuf {
    host.var().join("lib/containerd")
}

/// Makes `to` what `from` is, sharing all files but databases.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.is_dir() {
        fs::remove_dir_all(to)?;
    }
    let cp =
        |more: &[&str]| command::run(Command::new("cp").arg("-a").args(more).arg(from).arg(to));
    if cp(&["--link"]).is_err() {
        // On another file system nothing can be shared.
        if to.is_dir() {
            fs::remove_dir_all(to)?;
        }
        cp(&[])?;
    }
    for plugin in fs::read_dir(from)? {
        let plugin = plugin?;
        if !plugin.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(plugin.path())? {
            let file = file?;
            if file
                .path()
                .extension()
                .is_some_and(|extension| extension == "db")
            {
                let own = to.join(plugin.file_name()).join(file.file_name());
                fs::remove_file(&own)?;
                fs::copy(file.path(), &own)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn databases_are_copies_and_all_else_is_shared() {
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        fs::create_dir_all(from.join("snapshots/1")).unwrap();
        fs::write(from.join("snapshots/1/layer"), "layer").unwrap();
        fs::write(from.join("snapshots/metadata.db"), "database").unwrap();
        copy(&from, &to).unwrap();
        let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
        assert_eq!(
            inode(from.join("snapshots/1/layer")),
            inode(to.join("snapshots/1/layer"))
        );
        assert_ne!(
            inode(from.join("snapshots/metadata.db")),
            inode(to.join("snapshots/metadata.db"))
        );
        assert_eq!(
            fs::read_to_string(to.join("snapshots/metadata.db")).unwrap(),
            "database"
        );
    }
}
