//! Names in `ignorePreflightErrors` that no check has.
//!
//! In: the names of all checks of the planned nodes, and a node's list. Out: warnings. kubeadm takes any name, and so does a bundle: a
//! misspelt one ignores nothing, which shows only when the check fails on the host. A name counts as known if a node's plan has it, or
//! if the table of checks has it for another release, role or configuration.

use std::collections::BTreeSet;

use kubeplan_bundle::step::{Preflight, Step};

use super::notice::Notice;
use crate::phases::preflight::CHECKS;
use crate::suggest::nearest;

/// The most names that are warned of, because looking up the nearest name takes time.
const MAX_WARNED: usize = 20;

/// The name that stands for every check.
const ALL: &str = "all";

/// The names of checks.
pub(super) struct KnownChecks {
    /// As they are written, for suggestions.
    written: BTreeSet<String>,
    /// In lower case, as kubeadm compares them.
    lower: BTreeSet<String>,
}

/// The names of the checks in `steps`.
pub(super) fn check_names(steps: &[Step]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for step in steps {
        if let Step::Preflight(Preflight { checks, .. }) = step {
            names.extend(checks.iter().map(|check| check.name.as_str().to_owned()));
        }
    }
    names
}

impl KnownChecks {
    /// The names in `planned`, and those of the table.
    pub(super) fn new(mut planned: BTreeSet<String>) -> Self {
        let fixed = CHECKS.iter().map(|row| row.name);
        planned.extend(fixed.filter(|name| !name.contains('<')).map(str::to_owned));
        Self {
            lower: planned.iter().map(|name| name.to_lowercase()).collect(),
            written: planned,
        }
    }

    /// Warnings about names in `ignored`, which kubeadm compares in lower case.
    pub(super) fn notices(&self, ignored: &[String]) -> Vec<Notice> {
        let unknown = ignored.iter().filter(|name| !self.has(name));
        unknown
            .take(MAX_WARNED)
            .map(|name| {
                let meant = nearest(name, self.written.iter().map(String::as_str));
                let meant = meant.map_or_else(
                    || "remove it, or look up the names with `kubeplan preflight`".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                Notice::Warning(format!(
                    "ignorePreflightErrors: no check is called `{name}`, so nothing is ignored; {meant}"
                ))
            })
            .collect()
    }

    fn has(&self, name: &str) -> bool {
        let is_port = |name: &str| {
            let number = name.strip_prefix("port-");
            number.is_some_and(|number| number.parse::<u16>().is_ok())
        };
        let lower = name.to_lowercase();
        lower == ALL
            // Nodes that are not planned now may have other ports.
            || is_port(&lower)
            || self.lower.contains(&lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_warned_of_with_the_nearest() {
        let planned = ["DirAvailable--srv-etcd".to_owned()];
        let known = KnownChecks::new(planned.into());
        let said = |name: &str| {
            let notices = known.notices(&[name.to_owned()]);
            notices
                .first()
                .map_or_else(String::new, ToString::to_string)
        };
        for fine in [
            "all",
            "NumCPU",
            "numcpu",
            "Port-12345",
            "diravailable--srv-etcd",
            "FileAvailable--etc-kubernetes-kubelet.conf",
            "FileContent--proc-sys-net-ipv6-conf-default-forwarding",
        ] {
            assert_eq!(said(fine), "", "{fine}");
        }
        for (name, meant) in [
            ("NumCPUs", "did you mean `NumCPU`?"),
            (
                "DirAvailable--srv-etdc",
                "did you mean `DirAvailable--srv-etcd`?",
            ),
            ("SystemVerificaton", "did you mean `SystemVerification`?"),
            ("FileExisting-crictl", "remove it"),
            ("Port-x", "remove it"),
        ] {
            assert!(said(name).contains(meant), "{name}: {}", said(name));
        }
        let many: Vec<String> = (0..30_000).map(|at| format!("check-{at}")).collect();
        assert_eq!(known.notices(&many).len(), MAX_WARNED);
    }
}
