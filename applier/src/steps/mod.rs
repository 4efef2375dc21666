//! Steps that need a running host: services, endpoints, the API.
//!
//! In: a trusted bundle whose files are in place. Out: what came of each live step, and the first one that failed. Every
//! step may run again and ends in the same state ([`Step`] says how). What others changed is reported and left.
//!
//! Steps talk to nobody but the API server that the index names, their own endpoints, and the members of etcd that the API names, all
//! through [`crate::net`].
//!
//! | module | concern |
//! |---|---|
//! | [`session`] | the API server: whom to ask, as whom, how long |
//! | [`apply`], [`holes`], [`node`] | changes of the API |
//! | [`control_plane`], [`node_name`], [`bootstrap`] | joining a cluster that runs |
//! | [`join_etcd`], [`committer`] | the node as a member of etcd; files that wait for what a step finds out |
//! | [`wait`], [`rotated`], [`join_command`] | the other steps; services are [`crate::host::service`]'s |
//! | [`report`], [`error`] | what is said |
//! | [`diagnosis`] | what services and containers say when the time is over |

mod apply;
mod bootstrap;
mod committer;
mod control_plane;
mod diagnosis;
mod error;
pub(crate) mod holes;
mod join_command;
mod join_etcd;
mod node;
pub(crate) mod node_name;
pub(crate) mod report;
mod rotated;
pub(crate) mod selection;
mod session;
#[cfg(test)]
pub(crate) mod testing;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kubeplan_bundle::index::{EntryName, Index};
use kubeplan_bundle::step::{ServiceName, Step};

use apply::Batch;
use bootstrap::Bootstrap;
pub(crate) use committer::{ChangeError, Committed, Committer, Filled, Removal, Standing};
pub(crate) use error::StepError;
use join_command::Join;
use join_etcd::EtcdJoin;
use kubeplan_terminal::{Hint, with_causes};
use node::Marks;
use node_name::Question;
pub(crate) use report::{Event, LiveReport, Observer, State, StepReport};
use report::{Progress, StepResult};
use rotated::Rotation;
use session::Session;

use crate::contents::Contents;
use crate::host::Root;
use crate::host::clock::Clock;
use crate::host::init;
use crate::host::program::Programs;
use crate::net::waiter::Waiter;

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
    /// Positions of steps that an earlier run of the same plan completed. No token among them begins a second life, and a
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
#[derive(Debug, thiserror::Error)]
#[error("step {} ({phase}: {what}) stopped", step + 1)]
pub(crate) struct LiveFailure {
    /// Its position in the index, from 0.
    pub(crate) step: usize,
    /// Its phase.
    pub(crate) phase: String,
    /// What it does.
    pub(crate) what: String,
    /// Why it stopped.
    #[source]
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
            format!("the files are in place; once the cause is removed, `{go_on}` goes on").into(),
        );
        hints
    }
}

/// Runs the selected live steps in their order, up to the first that fails.
pub(crate) fn run(request: &LiveRequest<'_>, observer: &mut dyn Observer) -> LiveOutcome {
    let mut report = LiveReport::default();
    let mut session = request
        .index
        .api
        .as_ref()
        .map(|api| Session::new(request.root, api));
    // One for all steps: connections that one of them opened are used by the next.
    let waiter = Waiter::default();
    let steps = request.index.steps.iter().enumerate();
    for (position, step) in
        steps.filter(|(position, step)| step.is_live() && request.selected.contains(position))
    {
        let phase = step.phase().to_string();
        let what = step.summary();
        let mut progress = Progress::begin(observer, position, &phase, what.clone());
        let outcome = waiter.wait(run_step(
            request,
            session.as_mut(),
            position,
            step,
            &mut progress,
        ));
        let outcome = match outcome.map_err(StepError::Runtime).flatten() {
            Ok(result) => progress.done(result).map_err(StepError::Record),
            Err(error) => {
                progress.failed(&error_text(&error));
                Err(error)
            }
        };
        match outcome {
            Ok(done) => report.steps.push(done),
            Err(source) => {
                let failure = LiveFailure {
                    diagnosis: diagnosis::of(request, &source),
                    step: position,
                    phase,
                    what,
                    source,
                };
                return LiveOutcome {
                    report,
                    failure: Some(failure),
                };
            }
        }
    }
    LiveOutcome {
        report,
        failure: None,
    }
}

