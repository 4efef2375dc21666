//! Records in the rows of provenance which values a patch changed.
//!
//! In: a document before and after, the rows so far. Out: the rows with those of changed values replaced by
//! `from: patch …`. Paths are those of the rendered files' rows: list items by `name` where they have one
//! (`spec.volumes[etcd-data]`), containers by their position in the end, the component's flags as `--name`. Containers are those of
//! a Pod, or of a Pod template.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;

use serde_json::Value;

use crate::plan::ValueSource;

/// What the source of a value begins with that a patch set; the name of its file follows.
pub(crate) const PATCH: &str = "patch ";

/// Records that the patch file `file` turned `before` into `after`: in `sources` for values that are there, in `removed` for others.
pub(super) fn record(
    before: &Value,
    after: &Value,
    file: &str,
    sources: &mut Vec<ValueSource>,
    removed: &mut Vec<ValueSource>,
) {
    let from = format!("{PATCH}{file}");
    let changes = Changes::between(before, after);
    let name = |label: &str| {
        let (_, containers) = containers(before);
        let container = containers.get(label.parse::<usize>().ok()?)?;
        container.get("name")?.as_str().map(str::to_owned)
    };
    rename(sources, before, name);
    rename(removed, before, name);
    removed.extend(changes.gone.iter().map(|value| ValueSource {
        value: value.clone(),
        from: from.clone(),
    }));
    sources.retain(|known| {
        !is_below_one_of(&changes.set, &known.value)
            && !is_below_one_of(&changes.gone, &known.value)
    });
    sources.extend(changes.set.into_iter().map(|value| ValueSource {
        value,
        from: from.clone(),
    }));
    let positions = positions(after);
    rename(sources, after, |label| positions.get(label).cloned());
    rename(removed, after, |label| positions.get(label).cloned());
}

/// Whether `known` is one of `paths`, or a path below one.
///
/// Steps from the path that sorts just before `known` to their common prefix, so it takes few steps for any number of paths.
fn is_below_one_of(paths: &BTreeSet<String>, known: &str) -> bool {
    let mut start = known;
    while let Some(found) = paths
        .range::<str, _>((Bound::Unbounded, Bound::Included(start)))
        .next_back()
    {
        let rest = known.strip_prefix(found.as_str());
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])) {
            return true;
        }
        // Every path that is still possible is a shorter prefix of `known`.
        let common: usize = known
            .chars()
            .zip(found.chars())
            .take_while(|(left, right)| left == right)
            .map(|(left, _)| left.len_utf8())
            .sum();
        let shorter = start.char_indices().next_back().map_or(0, |(last, _)| last);
        if shorter == 0 {
            return false;
        }
        start = known.get(..common.min(shorter)).unwrap_or_default();
    }
    false
}

/// Removes patch rows of values that equal those before all patches, or that no longer exist.
pub(super) fn forget_unchanged(before: &Value, after: &Value, sources: &mut Vec<ValueSource>) {
    let mut changed: Vec<ValueSource> = Changes::between(before, after)
        .set
        .into_iter()
        .map(|value| ValueSource {
            value,
            from: String::new(),
        })
        .collect();
    let positions = positions(after);
    rename(&mut changed, after, |label| positions.get(label).cloned());
    let changed: BTreeSet<String> = changed.into_iter().map(|row| row.value).collect();
    sources.retain(|known| !known.from.starts_with(PATCH) || changed.contains(&known.value));
}

/// The containers of a Pod, or of a Pod template, and their path.
fn containers(document: &Value) -> (&'static str, &[Value]) {
    let at = |pointer| document.pointer(pointer).and_then(Value::as_array);
    match at("/spec/template/spec/containers") {
        Some(containers) => ("spec.template.spec.containers", containers),
        None => (
            "spec.containers",
            at("/spec/containers").map_or(&[], Vec::as_slice),
        ),
    }
}

/// The positions of containers by name: rows contain positions, but a patch can move a container.
fn positions(document: &Value) -> BTreeMap<&str, String> {
    let (_, containers) = containers(document);
    let mut positions = BTreeMap::new();
    for (position, container) in containers.iter().enumerate() {
        if let Some(name) = container.get("name").and_then(Value::as_str) {
            positions
                .entry(name)
                .or_insert_with(|| position.to_string());
        }
    }
    positions
}

