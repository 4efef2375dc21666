//! Extended attributes of files (xattr(7)): which of them outlive a change of the file, and reading them.
//!
//! In: an open file. Out: names and values, within limits. Nothing here changes anything; [`super::Actions::create_with`] sets them.
//!
//! | attribute | when another content takes the file's place | when a rollback brings the old content back |
//! |---|---|---|
//! | `security.selinux`, `security.SMACK64`, `user.…` | kept: they are about the file's place | restored |
//! | `system.posix_acl_access` | dropped, and said so: mode and owner alone say who may open the file | not restored, and said so: mode and owner alone say who may open the file. The group's bits are those that the list gave to it |
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

/// Who else may open a file (acl(5)).
pub(super) const ACCESS_LIST: &str = "system.posix_acl_access";

/// The attributes of one file that outlive a change.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// The file, for messages.
    path: String,
    values: BTreeMap<String, Vec<u8>>,
    /// There were more than are kept.
    incomplete: bool,
    /// The bits that the access control list, if there is one, gives to the file's group. The mode has the list's mask there instead.
    group: Option<u32>,
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
                found.group = group_bits(&file).map_err(failed)?;
                return Ok(found);
            }
            Err(errno) => return Err(failed(errno)),
        };
        let mut bytes = 0_usize;
        let names = names.get(..length).unwrap_or_default();
        let names = names.split(|byte| *byte == 0);
        if names.clone().any(|name| name == ACCESS_LIST.as_bytes()) {
            found.group = group_bits(&file).map_err(failed)?;
        }
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
            let value = match value(&file, name) {
                Ok(Some(value)) => value,
                Ok(None) => continue,
                // Some file systems store values that are larger than the kernel's own limit.
                Err(Errno::TOOBIG | Errno::RANGE) => {
                    found.incomplete = true;
                    continue;
                }
                Err(errno) => return Err(failed(errno)),
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

    /// Those that were kept of the file `path`, and the bits of its group if it had an access control list; `None` if one of them is not
    /// kept by this program.
    pub(crate) fn known(
        path: &str,
        values: BTreeMap<String, Vec<u8>>,
        group: Option<u32>,
    ) -> Option<Self> {
        let ours = values.keys().all(|name| is_kept(name)) && group.is_none_or(|bits| bits <= 7);
        ours.then(|| Self {
            path: path.to_owned(),
            values,
            group,
            ..Self::default()
        })
    }

    /// Those that the file has with another content, and what the operator should know of the others.
    pub(crate) fn for_other_content(self) -> (Self, Vec<String>) {
        let mut remarks = Vec::new();
        if self.group.is_some() {
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

    /// The mode of the file without its access control list, if `mode` is that with it: the same for its owner and for users that are in no
    /// entry, for its group what the list says. Without the list, the mask in its place would open the file to the whole group.
    pub(crate) fn mode_without_list(&self, mode: u32) -> u32 {
        self.group
            .map_or(mode, |group| mode & !GROUP_BITS | group << 3)
    }

    /// The bits of the file's group, if an access control list says them.
    pub(crate) const fn group(&self) -> Option<u32> {
        self.group
    }

    /// Whether there is nothing to keep.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.group.is_none()
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

/// The bits of a mode that are the group's.
pub(crate) const GROUP_BITS: u32 = 0o070;

/// The bits that the access control list of a file gives to the file's group: those of its entry that the mask leaves. None, if the list
/// cannot be understood; `None` if the file has no list.
fn group_bits(file: impl AsFd) -> rustix::io::Result<Option<u32>> {
    match value(file, ACCESS_LIST) {
        Ok(list) => Ok(list.map(|list| group_of_list(&list).unwrap_or_default())),
        Err(Errno::TOOBIG | Errno::RANGE) => Ok(Some(0)),
        Err(errno) => Err(errno),
    }
}

/// As [`group_bits`], of a list in the kernel's form (include/uapi/linux/posix_acl_xattr.h): a version, then entries of a tag, permissions
/// and an id, all little-endian.
fn group_of_list(list: &[u8]) -> Option<u32> {
    const VERSION: [u8; 4] = 2_u32.to_le_bytes();
    const GROUP: u16 = 0x04;
    const MASK: u16 = 0x10;
    let (version, entries) = list.split_first_chunk::<4>()?;
    let (entries, rest) = entries.as_chunks::<8>();
    if *version != VERSION || !rest.is_empty() {
        return None;
    }
    let permissions = |wanted: u16| {
        entries.iter().find_map(|[t0, t1, p0, p1, ..]| {
            (u16::from_le_bytes([*t0, *t1]) == wanted)
                .then(|| u32::from(u16::from_le_bytes([*p0, *p1])) & 7)
        })
    };
    Some(permissions(GROUP)? & permissions(MASK).unwrap_or(7))
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
                Attributes::known("/f", values, None).is_some(),
                expected,
                "{name}"
            );
        }
    }

    /// An access control list, of tags, permissions and ids.
    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(permissions.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_bits_of_the_group_are_those_of_its_entry_and_not_the_mask() {
        let none = u32::MAX;
        let full = |group, mask| {
            list(&[
                (1, 6, none),
                (2, 6, 65534),
                (4, group, none),
                (8, 7, 65534),
                (16, mask, none),
                (32, 0, none),
            ])
        };
        assert_eq!(group_of_list(&full(4, 6)), Some(4));
        assert_eq!(group_of_list(&full(6, 4)), Some(4));
        assert_eq!(group_of_list(&full(0, 7)), Some(0));
        assert_eq!(
            group_of_list(&list(&[(1, 6, none), (4, 5, none), (32, 0, none)])),
            Some(5)
        );
        for damaged in [
            vec![],
            vec![1, 0, 0, 0],
            full(4, 6)[..10].to_vec(),
            list(&[]),
        ] {
            assert_eq!(group_of_list(&damaged), None, "{damaged:?}");
        }
        let kept = |group| Attributes::known("/f", BTreeMap::new(), group);
        assert_eq!(kept(Some(4)).unwrap().mode_without_list(0o667), 0o647);
        assert_eq!(kept(None).unwrap().mode_without_list(0o667), 0o667);
        assert_eq!(kept(Some(8)), None);
    }

    #[test]
    fn an_access_control_list_is_named_and_not_kept() {
        let none = u32::MAX;
        let list = list(&[
            (1, 6, none),
            (2, 6, 65534),
            (4, 4, none),
            (16, 6, none),
            (32, 0, none),
        ]);
        let file = tempfile::NamedTempFile::new().unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::fsetxattr(&file, ACCESS_LIST, &list, flags).is_err() {
            // A file system without such lists.
            return;
        }
        let found = Attributes::read(&file, "/etc/f").unwrap();
        assert_eq!(found.group(), Some(4));
        assert!(!found.is_empty());
        let (kept, remarks) = found.for_other_content();
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
