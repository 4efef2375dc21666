//! Compares the modules of a new minor with those of the minor before it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;
use kubeplan::kubeadm::releases;

use crate::repository;
use crate::tables::modules::{
    APISERVER, CLOUD_PROVIDER, CONTROLLER_MANAGER, KUBEADM_APIS, KUBERNETES, Sources,
};
use crate::tables::source::{self, Flags};
use crate::tables::{self, types::Row};

const KUBEADM: &str = "cmd/kubeadm/app";
const CONSTANTS: &str = "cmd/kubeadm/app/constants/constants.go";

/// Where components register flags: the component, the module, the directory.
const FLAGS: &[(&str, &str, &str)] = &[
    ("kube-apiserver", KUBERNETES, "cmd/kube-apiserver"),
    ("kube-apiserver", KUBERNETES, "pkg/controlplane"),
    ("kube-apiserver", KUBERNETES, "pkg/kubeapiserver"),
    ("kube-apiserver and others", APISERVER, "pkg"),
    (
        "kube-controller-manager",
        KUBERNETES,
        "cmd/kube-controller-manager",
    ),
    ("kube-controller-manager", CLOUD_PROVIDER, "options"),
    ("kube-controller-manager", CONTROLLER_MANAGER, "options"),
    ("kube-scheduler", KUBERNETES, "cmd/kube-scheduler"),
    ("kubelet", KUBERNETES, "cmd/kubelet"),
    ("kube-proxy", KUBERNETES, "cmd/kube-proxy"),
    ("every component", "k8s.io/component-base", ""),
];

/// Where feature gates are declared.
const GATES: &[(&str, &str)] = &[
    (KUBERNETES, "pkg/features/kube_features.go"),
    (APISERVER, "pkg/features/kube_features.go"),
];

/// Columns of the releases table that are constants of kubeadm, and how the newest row has them.
type Column = (&'static str, &'static str, fn(&releases::Release) -> &str);

const COLUMNS: &[Column] = &[
    ("etcd_image_tag", "DefaultEtcdVersion", |row| {
        row.etcd_image_tag
    }),
    ("coredns_image_tag", "CoreDNSVersion", |row| {
        row.coredns_image_tag
    }),
    ("pause_image_tag", "PauseVersion", |row| row.pause_image_tag),
    ("external_etcd_minimum", "MinExternalEtcdVersion", |row| {
        row.external_etcd_minimum
    }),
];

/// Writes everything that differs.
pub fn compare(old: &Sources, new: &Sources) -> Result<String> {
    let mut text = String::new();
    writeln!(text, "## {} beside {}", new.version(), old.version())?;
    row(old, new, &mut text)?;
    constants(old, new, &mut text)?;
    fields(old, new, &mut text)?;
    flags(old, new, &mut text)?;
    gates(old, new, &mut text)?;
    changed_files(old, new, &mut text)?;
    Ok(text)
}

/// The columns of the row that are constants of kubeadm.
fn row(old: &Sources, new: &Sources, text: &mut String) -> Result<()> {
    let constants = source::constants(&new.read(KUBERNETES, CONSTANTS)?);
    writeln!(
        text,
        "\n### The row of planner/src/kubeadm/releases/table.rs"
    )?;
    let Some(row) = releases::find(old.minor) else {
        return Ok(());
    };
    for (column, constant, of) in COLUMNS {
        let said = constants
            .get(*constant)
            .map(|value| value.trim_matches('"'));
        match said {
            None => writeln!(
                text,
                "- {column}: kubeadm no longer has the constant {constant}"
            )?,
            Some(said) if said == of(row) => writeln!(text, "- {column}: `{said}`, as before")?,
            Some(said) => writeln!(
                text,
                "- {column}: `{said}` (1.{}: `{}`)",
                old.minor,
                of(row)
            )?,
        }
    }
    Ok(())
}

fn constants(old: &Sources, new: &Sources, text: &mut String) -> Result<()> {
    let types = format!("{KUBEADM_APIS}/v1beta4/types.go");
    let features = format!("{KUBEADM}/features/features.go");
    let read = |sources: &Sources| -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for file in [CONSTANTS, &types, &features] {
            all.extend(source::constants(&sources.read(KUBERNETES, file)?));
        }
        for line in sources.read(KUBERNETES, "go.mod")?.lines() {
            if let Some((name, value)) = line.split_once(" default=") {
                all.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(all)
    };
    let apis = |sources: &Sources| -> Result<BTreeSet<String>> {
        let files = source::files(&sources.directory(KUBERNETES)?.join(KUBEADM_APIS))?;
        let names = files.keys().filter_map(|name| name.split_once('/'));
        Ok(names
            .filter(|(_, file)| *file == "types.go")
            .map(|(version, _)| version.to_owned())
            .collect())
    };
    writeln!(text, "\n### kubeadm's constants")?;
    let (before, after) = (read(old)?, read(new)?);
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        match (before.get(name), after.get(name)) {
            (Some(before), None) => writeln!(text, "- gone: {name} = {before}")?,
            (None, Some(after)) => writeln!(text, "- new: {name} = {after}")?,
            (Some(before), Some(after)) if before != after => {
                writeln!(text, "- {name}: {before} -> {after}")?;
            }
            _ => {}
        }
    }
    changes(
        text,
        "API version of its documents",
        &apis(old)?,
        &apis(new)?,
        |_| "",
    )
}

