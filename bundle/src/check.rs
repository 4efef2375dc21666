//! What is looked at before anything is changed: kubeadm's preflight checks as data.
//!
//! In and out: the checks of a [`crate::step::Step::Preflight`], each a name in kubeadm's words, what a finding counts as,
//! and what to look at with which parameters. Whatever differs between Kubernetes releases (ports, versions, kernel options,
//! images) is a parameter that the planner wrote; the applier has one function for each [`CheckKind`]. The enum is closed:
//! a new kind raises the step's version, so that an older applier refuses instead of not looking.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::service::ServiceName;

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
    /// It is told.
    Warning,
    /// It stops the installation unless the check is ignored.
    Error,
}

/// What is looked at, and with what it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum CheckKind {
    /// The program runs as root.
    PrivilegedUser {},
    /// The process may use at least so many CPUs.
    CpuCount {
        /// The fewest that suffice.
        minimum: u32,
    },
    /// The host has at least so much memory.
    Memory {
        /// The least that suffices, in MiB.
        minimum_mib: u64,
    },
    /// A planned version is older than another one. Looks at no host.
    VersionBelow {
        /// Of what, for people.
        of: String,
        /// The version, `1.36.2`.
        version: String,
        /// The first version that is too new, `1.38.0-0`.
        limit: String,
    },
    /// A service does not run, because it would be in the way of these ports.
    ServiceInactive {
        /// The service, without suffix.
        service: ServiceName,
        /// Ports that others must reach.
        ports: Vec<u16>,
    },
    /// A service exists and starts with the host.
    ServiceEnabled {
        /// The service, without suffix.
        service: ServiceName,
    },
    /// Nobody listens on a TCP port, on any address.
    PortFree {
        /// The port.
        port: u16,
    },
    /// Nothing is at a path.
    PathAbsent {
        /// The path.
        path: LookPath,
    },
    /// Something is at a path.
    PathPresent {
        /// The path.
        path: LookPath,
    },
    /// A folder is empty, or is not there.
    DirectoryEmpty {
        /// The folder.
        path: LookPath,
    },
    /// A file begins with a text.
    FileBegins {
        /// The file.
        path: LookPath,
        /// How it begins.
        text: String,
    },
    /// A program is found in the search path.
    Executable {
        /// The program.
        program: String,
    },
    /// A connection to a host goes through no proxy.
    DirectConnection {
        /// `host` or `host:port`, an IPv6 address in brackets.
        authority: String,
    },
    /// A connection to the second address of a network goes through no proxy.
    DirectNetwork {
        /// The network, in CIDR notation.
        cidr: String,
    },
    /// The container runtime answers on its socket and says that it is ready.
    RuntimeReady {
        /// `unix:///…`.
        socket: String,
    },
    /// The container runtime tells its configuration.
    RuntimeConfig {
        /// `unix:///…`.
        socket: String,
    },
    /// No swap is in use.
    NoSwap {},
    /// Kernel, its options and its cgroups suffice for a kubelet.
    System(Box<SystemRequirements>),
    /// The node's name is a name, and resolves.
    NodeName {
        /// The name.
        node: String,
    },
    /// A program's version lies in a range. The program prints it with `--version`, after a `v`.
    ProgramVersion {
        /// The program.
        program: String,
        /// The oldest version that will do.
        minimum: String,
        /// The newest `major.minor` that will do, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        newest_minor: Option<String>,
    },
    /// Servers say a version that is new enough, in a JSON document.
    ServerVersion {
        /// URLs of the servers, without path.
        endpoints: Vec<String>,
        /// Path of the document, with its `/`.
        document: String,
        /// Key of the version in it.
        key: String,
        /// The oldest version that will do.
        minimum: String,
        /// Certificates and key for the connection.
        tls: ClientFiles,
    },
    /// Images are in the container runtime's store, or can be pulled into it.
    Images(Box<Images>),
    /// No other cluster lives on the host: what is there comes from the bundle's own certificate authority.
    SameCluster {
        /// Where the cluster's CA certificate lies.
        authority: LookPath,
        /// Kubeconfigs, each with the CA it trusts.
        kubeconfigs: Vec<LookPath>,
    },
}

impl CheckKind {
    /// Every value of `kind`, in the order of the enum.
    pub const WORDS: &'static [&'static str] = &[
        "privileged-user",
        "cpu-count",
        "memory",
        "version-below",
        "service-inactive",
        "service-enabled",
        "port-free",
        "path-absent",
        "path-present",
        "directory-empty",
        "file-begins",
        "executable",
        "direct-connection",
        "direct-network",
        "runtime-ready",
        "runtime-config",
        "no-swap",
        "system",
        "node-name",
        "program-version",
        "server-version",
        "images",
        "same-cluster",
    ];

    /// The value of `kind`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::PrivilegedUser {} => "privileged-user",
            Self::CpuCount { .. } => "cpu-count",
            Self::Memory { .. } => "memory",
            Self::VersionBelow { .. } => "version-below",
            Self::ServiceInactive { .. } => "service-inactive",
            Self::ServiceEnabled { .. } => "service-enabled",
            Self::PortFree { .. } => "port-free",
            Self::PathAbsent { .. } => "path-absent",
            Self::PathPresent { .. } => "path-present",
            Self::DirectoryEmpty { .. } => "directory-empty",
            Self::FileBegins { .. } => "file-begins",
            Self::Executable { .. } => "executable",
            Self::DirectConnection { .. } => "direct-connection",
            Self::DirectNetwork { .. } => "direct-network",
            Self::RuntimeReady { .. } => "runtime-ready",
            Self::RuntimeConfig { .. } => "runtime-config",
            Self::NoSwap {} => "no-swap",
            Self::System(_) => "system",
            Self::NodeName { .. } => "node-name",
            Self::ProgramVersion { .. } => "program-version",
            Self::ServerVersion { .. } => "server-version",
            Self::Images(_) => "images",
            Self::SameCluster { .. } => "same-cluster",
        }
    }
}

/// Files on the host for a TLS client; empty texts for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFiles {
    /// The CA that signed the servers' certificates.
    pub ca: String,
    /// The client's certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// What a kubelet needs of kernel and cgroups.
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
    /// Those whose absence is told.
    pub optional: Vec<String>,
}

/// Images and how they get into the container runtime's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Images {
    /// `unix:///…`.
    pub socket: String,
    /// References, in the order in which they are pulled.
    pub references: Vec<String>,
    /// Whether they are pulled.
    pub policy: PullPolicy,
    /// One after the other.
    pub serial: bool,
    /// The image of Pod sandboxes that is planned; another one in the runtime's configuration is told.
    pub sandbox: String,
}

/// Whether images are pulled, in Kubernetes' words (core/v1 PullPolicy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullPolicy {
    /// Also if they are in the store.
    Always,
    /// Unless they are in the store.
    #[default]
    IfNotPresent,
    /// Never, and it is not looked whether they are in the store.
    Never,
}

/// The name of a check.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CheckName(String);

/// A path that is looked at and never written: absolute, in whatever characters the configuration has it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LookPath(String);

/// The text is no name of a check, or no path to look at.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseCheckError {
    /// Empty, too long, or with a character nobody can type on a command line.
    #[error("`{0}` cannot be the name of a check")]
    Name(String),
    /// Relative, too long, or with a NUL.
    #[error("`{0}` is no path that can be looked at: not absolute, too long, or with a NUL")]
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
