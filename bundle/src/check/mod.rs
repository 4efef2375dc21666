//! kubeadm's preflight checks as data: what kubeapply checks on a host before it changes anything.
//!
//! In and out: the checks of a [`crate::step::Step::Preflight`], each a name in kubeadm's words, what a finding counts as,
//! and what to look at with which parameters. Whatever differs between Kubernetes releases (ports, versions, kernel options,
//! images) is a parameter that the planner wrote; the applier has one function for each [`CheckKind`]. The enum is closed:
//! a new kind has a feature of its own, so that an older applier refuses the bundle instead of skipping the check.
//!
//! Each kind has a file: its parameters, the paths that it looks at, the destinations that it may name. [`kind`] is the table of them.

mod cpu_count;
mod direct_connection;
mod direct_network;
mod directory_empty;
mod executable;
mod file_begins;
mod images;
mod kind;
mod leftover_files;
mod memory;
mod no_swap;
mod node_certificate;
mod node_name;
#[cfg(test)]
mod only_in_tests;
mod path_absent;
mod path_present;
mod port_free;
mod privileged_user;
mod program_version;
mod recorded_value;
mod runtime_config;
mod runtime_ready;
mod same_cluster;
mod server_version;
mod service_enabled;
mod service_flags;
mod service_inactive;
mod swap_allowed;
mod system;
mod version_below;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use cpu_count::CpuCount;
pub use direct_connection::DirectConnection;
pub use direct_network::DirectNetwork;
pub use directory_empty::DirectoryEmpty;
pub use executable::Executable;
pub use file_begins::FileBegins;
pub use images::{Images, PullPolicy};
pub use kind::CheckKind;
pub use leftover_files::LeftoverFiles;
pub use memory::Memory;
pub use no_swap::NoSwap;
pub use node_certificate::NodeCertificate;
pub use node_name::NodeName;
#[cfg(test)]
pub(crate) use only_in_tests::OnlyInTests;
pub use path_absent::PathAbsent;
pub use path_present::PathPresent;
pub use port_free::PortFree;
pub use privileged_user::PrivilegedUser;
pub use program_version::ProgramVersion;
pub use recorded_value::RecordedValue;
pub use runtime_config::RuntimeConfig;
pub use runtime_ready::RuntimeReady;
pub use same_cluster::SameCluster;
pub use server_version::{ClientFiles, ServerVersion};
pub use service_enabled::ServiceEnabled;
pub use service_flags::ServiceFlags;
pub use service_inactive::ServiceInactive;
pub use swap_allowed::SwapAllowed;
pub use system::{CgroupRequirements, KernelOption, SystemRequirements};
pub use version_below::VersionBelow;

use crate::access::StepPath;

/// The longest name of a check, in bytes: a path and the words before it.
const MAX_NAME: usize = 4200;

/// The longest path that is looked at, in bytes (Linux PATH_MAX).
const MAX_PATH: usize = 4096;

/// One check of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// kubeadm's name, such as `Port-6443`; what `--ignore-preflight-errors` takes, in any case. Several checks of a
    /// step may have the same name.
    pub name: CheckName,
    /// What a finding counts as.
    pub severity: Severity,
    /// What is looked at.
    pub look: CheckKind,
}

/// What a finding counts as, in kubeadm's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A warning is printed.
    Warning,
    /// The installation stops, unless the check is ignored.
    Error,
}

/// The questions that every kind of check answers.
trait Look {
    /// Every path of the host that the check looks at, with the field that names it.
    fn paths(&self) -> Vec<StepPath<'_>>;

    /// Checks that the programs, sockets and servers in the parameters are ones that a check may name.
    fn check_destinations(&self) -> Result<(), Broken>;
}

/// A rule of the index that a check breaks.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The rule.
    pub(crate) rule: &'static str,
    /// The value that breaks it.
    pub(crate) at: String,
}

pub(crate) fn broken(rule: &'static str, at: &dyn fmt::Display) -> Result<(), Broken> {
    Err(Broken {
        rule,
        at: at.to_string(),
    })
}

/// The longest text that says what a finding leads to, in bytes.
const MAX_CONSEQUENCE: usize = 500;

/// How many entries a list of a check has at most.
const MAX_LISTED: usize = 1000;

/// Bytes of an entry of such a list: what Linux allows for one argument of a program (MAX_ARG_STRLEN).
const MAX_LISTED_SIZE: usize = 128 * 1024;

/// Refuses lists that make a check slow.
fn check_lists(lists: &[&[String]]) -> Result<(), Broken> {
    let too_long = |list: &&[String]| {
        list.len() > MAX_LISTED || list.iter().any(|entry| entry.len() > MAX_LISTED_SIZE)
    };
    if lists.iter().any(too_long) {
        return broken("lists of a check have at most 1000 entries of 128 KiB", &"");
    }
    Ok(())
}

/// Checks a text that says what a finding leads to: one line for people.
fn check_consequence(text: &str) -> Result<(), Broken> {
    if text.is_empty() || text.len() > MAX_CONSEQUENCE || text.contains(char::is_control) {
        return broken(
            "what a finding leads to is one line of at most 500 bytes",
            &shown(text),
        );
    }
    Ok(())
}

