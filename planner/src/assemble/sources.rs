//! Where the rendered values of a plan came from, for `sources.json`.
//!
//! In: a plan, whose values name configuration fields, and the record of where each field is written. Out: [`Sources`]. A file is named
//! relative to the directory of the first configuration file; what lies elsewhere by its last name alone.

use std::collections::BTreeMap;

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::sources::{FORMAT, Origin as ValueOrigin, Sources, is_shown};

use crate::config::ValidConfig;
use crate::config::provenance::Origin;
use crate::plan::{NodePlan, PlannedContent, PlannedEntry, ValueSource};

/// The name of standard input among files; users name it `-`.
const STDIN: &str = "<stdin>";

/// The sources of `plan`. `first` is the first configuration file, as the user named it.
pub(super) fn sources(config: &ValidConfig, plan: &NodePlan, first: &str) -> Sources {
    let mut files = Files::below(first);
    let mut entries = BTreeMap::new();
    let mut add = |name: EntryName, values: &[ValueSource]| {
        let origins: Vec<ValueOrigin> = values
            .iter()
            .map(|value| origin(config, value, &mut files))
            .collect();
        if !origins.is_empty() {
            entries.insert(name, origins);
        }
    };
    for entry in &plan.entries {
        add(name(entry), &entry.sources);
    }
    for object in &plan.live.objects {
        add(object.entry.clone(), &object.sources);
    }
    Sources {
        format: FORMAT.to_owned(),
        files: files.names,
        entries,
    }
}

fn name(entry: &PlannedEntry) -> EntryName {
    match entry.content {
        PlannedContent::Directory => EntryName::directory(&entry.placement.path),
        PlannedContent::Public(_) | PlannedContent::Secret { .. } => {
            EntryName::file(&entry.placement.path)
        }
    }
}

fn origin(config: &ValidConfig, value: &ValueSource, files: &mut Files) -> ValueOrigin {
    let written = match config.provenance.of(&value.from) {
        Some(Origin::Written { file, line }) => Some((files.position(file), *line)),
        _ => None,
    };
    ValueOrigin {
        value: value.value.clone(),
        from: value.from.clone(),
        file: written.map(|(file, _)| file),
        line: written.and_then(|(_, line)| u32::try_from(line).ok()),
    }
}

/// The files that values came from, each once.
struct Files {
    /// The directory of the first configuration file, normalised; empty for the working directory.
    directory: Vec<String>,
    /// The normalised path of each file, in the order of `names`.
    paths: Vec<String>,
    names: Vec<String>,
}

impl Files {
    fn below(first: &str) -> Self {
        let mut directory = parts(first);
        directory.pop();
        Self {
            directory,
            paths: Vec::new(),
            names: Vec::new(),
        }
    }

    /// The position of `file` in the list, to which it is added.
    fn position(&mut self, file: &str) -> u32 {
        let path = match file {
            "-" => STDIN.to_owned(),
            file => parts(file).join("/"),
        };
        let known = self.paths.iter().position(|known| *known == path);
        let at = known.unwrap_or_else(|| {
            let name = self.name(file);
            // Another file of the same name: told apart by a number, since the directories are not told.
            let numbers = (2..).map(|number| format!("{name} ({number})"));
            let mut free = std::iter::once(name.clone()).chain(numbers);
            let free = free.find(|free| !self.names.contains(free));
            self.names.push(free.unwrap_or(name));
            self.paths.push(path);
            self.names.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn name(&self, file: &str) -> String {
        if file == "-" {
            return STDIN.to_owned();
        }
        let path = parts(file);
        let below = path.strip_prefix(self.directory.as_slice());
        // Below the root of the file system everything is; that tells the directories of the machine.
        let is_root = self.directory.len() == 1 && self.directory.concat().is_empty();
        let below = below.filter(|rest| {
            !is_root
                && !rest.iter().any(|part| part == "..")
                && rest.first().is_some_and(|part| !part.is_empty())
        });
        let name = match below {
            Some(rest) => rest.join("/"),
            None => path.last().cloned().unwrap_or_default(),
        };
        let shown: String = name
            .chars()
            .map(|c| if is_shown(c) { c } else { '\u{fffd}' })
            .collect();
        match shown.as_str() {
            "" | ".." => STDIN.to_owned(),
            _ => shown,
        }
    }
}

/// The parts of a path without `.` and doubled slashes, and with `..` resolved where the part before it is known; the first one is empty
/// for an absolute path.
fn parts(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    if path.starts_with('/') {
        parts.push(String::new());
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts
                .last()
                .is_some_and(|last| !last.is_empty() && last != "..") =>
            {
                parts.pop();
            }
            part => parts.push(part.to_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_below_the_first_ones_directory_or_by_its_last_name() {
        for (first, file, expected) in [
            ("cluster.yaml", "cluster.yaml", "cluster.yaml"),
            ("./cluster.yaml", "./cluster.yaml", "cluster.yaml"),
            (
                "/home/a/c/cluster.yaml",
                "/home/a/c/cluster.yaml",
                "cluster.yaml",
            ),
            (
                "/home/a/c/cluster.yaml",
                "/home/a/c/kubelet/more.yaml",
                "kubelet/more.yaml",
            ),
            ("/home/a/c/cluster.yaml", "/home/a/other.yaml", "other.yaml"),
            ("c/cluster.yaml", "c/../../other.yaml", "other.yaml"),
            ("cluster.yaml", "../other.yaml", "other.yaml"),
            ("cluster.yaml", "/etc/other.yaml", "other.yaml"),
            ("-", "-", "<stdin>"),
            ("cluster.yaml", "-", "<stdin>"),
            ("./cluster.yaml", "bob/node.yaml", "bob/node.yaml"),
            ("/cluster.yaml", "/home/bob/node.yaml", "node.yaml"),
            ("c/./cluster.yaml", "c//node.yaml", "node.yaml"),
            (
                "cluster.yaml",
                "a\u{202e}b\u{1b}.yaml",
                "a\u{fffd}b\u{fffd}.yaml",
            ),
        ] {
            assert_eq!(Files::below(first).name(file), expected, "{first} {file}");
        }
    }

    #[test]
    fn files_of_one_name_are_told_apart() {
        let mut files = Files::below("c/cluster.yaml");
        let positions = [
            "/a/node.yaml",
            "/b/node.yaml",
            "/a/./node.yaml",
            "c/node.yaml",
        ]
        .map(|file| files.position(file));
        assert_eq!(positions, [0, 1, 0, 2]);
        assert_eq!(files.names, ["node.yaml", "node.yaml (2)", "node.yaml (3)"]);
    }
}
