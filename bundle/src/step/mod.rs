//! What a bundle asks the applier to do, in order.
//!
//! Each kind of step has a file: a struct with its fields, when it may run, what it does and leaves, and its answers to the questions of
//! [`questions`]. [`kind`] is the table of them. The enum that the table makes is closed on purpose: a new kind breaks the applier's one
//! `match` at compile time, and a step that an older applier does not know is refused through the index's `requires` list.
//!
//! What a step does is asked of the step, never found out by a caller's own `match`:
//!
//! | question | where |
//! |---|---|
//! | which kind it is, the features it requires | [`Step::kind`], [`Step::features`] |
//! | its phase, what it does in one line | [`Step::phase`], [`Step::summary`] |
//! | every field, for a reviewer | [`Step::details`] |
//! | whether it needs a running host, whether it calls the API | [`Step::is_live`], [`Step::calls_api`] |
//! | the checks that it makes, those whose errors do not count | [`Step::checks`], [`Step::ignores`] |
//! | the transaction that it commits, the file that it removes | [`Step::commits`], [`Step::removes`] |
//! | the objects that it applies, the service that it starts, the endpoints that it waits for | [`Step::applies`], [`Step::starts`], [`Step::awaits`] |
//! | every path of the host that it reads, changes or removes, and what that path may be | [`Step::paths`] |

mod annotate_node;
mod apply_objects;
mod commit_transaction;
mod details;
mod endpoint;
mod etcd;
mod finish_tls_bootstrap;
mod join_etcd;
mod kind;
mod label_and_taint_node;
mod phase_name;
mod preflight;
mod questions;
mod require_free_node_name;
mod show_join_command;
mod start_service;
mod taint;
#[cfg(test)]
mod tests;
mod use_rotated_certificate;
mod wait_for_control_plane;
mod wait_for_endpoints;

pub use crate::access::{MayBe, Role, StepPath};
pub use crate::service::{ParseServiceError, ServiceName};
pub use annotate_node::AnnotateNode;
pub use apply_objects::ApplyObjects;
pub use commit_transaction::CommitTransaction;
pub use details::Detail;
pub use endpoint::{Endpoint, EndpointIdentity};
pub use etcd::{EtcdClient, EtcdPods};
pub use finish_tls_bootstrap::FinishTlsBootstrap;
pub use join_etcd::JoinEtcd;
pub use kind::{Step, StepKind, features};
pub use label_and_taint_node::LabelAndTaintNode;
pub use phase_name::{ParsePhaseError, PhaseName};
pub use preflight::Preflight;
pub(crate) use questions::Surroundings;
pub use require_free_node_name::RequireFreeNodeName;
pub use show_join_command::{SharedCertificates, ShowJoinCommand};
pub use start_service::StartService;
pub use taint::{Taint, TaintEffect};
pub use use_rotated_certificate::UseRotatedCertificate;
pub use wait_for_control_plane::WaitForControlPlane;
pub use wait_for_endpoints::WaitForEndpoints;
