//! Which checks the facts of a host answer before a bundle is carried there.
//!
//! In: a check and the facts. Out: whether it would pass, or that the facts do not say. Only `kubeapply preflight` on the host makes
//! every check; this is a first look.

use kubeplan_bundle::check::{Check, CheckKind, Severity};
use kubeplan_bundle::facts::CRI_SOCKETS;
use semver::Version;

use crate::config::valid::HostFacts;

/// What the facts say of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing speaks against the host.
    Passed,
    /// This does, and counts as the check says.
    Found(String),
    /// This is a warning, whatever the check says.
    Warned(String),
    /// The facts do not say.
    Unknown,
}

/// What `facts` say of `check`.
#[must_use]
pub fn answer(check: &Check, facts: &HostFacts) -> Answer {
    judge(&check.look, facts).unwrap_or(Answer::Unknown)
}

fn judge(look: &CheckKind, facts: &HostFacts) -> Option<Answer> {
    let machine = facts.machine.as_ref();
    Some(match look {
        CheckKind::CpuCount { minimum } => {
            let cpus = machine?.cpus;
            found_if(cpus < *minimum, || {
                format!("{cpus} CPUs are available, {minimum} are needed")
            })
        }
        CheckKind::Memory { minimum_mib } => {
            let memory = machine?.memory_mib;
            found_if(memory < *minimum_mib, || {
                format!("the host has {memory} MiB of memory, {minimum_mib} MiB are needed")
            })
        }
        CheckKind::NoSwap {} => found_if(machine?.swap, || "swap is in use".to_owned()),
        CheckKind::FileBegins { path, text } => {
            let on = match path.as_str() {
                super::IPV4_FORWARDING => machine?.ipv4_forwarding,
                super::IPV6_FORWARDING => machine?.ipv6_forwarding,
                _ => return None,
            };
            found_if(!on, || format!("{path} does not say {text}"))
        }
        CheckKind::RuntimeReady { socket } => {
            let sockets = facts.cri_sockets.as_ref()?;
            if sockets.contains(socket) {
                // Somebody answers; whether the runtime is ready only it can say.
                return None;
            }
            // Only the usual places were tried.
            if !CRI_SOCKETS.contains(&socket.as_str()) {
                return None;
            }
            Answer::Found(format!("nobody answers on {socket}"))
        }
        CheckKind::System(wanted) => {
            let release = &machine?.kernel;
            if wanted.lists(release) {
                // Options and cgroups only the host knows.
                return None;
            }
            let message = format!("the kernel release {release} is not supported");
            match wanted.kernel_severity {
                Severity::Warning => Answer::Warned(message),
                Severity::Error => Answer::Found(message),
            }
        }
        CheckKind::VersionBelow { version, limit, .. } => {
            let (version, limit) = (parse(version)?, parse(limit)?);
            found_if(version >= limit, || format!("{version} is too new"))
        }
        CheckKind::ProgramVersion {
            program,
            minimum,
            newest_minor,
        } if program == "kubelet" => {
            let version = parse(facts.kubelet_version.as_deref()?)?;
            let newest = match newest_minor {
                Some(newest) => Some(parse(&format!("{newest}.0"))?),
                None => None,
            };
            if version < parse(minimum)? {
                Answer::Found(format!(
                    "{program} is {version}, which is too old: at least {minimum} is needed"
                ))
            } else {
                let newer = newest.filter(|newest| series(&version) > series(newest));
                found_if(newer.is_some(), || {
                    format!("{program} is {version}, newer than the control plane")
                })
            }
        }
        _ => return None,
    })
}

fn found_if(wrong: bool, message: impl FnOnce() -> String) -> Answer {
    if wrong {
        Answer::Found(message())
    } else {
        Answer::Passed
    }
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
    use kubeplan_bundle::facts::Machine;
    use kubeplan_bundle::step::Step;

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
        for step in steps(&default_config(), Command::Init).unwrap() {
            let Step::Preflight { checks, .. } = step else {
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
