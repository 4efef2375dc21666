//! Platforms of images: operating system, architecture, variant.
//!
//! Source: containerd's `platforms` package (`normalizeArch`, `compare.go`), which the CRI uses to choose from an index.

use std::fmt;

/// A platform with a normalised architecture: `arm64` has the variant `v8` left out, `x86_64` is `amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// The operating system, such as `linux`.
    pub os: String,
    /// The architecture, as Go names it, such as `amd64`.
    pub arch: String,
    /// The variant, such as `v7`; empty for the architecture's usual one.
    pub variant: String,
}

impl Platform {
    /// Linux on `arch`, with its usual variant.
    #[must_use]
    pub fn linux(arch: &str) -> Self {
        Self::new("linux", arch, "")
    }

    /// Normalises as containerd does.
    #[must_use]
    pub fn new(os: &str, arch: &str, variant: &str) -> Self {
        let (arch, variant) = match (arch.to_ascii_lowercase().as_str(), variant) {
            ("x86_64" | "x86-64" | "amd64", variant) => (
                "amd64".to_owned(),
                if variant == "v1" { "" } else { variant },
            ),
            ("aarch64" | "arm64", variant) => (
                "arm64".to_owned(),
                if matches!(variant, "8" | "v8" | "v8.0") {
                    ""
                } else {
                    variant
                },
            ),
            ("armhf", _) => ("arm".to_owned(), ""),
            ("armel", _) => ("arm".to_owned(), "v6"),
            ("arm", "" | "7" | "v7") => ("arm".to_owned(), ""),
            ("arm", "5") => ("arm".to_owned(), "v5"),
            ("arm", "6") => ("arm".to_owned(), "v6"),
            ("i386", _) => ("386".to_owned(), ""),
            (other, variant) => (other.to_owned(), variant),
        };
        Self {
            os: os.to_ascii_lowercase(),
            arch,
            variant: variant.to_owned(),
        }
    }

    /// How well an image of this platform suits a host of platform `host`, 0 best; `None` if it does not run there.
    ///
    /// A host of platform `arm` runs images of older variants. Of `amd64` and others the usual variant alone is sure to run.
    #[must_use]
    pub fn suits(&self, host: &Self) -> Option<u8> {
        if self.os != host.os || self.arch != host.arch {
            return None;
        }
        if self.variant == host.variant {
            return Some(0);
        }
        let age = |variant: &str| match variant {
            "" => Some(7u8),
            "v8" => Some(8),
            "v6" => Some(6),
            "v5" => Some(5),
            _ => None,
        };
        match self.arch.as_str() {
            "arm" => age(&host.variant)?.checked_sub(age(&self.variant)?),
            // A newer variant also runs what is for the usual one.
            _ => self.variant.is_empty().then_some(9),
        }
    }

    /// Whether it is the mark of an attestation, which describes an image and is not one.
    pub(super) fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.arch == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_platform_are_one_platform() {
        for (arch, variant, expected) in [
            ("x86_64", "", "linux/amd64"),
            ("amd64", "v1", "linux/amd64"),
            ("amd64", "v3", "linux/amd64/v3"),
            ("aarch64", "", "linux/arm64"),
            ("arm64", "v8", "linux/arm64"),
            ("arm64", "v9", "linux/arm64/v9"),
            ("arm", "v7", "linux/arm"),
            ("armel", "", "linux/arm/v6"),
            ("s390x", "", "linux/s390x"),
        ] {
            assert_eq!(Platform::new("Linux", arch, variant).to_string(), expected);
        }
    }

    #[test]
    fn the_nearest_variant_that_runs_is_chosen() {
        let image = |arch, variant| Platform::new("linux", arch, variant);
        for (of, host, expected) in [
            (image("amd64", ""), image("amd64", ""), Some(0)),
            (image("amd64", "v3"), image("amd64", ""), None),
            (image("arm64", "v8"), image("arm64", ""), Some(0)),
            (image("arm64", ""), image("arm64", "v9"), Some(9)),
            (image("arm", "v6"), image("arm", "v7"), Some(1)),
            (image("arm", "v7"), image("arm", "v6"), None),
            (image("arm64", ""), image("amd64", ""), None),
            (
                Platform::new("windows", "amd64", ""),
                image("amd64", ""),
                None,
            ),
        ] {
            assert_eq!(of.suits(&host), expected, "{of} on {host}");
        }
    }
}
