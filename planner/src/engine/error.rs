//! Errors that end a session: at which stage, of which node, and why.

use std::io;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::writer::WriteError;

use super::discovered::JoinError;
use super::patch_directory::PatchDirectoryError;
use crate::assemble::WindowError;
use crate::config::Report;
use crate::kubeadm::phase_tree::UnknownPhase;
use crate::phases::PlanError;
use crate::pki::PkiError;
use crate::plain_files::RenderError;
use crate::render::static_pod::StaticPodError;

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The documents hold errors.
    #[error("the configuration is not valid")]
    Invalid(Report),
    /// The user named a node that the configuration does not have.
    #[error("the configuration has no node `{name}`")]
    NoSuchNode {
        /// The name that was given.
        name: String,
        /// The nodes of the configuration.
        known: Vec<Name>,
    },
    /// The configuration has no nodes.
    #[error("the configuration has no nodes")]
    NoNodes,
    /// The user named a phase that no node's command has.
    #[error(transparent)]
    Phase(#[from] UnknownPhase),
    /// Flags of `kubeadm init` that `kubeadm join` does not have.
    #[error(
        "{} cannot be given for a node that joins: the cluster exists already",
        .0.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(", ")
    )]
    JoinFlags(Vec<&'static str>),
    /// A patch directory cannot be read.
    #[error(transparent)]
    Patches(#[from] PatchDirectoryError),
    /// No selected phase puts anything into a bundle.
    #[error("the selected phases put nothing into a bundle")]
    NothingLeft {
        /// Whether the user named phases with `--phase`.
        named: bool,
    },
    /// Nodes cannot be planned.
    #[error(transparent)]
    Nodes(#[from] NodeFailures<NodeError>),
    /// The key store does not fit, or something cannot be issued.
    #[error("the key store cannot serve this configuration")]
    KeyStore(#[source] PkiError),
    /// The key store lacks what every plan needs.
    #[error("{0}")]
    Incomplete(&'static str),
    /// The node cannot join the cluster that runs.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The rendered files cannot be made.
    #[error("rendering the plan")]
    Render(#[from] RenderError),
    /// The stand-in of the keys cannot be made.
    #[error("checking the plan without keys")]
    StandIn(#[source] PkiError),
}

impl EngineError {
    /// What to do about it, if that is the same for every command.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::JoinFlags(_) => {
                Some("omit the flags, or change the configuration of the running cluster")
            }
            Self::NothingLeft { named: true } => {
                Some("name other phases with --phase, or skip fewer phases")
            }
            Self::NothingLeft { named: false } => Some("skip fewer phases"),
            _ => None,
        }
    }
}

/// Nodes that cannot be planned, each with the reason; never empty.
#[derive(Debug, thiserror::Error)]
#[error("{} of {total} nodes cannot be planned", .failed.len())]
pub struct NodeFailures<E> {
    /// The nodes that failed, with their names if the configuration has several.
    pub failed: Vec<(Option<Name>, E)>,
    /// The number of all nodes.
    pub total: usize,
}

/// Why one node has no result.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot be planned with the user's patches.
    #[error("planning with patches")]
    Patched(#[source] PlanError),
    /// It cannot be planned.
    #[error("planning the node")]
    Plan(#[source] PlanError),
    /// Its preflight checks cannot be planned.
    #[error("planning the checks")]
    Checks(#[source] PlanError),
    /// Its images cannot be listed.
    #[error("listing images")]
    Images(#[source] StaticPodError),
    /// Its files cannot be laid out.
    #[error("rendering the plan")]
    Render(#[from] RenderError),
    /// Its certificates leave no time to install the bundle.
    #[error("the plan has no time window")]
    Window(#[source] WindowError),
    /// The configuration asks for something that no bundle may hold.
    #[error("the configuration asks for what no bundle may hold")]
    Unfit {
        /// The field that asks for it, if its value is part of the refusal.
        field: Option<String>,
        /// The refusal of the bundle crate.
        #[source]
        source: Box<WriteError>,
    },
    /// Its bundle cannot be written.
    #[error("writing the bundle")]
    Write(#[source] WriteError),
    /// The file of its bundle cannot be made.
    #[error("writing output")]
    Output(#[from] io::Error),
    /// Something is missing that an earlier stage makes.
    #[error("{0}")]
    Missing(&'static str),
}

impl NodeError {
    /// The field of the configuration to change, if one is known.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Unfit { field, .. } => field.as_deref(),
            _ => None,
        }
    }

    /// Whether the configuration is the cause.
    #[must_use]
    pub const fn is_of_configuration(&self) -> bool {
        match self {
            Self::Patched(_)
            | Self::Checks(_)
            | Self::Images(_)
            | Self::Window(_)
            | Self::Unfit { .. } => true,
            Self::Plan(error) => error.is_of_configuration(),
            Self::Render(_) | Self::Write(_) | Self::Output(_) | Self::Missing(_) => false,
        }
    }
}
