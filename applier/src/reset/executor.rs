//! One step of a reset, carried out.
//!
//! In: a step of the plan. Out: what stayed although it was to go, or why the step failed. What a path holds is looked at again: it may
//! have changed since the plan was made.

use std::io::ErrorKind;

use super::directories;
use super::live::{LiveError, LiveHost};
use super::plan::{Step, Work};
use crate::host::tree::{self, Stays};
use crate::host::{Actions, Found, HostError, Root, RootPath};
use crate::kubeadm::layout;
use crate::state::StateError;

/// Why a step of a reset failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Live(#[from] LiveError),
}

/// Performs the steps of a plan.
pub(super) struct Executor<'a> {
    /// The host.
    pub(super) root: &'a Root,
    /// The running system, unless the root is another tree.
    pub(super) live: Option<&'a dyn LiveHost>,
    /// How files are changed.
    pub(super) actions: &'a Actions,
}

impl Executor<'_> {
    /// Performs a step. What cannot be removed is returned with what stays, and the next steps go on; but the data of etcd is
    /// removed only if no static Pod is left that would start etcd on a directory without data.
    pub(super) fn removal(&self, step: &Step, before: &[Stays]) -> Result<Vec<Stays>, StepError> {
        let path = match &step.work {
            Work::RemoveFile(path)
            | Work::RemoveTree(path)
            | Work::Clear(path)
            | Work::RemoveDirectory(path) => path,
            _ => return self.step(step),
        };
        let is_pod = |stays: &&Stays| {
            stays.failed
                && (stays.path == layout::MANIFESTS
                    || directories::is_below(&stays.path, &layout::MANIFESTS))
        };
        if matches!(step.work, Work::RemoveTree(_))
            && path.file_name() == layout::ETCD_MEMBER
            && before.iter().any(|stays| is_pod(&stays))
        {
            return Ok(vec![Stays {
                failed: true,
                ..Stays::left(
                    path.clone(),
                    "a static Pod could not be removed, and may use it",
                )
            }]);
        }
        match self.step(step) {
            Err(StepError::Host(error)) => Ok(vec![Stays::failed(path.clone(), error)?]),
            other => other,
        }
    }

    /// Performs a step; returns what stayed although it was to go.
    fn step(&self, step: &Step) -> Result<Vec<Stays>, StepError> {
        match &step.work {
            Work::Nothing => {}
            Work::RemoveFile(path) => return self.remove_file(path),
            Work::RemoveTree(path) => {
                if let Some(directory) = self.root.open_directory(&path.parent())? {
                    return Ok(tree::remove(
                        self.root,
                        self.actions,
                        &directory,
                        path.file_name(),
                    )?);
                }
            }
            Work::Clear(path) => {
                if let Some(directory) = self.root.open_directory(path)? {
                    return Ok(tree::clear(self.root, self.actions, &directory)?);
                }
            }
            Work::RemoveDirectory(path) => return self.remove_directory(path),
            Work::StopService(_)
            | Work::Unmount(_)
            | Work::RemoveSandbox { .. }
            | Work::RemoveMember { .. } => {
                if let Some(live) = self.live {
                    live_step(live, &step.work)?;
                }
            }
        }
        Ok(Vec::new())
    }

    fn remove_file(&self, path: &RootPath) -> Result<Vec<Stays>, StepError> {
        let Some(directory) = self.root.open_directory(&path.parent())? else {
            return Ok(Vec::new());
        };
        // Looked at again: what was a file in the plan may be a directory or a link by now.
        match directory.inspect(path.file_name())? {
            Found::Missing => {}
            Found::File(_) => {
                self.actions.remove_file(&directory, path.file_name())?;
                self.actions.sync_directory(&directory)?;
            }
            _ => {
                return Ok(vec![Stays::left(path.clone(), "it is no longer a file")]);
            }
        }
        Ok(Vec::new())
    }

    fn remove_directory(&self, path: &RootPath) -> Result<Vec<Stays>, StepError> {
        let Some(parent) = self.root.open_directory(&path.parent())? else {
            return Ok(Vec::new());
        };
        let stays = |reason| Ok(vec![Stays::left(path.clone(), reason)]);
        match self.actions.remove_directory(&parent, path.file_name()) {
            Ok(()) => {
                self.actions.sync_directory(&parent)?;
                Ok(Vec::new())
            }
            Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::DirectoryNotEmpty => {
                stays("something is in it")
            }
            Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::ResourceBusy => {
                stays("it is a mount point")
            }
            Err(HostError::Io { source, .. }) if source.kind() == ErrorKind::NotADirectory => {
                stays("it is no longer a directory")
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn live_step(live: &dyn LiveHost, work: &Work) -> Result<(), LiveError> {
    match work {
        Work::StopService(name) => live.stop_service(name),
        Work::Unmount(path) => live.unmount(path),
        Work::RemoveSandbox { socket, id } => live.remove_sandbox(socket, id),
        Work::RemoveMember { local, id } => live.remove_etcd_member(local, *id),
        _ => Ok(()),
    }
}