/// Replaces the label of `spec.containers[label]` in every row.
fn rename(
    sources: &mut [ValueSource],
    document: &Value,
    new_label: impl Fn(&str) -> Option<String>,
) {
    let (path, _) = containers(document);
    for row in sources {
        let parts = row
            .value
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix('['))
            .and_then(|rest| rest.split_once(']'));
        if let Some((label, rest)) = parts
            && let Some(label) = new_label(label)
        {
            row.value = format!("{path}[{label}]{rest}");
        }
    }
}

#[derive(Default)]
struct Changes {
    set: BTreeSet<String>,
    gone: BTreeSet<String>,
    /// Path of the component's own command, whose flags are rows by themselves.
    command: Option<String>,
}

impl Changes {
    /// Finds the paths at which `before` and `after` differ; containers are compared by name.
    fn between(before: &Value, after: &Value) -> Self {
        let (path, containers) = containers(before);
        let name = containers.first().and_then(|own| own.get("name"));
        let mut changes = Self {
            command: name
                .and_then(Value::as_str)
                .map(|name| format!("{path}[{name}].command")),
            ..Self::default()
        };
        changes.compare(before, after, "");
        changes
    }

    fn compare(&mut self, before: &Value, after: &Value, path: &str) {
        match (before, after) {
            (before, after) if before == after => {}
            (Value::Object(before), Value::Object(after)) => {
                for (key, value) in after {
                    let path = member(path, key);
                    match before.get(key) {
                        Some(before) => self.compare(before, value, &path),
                        None => self.leaves(value, &path),
                    }
                }
                let gone = before.keys().filter(|key| !after.contains_key(*key));
                self.gone.extend(gone.map(|key| member(path, key)));
            }
            (Value::Array(before), Value::Array(after))
                if self.command.as_deref() == Some(path) =>
            {
                self.flags(before, after, path);
            }
            (Value::Array(before), Value::Array(after)) => self.items(before, after, path),
            (_, after) => {
                self.gone.insert(path.to_owned());
                self.leaves(after, path);
            }
        }
    }

    fn items(&mut self, before: &[Value], after: &[Value], path: &str) {
        let mut known = BTreeMap::new();
        for (position, item) in before.iter().enumerate() {
            known.entry(item_label(item, position)).or_insert(item);
        }
        let mut left = BTreeSet::new();
        for (position, item) in after.iter().enumerate() {
            let label = item_label(item, position);
            let path = format!("{path}[{label}]");
            match known.get(&label) {
                Some(before) => self.compare(before, item, &path),
                None => self.leaves(item, &path),
            }
            left.insert(label);
        }
        let gone = known.keys().filter(|label| !left.contains(*label));
        self.gone
            .extend(gone.map(|label| format!("{path}[{label}]")));
    }

    /// Compares a command flag by flag; other arguments by position.
    fn flags(&mut self, before: &[Value], after: &[Value], path: &str) {
        let name = |(position, word): (usize, &Value)| {
            word.as_str()
                .filter(|word| word.starts_with("--"))
                .map_or_else(
                    || format!("{path}[{position}]"),
                    |word| word.split('=').next().unwrap_or(word).to_owned(),
                )
        };
        let words = |words: &[Value]| words.iter().cloned().collect::<HashSet<Value>>();
        let (words_before, words_after) = (words(before), words(after));
        let names: BTreeSet<String> = after.iter().enumerate().map(name).collect();
        for (position, word) in after.iter().enumerate() {
            if !words_before.contains(word) {
                self.set.insert(name((position, word)));
            }
        }
        for (position, word) in before.iter().enumerate() {
            let flag = name((position, word));
            if !words_after.contains(word) && !names.contains(&flag) {
                self.gone.insert(flag);
            }
        }
    }

    /// Adds every scalar and empty collection below `path`.
    fn leaves(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    self.leaves(value, &member(path, key));
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (position, item) in items.iter().enumerate() {
                    self.leaves(item, &format!("{path}[{}]", item_label(item, position)));
                }
            }
            _ => {
                self.set.insert(path.to_owned());
            }
        }
    }
}

