//! Which steps of a plan were done on this host before, and what follows from that.

use std::collections::BTreeSet;

use kubeplan_bundle::index::Index;
use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::Step;

use super::drift;
use crate::host::{Actions, Root};
use crate::state::StateError;
use crate::state::memory::Memory;

/// Positions of the steps that were done for exactly this plan, by a finished run or the one that goes on.
pub(super) fn done_before(memory: &Memory, index: &Index) -> BTreeSet<usize> {
    let mut done = BTreeSet::new();
    if let Some(node) = memory.installed.node(&index.cluster, &index.node.name)
        && node.plan_digest == Some(index.plan_digest)
    {
        done.extend(&node.done);
    }
    if let Some(run) = memory.runs.interrupted()
        && run.begin.plan_digest == index.plan_digest
    {
        done.extend(run.live_steps.iter().map(|step| step.position));
    }
    done
}

/// Files that steps which are `done` removed after their use. They are not reported as drift, and not restored.
pub(super) fn used_up<'a>(index: &'a Index, done: &BTreeSet<usize>) -> BTreeSet<&'a HostPath> {
    done.iter()
        .filter_map(|position| index.steps.get(*position))
        .filter_map(Step::removes)
        .collect()
}

/// Forgets which steps were done if the node was removed since: what runs then is another cluster, which has none
/// of what they made.
///
/// # Errors
/// [`StateError`] if the host cannot be looked at, or the record cannot be written.
pub(super) fn forget_what_is_gone(
    memory: &mut Memory,
    root: &Root,
    actions: &Actions,
    index: &Index,
) -> Result<(), StateError> {
    let known = memory.installed.node(&index.cluster, &index.node.name);
    let Some(node) = known.filter(|node| !node.done.is_empty()) else {
        return Ok(());
    };
    if drift::is_gone(root, node)? {
        let node = memory.installed.node_mut(&index.cluster, &index.node.name);
        node.done.clear();
        memory.installed.store(root, actions)?;
    }
    Ok(())
}