/// The one place that knows every kind of live step.
async fn run_step(
    request: &LiveRequest<'_>,
    session: Option<&mut Session<'_>>,
    position: usize,
    step: &Step,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let no_api = StepError::Bundle("it does not say how its API server is reached");
    match step {
        Step::Preflight { .. } | Step::CommitTransaction { .. } => {
            Ok(StepResult::unchanged("no live step"))
        }
        Step::ApplyObjects {
            entries,
            fallback_kubeconfig,
            ..
        } => {
            let batch = Batch {
                index: request.index,
                contents: request.contents,
                entries,
                fallback: fallback_kubeconfig.as_ref(),
                overwrite: request.overwrite,
                completed: request.completed.contains(&position),
                clock: request.clock,
            };
            let session = session.ok_or(no_api)?;
            apply::run(session, &batch, progress).await
        }
        Step::LabelAndTaintNode {
            node,
            labels,
            taints,
            ..
        } => {
            let session = session.ok_or(no_api)?;
            let marks = Marks {
                labels,
                annotations: &BTreeMap::new(),
                taints,
            };
            let registers = longest_wait(request.index);
            node::run(session, node, marks, registers, progress).await
        }
        Step::AnnotateNode {
            node, annotations, ..
        } => {
            let session = session.ok_or(no_api)?;
            let marks = Marks {
                labels: &BTreeMap::new(),
                annotations,
                taints: &[],
            };
            let registers = longest_wait(request.index);
            node::run(session, node, marks, registers, progress).await
        }
        Step::StartService { service, .. } => start(request, position, service),
        Step::WaitForEndpoints {
            endpoints,
            timeout_seconds,
            ..
        } => {
            let window = Duration::from_secs(u64::from(*timeout_seconds));
            wait::run(session, endpoints, window, progress).await
        }
        Step::UseRotatedCertificate {
            kubeconfig,
            certificate,
            service,
            ..
        } => rotated::run(
            request.root,
            request.programs,
            &Rotation {
                kubeconfig,
                certificate,
                service,
                completed: request.completed.contains(&position),
            },
            progress,
        ),
        Step::WaitForControlPlane {
            kubeconfig,
            timeout_seconds,
            ..
        } => {
            let window = Duration::from_secs(u64::from(*timeout_seconds));
            control_plane::run(request.root, kubeconfig, window, progress).await
        }
        Step::RequireFreeNodeName {
            node,
            bootstrap_kubeconfig,
            kubeconfig,
            ..
        } => {
            let question = Question {
                node,
                bootstrap_kubeconfig,
                kubeconfig,
                server: request.index.api.as_ref().map(|api| api.server.as_str()),
            };
            node_name::run(request.root, &question, progress).await
        }
        Step::FinishTlsBootstrap {
            bootstrap_kubeconfig,
            kubeconfig,
            timeout_seconds,
            ..
        } => {
            let bootstrap = Bootstrap {
                bootstrap_kubeconfig,
                kubeconfig,
                window: Duration::from_secs(u64::from(*timeout_seconds)),
            };
            bootstrap::run(request.root, &bootstrap, progress).await
        }
        Step::JoinEtcd {
            member,
            peer_url,
            pods,
            client,
            transaction,
            timeout_seconds,
            ..
        } => {
            let join = EtcdJoin {
                member,
                peer_url,
                pods,
                client,
                transaction,
                window: Duration::from_secs(u64::from(*timeout_seconds)),
            };
            let session = session.ok_or(no_api)?;
            join.run(request.root, session, progress).await
        }
        Step::ShowJoinCommand {
            kubeconfig,
            endpoint,
            ca_cert_hashes,
            tokens,
            control_plane,
            ..
        } => {
            let join = Join {
                kubeconfig,
                endpoint,
                ca_cert_hashes,
                tokens,
                control_plane: *control_plane,
                skip_token_print: request.skip_token_print,
            };
            join.run(request.contents)
        }
    }
}

fn start(
    request: &LiveRequest<'_>,
    position: usize,
    service: &ServiceName,
) -> Result<StepResult, StepError> {
    let restart = request.files_changed || !request.completed.contains(&position);
    let started = init::start(request.programs, service, restart)?;
    let mut result = if started.restarted {
        StepResult::changed(format!("{service} was restarted"))
    } else {
        StepResult::unchanged(format!("{service} runs"))
    };
    result.notes = started.notes;
    Ok(result)
}

/// How long the kubelet may take to come up, by the plan's own account: the longest time any endpoint has.
fn longest_wait(index: &Index) -> Duration {
    let seconds = index.steps.iter().filter_map(|step| match step {
        Step::WaitForEndpoints {
            timeout_seconds, ..
        } => Some(*timeout_seconds),
        _ => None,
    });
    Duration::from_secs(seconds.max().unwrap_or_default().into())
}

/// An error with its causes and details, on one line.
fn error_text(error: &StepError) -> String {
    let mut text = with_causes(error);
    let details = error.details();
    let details: Vec<&str> = details.as_str().lines().map(str::trim).collect();
    if !details.is_empty() {
        text.push_str(&format!(": {}", details.join("; ")));
    }
    text
}

#[cfg(test)]
mod tests;
