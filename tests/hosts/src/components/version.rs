//! Versions of Kubernetes, and what a program is linked with so that it reports one.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Result};

/// A release of Kubernetes, such as `v1.36.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// The patch release after this one.
    #[must_use]
    pub const fn next_patch(self) -> Self {
        Self {
            patch: self.patch + 1,
            ..self
        }
    }

    /// What `go build -ldflags` takes so that a program of Kubernetes reports this version, and the commit it was
    /// made from where that is known. Source: kubernetes v1.36.2, `hack/lib/version.sh`.
    #[must_use]
    pub fn linker_flags(self, commit: Option<&str>) -> String {
        let mut values = vec![
            ("gitVersion", self.to_string()),
            ("gitMajor", self.major.to_string()),
            ("gitMinor", self.minor.to_string()),
            ("gitTreeState", "clean".to_owned()),
        ];
        values.extend(commit.map(|commit| ("gitCommit", commit.to_owned())));
        let packages = [
            "k8s.io/component-base/version",
            "k8s.io/client-go/pkg/version",
        ];
        let flags: Vec<String> = packages
            .iter()
            .flat_map(|package| {
                values
                    .iter()
                    .map(move |(name, value)| format!("-X {package}.{name}={value}"))
            })
            .collect();
        flags.join(" ")
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text
            .strip_prefix('v')
            .map(|rest| rest.split('.').collect::<Vec<_>>());
        let parsed = match parts.as_deref() {
            Some([major, minor, patch]) => major
                .parse()
                .ok()
                .zip(minor.parse().ok())
                .zip(patch.parse().ok()),
            _ => None,
        };
        let ((major, minor), patch) =
            parsed.with_context(|| format!("`{text}` is not a version of the form v1.2.3"))?;
        Ok(Self {
            major,
            minor,
            patch,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_and_written() {
        let version: Version = "v1.36.2".parse().unwrap();
        assert_eq!(version.to_string(), "v1.36.2");
        assert_eq!(version.next_patch().to_string(), "v1.36.3");
        for wrong in ["1.36.2", "v1.36", "v1.36.2-rc.1", ""] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_version_packages_are_linked() {
        let version: Version = "v1.36.2".parse().unwrap();
        let flags = version.linker_flags(Some("abc"));
        for package in [
            "k8s.io/component-base/version",
            "k8s.io/client-go/pkg/version",
        ] {
            for value in [
                "gitVersion=v1.36.2",
                "gitMajor=1",
                "gitMinor=36",
                "gitTreeState=clean",
                "gitCommit=abc",
            ] {
                assert!(flags.contains(&format!("-X {package}.{value}")), "{value}");
            }
        }
        assert!(!version.linker_flags(None).contains("gitCommit"));
    }
}
