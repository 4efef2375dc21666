//! `system`.

use serde::{Deserialize, Serialize};

use super::program_version::check_asked;
use super::{Broken, Look, Severity};
use crate::access::StepPath;

/// The kernel, its options and its cgroups meet the requirements of a kubelet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SystemRequirements {
    /// The operating system's name (`uname -s`).
    pub os: String,
    /// Kernels before the first whole series that will do: `major.minor`, each with all its patch releases.
    pub kernel_series: Vec<String>,
    /// From this major on every kernel will do.
    pub kernel_major: u32,
    /// What another kernel counts as.
    pub kernel_severity: Severity,
    /// Options the kernel must be built with, whichever cgroups there are.
    pub options: Vec<KernelOption>,
    /// Further ones with cgroups v1, and with v2.
    pub options_v1: Vec<KernelOption>,
    /// Further ones with cgroups v2.
    pub options_v2: Vec<KernelOption>,
    /// cgroups v1.
    pub v1: CgroupRequirements,
    /// cgroups v2.
    pub v2: CgroupRequirements,
    /// The program whose version decides what cgroups v1 counts as.
    pub program: String,
    /// From this version of the program on cgroups v1 is an error, before it a warning; always a warning if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v1_error_since: Option<String>,
}

/// A kernel option, without `CONFIG_`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelOption {
    /// Its name.
    pub name: String,
    /// Other names it has had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// cgroup controllers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CgroupRequirements {
    /// Those that must be there.
    pub required: Vec<String>,
    /// Those whose absence is a warning.
    pub optional: Vec<String>,
}

impl Look for SystemRequirements {
    fn paths(&self) -> Vec<StepPath<'_>> {
        Vec::new()
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        check_asked(&self.program)
    }
}

impl SystemRequirements {
    /// Whether a kernel release is of a listed series, or `major.minor.patch` of a major that is new enough.
    #[must_use]
    pub fn lists(&self, release: &str) -> bool {
        let in_series = self.kernel_series.iter().any(|series| {
            release
                .strip_prefix(series.as_str())
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        });
        let mut parts = release.splitn(3, '.');
        let mut number = || {
            let part = parts.next()?;
            let end = part.find(|c: char| !c.is_ascii_digit());
            part.get(..end.unwrap_or(part.len()))?.parse::<u32>().ok()
        };
        let numbers = (number(), number(), number());
        in_series
            || matches!(numbers, (Some(major), Some(_), Some(_)) if major >= self.kernel_major)
    }
}
