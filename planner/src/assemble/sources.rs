//! Where the rendered values of a plan came from, for `sources.json`.
//!
//! In: a plan, whose values name configuration fields, and the record of where each field is written. Out: [`Sources`]. A file is named
//! relative to the directory of the first configuration file; what lies elsewhere by its last name alone.

use std::collections::BTreeMap;

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::sources::{FORMAT, Origin as ValueOrigin, Sources};

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
    /// The directory of the first configuration file, with the `/` at its end; empty for the working directory.
    directory: String,
    names: Vec<String>,
}

impl Files {
    fn below(first: &str) -> Self {
        let directory = first.rfind('/').and_then(|end| first.get(..=end));
        Self {
            directory: directory.unwrap_or_default().to_owned(),
            names: Vec::new(),
        }
    }

    /// The position of `file` in the list, to which it is added.
    fn position(&mut self, file: &str) -> u32 {
        let name = self.name(file);
        let known = self.names.iter().position(|known| *known == name);
        let at = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn name(&self, file: &str) -> String {
        if file == "-" {
            return STDIN.to_owned();
        }
        let below = file
            .strip_prefix(self.directory.as_str())
            .map(|rest| rest.trim_start_matches("./"));
        let is_below =
            |rest: &&str| !rest.starts_with('/') && !rest.split('/').any(|part| part == "..");
        let name = below.filter(is_below);
        let last = || {
            file.rsplit('/')
                .find(|part| !part.is_empty() && *part != "..")
        };
        name.filter(|name| !name.is_empty())
            .or_else(last)
            .unwrap_or(STDIN)
            .to_owned()
    }
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
        ] {
            assert_eq!(Files::below(first).name(file), expected, "{first} {file}");
        }
    }
}
