//! Host paths that are safe to join to a root, by construction.
//!
//! In: text from an index. Out: [`HostPath`]: absolute, normalised, without `.`, `..`, empty or control
//! characters, short enough for a ustar header, and outside the directories that belong to kubeapply itself or to the kernel.
//! Checks the text only: the applier handles links on the host.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Directories a bundle may never write to: the host's trusted keys, and what kubeapply recorded.
pub const RESERVED: &[&str] = &["/etc/kubeplan", "/var/lib/kubeplan"];

/// Directories of the kernel's own file systems: what is written there changes the running system, or is not a file at all.
pub const KERNEL: &[&str] = &["/dev", "/proc", "/sys"];

/// Directories below `/dev` with ordinary files. A step may name a path in them, because an operator's file may be there; a bundle
/// cannot install files in them.
const SHARED_MEMORY: &str = "/dev/shm";

/// The prefix of the temporary names of kubeapply. A destination cannot have a component with this prefix.
pub const STAGE_PREFIX: &str = ".kubeplan-stage-";

/// The longest accepted path, in bytes. With the `redacted/files` prefix most such paths fit ustar's 255, which
/// also wants a `/` within the last 100; the few that do not are refused when a bundle is written.
pub const MAX_LENGTH: usize = 230;

/// An absolute, normalised path on the target host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPath(String);

/// Why a text is not a [`HostPath`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParsePathError {
    /// Relative, or the root itself.
    #[error("path `{0}` is not absolute, or does not name a file")]
    NotAbsolute(String),
    /// `.`, `..`, `//` or a trailing slash.
    #[error("path `{0}` is not normalised (`.`, `..`, `//` or a trailing `/`)")]
    NotNormalised(String),
    /// A control character, a backslash or a byte outside ASCII.
    #[error("path `{0}` has a character other than printable ASCII, or a backslash")]
    Character(String),
    /// Longer than [`MAX_LENGTH`], or a component over 100 bytes.
    #[error("path `{0}` is too long (at most {MAX_LENGTH} bytes, 100 in one component)")]
    TooLong(String),
    /// Under one of [`RESERVED`].
    #[error("path `{0}` belongs to kubeapply itself and cannot be a destination")]
    Reserved(String),
    /// Under one of [`KERNEL`].
    #[error("path `{0}` belongs to the kernel (/dev, /proc, /sys) and cannot be a destination")]
    Kernel(String),
    /// With a component that begins with [`STAGE_PREFIX`].
    #[error(
        "path `{0}` has a component that begins with `{STAGE_PREFIX}`, which is reserved for temporary files of kubeapply"
    )]
    Stage(String),
}

impl HostPath {
    /// The path as text, starting with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its leading `/`, for opening below a root directory handle.
    #[must_use]
    pub fn relative(&self) -> &str {
        self.0.trim_start_matches('/')
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.relative().split('/')
    }

