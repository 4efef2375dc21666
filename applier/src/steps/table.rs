//! Which file carries out which kind of step: the one `match` over all of them.
//!
//! In: a step of the index, what the run has. Out: what came of it. A new kind of step is an arm here, which the compiler asks for, and
//! a file.

use std::collections::BTreeMap;
use std::time::Duration;

use kubeplan_bundle::index::Index;
use kubeplan_bundle::step::Step;

use super::apply_objects::Batch;
use super::error::StepError;
use super::finish_tls_bootstrap::Bootstrap;
use super::join_etcd::EtcdJoin;
use super::mark_node::Marks;
use super::report::{Progress, StepResult};
use super::require_free_node_name::Question;
use super::session::Session;
use super::show_join_command::Join;
use super::use_rotated_certificate::Rotation;
use super::{
    LiveRequest, apply_objects, finish_tls_bootstrap, mark_node, require_free_node_name,
    start_service, use_rotated_certificate, wait_for_control_plane, wait_for_endpoints,
};

/// Carries out one step.
///
/// # Errors
/// The step's.
pub(super) async fn run(
    request: &LiveRequest<'_>,
    session: Option<&mut Session<'_>>,
    position: usize,
    step: &Step,
    progress: &mut Progress<'_>,
) -> Result<StepResult, StepError> {
    let no_api = StepError::Bundle("it does not say how its API server is reached");
    match step {
        Step::Preflight(_) | Step::CommitTransaction(_) => {
            Ok(StepResult::unchanged("no live step"))
        }
        Step::ApplyObjects(step) => {
            let batch = Batch {
                index: request.index,
                contents: request.contents,
                entries: &step.entries,
                fallback: step.fallback_kubeconfig.as_ref(),
                overwrite: request.overwrite,
                completed: request.completed.contains(&position),
                clock: request.clock,
            };
            let session = session.ok_or(no_api)?;
            apply_objects::run(session, &batch, progress).await
        }
        Step::LabelAndTaintNode(step) => {
            let session = session.ok_or(no_api)?;
            let marks = Marks {
                labels: &step.labels,
                annotations: &BTreeMap::new(),
                taints: &step.taints,
            };
            let registers = longest_wait(request.index);
            mark_node::run(session, &step.node, marks, registers, progress).await
        }
        Step::AnnotateNode(step) => {
            let session = session.ok_or(no_api)?;
            let marks = Marks {
                labels: &BTreeMap::new(),
                annotations: &step.annotations,
                taints: &[],
            };
            let registers = longest_wait(request.index);
            mark_node::run(session, &step.node, marks, registers, progress).await
        }
        Step::StartService(step) => {
            let restart = request.files_changed || !request.completed.contains(&position);
            start_service::run(request.programs, &step.service, restart)
        }
        Step::WaitForEndpoints(step) => {
            let window = seconds(step.timeout_seconds);
            wait_for_endpoints::run(session, &step.endpoints, window, progress).await
        }
        Step::UseRotatedCertificate(step) => use_rotated_certificate::run(
            request.root,
            request.programs,
            &Rotation {
                kubeconfig: &step.kubeconfig,
                certificate: &step.certificate,
                node: &request.index.node.name,
                now: request.clock.now().ok_or(StepError::Clock)?,
                service: &step.service,
                completed: request.completed.contains(&position),
            },
            progress,
        ),
        Step::WaitForControlPlane(step) => {
            let window = seconds(step.timeout_seconds);
            wait_for_control_plane::run(request.root, &step.kubeconfig, window, progress).await
        }
        Step::RequireFreeNodeName(step) => {
            let question = Question {
                node: &step.node,
                bootstrap_kubeconfig: &step.bootstrap_kubeconfig,
                kubeconfig: &step.kubeconfig,
                server: request.index.api.as_ref().map(|api| api.server.as_str()),
            };
            require_free_node_name::run(request.root, &question, progress).await
        }
        Step::FinishTlsBootstrap(step) => {
            let bootstrap = Bootstrap {
                bootstrap_kubeconfig: &step.bootstrap_kubeconfig,
                kubeconfig: &step.kubeconfig,
                node: &request.index.node.name,
                clock: request.clock,
                window: seconds(step.timeout_seconds),
            };
            finish_tls_bootstrap::run(request.root, &bootstrap, progress).await
        }
        Step::JoinEtcd(step) => {
            let join = EtcdJoin {
                member: &step.member,
                peer_url: &step.peer_url,
                pods: &step.pods,
                client: &step.client,
                transaction: &step.transaction,
                window: seconds(step.timeout_seconds),
            };
            let session = session.ok_or(no_api)?;
            join.run(request.root, session, progress).await
        }
        Step::ShowJoinCommand(step) => {
            let join = Join {
                kubeconfig: &step.kubeconfig,
                endpoint: &step.endpoint,
                ca_cert_hashes: &step.ca_cert_hashes,
                tokens: &step.tokens,
                control_plane: step.control_plane,
                skip_token_print: request.skip_token_print,
            };
            join.run(request.contents)
        }
    }
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// How long the kubelet may take to come up, by the plan's own account: the longest time any endpoint has.
fn longest_wait(index: &Index) -> Duration {
    let awaited = index.steps.iter().filter_map(Step::awaits);
    let longest = awaited.map(|(_, seconds)| seconds).max();
    seconds(longest.unwrap_or_default())
}
