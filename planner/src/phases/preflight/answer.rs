//! Answers checks from facts of a host, before a bundle is carried there.
//!
//! In: a check and the facts. Out: whether it would pass, or that the facts do not say. Only `kubeapply preflight` on the host makes
//! every check; this is a first look.

use kubeplan_bundle::check::{
    Check, CheckKind, CpuCount, FileBegins, Memory, ProgramVersion, RuntimeReady, Severity,
    SystemRequirements, VersionBelow,
};
use kubeplan_bundle::facts::{CRI_SOCKETS, Machine};
use semver::Version;

use super::reachability::{IPV4_FORWARDING, IPV6_FORWARDING};
use crate::config::valid::HostFacts;

/// What the facts say of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The host passes.
    Passed,
    /// The host fails for this reason, with the severity of the check.
    Found(String),
    /// The host fails for this reason, always as a warning.
    Warned(String),
    /// The facts do not say.
    Unknown,
}

/// Answers `check` from `facts`.
#[must_use]
pub fn answer(check: &Check, facts: &HostFacts) -> Answer {
    judge(&check.look, facts).unwrap_or(Answer::Unknown)
}

/// `None`: the facts do not say.
fn judge(look: &CheckKind, facts: &HostFacts) -> Option<Answer> {
    let machine = facts.machine.as_ref();
    match look {
        CheckKind::CpuCount(wanted) => cpus(wanted, machine?),
        CheckKind::Memory(wanted) => memory(wanted, machine?),
        CheckKind::NoSwap(_) => found_if(machine?.swap, || "swap is in use".to_owned()),
        // With swap, the cgroups decide, which only the host knows.
        CheckKind::SwapAllowed(_) => (!machine?.swap).then_some(Answer::Passed),
        CheckKind::FileBegins(wanted) => forwarding(wanted, machine?),
        CheckKind::System(wanted) => kernel(wanted, machine?),
        CheckKind::RuntimeReady(wanted) => runtime(wanted, facts.cri_sockets.as_deref()?),
        CheckKind::VersionBelow(wanted) => version(wanted),
        CheckKind::ProgramVersion(wanted) => kubelet(wanted, facts.kubelet_version.as_deref()?),
        // Only the host can tell.
        CheckKind::PrivilegedUser(_)
        | CheckKind::ServiceInactive(_)
        | CheckKind::ServiceEnabled(_)
        | CheckKind::PortFree(_)
        | CheckKind::PathAbsent(_)
        | CheckKind::PathPresent(_)
        | CheckKind::DirectoryEmpty(_)
        | CheckKind::Executable(_)
        | CheckKind::DirectConnection(_)
        | CheckKind::DirectNetwork(_)
        | CheckKind::RuntimeConfig(_)
        | CheckKind::NodeName(_)
        | CheckKind::ServerVersion(_)
        | CheckKind::Images(_)
        | CheckKind::SameCluster(_)
        | CheckKind::NodeCertificate(_)
        | CheckKind::LeftoverFiles(_)
        | CheckKind::RecordedValue(_)
        | CheckKind::ServiceFlags(_) => None,
    }
}

fn cpus(wanted: &CpuCount, machine: &Machine) -> Option<Answer> {
    let (cpus, minimum) = (machine.cpus, wanted.minimum);
    found_if(cpus < minimum, || {
        format!("{cpus} CPUs are available, {minimum} are needed")
    })
}

fn memory(wanted: &Memory, machine: &Machine) -> Option<Answer> {
    let (memory, minimum) = (machine.memory_mib, wanted.minimum_mib);
    found_if(memory < minimum, || {
        format!("the host has {memory} MiB of memory, {minimum} MiB are needed")
    })
}

fn forwarding(wanted: &FileBegins, machine: &Machine) -> Option<Answer> {
    let FileBegins { path, text } = wanted;
    let on = match path.as_str() {
        IPV4_FORWARDING => machine.ipv4_forwarding,
        IPV6_FORWARDING => machine.ipv6_forwarding,
        _ => return None,
    };
    found_if(!on, || format!("{path} does not say {text}"))
}

/// Options and cgroups only the host knows.
fn kernel(wanted: &SystemRequirements, machine: &Machine) -> Option<Answer> {
    let release = &machine.kernel;
    if wanted.lists(release) {
        return None;
    }
    let message = format!("the kernel release {release} is not supported");
    Some(match wanted.kernel_severity {
        Severity::Warning => Answer::Warned(message),
        Severity::Error => Answer::Found(message),
    })
}

/// Of a socket on which a runtime answers only the runtime can say whether it is ready; and only the usual places were tried.
fn runtime(wanted: &RuntimeReady, sockets: &[String]) -> Option<Answer> {
    let socket = &wanted.socket;
    let tried = CRI_SOCKETS.contains(&socket.as_str());
    (tried && !sockets.contains(socket))
        .then(|| Answer::Found(format!("no container runtime answers on {socket}")))
}

