//! What ends a session early: of which stage, of which node, and why.

use std::io;
use std::path::PathBuf;

use kubeplan_bundle::index::Name;
use kubeplan_bundle::writer::WriteError;

use super::join::JoinError;
use crate::assemble::WindowError;
use crate::config::Report;
use crate::kubeadm::phase_tree::UnknownPhase;
use crate::patches::PatchFileError;
use crate::phases::PlanError;
use crate::pki::PkiError;
use crate::plain_files::RenderError;
use crate::render::static_pod::StaticPodError;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The documents hold errors.
    #[error("the configuration is not valid")]
    Invalid(Report),
    /// A node was asked for that the configuration does not have.
    #[error("the configuration has no node `{name}`")]
    NoSuchNode {
        /// The node.
        name: String,
        /// Those it has.
        known: Vec<Name>,
    },
    /// The configuration has no node at all.
    #[error("the configuration has no nodes")]
    NoNodes,
    /// A phase was asked for that no node's command has.
    #[error(transparent)]
    Phase(#[from] UnknownPhase),
    /// Flags of `kubeadm init` that `kubeadm join` does not have.
    #[error(
        "{} cannot be given for a node that joins: the cluster has been made",
        .0.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(", ")
    )]
    JoinFlags(Vec<&'static str>),
    /// A folder of patches cannot be read.
    #[error(transparent)]
    Patches(#[from] PatchFolderError),
    /// No phase is left that puts something into a bundle.
    #[error("the phases that are left put nothing into a bundle")]
    NothingLeft,
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
    /// Nothing stands for the keys that are not made yet.
    #[error("checking the plan without keys")]
    StandIn(#[source] PkiError),
}

impl EngineError {
    /// What to do about it, whatever the command is.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::JoinFlags(_) => Some("change the cluster itself, or leave the flags away"),
            Self::NothingLeft => Some("name other phases with --phase, or skip fewer"),
            _ => None,
        }
    }
}

/// Nodes that cannot be planned, each with the reason; never empty.
#[derive(Debug, thiserror::Error)]
#[error("{} of {total} nodes cannot be planned", .failed.len())]
pub struct NodeFailures<E> {
    /// The nodes, with their names where the configuration has several.
    pub failed: Vec<(Option<Name>, E)>,
    /// How many nodes there are.
    pub total: usize,
}

/// Why one node has no result.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot be planned, with patches of the user.
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
    /// There is no time to install it.
    #[error("the plan has no time window")]
    Window(#[source] WindowError),
    /// The configuration asks for something that no bundle can hold.
    #[error("the configuration asks for what no bundle may hold")]
    Unfit {
        /// The field that asks for it, where the refusal shows its value.
        field: Option<String>,
        /// What the bundle crate refuses.
        #[source]
        source: Box<WriteError>,
    },
    /// Its bundle is not one.
    #[error("preparing the bundle")]
    Prepare(#[source] WriteError),
    /// Its bundle cannot be written.
    #[error("writing the bundle")]
    Write(#[source] WriteError),
    /// There is no place for its bundle.
    #[error("writing output")]
    Output(#[from] io::Error),
    /// Something that everything before should have made is not there.
    #[error("{0}")]
    Missing(&'static str),
}

impl NodeError {
    /// The field of the configuration that is to be changed, if one is known.
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
            Self::Render(_)
            | Self::Prepare(_)
            | Self::Write(_)
            | Self::Output(_)
            | Self::Missing(_) => false,
        }
    }
}

/// Why a folder of patches cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PatchFolderError {
    /// The folder, or one below it.
    #[error("reading patches in {}", .folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("the folder of patches {} is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// A file.
    #[error("reading patch file {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file is too large.
    #[error("patch file {}: larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A file is not text.
    #[error("patch file {} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// A file says something that is no patch.
    #[error("reading patches")]
    Patch(#[from] PatchFileError),
}