/// Structs and fields that came, went or changed.
fn fields(old: &Sources, new: &Sources, text: &mut String) -> Result<()> {
    let (before, _) = tables::compared(old)?;
    let (after, _) = tables::compared(new)?;
    let (before, after) = (before.at(old.minor), after.at(new.minor));
    let mut lines = Vec::new();
    let (mut come, mut go) = (0, 0);
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let forms = |rows: &Vec<&Row>| rows.iter().map(|row| row.form()).collect::<BTreeSet<_>>();
        match (before.get(name).map(forms), after.get(name).map(forms)) {
            (None, Some(after)) => {
                come += after.len();
                lines.push(format!("- new type: {name}, {} fields", after.len()));
            }
            (Some(before), None) => {
                go += before.len();
                lines.push(format!("- type gone: {name}, {} fields", before.len()));
            }
            (Some(before), Some(after)) => {
                come += after.difference(&before).count();
                go += before.difference(&after).count();
                let new = after.difference(&before);
                lines.extend(new.map(|form| format!("- new field: {name}.{form}")));
                let gone = before.difference(&after);
                lines.extend(gone.map(|form| format!("- field gone: {name}.{form}")));
            }
            (None, None) => {}
        }
    }
    writeln!(
        text,
        "\n### Fields of xtask/types/types.txt: {come} come, {go} go\n{}",
        lines.join("\n")
    )?;
    Ok(())
}

fn flags(old: &Sources, new: &Sources, text: &mut String) -> Result<()> {
    let read = |sources: &Sources| -> Result<BTreeMap<&str, Flags>> {
        let mut files = Vec::new();
        let mut constants = BTreeMap::new();
        for (component, module, directory) in FLAGS {
            for text in source::files(&sources.directory(module)?.join(directory))?.into_values() {
                constants.extend(source::constants(&text));
                files.push((*component, text));
            }
        }
        let mut all: BTreeMap<&str, Flags> = BTreeMap::new();
        for (component, text) in files {
            all.entry(component).or_default().add(&text, &constants);
        }
        Ok(all)
    };
    let root = repository::root()?.join("planner/src");
    let mut ours = String::new();
    for directory in ["render/static_pod", "render/kubelet"] {
        ours.extend(source_text(&root.join(directory))?);
    }
    let mark = |flag: &str| {
        if ours.contains(&format!("\"{flag}\"")) {
            " (kubeplan sets it)"
        } else {
            ""
        }
    };
    writeln!(
        text,
        "\n### Flags, found by the form of the source: look up those that a component takes from a library"
    )?;
    let (before, mut after) = (read(old)?, read(new)?);
    for (component, before) in &before {
        let after = after.remove(component).unwrap_or_default();
        let what = format!("{component} flag");
        let names = |flags: &Flags| flags.names.keys().cloned().collect();
        changes(text, &what, &names(before), &names(&after), mark)?;
        let what = format!("{component} flag with a computed name");
        changes(text, &what, &before.computed, &after.computed, |_| "")?;
    }
    Ok(())
}

/// The Rust source below a directory.
fn source_text(directory: &std::path::Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() {
            texts.push(std::fs::read_to_string(&path)?);
        }
    }
    Ok(texts)
}

fn gates(old: &Sources, new: &Sources, text: &mut String) -> Result<()> {
    let read = |sources: &Sources| -> Result<BTreeMap<String, bool>> {
        let mut all = BTreeMap::new();
        for (module, file) in GATES {
            let found = source::gates(&sources.read(module, file)?);
            // A gate of one file may be locked in the other.
            for (name, locked) in found {
                *all.entry(name).or_default() |= locked;
            }
        }
        Ok(all)
    };
    let (before, after) = (read(old)?, read(new)?);
    let names = |gates: &BTreeMap<String, bool>| gates.keys().cloned().collect::<BTreeSet<_>>();
    writeln!(text, "\n### Feature gates of Kubernetes")?;
    changes(text, "gate", &names(&before), &names(&after), |_| "")?;
    for (name, locked) in &after {
        if *locked && before.get(name) == Some(&false) {
            writeln!(text, "- locked to its default: {name}")?;
        }
    }
    Ok(())
}

/// kubeadm's source files that differ, with the number of lines that came and went.
fn changed_files(old: &Sources, new: &Sources, text: &mut String) -> Result<()> {
    let read = |sources: &Sources| source::files(&sources.directory(KUBERNETES)?.join(KUBEADM));
    let (before, after) = (read(old)?, read(new)?);
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = names
        .iter()
        .filter(|name| before.get(**name) != after.get(**name));
    writeln!(
        text,
        "\n### Files of {KUBEADM} that changed: {}",
        changed.clone().count()
    )?;
    for name in changed {
        let lines = |texts: &BTreeMap<String, String>| -> BTreeSet<String> {
            let text = texts.get(*name).map_or("", String::as_str);
            text.lines().map(str::to_owned).collect()
        };
        let (before, after) = (lines(&before), lines(&after));
        writeln!(
            text,
            "- {name}: +{} -{}",
            after.difference(&before).count(),
            before.difference(&after).count()
        )?;
    }
    Ok(())
}

fn changes(
    text: &mut String,
    what: &str,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    mark: impl Fn(&str) -> &'static str,
) -> Result<()> {
    for name in after.difference(before) {
        writeln!(text, "- new {what}: {name}{}", mark(name))?;
    }
    for name in before.difference(after) {
        writeln!(text, "- {what} gone: {name}{}", mark(name))?;
    }
    Ok(())
}
