//! Warnings of both programs, by what they are about.
//!
//! In: what kubeadm said, or the planner's warnings. Out: the names of the rows of [`WARNINGS`], sorted, each once. A warning of
//! kubeadm that no row covers is listed itself, so that it is a difference. Warnings that only the planner gives are not compared.
//!
//! The rows are kubeadm's warnings about a configuration that it reads (v1.36.2, `klog.Warning` below cmd/kubeadm/app). The others do
//! not occur here: unknown fields are errors of `config validate`; a version is exact; the address of the API server is
//! that of a host with a route; names that no
//! certificate can have are errors before a certificate is made; deprecated feature gates are named for the flag alone; those
//! about the kubelet, the runtime, existing files and the cluster are about a host.

use std::collections::BTreeSet;

use kubeplan::config::{Finding, Report, Severity};
use kubeplan::selection::Selection;

/// One thing that both programs warn of.
struct Warning {
    name: &'static str,
    /// A part of kubeadm's line.
    kubeadm: &'static str,
    /// A part of the planner's message.
    planner: &'static str,
    /// The phase in which kubeadm gives it, if not whenever it reads the configuration.
    phase: Option<&'static str>,
}

const WARNINGS: &[Warning] = &[
    Warning {
        name: "port of the endpoint",
        kubeadm: "port specified in controlPlaneEndpoint overrides bindPort",
        planner: "overrides bindPort",
        phase: None,
    },
    Warning {
        name: "authorization mode",
        kubeadm: "the default kube-apiserver authorization-mode is",
        planner: "replaces kubeadm's default",
        phase: Some("control-plane/apiserver"),
    },
    Warning {
        name: "unknown authorization mode",
        kubeadm: "ignoring unknown kube-apiserver authorization-mode",
        planner: "does not know the authorization mode",
        phase: Some("control-plane/apiserver"),
    },
    Warning {
        name: "ignored document",
        kubeadm: "Ignored configuration document",
        planner: "this document is ignored",
        phase: None,
    },
    Warning {
        name: "old API version",
        kubeadm: "your configuration file uses a deprecated API spec",
        planner: "the API version `kubeadm.k8s.io/v1beta3` is deprecated",
        phase: None,
    },
    Warning {
        name: "socket without scheme",
        kubeadm: "Usage of CRI endpoints without URL scheme is deprecated",
        planner: "a socket without `unix://` is deprecated",
        phase: None,
    },
    Warning {
        name: "site-local network",
        kubeadm: "contains IPv6 site-local addresses",
        planner: "has site-local addresses",
        phase: None,
    },
    Warning {
        name: "validity of certificates",
        kubeadm: "is more than the recommended default for certificate expiration",
        planner: "is longer than kubeadm recommends: 8760h0m0s",
        phase: None,
    },
    Warning {
        name: "validity of CA certificates",
        kubeadm: "is more than the recommended default for CA certificate expiration",
        planner: "is longer than kubeadm recommends: 87600h0m0s",
        phase: None,
    },
    Warning {
        name: "certificates that outlive their CA",
        kubeadm: "is more than the caCertificateValidityPeriod",
        planner: "is longer than caCertificateValidityPeriod",
        phase: None,
    },
];

/// How both say that a field of a component's document has another value than kubeadm recommends, in front of the field.
const RECOMMENDED: (&str, &str) = ("The recommended value for ", "kubeadm recommends ");

/// Parts of kubeadm's warnings about the run: the host that it runs on here, and a CA that expires before it is read again.
const ABOUT_RUN: &[&str] = &[
    "cannot determine if systemd-resolved is active",
    "could not validate bounds for certificate",
];

/// The names of the warnings in kubeadm's output: lines of klog that begin with `W` and a date.
#[must_use]
pub fn of_kubeadm(said: &str) -> String {
    let is_warning = |line: &&str| {
        let mut bytes = line.bytes();
        bytes.next() == Some(b'W')
            && bytes.take(4).all(|byte| byte.is_ascii_digit())
            && !ABOUT_RUN.iter().any(|about| line.contains(about))
    };
    listed(said.lines().filter(is_warning).map(name_of_line))
}

fn name_of_line(line: &str) -> String {
    let message = line.split_once("] ").map_or(line, |(_, message)| message);
    if let Some(row) = WARNINGS.iter().find(|row| message.contains(row.kubeadm)) {
        return row.name.to_owned();
    }
    // `"field" in "Kind" is: …`
    let words = message.strip_prefix(RECOMMENDED.0);
    let mut quoted = words.into_iter().flat_map(|words| words.split('"')).skip(1);
    match (quoted.next(), quoted.nth(1)) {
        (Some(field), Some(kind)) => format!("recommended {kind}.{field}"),
        _ => message.to_owned(),
    }
}

/// The names of the planner's warnings that kubeadm gives, too, with the phases that `selection` includes.
#[must_use]
pub fn of_planner(warnings: &Report, selection: &Selection) -> String {
    let warnings = warnings.findings().iter();
    listed(
        warnings
            .filter(|finding| finding.severity == Severity::Warning)
            .filter_map(|finding| name_of_finding(finding, selection)),
    )
}

fn name_of_finding(finding: &Finding, selection: &Selection) -> Option<String> {
    if finding.message.starts_with(RECOMMENDED.1) {
        return Some(format!("recommended {}", finding.path));
    }
    let row = WARNINGS
        .iter()
        .find(|row| finding.message.contains(row.planner))?;
    let is_given = row.phase.is_none_or(|phase| selection.includes(phase));
    is_given.then(|| row.name.to_owned())
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: BTreeSet<String> = names.collect();
    names.into_iter().map(|name| name + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_of_kubeadm_that_no_row_covers_is_listed_itself() {
        let said = "I1201 12:00:00.000000   1 a.go:1] no warning\n\
            W1201 12:00:00.000000   1 utils.go:69] The recommended value for \"clusterDNS\" in \"KubeletConfiguration\" is: [10.96.0.10]; the provided value is: [a]\n\
            W1201 12:00:00.000000   1 a.go:2] something new\n\
            W1201 12:00:00.000000   1 endpoint.go:57] [endpoint] WARNING: port specified in controlPlaneEndpoint overrides bindPort in the controlplane address\n";
        assert_eq!(
            of_kubeadm(said),
            "port of the endpoint\nrecommended KubeletConfiguration.clusterDNS\nsomething new\n"
        );
    }
}
