//! What differs between Kubernetes releases, as one table.
//!
//! Every version-specific value of the planner is a column of [`Release`] or a [`Span`] on a row of a flag or field table; no
//! other code compares versions. A plan for version X.Y.Z equals what kubeadm X.Y.Z does, so a patch release that changed a fact
//! has a row of its own. A patch release that is newer than the last row of its minor uses that row, and a pre-release uses the
//! row of the version that it precedes.

mod removed_gates;
mod table;

use kubeplan_bundle::check::Severity;

pub use removed_gates::removed_gate;
pub use table::RELEASES;

/// The facts about a supported Kubernetes minor, from one of its patch releases on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// The minor: 36 for 1.36.
    pub minor: u64,
    /// The first patch release to which the row applies.
    pub since_patch: u64,
    /// Tag of the etcd image.
    pub etcd_image_tag: &'static str,
    /// Tag of the CoreDNS image.
    pub coredns_image_tag: &'static str,
    /// Tag of the pause image.
    pub pause_image_tag: &'static str,
    /// The names of etcd's flags that were experimental before etcd 3.6.
    pub etcd_flags: EtcdFlags,
    /// Where the user's extra arguments are placed.
    pub argument_order: ArgumentOrder,
    /// How the probes of static Pods refer to their port.
    pub probe_ports: ProbePorts,
    /// Whether kube-controller-manager mounts the directory of flexvolume plugins.
    pub mounts_flexvolume: bool,
    /// Whether the kubelet gets the pause image (`--pod-infra-container-image`).
    pub pod_infra_container_image: bool,
    /// Whether Go prints `creationTimestamp: null` in the metadata of an object without a timestamp.
    pub prints_creation_timestamp: bool,
    /// Whether Go prints the empty `preferences` of a kubeconfig.
    pub prints_kubeconfig_preferences: bool,
    /// Whether `ECDSA-P384` is an encryption algorithm.
    pub ecdsa_p384: bool,
    /// The hash from which a CA's SubjectKeyId is made.
    pub subject_key_id: KeyIdHash,
    /// The organization of the client certificate with which the API server authenticates to kubelets. If `None`, a
    /// ClusterRoleBinding `kubeadm:apiserver-kubelet-client` grants the rights to its user.
    pub apiserver_kubelet_client_organization: Option<&'static str>,
    /// Whether the uploaded kubelet configuration contains the resolver file of a host that runs systemd-resolved.
    pub uploads_resolv_conf: bool,
    /// Whether the Node gets its CRI socket as an annotation if the gate `NodeLocalCRISocket` is off.
    pub annotates_cri_socket: bool,
    /// kube-proxy's default mode.
    pub kube_proxy_mode: &'static str,
    /// Whether kubeadm reads `kubeadm.k8s.io/v1beta3`.
    pub reads_v1beta3: bool,
    /// kubeadm's own feature gates.
    pub gates: &'static [Gate],
    /// How a kernel release that is not in kubeadm's list is judged.
    pub kernel_release_severity: Severity,
    /// The kubelet version from which cgroups v1 is an error; if `None`, it is always a warning.
    pub cgroup_v1_error_since: Option<&'static str>,
    /// The oldest supported version of an external etcd.
    pub external_etcd_minimum: &'static str,
    /// The sources of the values that differ from the row before.
    pub source: &'static str,
}

/// How etcd's flags for the corruption check and the progress interval are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdFlags {
    /// `--experimental-…`, for every version of etcd.
    Experimental,
    /// `--experimental-…` if the image tag is a version before 3.6.0, or not a version.
    ByImageTag,
    /// `--feature-gates` and `--watch-progress-notify-interval`, for every version of etcd.
    Stable,
}

/// Where the user's extra arguments are placed in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentOrder {
    /// Defaults and the user's arguments together, sorted by name and value.
    AllSorted,
    /// Sorted defaults, then the user's arguments in their order.
    DefaultsSorted,
}

/// How the probes of static Pods refer to their port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbePorts {
    /// By number; the container does not list ports.
    Number,
    /// By the name in the container's list of ports.
    Name,
}

/// The hash, over the content of the public key's BIT STRING, from which Go makes a SubjectKeyId.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIdHash {
    /// SHA-1.
    Sha1,
    /// The first 160 bits of SHA-256.
    Sha256,
}

/// A feature gate of kubeadm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The gate's name.
    pub name: &'static str,
    /// Whether the gate is on by default.
    pub default: bool,
    /// Whether the gate still has an effect; some remain after their feature is complete.
    pub has_effect: bool,
}

impl Release {
    /// A version of the row, such as `v1.36.1`: an example for messages.
    #[must_use]
    pub fn example(&self) -> String {
        format!("v1.{}.{}", self.minor, self.since_patch)
    }

    /// The gate called `name`, if kubeadm of this release has it.
    #[must_use]
    pub fn gate(&self, name: &str) -> Option<&'static Gate> {
        self.gates.iter().find(|gate| gate.name == name)
    }
}

/// The range of minors to which a row of a table applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    since: Option<u64>,
    until: Option<u64>,
}

impl Span {
    /// Every supported release.
    pub const ALL: Self = Self {
        since: None,
        until: None,
    };

    /// `1.<minor>` and later.
    #[must_use]
    pub const fn since(minor: u64) -> Self {
        Self {
            since: Some(minor),
            until: None,
        }
    }

    /// Up to and including `1.<minor>`.
    #[must_use]
    pub const fn until(self, minor: u64) -> Self {
        Self {
            since: self.since,
            until: Some(minor),
        }
    }

