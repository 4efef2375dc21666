//! `preflight`: which checks a host has to pass, in kubeadm's order.
//!
//! In: the configuration and a [`Command`]. Out: [`Step::Preflight`]s, one for each of kubeadm's runs: a run that
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
//! A [`Command`] says which of the table's groups it goes through, and what else differs between commands.
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

/// What one of kubeadm's commands answers to the questions of the table.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The groups of each run.
    pub runs: &'static [&'static [Group]],
    /// How the node finds its cluster; `None` if it makes one.
    pub join: Option<&'a Join>,
    /// The certificate of the cluster CA is placed alone, at [`Join::ca_cert_path`], so nothing may be there yet.
    pub places_ca: bool,
    /// A kubelet that is newer than the planned release is refused.
    pub bounds_kubelet: bool,
}

impl<'a> Command<'a> {
    /// The first control-plane node of a cluster.
    pub const INIT: Self = Self {
        runs: &[
            &[Group::Root],
            &[
                Group::ControlPlane,
                Group::Common,
                Group::InitNetwork,
                Group::Storage,
                Group::Own,
            ],
            &[Group::Images],
        ],
        join: None,
        places_ca: false,
        bounds_kubelet: true,
    };

    /// A worker of a cluster that runs.
    #[must_use]
    pub const fn join_worker(join: &'a Join) -> Self {
        Self {
            runs: &[&[Group::Root], JOINING],
            join: Some(join),
            places_ca: true,
            bounds_kubelet: false,
        }
    }

    /// One more control-plane node of a cluster that runs. Between its second and its third run the cluster is discovered.
    #[must_use]
    pub const fn join_control_plane(join: &'a Join) -> Self {
        Self {
            runs: &[
                &[Group::Root],
                JOINING,
                &[Group::ControlPlane, Group::Storage],
                &[Group::Images],
            ],
            join: Some(join),
            places_ca: false,
            bounds_kubelet: false,
        }
    }
}

/// What is looked at before the cluster is discovered.
const JOINING: &[Group] = &[
    Group::JoinFiles,
    Group::Common,
    Group::JoinNetwork,
    Group::Own,
];

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
    command
        .runs
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
