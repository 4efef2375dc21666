//! Compares the number of entries, steps and other parts of an index with [`crate::limits`].

use super::Index;
use crate::canonical::Counter;
use crate::limits::{
    ANNOTATIONS, ENTRIES, LimitError, PAYLOADS, STEP_VALUES, STEPS, TRANSACTIONS, at_most,
};
use crate::seal::MAX_RECIPIENTS;
use crate::step::features;

/// Compares the number of each kind of part with its limit.
///
/// # Errors
/// [`LimitError`] naming the first part over its limit.
pub(super) fn counts(index: &Index) -> Result<(), LimitError> {
    let recipients = index
        .sealed
        .as_ref()
        .map_or(0, |part| part.recipients.len());
    for (what, found, limit) in [
        ("the number of entries", index.entries.len(), ENTRIES),
        (
            "the number of transactions",
            index.transactions.len(),
            TRANSACTIONS,
        ),
        ("the number of steps", index.steps.len(), STEPS),
        (
            "the number of payload items",
            index.payloads.len(),
            PAYLOADS,
        ),
        ("the number of recipients", recipients, MAX_RECIPIENTS),
        (
            "the number of features in `requires`",
            index.requires.len(),
            features().count(),
        ),
        (
            "the number of annotations",
            index.annotations.len(),
            ANNOTATIONS,
        ),
        (
            "the number of values in all steps",
            step_values(index),
            STEP_VALUES,
        ),
    ] {
        at_most(|| what.into(), found as u64, limit as u64)?;
    }
    Ok(())
}

/// The JSON values in the list of steps. Counted as they are written, for every kind of step alike, without keeping any.
fn step_values(index: &Index) -> usize {
    let mut counter = Counter::default();
    match serde_json::to_writer(&mut counter, &index.steps) {
        Ok(()) => counter.values(),
        // The counter refuses more than any document may hold.
        Err(_) => usize::MAX,
    }
}
