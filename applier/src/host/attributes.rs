//! Extended attributes of files (xattr(7)): which of them outlive a change of the file, and reading them.
//!
//! In: an open file. Out: names and values, within limits. Nothing here changes anything; [`super::Actions::create_with`] sets them.
//!
//! | attribute | when another content takes the file's place | when a rollback brings the old content back |
//! |---|---|---|
//! | `security.selinux`, `security.SMACK64…`, `user.…` | kept: they are about the file's place | restored |
//! | `system.posix_acl_access` | dropped, and said so: the plan's mode and owner say who may open the file, and a list would open it to more | restored: part of the old mode's bits is its mask |
//! | `security.ima`, `security.evm`, `security.capability` | dropped: a signature or a right of the old bytes | not restored: the kernel makes the first two itself, and the last needs a program |
//! | `trusted.…`, other `system.…` | dropped: file systems keep their own records there (overlayfs, GlusterFS), which hold for one inode | not restored |

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::AsFd;

use rustix::fs::{fgetxattr, flistxattr};
use rustix::io::Errno;

use super::error::HostError;

/// Bytes of the list of names, and of one value: the kernel's own limits (XATTR_LIST_MAX, XATTR_SIZE_MAX).
const KERNEL_LIMIT: usize = 64 * 1024;

/// Bytes of names and values that are kept of one file.
pub(crate) const LIMIT: usize = 128 * 1024;

/// How many attributes are kept of one file.
const MAX_COUNT: usize = 256;

const ACCESS_LIST: &str = "system.posix_acl_access";

/// The attributes of one file that outlive a change.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// The file, for messages.
    path: String,
    values: BTreeMap<String, Vec<u8>>,
    /// There were more than are kept.
    incomplete: bool,
}

/// When an attribute is set on the file that follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Always,
    WithTheOldContent,
    Never,
}

fn kept(name: &str) -> Kept {
    match name {
        "security.selinux" => Kept::Always,
        ACCESS_LIST => Kept::WithTheOldContent,
        name if name.starts_with("user.") || name.starts_with("security.SMACK64") => Kept::Always,
        _ => Kept::Never,
    }
}

impl Attributes {
    /// Those of an open file; none if its file system has none.
    ///
    /// # Errors
    /// [`HostError::Io`] if they cannot be read.
    pub(super) fn read(file: impl AsFd, path: &str) -> Result<Self, HostError> {
        let failed = |errno| HostError::io("read the attributes of", path, errno);
        let mut found = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        let mut names = vec![0_u8; KERNEL_LIMIT];
        let length = match flistxattr(&file, names.as_mut_slice()) {
            Ok(length) => length,
            Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(found),
            Err(Errno::TOOBIG | Errno::RANGE) => {
                found.incomplete = true;
                return Ok(found);
            }
            Err(errno) => return Err(failed(errno)),
        };
        let mut bytes = 0_usize;
        let names = names.get(..length).unwrap_or_default();
        for name in names.split(|byte| *byte == 0) {
            // Every name that is kept is text.
            let Ok(name) = std::str::from_utf8(name) else {
                continue;
            };
            if kept(name) == Kept::Never {
                continue;
            }
            let Some(value) = value(&file, name).map_err(failed)? else {
                continue;
            };
            bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
            if bytes > LIMIT || found.values.len() >= MAX_COUNT {
                found.incomplete = true;
                break;
            }
            found.values.insert(name.to_owned(), value);
        }
        Ok(found)
    }

    /// Those that were kept of the file `path`; `None` if one of them is not kept by this program.
    pub(crate) fn known(path: &str, values: BTreeMap<String, Vec<u8>>) -> Option<Self> {
        let ours = values.keys().all(|name| kept(name) != Kept::Never);
        ours.then(|| Self {
            path: path.to_owned(),
            values,
            incomplete: false,
        })
    }

    /// Those that the file has with another content, and what the operator should know of the others.
    pub(crate) fn for_other_content(mut self) -> (Self, Vec<String>) {
        let mut remarks = Vec::new();
        if self.values.remove(ACCESS_LIST).is_some() {
            remarks.push(format!(
                "the access control list of `{}` is not kept: the plan's mode says who may open the file",
                self.path
            ));
        }
        if self.incomplete {
            remarks.push(format!(
                "`{}` has more extended attributes than kubeapply keeps ({MAX_COUNT}, {} KiB); some are lost",
                self.path,
                LIMIT / 1024
            ));
        }
        (self, remarks)
    }

    /// The file that they are of.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Names and values.
    pub(crate) const fn values(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.values
    }
}

/// The value of one attribute; `None` if the file does not have it, or this program may not read it.
pub(super) fn value(file: impl AsFd, name: &str) -> rustix::io::Result<Option<Vec<u8>>> {
    let mut value = vec![0_u8; KERNEL_LIMIT];
    match fgetxattr(file, name, value.as_mut_slice()) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM | Errno::ACCESS) => Ok(None),
        Err(errno) => Err(errno),
    }
}

impl fmt::Debug for Attributes {
    /// Without values: programs keep what they like in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_bytes_or_to_the_file_system_is_not_kept() {
        for (name, expected) in [
            ("security.selinux", true),
            ("security.SMACK64", true),
            ("security.SMACK64EXEC", true),
            ("user.note", true),
            ("system.posix_acl_access", true),
            ("security.ima", false),
            ("security.evm", false),
            ("security.capability", false),
            ("trusted.overlay.opaque", false),
            ("trusted.gfid", false),
            ("system.nfs4_acl", false),
            ("system.posix_acl_default", false),
        ] {
            let values = BTreeMap::from([(name.to_owned(), b"x".to_vec())]);
            assert_eq!(
                Attributes::known("/f", values).is_some(),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn another_content_does_not_get_the_old_access_control_list() {
        let names = ["system.posix_acl_access", "user.note"];
        let values = names.map(|name| (name.to_owned(), b"x".to_vec()));
        let old = Attributes::known("/etc/f", values.into()).unwrap();
        let (new, remarks) = old.for_other_content();
        assert_eq!(format!("{new:?}"), r#"{"user.note"}"#);
        assert!(matches!(remarks.as_slice(), [one] if one.contains("/etc/f")));
    }

    #[test]
    fn attributes_are_read_up_to_a_limit() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let set = |name: &str, value: &[u8]| {
            rustix::fs::fsetxattr(&file, name, value, rustix::fs::XattrFlags::empty())
        };
        assert_eq!(Attributes::read(&file, "/f").unwrap().values().len(), 0);
        if set("user.note", b"x").is_err() {
            // A file system without such attributes.
            return;
        }
        let found = Attributes::read(&file, "/f").unwrap();
        assert_eq!(found.values().get("user.note"), Some(&b"x".to_vec()));
        assert_eq!(found.for_other_content().1, [""; 0]);
    }
}
