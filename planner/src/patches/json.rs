//! Applies JSON patches (RFC 6902) and merge patches (RFC 7386) as kubeadm's library does.
//!
//! Beyond the RFC, kubeadm (gopkg.in/evanphx/json-patch.v4) counts negative list indexes from the end, lets `replace`
//! set a member that does not exist, lets `test` and `copy` read a missing member as null, and refuses operations
//! on the whole document.

use json_patch::jsonptr::{PointerBuf, Token};
use json_patch::{AddOperation, PatchOperation, patch as apply};
use kubeplan_bundle::yaml_budget::{Budget, MAX_DEPTH, MAX_KEY, OverBudget};
use serde_json::Value;

/// Why a JSON patch does not apply.
#[derive(Debug, thiserror::Error)]
pub enum JsonPatchError {
    /// The patch is not a list of operations.
    #[error("the patch is not a valid list of JSON patch operations (RFC 6902)")]
    Form(#[source] serde_json::Error),
    /// An operation on the whole document.
    #[error("operation {0} is on the whole document, which kubeadm refuses")]
    Whole(usize),
    /// An operation that does not apply.
    #[error("operation {position} does not apply")]
    Operation {
        /// Counted from 0.
        position: usize,
        /// Why.
        #[source]
        source: json_patch::PatchError,
    },
    /// An operation that exceeds a limit of the budget.
    #[error("operation {position} makes the document or the total of all patches too large")]
    OverBudget {
        /// Counted from 0.
        position: usize,
        /// Which limit is exceeded.
        #[source]
        over: OverBudget,
    },
    /// A merge patch that is not a mapping.
    #[error("a merge patch must be a mapping")]
    NoMapping,
}

/// The size of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Number of values: itself and everything below it.
    values: usize,
    /// Bytes of text in keys and values.
    bytes: usize,
    /// Number of levels.
    depth: usize,
}

impl Cost {
    /// Counts `value`.
    pub(super) fn of(value: &Value) -> Self {
        let mut cost = Self {
            values: 1,
            bytes: value.as_str().map_or(0, str::len),
            depth: 0,
        };
        match value {
            Value::Array(items) => items.iter().for_each(|item| cost.add(Self::of(item))),
            Value::Object(entries) => {
                for (key, value) in entries {
                    cost.values += 1;
                    cost.bytes += key.len();
                    cost.add(Self::of(value));
                }
            }
            _ => {}
        }
        cost.depth += 1;
        cost
    }

    fn add(&mut self, below: Self) {
        self.values += below.values;
        self.bytes += below.bytes;
        self.depth = self.depth.max(below.depth);
    }

    /// Subtracts the size from `budget`, for a place `level` levels down in a document.
    pub(super) fn take(self, budget: &mut Budget, level: usize) -> Result<(), OverBudget> {
        if level.saturating_add(self.depth) > MAX_DEPTH {
            return Err(OverBudget::Depth);
        }
        budget.take(self.values, self.bytes)
    }
}

