//! Remembering what was installed: `installed.json` and the serials, at the end of a run.

use std::collections::BTreeSet;

use super::attributes::file_mode;
use super::changes;
use super::compare::{FileAction, FileItem, Item};
use super::done_steps;
use super::drift;
use super::planned;
use super::writing::Writing;
use crate::host::{Actions, Found, Root, RootPath};
use crate::state::StateError;
use crate::state::installed::{FileOrigin, RemainingRecord};
use crate::state::memory::Memory;
use crate::state::salt::Salt;

/// Records what is there now, and the serial. Writes nothing that is recorded already. `changed`: something was written;
/// `done`: positions of the steps of this plan that are done.
///
/// # Errors
/// [`StateError`].
pub(super) fn remember(
    writing: &Writing<'_, '_>,
    memory: &mut Memory,
    changed: bool,
    done: &BTreeSet<usize>,
) -> Result<(), StateError> {
    let (root, actions, index) = (writing.root, writing.actions, writing.index);
    ensure_salt(memory, root, actions)?;
    let before = memory.installed.clone();
    memory.installed = memory.as_installed();
    let node = memory.installed.node_mut(&index.cluster, &index.node.name);
    for item in files(writing) {
        let adopted = match item.action {
            FileAction::Unchanged | FileAction::Adopt => item.host.as_ref(),
            // What is recorded stays what was installed; only then is a change by others still seen next time.
            _ => None,
        };
        if let Some(host) = adopted.filter(|host| file_mode(host.meta).is_some())
            && let Some(salt) = &memory.salt
            && let Some(bytes) = &host.bytes
            && let Some(mut record) =
                changes::after(root, &item.planned, bytes.expose(), salt).record()
        {
            (record.uid, record.gid) = (host.meta.owner.uid, host.meta.owner.gid);
            let file = node.files.entry(item.planned.path.clone()).or_default();
            if file.current.is_none() && file.pending.is_none() {
                file.origin = Some(FileOrigin::Adopted);
            }
            file.current = Some(record);
            file.pending = None;
        }
        if let Some(file) = node.files.get_mut(item.planned.path) {
            file.handoff = item.planned.handoff;
            if !matches!(item.action, FileAction::Drift | FileAction::HandedOff) {
                file.issuer = drift::issuer(item.planned.bytes);
            }
        }
    }
    for path in done_steps::used_up(index, done) {
        if root.look(&RootPath::from(path))? == Found::Missing {
            node.files.remove(path);
        }
    }
    node.cluster_name = index.cluster.name.clone();
    if changed || node.plan_digest != Some(index.plan_digest) || node.installed.is_none() {
        node.installed = Some(writing.now);
    }
    node.plan_digest = Some(index.plan_digest);
    node.serial = Some(index.serial);
    node.done.clone_from(done);
    node.remaining = planned::remaining(index, done)
        .into_iter()
        .map(|step| RemainingRecord {
            phase: step.phase,
            what: step.what,
        })
        .collect();
    node.target_overridden = writing.request.allowed.as_node.is_some();
    if memory.installed != before {
        memory.installed.store(root, actions)?;
    }
    let before = memory.serials.clone();
    memory.serials.advance(index);
    if memory.serials != before {
        memory.serials.store(root, actions)?;
    }
    Ok(())
}

/// Makes the key of recorded digests if the host has none.
///
/// # Errors
/// [`StateError`].
pub(super) fn ensure_salt(
    memory: &mut Memory,
    root: &Root,
    actions: &Actions,
) -> Result<(), StateError> {
    if memory.salt.is_none() {
        memory.salt = Some(Salt::create(root, actions)?);
    }
    Ok(())
}

fn files<'a>(writing: &Writing<'a, '_>) -> impl Iterator<Item = &'a FileItem<'a>> {
    writing.comparison.items().filter_map(|item| match item {
        Item::File(item) => Some(item),
        Item::Directory(_) => None,
    })
}
