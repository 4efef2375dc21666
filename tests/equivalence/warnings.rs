//! Warnings of both programs, by what they are about.
//!
//! In: what kubeadm said, or the planner's warnings. Out: the names of the rows of [`WARNINGS`], sorted, each once. Warnings
//! that no row covers are not compared.

use std::collections::BTreeSet;

use kubeplan::config::{Report, Severity};

/// One thing that both programs warn of.
struct Warning {
    name: &'static str,
    /// A part of kubeadm's line.
    kubeadm: &'static str,
    /// A part of the planner's message.
    planner: &'static str,
}

const WARNINGS: &[Warning] = &[
    Warning {
        name: "port of the endpoint",
        kubeadm: "port specified in controlPlaneEndpoint overrides bindPort",
        planner: "overrides bindPort",
    },
    Warning {
        name: "authorization mode",
        kubeadm: "the default kube-apiserver authorization-mode is",
        planner: "replaces kubeadm's default",
    },
    Warning {
        name: "unknown authorization mode",
        kubeadm: "ignoring unknown kube-apiserver authorization-mode",
        planner: "does not know the authorization mode",
    },
    Warning {
        name: "ignored document",
        kubeadm: "Ignored configuration document",
        planner: "this document is ignored",
    },
];

/// The names of the warnings in kubeadm's output: lines of klog that begin with `W` and a date.
#[must_use]
pub fn of_kubeadm(said: &str) -> String {
    let is_warning = |line: &&str| {
        let mut bytes = line.bytes();
        bytes.next() == Some(b'W') && bytes.take(4).all(|byte| byte.is_ascii_digit())
    };
    let names = said.lines().filter(is_warning).filter_map(|line| {
        let row = WARNINGS.iter().find(|row| line.contains(row.kubeadm))?;
        Some(row.name.to_owned())
    });
    listed(names)
}

/// The names of the planner's warnings that kubeadm gives, too.
#[must_use]
pub fn of_planner(warnings: &Report) -> String {
    let warnings = warnings.findings().iter();
    let names = warnings.filter_map(|finding| {
        let said = |row: &&Warning| finding.message.contains(row.planner);
        let row = WARNINGS.iter().find(said)?;
        (finding.severity == Severity::Warning).then(|| row.name.to_owned())
    });
    listed(names)
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: BTreeSet<String> = names.collect();
    names.into_iter().map(|name| name + "\n").collect()
}
