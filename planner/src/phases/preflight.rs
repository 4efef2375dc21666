//! `preflight`: which checks a host has to pass, in kubeadm's order.
//!
//! In: the configuration and what the node is to become. Out: [`Step::Preflight`]s, one for each of kubeadm's runs: a run that
//! fails stops what comes later. Nothing is looked at here.
//!
//! | module | concern |
//! |---|---|
//! | [`table`] | the one table of checks: name, severity, condition, releases |
//! | [`row`] | what a row sees, and how it makes a check |
//! | [`machine`], [`files`], [`reachability`], [`etcd`] | what the checks of the table look for |
//! | [`join`] | how a joining node finds its cluster, as far as checks depend on it |
//! | [`answer`] | which checks the facts of a host answer beforehand |
//!
//! [`runs`] says which of the table's groups a command goes through.
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/preflight/checks.go` and k8s.io/system-validators v1.12.1.

pub mod answer;
mod etcd;
mod files;
mod join;
mod machine;
mod reachability;
mod row;
mod table;

pub use join::Join;
pub use table::{CHECKS, CheckDef, Group};

use kubeplan_bundle::check::ParseCheckError;
use kubeplan_bundle::step::Step;

use self::row::Row;
use super::PlanError;
use crate::config::ValidConfig;

/// What the node is to become.
#[derive(Clone, Copy, Debug)]
pub enum Command<'a> {
    /// The first control-plane node of a cluster.
    Init,
    /// A worker of a cluster that runs.
    JoinWorker(&'a Join),
    /// One more control-plane node of a cluster that runs.
    JoinControlPlane(&'a Join),
}

/// The groups of each run of `command`. Between the second and the third run of a joining control-plane node the
/// cluster is discovered.
#[must_use]
pub const fn runs(command: Command<'_>) -> &'static [&'static [Group]] {
    use Group as G;
    match command {
        Command::Init => &[
            &[G::Root],
            &[
                G::ControlPlane,
                G::Common,
                G::InitNetwork,
                G::Storage,
                G::Own,
            ],
            &[G::Images],
        ],
        Command::JoinWorker(_) => &[
            &[G::Root],
            &[G::JoinFiles, G::Common, G::JoinNetwork, G::Own],
        ],
        Command::JoinControlPlane(_) => &[
            &[G::Root],
            &[G::JoinFiles, G::Common, G::JoinNetwork, G::Own],
            &[G::ControlPlane, G::Storage],
            &[G::Images],
        ],
    }
}

/// The steps that look at the host before `command`.
///
/// # Errors
/// [`PlanError`] if the configuration names a path that cannot be looked at.
pub fn steps(config: &ValidConfig, command: Command<'_>) -> Result<Vec<Step>, PlanError> {
    let ignore = config
        .init
        .node_registration
        .ignore_preflight_errors
        .iter()
        .map(|name| name.to_lowercase().parse())
        .collect::<Result<Vec<_>, ParseCheckError>>()?;
    runs(command)
        .iter()
        .map(|groups| {
            let mut checks = Vec::new();
            for group in *groups {
                for def in CHECKS {
                    if def.group == *group && def.span.contains(config.release) {
                        checks.extend((def.make)(&Row {
                            def,
                            config,
                            command,
                        })?);
                    }
                }
            }
            Ok(Step::Preflight {
                phase: "preflight".parse()?,
                checks,
                ignore: ignore.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
