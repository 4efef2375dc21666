//! `preflight`: the checks that a host must pass, in kubeadm's order.
//!
//! In: the configuration and a [`Command`]. Out: [`Step::Preflight`]s, one for each of kubeadm's runs. A run that
//! fails stops the later ones. This module plans the checks and makes none.
//!
//! | module | concern |
//! |---|---|
//! | [`table`] | the one table of checks: name, severity, condition, releases |
//! | [`row`] | what a row gets, and how it makes a check |
//! | [`machine`], [`files`], [`reachability`], [`etcd`], [`leftovers`] | what the checks of the table look for |
//! | [`join`] | how a joining node finds its cluster |
//! | [`answer`] | answers checks from facts of a host |
//!
//! A [`Command`] has the groups that it checks, and everything else that differs between commands.
//! Source: kubeadm v1.36.2, `cmd/kubeadm/app/preflight/checks.go` and k8s.io/system-validators v1.12.1.

pub mod answer;
mod etcd;
mod files;
mod join;
mod leftovers;
mod machine;
mod reachability;
mod row;
mod table;

pub use join::Join;
pub use table::{CHECKS, CheckDef, Group};

use kubeplan_bundle::check::ParseCheckError;
use kubeplan_bundle::step::{Preflight, Step};

use self::row::Row;
use super::PlanError;
use crate::config::ValidConfig;
use crate::config::kubelet::EffectiveKubelet;

/// What differs between kubeadm's commands.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The groups of each run.
    pub runs: &'static [&'static [Group]],
    /// How the node finds its cluster; `None` if it creates one.
    pub join: Option<&'a Join>,
    /// The bundle places the CA's certificate at `caCertPath` and no other certificate, so that file must not exist.
    pub places_ca: bool,
    /// The kubelet must not be newer than the planned release.
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
                Group::InitOwn,
            ],
            &[Group::Images],
        ],
        join: None,
        places_ca: false,
        bounds_kubelet: true,
    };

    /// A worker that joins a running cluster.
    #[must_use]
    pub const fn join_worker(join: &'a Join) -> Self {
        Self {
            runs: &[&[Group::Root], JOINING],
            join: Some(join),
            places_ca: true,
            bounds_kubelet: false,
        }
    }

    /// A control-plane node that joins a running cluster. kubeadm discovers the cluster between the second and the third run.
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

/// The checks before the cluster is discovered.
const JOINING: &[Group] = &[
    Group::JoinFiles,
    Group::Common,
    Group::JoinNetwork,
    Group::Own,
];

/// The steps that check the host before `command`.
///
/// # Errors
/// [`PlanError`] if a check cannot look at a path of the configuration.
pub fn steps(config: &ValidConfig, command: Command<'_>) -> Result<Vec<Step>, PlanError> {
    let ignore = config
        .init
        .node_registration
        .ignore_preflight_errors
        .iter()
        .map(|name| name.to_lowercase().parse())
        .collect::<Result<Vec<_>, ParseCheckError>>()?;
    let kubelet = EffectiveKubelet::of(config)?;
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
                            kubelet: &kubelet,
                        })?);
                    }
                }
            }
            Ok(Step::Preflight(Preflight {
                phase: "preflight".parse()?,
                checks,
                ignore: ignore.clone(),
            }))
        })
        .collect()
}

#[cfg(test)]
mod tests;
