//! Extended attributes of files (xattr(7)): which of them outlive a change of the file, and reading them.
//!
//! In: an open file. Out: names and values, within limits. Nothing here changes anything; [`super::Actions::create_with`] sets them.
//!
//! | attribute | when another content takes the file's place | when a rollback brings the old content back |
//! |---|---|---|
//! | `security.selinux`, `security.SMACK64`, `user.…` | kept: they are about the file's place | restored |
//! | `system.posix_acl_access` | dropped, and said so: mode and owner alone say who may open the file | not restored: who owns a directory can lay a file with a list of theirs there for a moment, and it would open another content |
//! | `security.ima`, `security.evm`, `security.capability`, `security.SMACK64EXEC` | dropped: a signature or a right of the old bytes | not restored: the kernel makes the first two itself, and the others need a program |
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
    /// There is an access control list.
    listed: bool,
}

/// Whether an attribute is set on the file that follows.
fn is_kept(name: &str) -> bool {
    match name {
        "security.selinux" | "security.SMACK64" => true,
        name => name.starts_with("user.") && is_recordable(name),
    }
}

/// Whether a name can be a key of a record, which is canonical JSON.
fn is_recordable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
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
        let names = names.split(|byte| *byte == 0);
        found.listed = names.clone().any(|name| name == ACCESS_LIST.as_bytes());
        // A name that is no text is a user's.
        let is_lost = |name: &[u8]| {
            name.starts_with(b"user.") && !std::str::from_utf8(name).is_ok_and(is_recordable)
        };
        found.incomplete = names.clone().any(is_lost);
        let known = names.filter_map(|name| std::str::from_utf8(name).ok());
        let mut known: Vec<&str> = known.filter(|name| is_kept(name)).collect();
        // Labels first: those of users must not push them out.
        known.sort_by_key(|name| !name.starts_with("security."));
        for name in known {
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
        let ours = values.keys().all(|name| is_kept(name));
        ours.then(|| Self {
            path: path.to_owned(),
            values,
            ..Self::default()
        })
    }

    /// Those that the file has with another content, and what the operator should know of the others.
    pub(crate) fn for_other_content(self) -> (Self, Vec<String>) {
        let mut remarks = Vec::new();
        if self.listed {
            remarks.push(format!(
                "the access control list of `{}` is not kept: the plan's mode says who may open the file",
                self.path
            ));
        }
        if self.incomplete {
            remarks.push(format!(
                "`{}` has extended attributes that kubeapply does not keep (more than {MAX_COUNT} or {} KiB, or names that are not printable ASCII); they are lost",
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
            ("security.SMACK64EXEC", false),
            ("user.note", true),
            ("user.größe", false),
            ("user.a b", false),
            ("system.posix_acl_access", false),
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
    fn an_access_control_list_is_named_and_not_kept() {
        // Version 2: user::rw-, user:65534:rw-, group::r--, mask::rw-, other::---.
        let entry = |tag: u16, permissions: u16, id: u32| {
            let words = [tag.to_le_bytes(), permissions.to_le_bytes()].concat();
            [words, id.to_le_bytes().to_vec()].concat()
        };
        let none = u32::MAX;
        let list = [
            2_u32.to_le_bytes().to_vec(),
            entry(1, 6, none),
            entry(2, 6, 65534),
            entry(4, 4, none),
            entry(16, 6, none),
            entry(32, 0, none),
        ]
        .concat();
        let file = tempfile::NamedTempFile::new().unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::fsetxattr(&file, ACCESS_LIST, &list, flags).is_err() {
            // A file system without such lists.
            return;
        }
        let (kept, remarks) = Attributes::read(&file, "/etc/f")
            .unwrap()
            .for_other_content();
        assert_eq!(kept.values().len(), 0);
        assert!(
            matches!(remarks.as_slice(), [one] if one.contains("access control list of `/etc/f`")),
            "{remarks:?}"
        );
    }

    #[test]
    fn names_that_no_record_can_have_are_lost_and_labels_are_read_first() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let set =
            |name: &str| rustix::fs::fsetxattr(&file, name, b"x", rustix::fs::XattrFlags::empty());
        if set("user.größe").is_err() {
            // A file system without such attributes.
            return;
        }
        set("user.tab\t").unwrap();
        set("user.note").unwrap();
        let (kept, remarks) = Attributes::read(&file, "/etc/f")
            .unwrap()
            .for_other_content();
        assert_eq!(format!("{kept:?}"), r#"{"user.note"}"#);
        assert!(matches!(remarks.as_slice(), [one] if one.contains("they are lost")));
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