/// Subtracts from `budget` what an operation will add to `document`, before it runs: each copy can double a document.
fn take(
    budget: &mut Budget,
    document: &Value,
    operation: &PatchOperation,
) -> Result<(), OverBudget> {
    let (path, value) = match operation {
        PatchOperation::Add(add) => (&add.path, Some(&add.value)),
        PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
        PatchOperation::Copy(copy) => (&copy.path, copy.from.resolve(document).ok()),
        PatchOperation::Move(moved) => (&moved.path, moved.from.resolve(document).ok()),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    let mut level = 0;
    for token in path.tokens() {
        level += 1;
        if token.decoded().len() > MAX_KEY {
            return Err(OverBudget::Key);
        }
    }
    let cost = value.map(Cost::of).unwrap_or_default();
    cost.take(budget, level)
}

/// Applies a JSON patch. What its operations add to the document is subtracted from `budget`.
///
/// # Errors
/// [`JsonPatchError`] if an operation does not apply, or would exceed a limit.
pub fn json_patch(
    document: &mut Value,
    patch: &Value,
    budget: &mut Budget,
) -> Result<(), JsonPatchError> {
    let operations: Vec<PatchOperation> =
        serde_json::from_value(patch.clone()).map_err(JsonPatchError::Form)?;
    for (position, mut operation) in operations.into_iter().enumerate() {
        let appending = matches!(
            operation,
            PatchOperation::Add(_) | PatchOperation::Copy(_) | PatchOperation::Move(_)
        );
        let (path, from) = pointers(&mut operation);
        for (pointer, appending) in [(Some(path), appending), (from, false)] {
            let Some(pointer) = pointer else { continue };
            if pointer.is_root() {
                return Err(JsonPatchError::Whole(position));
            }
            *pointer = from_the_end(document, pointer, appending);
        }
        let Some(operation) = beyond_the_rfc(document, operation) else {
            continue;
        };
        take(budget, document, &operation)
            .map_err(|over| JsonPatchError::OverBudget { position, over })?;
        apply(document, &[operation])
            .map_err(|source| JsonPatchError::Operation { position, source })?;
    }
    Ok(())
}

/// Rewrites an operation that kubeadm's library accepts and the RFC does not; `None` if it has no effect.
fn beyond_the_rfc(document: &Value, operation: PatchOperation) -> Option<PatchOperation> {
    let missing = |pointer: &PointerBuf| {
        let parent = pointer
            .parent()
            .and_then(|parent| parent.resolve(document).ok());
        parent.is_some_and(Value::is_object) && pointer.resolve(document).is_err()
    };
    match operation {
        PatchOperation::Replace(replace) if missing(&replace.path) => {
            Some(PatchOperation::Add(AddOperation {
                path: replace.path,
                value: replace.value,
            }))
        }
        PatchOperation::Copy(copy) if missing(&copy.from) => {
            Some(PatchOperation::Add(AddOperation {
                path: copy.path,
                value: Value::Null,
            }))
        }
        PatchOperation::Test(test) if test.value.is_null() && missing(&test.path) => None,
        other => Some(other),
    }
}

/// The pointers of an operation: `path`, and `from` if it has one.
fn pointers(operation: &mut PatchOperation) -> (&mut PointerBuf, Option<&mut PointerBuf>) {
    match operation {
        PatchOperation::Add(operation) => (&mut operation.path, None),
        PatchOperation::Remove(operation) => (&mut operation.path, None),
        PatchOperation::Replace(operation) => (&mut operation.path, None),
        PatchOperation::Test(operation) => (&mut operation.path, None),
        PatchOperation::Move(operation) => (&mut operation.path, Some(&mut operation.from)),
        PatchOperation::Copy(operation) => (&mut operation.path, Some(&mut operation.from)),
    }
}

/// `pointer` with negative list indexes replaced by indexes in `document`.
fn from_the_end(document: &Value, pointer: &PointerBuf, appending: bool) -> PointerBuf {
    let tokens: Vec<Token<'_>> = pointer.tokens().collect();
    let last = tokens.len().saturating_sub(1);
    let mut here = Some(document);
    let mut resolved = Vec::with_capacity(tokens.len());
    for (position, token) in tokens.into_iter().enumerate() {
        let text = token.decoded().into_owned();
        let text = match (here, text.strip_prefix('-').map(str::parse::<usize>)) {
            (Some(Value::Array(items)), Some(Ok(back))) => {
                // `add` also accepts the index after the last item.
                let places = items.len() + usize::from(appending && position == last);
                places
                    .checked_sub(back)
                    .map_or(text, |index| index.to_string())
            }
            _ => text,
        };
        here = match here {
            Some(Value::Array(items)) => text.parse::<usize>().ok().and_then(|at| items.get(at)),
            Some(Value::Object(entries)) => entries.get(&text),
            _ => None,
        };
        resolved.push(text);
    }
    PointerBuf::from_tokens(resolved)
}

/// Applies a merge patch.
///
/// # Errors
/// [`JsonPatchError::NoMapping`] if the patch is not a mapping.
pub fn merge_patch(document: &mut Value, patch: &Value) -> Result<(), JsonPatchError> {
    if !patch.is_object() {
        return Err(JsonPatchError::NoMapping);
    }
    let mut patch = patch.clone();
    prune_lists(&mut patch, false);
    json_patch::merge(document, &patch);
    Ok(())
}

/// Removes nulls from mappings inside lists, as kubeadm's library does; the RFC does not change lists.
fn prune_lists(value: &mut Value, in_list: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| prune_lists(item, true)),
        Value::Object(entries) => {
            if in_list {
                entries.retain(|_, value| !value.is_null());
            }
            entries
                .values_mut()
                .for_each(|value| prune_lists(value, in_list));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_apply_in_order_with_indexes_from_the_end() {
        let mut document = json!({"a": ["0", "1", "2"], "b": {"c": 1}});
        let patch = json!([
            {"op": "add", "path": "/a/-", "value": "3"},
            {"op": "replace", "path": "/a/-1", "value": "last"},
            {"op": "add", "path": "/a/-1", "value": "after"},
            {"op": "remove", "path": "/a/0"},
            {"op": "test", "path": "/b/c", "value": 1},
            {"op": "move", "from": "/b/c", "path": "/b/x~1y"},
            {"op": "copy", "from": "/a/-1", "path": "/z"},
            {"op": "replace", "path": "/b/new", "value": 1},
            {"op": "test", "path": "/b/none", "value": null},
            {"op": "copy", "from": "/b/none", "path": "/n"},
        ]);
        json_patch(&mut document, &patch, &mut Budget::default()).unwrap();
        assert_eq!(
            document,
            json!({"a": ["1", "2", "last", "after"], "b": {"x/y": 1, "new": 1}, "z": "after", "n": null})
        );
    }

    #[test]
    fn an_operation_that_does_not_apply_is_reported_by_its_position() {
        let cases = [
            (
                json!({"op": "add"}),
                "the patch is not a valid list of JSON patch operations (RFC 6902)",
            ),
            (
                json!([{"op": "jump", "path": "/a"}]),
                "the patch is not a valid list of JSON patch operations (RFC 6902)",
            ),
            (
                json!([{"op": "replace", "path": "", "value": 1}]),
                "operation 0 is on the whole document, which kubeadm refuses",
            ),
            (
                json!([{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"}]),
                "operation 1 does not apply",
            ),
            (
                json!([{"op": "remove", "path": "/l/-2"}]),
                "operation 0 does not apply",
            ),
            (
                json!([{"op": "test", "path": "/a", "value": 2}]),
                "operation 0 does not apply",
            ),
        ];
        for (patch, message) in cases {
            let mut document = json!({"a": 1, "l": [1]});
            let error = json_patch(&mut document, &patch, &mut Budget::default()).unwrap_err();
            assert_eq!(error.to_string(), message, "{patch}");
        }
    }

    #[test]
    fn what_operations_add_is_limited() {
        let nest = |_| {
            [
                json!({"op": "add", "path": "/a", "value": {}}),
                json!({"op": "move", "from": "/z", "path": "/a/z"}),
                json!({"op": "move", "from": "/a", "path": "/z"}),
            ]
        };
        let double = |n| json!({"op": "copy", "from": "/z", "path": format!("/z/k{n}")});
        let long = |n| json!([{"op": "add", "path": format!("/{}", "k".repeat(n)), "value": 1}]);
        let nested = |n| Value::Array((0..n).flat_map(nest).collect());
        let doubled = |n| (0..n).map(double).collect::<Value>();
        for (patch, refused) in [
            (doubled(10), None),
            (doubled(22), Some(OverBudget::Values)),
            (nested(50), None),
            (nested(100), Some(OverBudget::Depth)),
            (long(MAX_KEY), None),
            (long(MAX_KEY + 1), Some(OverBudget::Key)),
        ] {
            let mut document = json!({"z": {"a": 1}});
            let result = json_patch(&mut document, &patch, &mut Budget::default());
            let found = match result {
                Err(JsonPatchError::OverBudget { over, .. }) => Some(over),
                other => {
                    other.unwrap();
                    None
                }
            };
            assert_eq!(found, refused);
            assert!(Cost::of(&document).depth <= MAX_DEPTH + 1);
        }
        // All patches of a target share a budget.
        let mut budget = Budget::default();
        let mut results = (0..20).map(|_| {
            let mut document = json!({"z": {"a": 1}});
            json_patch(&mut document, &doubled(12), &mut budget).is_ok()
        });
        assert!(results.next().unwrap() && !results.all(|applied| applied));
    }

    #[test]
    fn a_merge_patch_removes_what_is_null() {
        let mut document = json!({"a": {"b": 1, "c": 2}, "l": [1, 2]});
        let patch = json!({"a": {"b": null, "d": {"e": null}}, "l": [{"x": null, "y": 1}, null]});
        merge_patch(&mut document, &patch).unwrap();
        assert_eq!(
            document,
            json!({"a": {"c": 2, "d": {}}, "l": [{"y": 1}, null]})
        );
        assert!(merge_patch(&mut document, &json!([1])).is_err());
    }
}