    /// The minor that the row no longer applies to, if `release` is that or later.
    #[must_use]
    pub fn ended_in(self, release: &Release) -> Option<u64> {
        self.until
            .filter(|until| release.minor > *until)
            .map(|until| until + 1)
    }

    /// Whether the row applies to `release`.
    #[must_use]
    pub fn contains(self, release: &Release) -> bool {
        self.since.is_none_or(|since| release.minor >= since)
            && self.until.is_none_or(|until| release.minor <= until)
    }

    /// Whether the row applies to any supported release.
    #[must_use]
    pub fn is_possible(self) -> bool {
        match (self.since, self.until) {
            (Some(since), Some(until)) => since <= until,
            _ => true,
        }
    }
}

/// The newest row of `1.<minor>`; `None` if the minor is not supported.
#[must_use]
pub fn find(minor: u64) -> Option<&'static Release> {
    RELEASES.iter().rfind(|release| release.minor == minor)
}

/// The row of `version`, given without `v`, such as `1.36.2` or `1.37.0-rc.1`; `None` if its minor is not
/// supported.
#[must_use]
pub fn of_version(version: &str) -> Option<&'static Release> {
    let mut parts = version.splitn(3, '.');
    let major = parts.next()?;
    let minor: u64 = parts.next()?.parse().ok()?;
    let patch = parts.next()?;
    let digits = patch.find(|c: char| !c.is_ascii_digit());
    let patch: u64 = patch.get(..digits.unwrap_or(patch.len()))?.parse().ok()?;
    RELEASES
        .iter()
        .rfind(|release| major == "1" && release.minor == minor && release.since_patch <= patch)
}

/// The supported minors as text, oldest first, such as `1.36`.
#[must_use]
pub fn supported() -> Vec<String> {
    let mut minors: Vec<String> = RELEASES
        .iter()
        .map(|release| format!("1.{}", release.minor))
        .collect();
    minors.dedup();
    minors
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the sources")]
mod tests {
    use std::path::Path;

    use super::*;

    /// Source files that may compare minors: the tables.
    const TABLES: &[&str] = &["kubeadm/releases/mod.rs"];

    #[test]
    fn rows_are_in_order_without_gaps_and_have_sources() {
        for pair in RELEASES.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            if before.minor == after.minor {
                assert!(before.since_patch < after.since_patch, "{after:?}");
            } else {
                assert_eq!((before.minor + 1, 0), (after.minor, after.since_patch));
            }
            assert_ne!(before.source, after.source);
        }
        assert_eq!(RELEASES[0].since_patch, 0);
        assert_eq!(supported(), ["1.33", "1.34", "1.35", "1.36", "1.37"]);
        for release in RELEASES {
            assert!(release.source.contains(&format!("1.{}", release.minor)));
            assert!(release.gates.is_sorted_by_key(|gate| gate.name));
        }
    }

    #[test]
    fn a_version_finds_the_row_of_its_patch_release() {
        let row = |version: &str| of_version(version).map(|r| (r.minor, r.since_patch));
        for (version, expected) in [
            ("1.33.0", (33, 0)),
            ("1.33.5", (33, 0)),
            ("1.33.6", (33, 6)),
            ("1.33.99", (33, 12)),
            ("1.36.0", (36, 0)),
            ("1.36.1", (36, 1)),
            ("1.36.3-alpha.0.5+abc", (36, 1)),
            ("1.37.0-rc.1", (37, 0)),
        ] {
            assert_eq!(row(version), Some(expected), "{version}");
        }
        for unknown in ["1.32.9", "1.38.0", "2.36.0", "1.36", "1.36.x", ""] {
            assert_eq!(row(unknown), None, "{unknown}");
        }
        assert_eq!(find(36).map(|release| release.since_patch), Some(1));
        assert_eq!(find(12), None);
    }

    #[test]
    fn a_span_applies_between_its_ends() {
        let release = find(36).unwrap();
        assert!(Span::ALL.contains(release));
        assert!(Span::since(36).contains(release));
        assert!(Span::since(33).until(36).contains(release));
        assert!(!Span::since(37).contains(release));
        assert!(!Span::ALL.until(35).contains(release));
        assert!(!Span::since(37).until(36).is_possible());
    }

    /// Whether a line of code compares a minor with a number.
    fn compares_minors(line: &str) -> bool {
        let code = line.split("//").next().unwrap_or_default();
        let tokens: Vec<&str> = code.split_whitespace().collect();
        tokens.windows(3).any(|window| {
            matches!(window[1], "<" | ">" | "<=" | ">=" | "==" | "!=")
                && [window[0], window[2]].iter().any(|side| {
                    side.trim_end_matches([')', ',', ';', '?', '{'])
                        .rsplit(['.', '(', ':', '*', '&'])
                        .next()
                        .is_some_and(|word| word == "minor")
                })
        })
    }

    fn offenders(directory: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                offenders(&path, root, found);
                continue;
            }
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            if !name.ends_with(".rs") || TABLES.contains(&name.as_str()) {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (number, line) in text.lines().enumerate() {
                if compares_minors(line) {
                    found.push(format!("{name}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }

    #[test]
    fn only_the_tables_compare_minors() {
        assert!(compares_minors("if config.release.minor >= 36 {"));
        assert!(compares_minors("    .filter(|r| 35 < r.minor)"));
        assert!(!compares_minors(
            "let minor = release.minor; // minor >= 36"
        ));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut found = Vec::new();
        offenders(&root, &root, &mut found);
        assert!(found.is_empty(), "{found:#?}");
    }
}
