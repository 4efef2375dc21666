//! What ties the steps that need a running host to the rest of an index, and when a host is looked at.

use std::collections::BTreeSet;
use std::fmt;

use super::{EntryName, Hole, Index, IndexError, Place, TransactionName};
use crate::step::Step;

fn broken<T>(rule: &'static str, at: &dyn fmt::Display) -> Result<T, IndexError> {
    Err(IndexError::Inconsistent {
        rule,
        at: at.to_string(),
    })
}

impl Index {
    /// All runs of checks come before everything else.
    ///
    /// # Errors
    /// [`IndexError`] naming the broken rule and the phase.
    pub(super) fn check_preflight(&self) -> Result<(), IndexError> {
        let mut begun = false;
        for step in &self.steps {
            if !step.only_looks() {
                begun = true;
            } else if begun {
                return broken(
                    "checks come before everything that is changed",
                    step.phase(),
                );
            }
        }
        Ok(())
    }

    /// Every object is applied by exactly one step, its phase's; what fills its holes is there by then. So is what fills a
    /// hole of a file.
    ///
    /// # Errors
    /// [`IndexError`] naming the broken rule and the object.
    pub(super) fn check_live_steps(&self) -> Result<(), IndexError> {
        let mut applied: BTreeSet<&EntryName> = BTreeSet::new();
        for step in &self.steps {
            if step.calls_api() && self.api.is_none() {
                return broken("a step that calls the API server needs `api`", step.phase());
            }
            self.check_applied(step, &mut applied)?;
        }
        if let Some(api) = &self.api
            && api.timeout_seconds == 0
        {
            return broken("the API server is reached in some time", &api.server);
        }
        let joins: BTreeSet<&TransactionName> = self
            .steps
            .iter()
            .filter(|step| step.is_live())
            .filter_map(Step::commits)
            .collect();
        for transaction in &joins {
            self.check_etcd_manifest(transaction)?;
        }
        for transaction in self
            .transactions
            .iter()
            .filter(|t| !joins.contains(&t.name))
        {
            let mut entries = transaction
                .entries
                .iter()
                .filter_map(|name| self.entry(name));
            if let Some(entry) = entries.find(|entry| !entry.holes.is_empty()) {
                return broken(
                    "a file's hole is filled by the step that commits it",
                    &entry.name,
                );
            }
        }
        if let Some(hole) = self
            .entries
            .iter()
            .flat_map(|entry| &entry.holes)
            .find(|hole| !self.requires.iter().any(|f| f == hole.feature()))
        {
            return broken("requires lists the feature of every hole", &hole.feature());
        }
        let left = self
            .entries
            .iter()
            .find(|entry| entry.place == Place::Object && !applied.contains(&entry.name));
        match left {
            Some(entry) => broken("every object is applied by a step", &entry.name),
            None => Ok(()),
        }
    }

    /// The manifest of a member that joins is the one file of the index with the hole for the list of members.
    fn check_etcd_manifest(&self, transaction: &TransactionName) -> Result<(), IndexError> {
        let with_holes = self
            .transactions
            .iter()
            .filter(|found| found.name == *transaction)
            .flat_map(|found| &found.entries)
            .filter_map(|name| self.entry(name))
            .filter(|entry| !entry.holes.is_empty());
        match with_holes.count() {
            1 => Ok(()),
            _ => broken(
                "the transaction of a member that joins has one manifest with a hole",
                transaction,
            ),
        }
    }

    fn check_applied<'a>(
        &self,
        step: &'a Step,
        applied: &mut BTreeSet<&'a EntryName>,
    ) -> Result<(), IndexError> {
        for name in step.applies() {
            let Some(entry) = self.entry(name).filter(|e| e.place == Place::Object) else {
                return broken("a step applies objects of the index", name);
            };
            if entry.phase != *step.phase() {
                return broken("an object belongs to the phase of its step", name);
            }
            for hole in &entry.holes {
                if !self.requires.iter().any(|f| f == hole.feature()) {
                    return broken("requires lists the feature of every hole", &hole.feature());
                }
                if let Hole::OwnerUid { owner, .. } = hole
                    && !applied.contains(owner)
                {
                    return broken("an owner is applied before what it owns", name);
                }
            }
            if !applied.insert(name) {
                return broken("an object is applied by one step, once", name);
            }
        }
        Ok(())
    }
}