/// `spec.priority`; annotations and labels in brackets, because their names have dots.
pub(crate) fn member(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else if key.contains(['.', '/']) {
        format!("{path}[{key}]")
    } else {
        format!("{path}.{key}")
    }
}

/// The label of a list item: its mount path, its name, or its position. A container's port goes by its position, because its name
/// is optional.
pub(crate) fn item_label(item: &Value, position: usize) -> String {
    let keys: &[&str] = match item.get("containerPort") {
        Some(_) => &[],
        None => &["mountPath", "name"],
    };
    let named = keys.iter().find_map(|key| item.get(*key)?.as_str());
    named.map_or_else(|| position.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(rows: &[(&str, &str)]) -> Vec<ValueSource> {
        rows.iter()
            .map(|(value, from)| ValueSource {
                value: (*value).into(),
                from: (*from).into(),
            })
            .collect()
    }

    #[test]
    fn changed_values_come_from_the_patch_and_others_keep_their_source() {
        let before = json!({
            "metadata": {"annotations": {"a.b/c": "1"}},
            "spec": {"containers": [{"name": "x", "image": "i", "command": ["x", "--a=1", "--b=2", "--c=3"]}],
                     "volumes": [{"name": "v", "p": "/v"}, {"name": "w"}]},
        });
        let after = json!({
            "metadata": {"annotations": {"a.b/c": "2"}},
            "spec": {"containers": [{"name": "x", "image": "i", "command": ["x", "--a=1", "--b=9", "--d=4"]}, {"name": "y"}],
                     "volumes": [{"name": "v", "p": "/u"}], "priority": 1},
        });
        let mut sources = rows(&[
            ("--a", "A"),
            ("--b", "B"),
            ("--c", "C"),
            ("spec.containers[0].image", "I"),
            ("spec.volumes[v]", "V"),
            ("spec.volumes[w]", "W"),
            ("metadata.annotations[a.b/c]", "N"),
        ]);
        record(&before, &after, "f", &mut sources, &mut Vec::new());
        assert_eq!(
            sources,
            rows(&[
                ("--a", "A"),
                ("spec.containers[0].image", "I"),
                ("spec.volumes[v]", "V"),
                ("--b", "patch f"),
                ("--d", "patch f"),
                ("metadata.annotations[a.b/c]", "patch f"),
                ("spec.containers[1].name", "patch f"),
                ("spec.priority", "patch f"),
                ("spec.volumes[v].p", "patch f"),
            ])
        );
    }

    #[test]
    fn a_path_is_below_only_itself_and_its_ancestors() {
        let paths: BTreeSet<String> = ["a", "a.b.c", "a-b", "l[x]", "lé", "z.y"]
            .map(str::to_owned)
            .into();
        for (known, expected) in [
            ("a", true),
            ("a.b", true),
            ("a.b.c.d", true),
            ("a.z", true),
            ("ab", false),
            ("a-b[0]", true),
            ("a-bc", false),
            ("l[x].y", true),
            ("l[xy].y", false),
            ("lé.é", true),
            ("léé", false),
            ("z", false),
            ("z.yy", false),
            ("", false),
        ] {
            assert_eq!(is_below_one_of(&paths, known), expected, "{known}");
        }
    }

    #[test]
    fn a_container_that_only_moves_keeps_its_sources() {
        let before = json!({"spec": {"containers": [{"name": "x", "image": "i", "command": ["x", "--a=1"]}]}});
        let after = json!({"spec": {"containers": [{"name": "log", "image": "l"}, {"name": "x", "image": "i", "command": ["x", "--a=2"]}]}});
        let mut sources = rows(&[("--a", "A"), ("spec.containers[0].image", "I")]);
        record(&before, &after, "f", &mut sources, &mut Vec::new());
        forget_unchanged(&before, &after, &mut sources);
        assert_eq!(
            sources,
            rows(&[
                ("spec.containers[1].image", "I"),
                ("--a", "patch f"),
                ("spec.containers[0].image", "patch f"),
                ("spec.containers[0].name", "patch f"),
            ])
        );
    }
}
