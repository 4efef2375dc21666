//! What Go source says, found by its form and not by compiling it: constants, flags, feature gates.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Every Go file below `folder` but tests, by its path below it; none if there is no such folder.
pub fn files(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut pending: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries =
                fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))?;
            for entry in entries {
                pending.push(entry?.path());
            }
            continue;
        }
        let name = path.strip_prefix(folder)?.to_string_lossy().into_owned();
        if path.is_file() && name.ends_with(".go") && !name.ends_with("_test.go") {
            let text =
                fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            found.insert(name, text);
        }
    }
    Ok(found)
}

/// `Name = value` of every line that declares one.
pub fn constants(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let (left, value) = line.trim().split_once(" = ")?;
            let mut words = left.trim_start_matches("const ").split_whitespace();
            let name = words.next()?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let is_declared = words.count() <= 1 && is_name && !value.ends_with('{');
            is_declared.then(|| (name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Names of flags that are registered: the first text behind `…Var(`, `…VarP(`, `register(` or `registerDeprecated(`. A flag whose
/// name is a constant is not seen.
pub fn flags(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for call in ["Var(", "VarP(", "register(", "registerDeprecated("] {
        for (at, _) in text.match_indices(call) {
            let Some(rest) = text.get(at + call.len()..) else {
                continue;
            };
            // A call without a text of its own must not take that of the next one.
            let until = rest.find([';', '{']).unwrap_or(rest.len());
            let until = rest.find("Var").map_or(until, |next| until.min(next));
            let Some(arguments) = rest.get(..until) else {
                continue;
            };
            let Some(name) = arguments.split('"').nth(1) else {
                continue;
            };
            // The kubelet registers flags of cAdvisor with hyphens.
            let name = name.replace('_', "-");
            let is_flag = !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if is_flag {
                found.insert(name);
            }
        }
    }
    found
}

/// Feature gates, and whether each is locked to its default.
pub fn gates(text: &str) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some((name, _)) = line.trim().split_once(" featuregate.Feature = ") else {
            continue;
        };
        found.insert(name.trim_start_matches("const ").to_owned(), false);
    }
    let mut current = None;
    for line in text.lines() {
        if let Some(name) = line.trim().strip_suffix(": {") {
            let name = name.rsplit('.').next().unwrap_or(name);
            current = found.contains_key(name).then(|| name.to_owned());
        }
        if let Some(name) = &current
            && line.contains("LockToDefault: true")
        {
            found.insert(name.clone(), true);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_is_read_by_its_form() {
        let constants = constants(
            "const (\n\t// X = \"1\"\n\tPauseVersion = \"3.10.2\"\n\tRSA Algorithm = \"RSA-2048\"\n\tif a == b = {\n\tMap = map[int]string{\n",
        );
        assert_eq!(
            constants.into_iter().collect::<Vec<_>>(),
            [
                ("PauseVersion".to_owned(), "\"3.10.2\"".to_owned()),
                ("RSA".to_owned(), "\"RSA-2048\"".to_owned())
            ]
        );
        let flags = flags(
            "fs.StringVar(&o.A, \"bind-address\", o.A, \"help\")\nfs.Var(\n\t&x,\n\t\"tls-cert\", \"h\")\nfs.DurationVar(&d, name, 0, h)\n\
             fs.BoolVarP(&b, \"version\", \"v\", false, \"h\")\nregister(global, local, \"storage_driver\")\n",
        );
        assert_eq!(
            flags.into_iter().collect::<Vec<_>>(),
            ["bind-address", "storage-driver", "tls-cert", "version"]
        );
        let gates = gates(
            "\tEnvFiles featuregate.Feature = \"EnvFiles\"\n\tNew featuregate.Feature = \"New\"\n\tEnvFiles: {\n\t\t{Default: true},\n\
             \t\t{Default: true, LockToDefault: true},\n\t},\n\tgenericfeatures.New: {\n\t\t{Default: false},\n\t},\n",
        );
        assert_eq!(
            gates.into_iter().collect::<Vec<_>>(),
            [("EnvFiles".to_owned(), true), ("New".to_owned(), false)]
        );
    }
}
