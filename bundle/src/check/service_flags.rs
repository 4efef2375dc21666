//! `service-flags`.

use serde::{Deserialize, Serialize};

use super::{Broken, Look, LookPath, broken, check_consequence, check_lists};
use crate::access::{MayBe, Role, StepPath};

/// Directories of drop-ins that a check may read: of the kubelet's unit, and of every service, where systemd looks for them
/// (systemd.unit(5)).
const DROP_INS: &[&str] = &[
    "/etc/systemd/system/kubelet.service.d",
    "/run/systemd/system/kubelet.service.d",
    "/usr/local/lib/systemd/system/kubelet.service.d",
    "/usr/lib/systemd/system/kubelet.service.d",
    "/lib/systemd/system/kubelet.service.d",
    "/etc/systemd/system/service.d",
    "/run/systemd/system/service.d",
    "/usr/local/lib/systemd/system/service.d",
    "/usr/lib/systemd/system/service.d",
    "/lib/systemd/system/service.d",
];

/// Files of variables that a check may read: of the kubelet's packages for systemd, and of OpenRC.
const VARIABLES: &[&str] = &[
    "/etc/default/kubelet",
    "/etc/sysconfig/kubelet",
    "/etc/conf.d/kubelet",
];

/// Nothing but the plan gives flags to a service: neither drop-ins of its unit nor files of variables that the unit reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceFlags {
    /// Directories with drop-ins of the unit, in the order in which systemd prefers them: a file hides those of the same name in
    /// later directories. Files of the bundle are not read.
    pub drop_ins: Vec<LookPath>,
    /// Names of drop-ins that may set the command and name files of variables: those of the plan and of the package.
    pub expected: Vec<String>,
    /// Files with variables, one `NAME=value` in a line.
    pub variable_files: Vec<LookPath>,
    /// How the names of variables begin whose values become flags.
    pub variables: Vec<String>,
    /// Flags with their values that do not count, because the plan or the package gives them: `--config=/etc/app.yaml`.
    pub planned: Vec<String>,
    /// What such flags do, for people: a clause that follows a colon.
    pub consequence: String,
}

impl Look for ServiceFlags {
    fn paths(&self) -> Vec<StepPath<'_>> {
        let mut all = Vec::new();
        for (field, paths, listed) in [
            ("dropIns", &self.drop_ins, DROP_INS),
            ("variableFiles", &self.variable_files, VARIABLES),
        ] {
            for (number, path) in paths.iter().enumerate() {
                let field = format!("{field}[{number}]");
                let may_be = MayBe::Listed(listed);
                all.push(StepPath::new(&field, path.as_str(), Role::Reads, may_be));
            }
        }
        all
    }

    fn check_destinations(&self) -> Result<(), Broken> {
        check_lists(&[&self.expected, &self.variables, &self.planned])?;
        if self.variables.iter().any(String::is_empty) {
            return broken("a check names the variables that it reads", &"");
        }
        check_consequence(&self.consequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_make_a_check_slow_are_refused() {
        let check = |planned: Vec<String>| ServiceFlags {
            drop_ins: vec![],
            expected: vec![],
            variable_files: vec![],
            variables: vec!["KUBELET_".to_owned()],
            planned,
            consequence: "they win".to_owned(),
        };
        let flags = |count: usize| (0..count).map(|at| format!("--f={at}")).collect();
        assert!(check(flags(1000)).check_destinations().is_ok());
        assert!(check(flags(1001)).check_destinations().is_err());
        let long = |size: usize| vec!["x".repeat(size)];
        assert!(check(long(128 * 1024)).check_destinations().is_ok());
        assert!(check(long(128 * 1024 + 1)).check_destinations().is_err());
    }
}
