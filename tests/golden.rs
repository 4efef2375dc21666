//! Golden cases: what every fixture renders to, computed once for both comparing and blessing.
//!
//! `fixtures/<case>.yaml`, with the host facts of `fixtures/facts/<case>/`, the patches in `fixtures/patches/<case>/` and the
//! key store in `fixtures/stores/<case>/` where there are some, gives `golden/<case>/` (the rendered tree and what `validate` says);
//! `fixtures/invalid/<case>.yaml` gives `golden/invalid/<case>.stderr`; `fixtures/by-version/reference.yaml` gives
//! `golden/by-version/v1.NN/` for every supported minor, with its images; `fixtures/join/<case>.yaml` gives `golden/join/<case>/`, the
//! public content of the bundle of a node that joins the cluster of `joins`. Keys, clock and seed are fixed, so the
//! bytes are exact.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use kubeplan::kubeadm::releases::{self, RELEASES, Release};

use crate::joins::{self, Discovered};
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
    /// The version the reference fixture is rendered for, such as `v1.36.1`, in cases by version.
    pub version: Option<String>,
}

/// The fixture that is rendered for every release.
const REFERENCE: &str = "fixtures/by-version/reference.yaml";

/// The fixtures of nodes that join.
const JOIN: &str = "fixtures/join";

/// The version that stands in [`REFERENCE`].
const REFERENCE_VERSION: &str = "kubernetesVersion: v1.36.1\n";

/// One case for every supported minor, at the oldest patch release of its newest row.
fn by_version() -> Vec<Case> {
    let newest = |release: &&Release| releases::find(release.minor) == Some(*release);
    RELEASES
        .iter()
        .filter(newest)
        .map(|release| Case {
            name: format!("by-version/v1.{}", release.minor),
            invalid: false,
            version: Some(format!("v1.{}.{}", release.minor, release.since_patch)),
        })
        .collect()
}

/// All cases, from the fixtures that exist.
///
/// # Errors
/// If the directories cannot be read.
pub fn cases(root: &Path) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (directory, invalid) in [
        ("fixtures", false),
        ("fixtures/invalid", true),
        (JOIN, false),
    ] {
        let entries =
            fs::read_dir(root.join(directory)).with_context(|| format!("reading {directory}"))?;
        for entry in entries {
            let file = entry?.file_name().to_string_lossy().into_owned();
            if let Some(name) = file.strip_suffix(".yaml") {
                let name = if invalid {
                    format!("invalid/{name}")
                } else if directory == JOIN {
                    format!("join/{name}")
                } else {
                    name.to_owned()
                };
                cases.push(Case {
                    name,
                    invalid,
                    version: None,
                });
            }
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    ensure!(!cases.is_empty(), "fixtures/ is empty");
    cases.extend(by_version());
    Ok(cases)
}

/// What the case renders to.
///
/// # Errors
/// If a valid case does not render, or an invalid one is accepted.
pub fn render(root: &Path, case: &Case) -> Result<Files> {
    if let Some(version) = &case.version {
        return render_for(root, case, version);
    }
    let fixture = root.join("fixtures").join(format!("{}.yaml", case.name));
    let fixture = fixture.to_string_lossy().into_owned();
    if case.name.starts_with("join/") {
        return render_join(&fixture, &case.name);
    }
    let facts = root.join("fixtures/facts").join(&case.name);
    let patches = root.join("fixtures/patches").join(&case.name);
    let store = root.join("fixtures/stores").join(&case.name);
    let beside = Beside {
        facts: facts.is_dir().then_some(&facts),
        patches: patches.is_dir().then_some(&patches),
        store: store.is_dir().then_some(&store),
    };
    let validate = beside.arguments(&["validate", "-f", &fixture], false);
    let validated = programs::kubeplan(&validate);
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
    let mut files = rendered(&fixture, &case.name, beside)?;
    files.insert(
        format!("{}/validate.stderr", case.name),
        said(root, &validated),
    );
    Ok(files)
}

/// What the reference renders to for `version`, and its images.
fn render_for(root: &Path, case: &Case, version: &str) -> Result<Files> {
    let text = fs::read_to_string(root.join(REFERENCE)).context(REFERENCE)?;
    ensure!(
        text.contains(REFERENCE_VERSION),
        "{REFERENCE} lacks the version that is replaced"
    );
    let text = text.replace(
        REFERENCE_VERSION,
        &format!("kubernetesVersion: {version}\n"),
    );
    let scratch = tempfile::tempdir()?;
    let fixture = scratch.path().join("cluster.yaml");
    fs::write(&fixture, text)?;
    let fixture = fixture.to_string_lossy().into_owned();
    let mut files = rendered(&fixture, &case.name, Beside::default())?;
    let images = programs::kubeplan(&["config", "images", "list", "-f", &fixture]).expect(0)?;
    files.insert(
        format!("{}/images.txt", case.name),
        images.text().into_bytes(),
    );
    Ok(files)
}

/// What a reviewer sees of the bundle of a node that joins.
fn render_join(fixture: &str, name: &str) -> Result<Files> {
    let control_plane = fs::read_to_string(fixture)?.contains("\ncontrolPlane:");
    let args = ["-f", fixture, "--test-pki", SEED, "--now", NOW];
    let attempt = Discovered::new(control_plane)?.plan(&args)?;
    attempt.run.clone().expect(0)?;
    let bundle = attempt.bundle().context("a bundle was written")?;
    Ok(joins::public_content(&bundle)?
        .into_iter()
        .map(|(file, bytes)| (format!("{name}/{file}"), bytes))
        .collect())
}

/// Directories that belong to a fixture.
#[derive(Clone, Copy, Default)]
struct Beside<'a> {
    facts: Option<&'a PathBuf>,
    patches: Option<&'a PathBuf>,
    store: Option<&'a PathBuf>,
}

