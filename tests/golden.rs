//! Golden cases: what every fixture renders to, computed once for both comparing and blessing.
//!
//! `fixtures/<case>.yaml`, with the patches in `fixtures/patches/<case>/` if there are any, gives `golden/<case>/` (the
//! rendered tree and what `validate` says);
//! `fixtures/invalid/<case>.yaml` gives `golden/invalid/<case>.stderr`. Keys, clock and seed are fixed, so the
//! bytes are exact.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::programs::{self, NOW, Run};
use crate::tree;

/// The seed of the public test keys that goldens are made with.
pub const SEED: &str = "golden";

/// Files by path below `golden/`.
pub type Files = BTreeMap<String, Vec<u8>>;

/// One golden case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name: the fixture's file name, `invalid/` in front for invalid ones.
    pub name: String,
    /// Whether the configuration is wrong on purpose.
    pub invalid: bool,
}

/// All cases, from the fixtures that exist.
///
/// # Errors
/// If the folders cannot be read.
pub fn cases(root: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (folder, invalid) in [("fixtures", false), ("fixtures/invalid", true)] {
        let entries =
            fs::read_dir(root.join(folder)).with_context(|| format!("reading {folder}"))?;
        for entry in entries {
            let file = entry?.file_name().to_string_lossy().into_owned();
            if let Some(name) = file.strip_suffix(".yaml") {
                let name = if invalid {
                    format!("invalid/{name}")
                } else {
                    name.to_owned()
                };
                cases.push(Case { name, invalid });
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(!cases.is_empty(), "there are no fixtures");
    Ok(cases)
}

/// What the case renders to.
///
/// # Errors
/// If a valid case does not render, or an invalid one is accepted.
pub fn render(root: &Path, case: &Case) -> Result<Files> {
    let fixture = root.join("fixtures").join(format!("{}.yaml", case.name));
    let fixture = fixture.to_string_lossy().into_owned();
    let validated = programs::kubeplan(&["validate", "-f", &fixture]);
    if case.invalid {
        let run = validated
            .expect(2)
            .with_context(|| format!("{} must be refused", case.name))?;
        return Ok(Files::from([(
            format!("{}.stderr", case.name),
            said(root, &run),
        )]));
    }
    let validated = validated.expect(0)?;
    let scratch = tempfile::tempdir()?;
    let out = scratch.path().join("out");
    let shown = out.to_string_lossy().into_owned();
    let patches = root.join("fixtures/patches").join(&case.name);
    let patches = patches.to_string_lossy();
    let mut args = vec![
        "render",
        "-f",
        &fixture,
        "-o",
        &shown,
        "--test-pki",
        SEED,
        "--now",
        NOW,
    ];
    if Path::new(&*patches).is_dir() {
        args.extend(["--patches", &patches]);
    }
    programs::kubeplan(&args).expect(0)?;
    let mut files: Files = tree::read(&out)?
        .into_iter()
        .map(|(name, bytes)| (format!("{}/{name}", case.name), bytes))
        .collect();
    files.insert(
        format!("{}/validate.stderr", case.name),
        said(root, &validated),
    );
    Ok(files)
}

/// What a run said, with the repository's own path left out.
fn said(root: &Path, run: &Run) -> Vec<u8> {
    run.err
        .replace(&format!("{}/", root.display()), "")
        .into_bytes()
}

/// The files of `golden/` that belong to `case`.
///
/// # Errors
/// If the folder cannot be read.
pub fn recorded(root: &Path, case: &Case) -> Result<Files> {
    let golden = root.join("golden");
    if case.invalid {
        let name = format!("{}.stderr", case.name);
        return Ok(fs::read(golden.join(&name))
            .map(|bytes| Files::from([(name, bytes)]))
            .unwrap_or_default());
    }
    let folder = golden.join(&case.name);
    if !folder.is_dir() {
        return Ok(Files::new());
    }
    Ok(tree::read(&folder)?
        .into_iter()
        .map(|(name, bytes)| (format!("{}/{name}", case.name), bytes))
        .collect())
}

/// Golden files that belong to no fixture.
///
/// # Errors
/// If the folders cannot be read.
pub fn orphans(root: &Path) -> Result<Vec<String>> {
    let mut known = Files::new();
    for case in cases(root)? {
        known.extend(recorded(root, &case)?);
    }
    let all = tree::read(&root.join("golden"))?;
    Ok(all
        .into_keys()
        .filter(|name| !known.contains_key(name))
        .collect())
}

/// Rewrites `golden/` and returns the paths that changed.
///
/// # Errors
/// If a case does not render; then nothing is written.
pub fn bless(root: &Path) -> Result<Vec<String>> {
    let golden = root.join("golden");
    fs::create_dir_all(&golden)?;
    let mut rendered = Files::new();
    for case in cases(root)? {
        rendered.extend(render(root, &case).with_context(|| format!("case {}", case.name))?);
    }
    let before = tree::read(&golden)?;
    let mut changed = Vec::new();
    for name in before.keys().filter(|name| !rendered.contains_key(*name)) {
        fs::remove_file(golden.join(name))?;
        changed.push(format!("removed golden/{name}"));
    }
    for (name, bytes) in &rendered {
        if before.get(name) != Some(bytes) {
            let path = golden.join(name);
            fs::create_dir_all(path.parent().context("a golden file lies in a folder")?)?;
            fs::write(&path, bytes)?;
            changed.push(format!(
                "{} golden/{name}",
                if before.contains_key(name) {
                    "changed"
                } else {
                    "added"
                }
            ));
        }
    }
    Ok(changed)
}