/// The name of a check.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckName(String);

/// A path that is looked at and never written: absolute, in whatever characters the configuration has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LookPath(String);

/// Why a text is not a valid check name, or not a valid path for a check.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseCheckError {
    /// Empty, too long, or with a NUL.
    #[error("`{0}` is not a valid check name")]
    Name(String),
    /// Relative, too long, or with a NUL.
    #[error(
        "`{0}` is not a valid path for a check: expected an absolute path of at most {MAX_PATH} bytes without NUL"
    )]
    Path(String),
}

impl CheckName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CheckName {
    type Err = ParseCheckError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > MAX_NAME || text.contains('\0') {
            return Err(ParseCheckError::Name(shown(text)));
        }
        Ok(Self(text.to_owned()))
    }
}

impl LookPath {
    /// The path as text, starting with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As kubeadm builds names of checks from paths: every `/` becomes `-`, the leading one too.
    #[must_use]
    pub fn in_name(&self) -> String {
        self.0.replace('/', "-")
    }
}

impl FromStr for LookPath {
    type Err = ParseCheckError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.starts_with('/') || text.len() > MAX_PATH || text.contains('\0') {
            return Err(ParseCheckError::Path(shown(text)));
        }
        Ok(Self(text.to_owned()))
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().take(120).collect()
}

text_form!(CheckName, ParseCheckError);
text_display!(CheckName);
text_form!(LookPath, ParseCheckError);
text_display!(LookPath);

impl fmt::Display for Severity {
    /// As kubeadm prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_paths_as_kubeadm_makes_them() {
        let path: LookPath = "/etc/kubernetes/manifests/etcd.yaml".parse().unwrap();
        assert_eq!(
            format!("FileAvailable-{}", path.in_name()),
            "FileAvailable--etc-kubernetes-manifests-etcd.yaml"
        );
        assert!("/".parse::<LookPath>().is_ok());
        for bad in ["", "etc/x", "/a\0b", &format!("/{}", "x".repeat(MAX_PATH))] {
            assert!(bad.parse::<LookPath>().is_err(), "{bad:.20}");
        }
        for bad in ["", "a\0", &"x".repeat(MAX_NAME + 1)] {
            assert!(bad.parse::<CheckName>().is_err(), "{bad:.20}");
        }
    }

    #[test]
    fn listed_kernels_are_whole_series_and_new_majors() {
        let wanted = SystemRequirements {
            os: "Linux".into(),
            kernel_series: ["5.4", "5.10", "5.15"].map(Into::into).to_vec(),
            kernel_major: 6,
            kernel_severity: Severity::Warning,
            options: vec![],
            options_v1: vec![],
            options_v2: vec![],
            v1: CgroupRequirements::default(),
            v2: CgroupRequirements::default(),
            program: "kubelet".into(),
            v1_error_since: None,
        };
        for release in [
            "5.4.0-1",
            "5.10.7",
            "5.15",
            "6.1.0",
            "6.12.3-amd64",
            "7.0.0",
        ] {
            assert!(wanted.lists(release), "{release}");
        }
        for release in ["5.40.1", "5.11.2", "4.19.0", "6.1", "6", "", "x.y.z"] {
            assert!(!wanted.lists(release), "{release}");
        }
    }

    #[test]
    fn a_check_is_a_closed_object() {
        for text in [
            r#"{"name":"IsPrivilegedUser","severity":"error","look":{"kind":"privileged-user"}}"#,
            r#"{"name":"Port-6443","severity":"error","look":{"kind":"port-free","port":6443}}"#,
            r#"{"name":"Mem","severity":"error","look":{"kind":"memory","minimumMib":1700}}"#,
            r#"{"name":"KubeletVersion","severity":"warning","look":{"kind":"program-version","program":"kubelet","minimum":"1.33.0-0","newestMinor":"1.36"}}"#,
            r#"{"name":"ImagePull","severity":"error","look":{"kind":"images","socket":"unix:///s","references":["a"],"policy":"IfNotPresent","serial":true,"sandbox":"p"}}"#,
        ] {
            let check: Check = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&check).unwrap(), text);
            assert!(CheckKind::WORDS.contains(&check.look.word()));
            assert!(text.contains(&format!(r#""kind":"{}""#, check.look.word())));
        }
        for bad in [
            r#"{"name":"","severity":"error","look":{"kind":"no-swap"}}"#,
            r#"{"name":"Swap","severity":"fatal","look":{"kind":"no-swap"}}"#,
            r#"{"name":"Swap","severity":"error","look":{"kind":"run-shell"}}"#,
            r#"{"name":"Swap","severity":"error","look":{"kind":"no-swap","also":1}}"#,
            r#"{"name":"Port-1","severity":"error","look":{"kind":"port-free","port":65536}}"#,
            r#"{"name":"Port-1","severity":"error","look":{"kind":"port-free","port":1,"also":1}}"#,
            r#"{"name":"F","severity":"error","look":{"kind":"path-absent","path":"x"}}"#,
            r#"{"name":"S","severity":"error","look":{"kind":"no-swap"},"when":"x"}"#,
        ] {
            assert!(serde_json::from_str::<Check>(bad).is_err(), "{bad}");
        }
    }
}
