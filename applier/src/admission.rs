//! May this bundle be installed on this host now?
//!
//! In: the index of a trusted bundle, the host's identity, the clock, the highest serial, what the operator allows.
//! Out: every reason against it. Nothing is changed, and nothing but the identity is read from the host.

use std::fmt;

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::{BundleKind, HostMatch, Index, Platform};
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::Advice;

use crate::host::identity::HostIdentity;
use crate::state::installed::Installed;
use crate::state::serials::HighestSerial;

/// What the operator allows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowances {
    /// Install although the target does not fit; must name the bundle's node.
    pub(crate) as_node: Option<String>,
    /// Install although a newer plan was installed before.
    pub(crate) older_serial: bool,
    /// Install although the keys are public.
    pub(crate) test_only: bool,
}

/// The host, as far as admission asks.
#[derive(Debug)]
pub(crate) struct Host<'a> {
    /// Who it is.
    pub(crate) identity: &'a HostIdentity,
    /// Whether it is the running system.
    pub(crate) live: bool,
    /// The time.
    pub(crate) now: Timestamp,
}

/// A reason against the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The bundle holds no node.
    Kind(BundleKind),
    /// Another platform.
    Platform {
        /// The bundle's.
        planned: Platform,
        /// The host's.
        host: Platform,
    },
    /// Public test keys on a real host.
    TestOnly {
        /// On the running system no flag allows it.
        live: bool,
    },
    /// Another host.
    Target {
        /// Which part of the identity.
        field: &'static str,
        /// What the bundle asks for.
        expected: String,
        /// What the host is, or why that is unknown.
        found: Result<String, String>,
    },
    /// `--as-node` names another node than the bundle's.
    AsNode {
        /// What was given.
        given: String,
        /// The bundle's node.
        node: String,
    },
    /// Its certificates are not valid yet.
    TooEarly {
        /// From when on it may be installed.
        apply_after: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// Its certificates are, or soon will be, expired.
    TooLate {
        /// Until when it may be installed.
        apply_before: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// The host is another node of the same cluster.
    OtherNode {
        /// The bundle's node.
        node: String,
        /// The node that this host is.
        installed: String,
    },
    /// A newer plan was installed before.
    OlderSerial {
        /// The bundle's.
        serial: u64,
        /// The highest one seen.
        highest: u64,
        /// Whether the bundle's plan is the one that is installed now, such as after a rollback.
        is_installed: bool,
    },
    /// Another plan with the same serial was installed before.
    SameSerial {
        /// The serial.
        serial: u64,
        /// The bundle's plan.
        planned: Sha256Digest,
        /// The plan that was installed.
        installed: Sha256Digest,
    },
}

/// The bundle may not be installed on this host now.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Refused {
    /// The only reason, or how many there are.
    what: String,
    #[source]
    reasons: Advice,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => {
                write!(f, "a bundle of kind `{kind}` cannot be installed on a node")
            }
            Self::Platform { planned, host } => write!(
                f,
                "the bundle is for {}/{}, this host is {}/{}",
                planned.os, planned.arch, host.os, host.arch
            ),
            Self::TestOnly { .. } => {
                f.write_str("the bundle was made with public test keys (testOnly)")
            }
            Self::Target {
                field,
                expected,
                found: Ok(found),
            } => write!(
                f,
                "the bundle is for another host: it requires {field} `{expected}`, and this host has `{found}`"
            ),
            Self::Target {
                field,
                expected,
                found: Err(reason),
            } => write!(
                f,
                "the bundle requires a host with {field} `{expected}`, and this host's is unknown: {reason}"
            ),
            Self::AsNode { given, node } => {
                write!(
                    f,
                    "`--as-node {given}` was given, the bundle is for node `{node}`"
                )
            }
            Self::TooEarly { apply_after, now } => write!(
                f,
                "the bundle must not be installed before {apply_after}; this host's clock says {now}"
            ),
            Self::TooLate { apply_before, now } => write!(
                f,
                "the bundle must not be installed after {apply_before}; this host's clock says {now}"
            ),
            Self::OtherNode { node, installed } => write!(
                f,
                "the bundle is for node {node}; this host is node {installed} of this cluster"
            ),
            Self::OlderSerial {
                serial, highest, ..
            } => write!(
                f,
                "the bundle has serial {serial}, and serial {highest} of this cluster was installed here"
            ),
            Self::SameSerial {
                serial,
                planned,
                installed,
            } => write!(
                f,
                "the bundle has serial {serial} and plan digest {}, and another plan ({}) with this serial was installed here",
                planned.short(),
                installed.short()
            ),
        }
    }
}

impl Refusal {
    fn hint(&self) -> String {
        let fixed = match self {
            Self::Kind(_) => "use the bundle of the node",
            Self::Platform { .. } => "plan the node again for this platform",
            Self::TestOnly { live: true } => {
                "plan without --test-pki; install test bundles into a directory tree with --root DIR --allow-test-only"
            }
            Self::TestOnly { live: false } => "to try it out, add --allow-test-only",
            Self::Target { .. } => {
                "use the bundle of this host; to install this one all the same, name its node with --as-node NAME"
            }
            Self::AsNode { .. } => "name the node that this host is to become",
            Self::TooEarly { .. } => "set the clock of this host, or wait",
            Self::TooLate { .. } => "set the clock of this host, or plan the node again",
            Self::OtherNode { node, installed } => {
                return format!(
                    "install the bundle of {installed}; if this host is to become {node}, use --as-node {node}"
                );
            }
            Self::OlderSerial {
                serial,
                highest,
                is_installed: true,
            } => {
                return format!(
                    "serial {serial} is the plan that this host has now; to install it again, add --allow-older-serial, or install the \
                     bundle of serial {highest} or later"
                );
            }
            Self::OlderSerial { highest, .. } => {
                return format!(
                    "install the bundle of serial {highest} or later; to return to an older plan, add --allow-older-serial"
                );
            }
            Self::SameSerial { .. } => {
                "two workspaces planned this cluster: find out which is right, then use --allow-older-serial"
            }
        };
        fixed.to_owned()
    }
}