    /// The last component.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The directory this path is in; `None` directly below the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        match self.0.rsplit_once('/') {
            None | Some(("", _)) => None,
            Some((parent, _)) => Some(Self(parent.to_owned())),
        }
    }

    /// Whether this path is `directory` or lies below it.
    #[must_use]
    pub fn is_within(&self, dir: &Self) -> bool {
        self.0
            .strip_prefix(dir.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// `self/name`.
    ///
    /// # Errors
    /// As for parsing the joined text.
    pub fn join(&self, name: &str) -> Result<Self, ParsePathError> {
        format!("{}/{name}", self.0).parse()
    }
}

impl FromStr for HostPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.escape_debug().take(120).collect::<String>();
        let Some(relative) = text.strip_prefix('/').filter(|rest| !rest.is_empty()) else {
            return Err(ParsePathError::NotAbsolute(shown()));
        };
        if !text
            .bytes()
            .all(|byte| (0x20..0x7f).contains(&byte) && byte != b'\\')
        {
            return Err(ParsePathError::Character(shown()));
        }
        if relative
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."))
        {
            return Err(ParsePathError::NotNormalised(shown()));
        }
        if text.len() > MAX_LENGTH || relative.split('/').any(|part| part.len() > 100) {
            return Err(ParsePathError::TooLong(shown()));
        }
        if is_within_any(text, RESERVED) {
            return Err(ParsePathError::Reserved(shown()));
        }
        if is_within_any(text, KERNEL) && !is_within_any(text, &[SHARED_MEMORY]) {
            return Err(ParsePathError::Kernel(shown()));
        }
        if relative
            .split('/')
            .any(|part| part.starts_with(STAGE_PREFIX))
        {
            return Err(ParsePathError::Stage(shown()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether the absolute, normalised path `text` is one of `directories`, or lies below one.
#[must_use]
pub fn is_within_any(text: &str, directories: &[&str]) -> bool {
    directories.iter().any(|directory| {
        text.strip_prefix(directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

text_form!(HostPath, ParsePathError);

text_display!(HostPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_absolute_paths() {
        let path: HostPath = "/etc/kubernetes/pki/etcd/ca.crt".parse().unwrap();
        assert_eq!(path.relative(), "etc/kubernetes/pki/etcd/ca.crt");
        assert_eq!(path.file_name(), "ca.crt");
        assert_eq!(path.parent().unwrap().as_str(), "/etc/kubernetes/pki/etcd");
        assert!("/etc".parse::<HostPath>().unwrap().parent().is_none());
        assert!(path.is_within(&"/etc/kubernetes".parse().unwrap()));
        assert!(
            !"/etc/kubernetes2/x"
                .parse::<HostPath>()
                .unwrap()
                .is_within(&"/etc/kubernetes".parse().unwrap())
        );
    }

    #[test]
    fn refuses_everything_that_could_leave_the_root() {
        use ParsePathError as E;
        type Case<'a> = (&'a str, fn(String) -> E);
        let cases: &[Case<'_>] = &[
            ("", E::NotAbsolute),
            ("/", E::NotAbsolute),
            ("etc/x", E::NotAbsolute),
            ("/etc/../x", E::NotNormalised),
            ("/etc/./x", E::NotNormalised),
            ("/etc//x", E::NotNormalised),
            ("/etc/x/", E::NotNormalised),
            ("/etc/x\\y", E::Character),
            ("/etc/x\n", E::Character),
            ("/etc/\u{e9}", E::Character),
            ("/etc/kubeplan", E::Reserved),
            ("/etc/kubeplan/allowed_signers", E::Reserved),
            ("/var/lib/kubeplan/serials", E::Reserved),
            ("/dev", E::Kernel),
            ("/dev/shm2/x", E::Kernel),
            ("/proc/self/root/etc/kubeplan/policy.yaml", E::Kernel),
            ("/sys/fs/cgroup/x", E::Kernel),
            ("/etc/.kubeplan-stage-0123456789abcdef", E::Stage),
            ("/srv/.kubeplan-stage-x/data", E::Stage),
        ];
        for (text, error) in cases {
            let found = text.parse::<HostPath>().unwrap_err();
            assert_eq!(
                std::mem::discriminant(&found),
                std::mem::discriminant(&error(String::new())),
                "{text}: {found}"
            );
        }
        for good in [
            "/etc/kubeplanner/x",
            "/device/x",
            "/dev/shm/x",
            "/srv/proc/x",
            "/etc/kubeplan-stage-x",
        ] {
            assert!(good.parse::<HostPath>().is_ok(), "{good}");
        }
        assert!(matches!(
            format!("/{}", "a/".repeat(120) + "a").parse::<HostPath>(),
            Err(E::TooLong(_))
        ));
        assert!(matches!(
            format!("/{}", "a".repeat(101)).parse::<HostPath>(),
            Err(E::TooLong(_))
        ));
    }
}