fn version(wanted: &VersionBelow) -> Option<Answer> {
    let (version, limit) = (parse(&wanted.version)?, parse(&wanted.limit)?);
    found_if(version >= limit, || format!("{version} is too new"))
}

/// The facts know the version of the kubelet alone.
fn kubelet(wanted: &ProgramVersion, version: &str) -> Option<Answer> {
    let ProgramVersion {
        program,
        minimum,
        newest_minor,
    } = wanted;
    if program != "kubelet" {
        return None;
    }
    let version = parse(version)?;
    let newest = match newest_minor {
        Some(newest) => Some(parse(&format!("{newest}.0"))?),
        None => None,
    };
    if version < parse(minimum)? {
        return Some(Answer::Found(format!(
            "{program} is {version}, which is too old: at least {minimum} is needed"
        )));
    }
    let newer = newest.filter(|newest| series(&version) > series(newest));
    found_if(newer.is_some(), || {
        format!("{program} is {version}, newer than the control plane")
    })
}

fn found_if(wrong: bool, message: impl FnOnce() -> String) -> Option<Answer> {
    Some(if wrong {
        Answer::Found(message())
    } else {
        Answer::Passed
    })
}

/// Major and minor.
const fn series(version: &Version) -> (u64, u64) {
    (version.major, version.minor)
}

fn parse(version: &str) -> Option<Version> {
    Version::parse(version.trim_start_matches('v')).ok()
}

#[cfg(test)]
mod tests {
    use kubeplan_bundle::step::{Preflight, Step};

    use super::*;
    use crate::phases::preflight::{Command, steps};
    use crate::testing::default_config;

    fn machine() -> Machine {
        Machine {
            cpus: 2,
            memory_mib: 1700,
            kernel: "6.12.3".into(),
            swap: false,
            ipv4_forwarding: true,
            ipv6_forwarding: false,
        }
    }

    fn answers(facts: &HostFacts) -> Vec<(String, Answer)> {
        let mut found = Vec::new();
        for step in steps(&default_config(), Command::INIT).unwrap() {
            let Step::Preflight(Preflight { checks, .. }) = step else {
                panic!()
            };
            for check in checks {
                match answer(&check, facts) {
                    Answer::Unknown => {}
                    known => found.push((check.name.to_string(), known)),
                }
            }
        }
        found
    }

    #[test]
    fn facts_answer_what_they_know() {
        let names = |facts: &HostFacts, wanted: fn(&Answer) -> bool| -> Vec<String> {
            answers(facts)
                .into_iter()
                .filter(|(_, answer)| wanted(answer))
                .map(|(name, _)| name)
                .collect()
        };
        let passed = |answer: &Answer| *answer == Answer::Passed;
        assert_eq!(
            names(&HostFacts::default(), |_| true),
            ["KubernetesVersion"],
            "without facts only what needs none is known"
        );
        let good = HostFacts {
            machine: Some(machine()),
            kubelet_version: Some("v1.35.0".into()),
            cri_sockets: Some(vec!["unix:///var/run/containerd/containerd.sock".into()]),
            ..HostFacts::default()
        };
        let all = [
            "NumCPU",
            "Mem",
            "KubernetesVersion",
            "Swap",
            "KubeletVersion",
            "FileContent--proc-sys-net-ipv4-ip_forward",
        ];
        assert_eq!(names(&good, passed), all);
        assert_eq!(
            names(&good, |answer| !matches!(answer, Answer::Passed)),
            [""; 0]
        );
        let bad = HostFacts {
            machine: Some(Machine {
                cpus: 1,
                memory_mib: 1,
                swap: true,
                ipv4_forwarding: false,
                kernel: "4.19.0".into(),
                ..machine()
            }),
            kubelet_version: Some("v1.37.0".into()),
            cri_sockets: Some(vec![]),
            ..HostFacts::default()
        };
        let found = |answer: &Answer| matches!(answer, Answer::Found(_));
        assert_eq!(
            names(&bad, found),
            [
                "NumCPU",
                "Mem",
                "CRI",
                "Swap",
                "KubeletVersion",
                "FileContent--proc-sys-net-ipv4-ip_forward",
            ]
        );
        let warned = |answer: &Answer| matches!(answer, Answer::Warned(_));
        assert_eq!(names(&bad, warned), ["SystemVerification"]);
        let old = HostFacts {
            kubelet_version: Some("v1.32.9".into()),
            ..HostFacts::default()
        };
        assert_eq!(names(&old, found), ["KubeletVersion"]);
    }
}