impl Beside<'_> {
    /// `args` and the directories; `validate` takes no patches.
    fn arguments(self, args: &[&str], with_patches: bool) -> Vec<String> {
        let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let patches = self.patches.filter(|_| with_patches);
        for (flag, directory) in [("--facts", self.facts), ("--patches", patches)] {
            if let Some(directory) = directory {
                args.extend([flag.to_owned(), directory.to_string_lossy().into_owned()]);
            }
        }
        args
    }
}

/// The tree of `fixture`, below `name`.
fn rendered(fixture: &str, name: &str, beside: Beside<'_>) -> Result<Files> {
    let scratch = tempfile::tempdir()?;
    let out = scratch.path().join("out");
    let shown = out.to_string_lossy().into_owned();
    let store = scratch.path().join("pki");
    let keys = match beside.store {
        Some(directory) => {
            closed_copy(directory, &store)?;
            ["--pki".to_owned(), store.to_string_lossy().into_owned()]
        }
        None => ["--test-pki".to_owned(), SEED.to_owned()],
    };
    let [flag, value] = &keys;
    let args = [
        "render", "-f", fixture, "-o", &shown, flag, value, "--now", NOW,
    ];
    programs::kubeplan(&beside.arguments(&args, true)).expect(0)?;
    let here = format!("{}/", programs::repository().display());
    Ok(tree::read(&out)?
        .into_iter()
        .map(|(file, bytes)| {
            // The configuration in effect names directories as they were given, and ours differ from clone to clone.
            let bytes = match file.as_str() {
                "config.yaml" => String::from_utf8_lossy(&bytes)
                    .replace(&here, "")
                    .into_bytes(),
                _ => bytes,
            };
            (format!("{name}/{file}"), bytes)
        })
        .collect())
}

/// Copies a key store, with the modes one must have and no clone of the repository keeps.
fn closed_copy(from: &Path, to: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    for (name, bytes) in tree::read(from)? {
        let path = to.join(name);
        fs::create_dir_all(path.parent().context("a file lies in a directory")?)?;
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(0o700))?)
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
/// If the directory cannot be read.
pub fn recorded(root: &Path, case: &Case) -> Result<Files> {
    let golden = root.join("golden");
    if case.invalid {
        let name = format!("{}.stderr", case.name);
        return Ok(fs::read(golden.join(&name))
            .map(|bytes| Files::from([(name, bytes)]))
            .unwrap_or_default());
    }
    let directory = golden.join(&case.name);
    if !directory.is_dir() {
        return Ok(Files::new());
    }
    Ok(tree::read(&directory)?
        .into_iter()
        .map(|(name, bytes)| (format!("{}/{name}", case.name), bytes))
        .collect())
}

/// Golden files that belong to no fixture.
///
/// # Errors
/// If the directories cannot be read.
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
            fs::create_dir_all(path.parent().context("a golden file lies in a directory")?)?;
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
