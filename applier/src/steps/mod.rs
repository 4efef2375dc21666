//! Steps that need a running host: services, endpoints, the API.
//!
//! In: a trusted bundle whose files are in place. Out: what came of each live step, and the first one that failed. Every
//! step may run again and ends in the same state ([`kubeplan_bundle::step::Step`] says how). What others changed is reported and left.
//!
//! Steps talk only to the API server that the index names, their own endpoints, and the members of etcd that the API names, all
//! through [`crate::net`].
//!
//! | module | concern |
//! |---|---|
//! | [`run`] | the selected steps, in their order |
//! | [`table`] | which file carries out which kind of step |
//! | [`apply_objects`], [`holes`] | objects of the API |
//! | [`mark_node`] | `annotate-node`, `label-and-taint-node` |
//! | [`start_service`], [`wait_for_endpoints`] | the services and the endpoints of this host |
//! | [`use_rotated_certificate`], [`finish_tls_bootstrap`] | the kubelet's credentials |
//! | [`wait_for_control_plane`], [`require_free_node_name`] | before a node joins |
//! | [`join_etcd`], [`committer`] | the node as a member of etcd; files that wait for what a step finds out |
//! | [`show_join_command`] | the join commands for other nodes |
//! | [`session`] | the API server: which one, with which identity, for how long |
//! | [`selection`] | which phases are chosen |
//! | [`report`], [`error`] | what is said |
//! | [`diagnosis`] | what services and containers say when the time is over |

mod apply_objects;
mod committer;
mod diagnosis;
mod error;
mod finish_tls_bootstrap;
pub(crate) mod holes;
mod join_etcd;
mod mark_node;
pub(crate) mod report;
pub(crate) mod require_free_node_name;
mod run;
pub(crate) mod selection;
mod session;
mod show_join_command;
mod start_service;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod use_rotated_certificate;
mod wait_for_control_plane;
mod wait_for_endpoints;

use std::collections::BTreeSet;

use kubeplan_bundle::index::{EntryName, Index};
use kubeplan_terminal::Hint;

pub(crate) use committer::{ChangeError, Committed, Committer, Filled, Removal, Standing};
pub(crate) use error::StepError;
pub(crate) use report::{Event, LiveReport, Observer, State, StepReport};
pub(crate) use run::run;

use crate::contents::Contents;
use crate::host::Root;
use crate::host::clock::Clock;
use crate::host::program::Programs;

/// What live steps need.
pub(crate) struct LiveRequest<'a> {
    /// The bundle's index.
    pub(crate) index: &'a Index,
    /// The bytes of its entries.
    pub(crate) contents: &'a dyn Contents,
    /// The host.
    pub(crate) root: &'a Root,
    /// The host's programs.
    pub(crate) programs: &'a Programs,
    /// What time it is.
    pub(crate) clock: Clock,
    /// Files changed in this run: services are restarted.
    pub(crate) files_changed: bool,
    /// Positions of steps that an earlier run of the same plan completed. Objects that hold a token are not applied again, so a token's lifetime is not extended, and a
    /// service that one of them started is left alone. What is not known to be completed is done: a run that was killed
    /// between a file and the restart of its reader must not leave the reader with the old file.
    pub(crate) completed: &'a BTreeSet<usize>,
    /// Positions of the steps to run; others are passed over.
    pub(crate) selected: &'a BTreeSet<usize>,
    /// Objects that are brought back to the plan although others changed them.
    pub(crate) overwrite: &'a BTreeSet<EntryName>,
    /// Whether tokens are left out of the text that says how to join.
    pub(crate) skip_token_print: bool,
}

/// What came of live steps.
pub(crate) struct LiveOutcome {
    /// The steps that are done.
    pub(crate) report: LiveReport,
    /// The step that is not; none after it was begun.
    pub(crate) failure: Option<LiveFailure>,
}

/// A step that did not get to its end.
#[derive(Debug)]
pub(crate) struct LiveFailure {
    /// Its position in the index, from 0.
    pub(crate) step: usize,
    /// Its phase.
    pub(crate) phase: String,
    /// What it does.
    pub(crate) what: String,
    /// Why it stopped.
    pub(crate) source: StepError,
    /// What this host's services and containers say about it.
    pub(crate) diagnosis: Vec<Hint>,
}

impl LiveFailure {
    /// What to look at, and what to do; `go_on` is the command that continues.
    pub(crate) fn hints(&self, go_on: &str) -> Vec<Hint> {
        let mut hints: Vec<Hint> = self.source.hints().into_iter().map(Hint::from).collect();
        hints.extend(self.diagnosis.iter().cloned());
        hints.push(
            format!("the files are in place; once the cause is removed, continue with {go_on}")
                .into(),
        );
        hints
    }
}

#[cfg(test)]
mod tests;
