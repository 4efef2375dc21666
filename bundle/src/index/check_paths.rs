//! Checks that steps read, change and remove only paths that they may use.

use std::collections::BTreeMap;
use std::fmt;

use super::{Content, Entry, Index, IndexError, Place, SecretClass};
use crate::access::{API_KUBECONFIG, MayBe, Role, StepPath};
use crate::path::RESERVED;

/// Where the kernel shows itself as files; among them are links that lead anywhere (proc(5), `/proc/pid/root`).
const KERNEL: &[&str] = &["/proc", "/sys", "/dev"];

/// The files of the bundle by their paths.
type Files<'a> = BTreeMap<&'a str, &'a Entry>;

impl Index {
    /// Every path of every step, and of [`super::Api`], is that of a file of the bundle or stands on the list of its field
    /// ([`crate::step::Step::paths`]).
    ///
    /// # Errors
    /// [`IndexError`] naming the step, the field and the path.
    pub(super) fn check_paths(&self) -> Result<(), IndexError> {
        let files: Files<'_> = self
            .entries
            .iter()
            .filter_map(|entry| match &entry.place {
                Place::File(placement) => Some((placement.path.as_str(), entry)),
                Place::Directory(_) | Place::Object | Place::Payload => None,
            })
            .collect();
        if let Some(api) = &self.api {
            let path = StepPath {
                field: "kubeconfig".to_owned(),
                path: api.kubeconfig.as_str(),
                role: Role::Reads,
                may_be: API_KUBECONFIG,
            };
            check(&files, &path, &"api")?;
        }
        for step in &self.steps {
            for path in step.paths() {
                check(&files, &path, &step.kind().word())?;
            }
        }
        Ok(())
    }
}

fn check(files: &Files<'_>, path: &StepPath<'_>, of: &dyn fmt::Display) -> Result<(), IndexError> {
    let StepPath {
        field,
        path,
        role,
        may_be,
    } = path;
    let rule = match may_be {
        MayBe::Kubeconfig(listed) => match (files.get(path), role) {
            (Some(entry), _) if is_kubeconfig(entry) => None,
            (None, _) if listed.contains(path) => None,
            (_, Role::Removes) => {
                Some("a step removes the bundle's own kubeconfig, or the one of the step's list")
            }
            (_, Role::Changes) => {
                Some("a step changes the bundle's own kubeconfig, or the one of the step's list")
            }
            (_, Role::Reads | Role::Looks) => {
                Some("a step reads a kubeconfig of the bundle, or one of the step's list")
            }
        },
        MayBe::Named(name) => {
            let named = path
                .strip_suffix(name)
                .is_some_and(|directory| directory.ends_with('/'));
            let fits = files.contains_key(path) || (named && is_ordinary(path));
            (!fits)
                .then_some("a step reads a file of the bundle, or one with the step's name for it")
        }
        MayBe::Listed(listed) => (!listed.contains(path))
            .then_some("a step reads one of the files that the step's list names"),
        MayBe::TlsFile => {
            (!is_ordinary(path)).then_some("a file for TLS is an ordinary file of the host")
        }
        MayBe::Directory => (!is_ordinary(path))
            .then_some("a directory whose names a check prints is an ordinary one of the host"),
        MayBe::Anywhere => None,
    };
    match rule {
        None => Ok(()),
        Some(rule) => Err(IndexError::Inconsistent {
            rule,
            at: format!("{of}: {field} {}", path.escape_debug()),
        }),
    }
}

fn is_kubeconfig(entry: &Entry) -> bool {
    matches!(&entry.content, Content::Sealed(sealed) if sealed.class == SecretClass::Kubeconfig)
}

/// Whether the path is absolute, without `..`, and outside what belongs to the kernel and to kubeapply. The
/// configuration's own spelling (`//`, `/./`) is not changed by a plan.
fn is_ordinary(path: &str) -> bool {
    let Some(relative) = path.strip_prefix('/') else {
        return false;
    };
    let parts: Vec<&str> = relative
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let normal = format!("/{}", parts.join("/"));
    let within = |directory: &&str| {
        normal
            .strip_prefix(*directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !parts.contains(&"..") && !KERNEL.iter().chain(RESERVED).any(within)
}