/// Everything that speaks against installing the bundle, except its serial.
pub(crate) fn check(index: &Index, host: &Host<'_>, allowed: &Allowances) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if index.kind != BundleKind::Node {
        refusals.push(Refusal::Kind(index.kind));
    }
    // A tree may be for another machine; the running system cannot be.
    let own = own_platform();
    if host.live && index.target.platform != own {
        refusals.push(Refusal::Platform {
            planned: index.target.platform.clone(),
            host: own,
        });
    }
    if index.test_only && (host.live || !allowed.test_only) {
        refusals.push(Refusal::TestOnly { live: host.live });
    }
    match &allowed.as_node {
        None => check_target(&index.target.r#match, host.identity, &mut refusals),
        Some(given) if given == index.node.name.as_str() => {}
        Some(given) => refusals.push(Refusal::AsNode {
            given: given.clone(),
            node: index.node.name.to_string(),
        }),
    }
    if host.now < index.apply_after {
        refusals.push(Refusal::TooEarly {
            apply_after: index.apply_after,
            now: host.now,
        });
    }
    if host.now > index.apply_before {
        refusals.push(Refusal::TooLate {
            apply_before: index.apply_before,
            now: host.now,
        });
    }
    refusals
}

/// What the host's records of the bundle's cluster say against installing it: another node's name, or else the serial.
pub(crate) fn check_records(
    index: &Index,
    installed: &Installed,
    highest: Option<HighestSerial>,
    allowed: &Allowances,
) -> Option<Refusal> {
    let of_cluster = || {
        let nodes = installed.nodes().iter();
        nodes.filter(|node| node.cluster_id == index.cluster.id)
    };
    let other = of_cluster()
        .find(|node| node.node != index.node.name)
        .filter(|_| of_cluster().all(|node| node.node != index.node.name));
    match other {
        Some(other) if allowed.as_node.is_none() => Some(Refusal::OtherNode {
            node: index.node.name.to_string(),
            installed: other.node.to_string(),
        }),
        // That the other node's bundle has the same serial is no sign of two workspaces.
        Some(other)
            if highest.is_some_and(|highest| {
                highest.serial == index.serial && other.plan_digest == Some(highest.plan_digest)
            }) =>
        {
            None
        }
        _ => {
            let is_installed = of_cluster().any(|node| node.plan_digest == Some(index.plan_digest));
            check_serial(index, highest, is_installed, allowed)
        }
    }
}

/// Whether the serial speaks against installing the bundle. `is_installed` says that the host has its plan now.
fn check_serial(
    index: &Index,
    highest: Option<HighestSerial>,
    is_installed: bool,
    allowed: &Allowances,
) -> Option<Refusal> {
    let highest = highest?;
    if allowed.older_serial {
        return None;
    }
    if index.serial < highest.serial {
        return Some(Refusal::OlderSerial {
            serial: index.serial,
            highest: highest.serial,
            is_installed,
        });
    }
    (index.serial == highest.serial && index.plan_digest != highest.plan_digest).then_some(
        Refusal::SameSerial {
            serial: index.serial,
            planned: index.plan_digest,
            installed: highest.plan_digest,
        },
    )
}

/// One error for all refusals; `None` if there are none.
pub(crate) fn into_error(refusals: &[Refusal]) -> Option<Refused> {
    let (what, advice) = match refusals {
        [] => return None,
        [only] => (only.to_string(), Advice::default()),
        several => (
            format!("the bundle is refused for {} reasons", several.len()),
            Advice::items(several),
        ),
    };
    let reasons = refusals.iter().map(Refusal::hint).fold(advice, Advice::and);
    Some(Refused { what, reasons })
}

fn check_target(target: &HostMatch, identity: &HostIdentity, refusals: &mut Vec<Refusal>) {
    let mut ask = |field, expected: Option<String>, found: Result<String, String>| {
        if let Some(expected) = expected
            && found.as_ref() != Ok(&expected)
        {
            refusals.push(Refusal::Target {
                field,
                expected,
                found,
            });
        }
    };
    ask(
        "sshHostKey",
        target.ssh_host_key.clone(),
        identity.ssh_host_key.clone(),
    );
    ask(
        "machineIdHash",
        target.machine_id_hash.map(|hash| hash.to_string()),
        identity
            .machine_id_hash
            .clone()
            .map(|hash| hash.to_string()),
    );
    ask(
        "hostname",
        target.hostname.clone(),
        identity.hostname.clone(),
    );
}

/// The platform this program was built for, in Go's words.
fn own_platform() -> Platform {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        other => other,
    };
    Platform {
        os: std::env::consts::OS.to_owned(),
        arch: arch.to_owned(),
    }
}
