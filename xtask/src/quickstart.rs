//! `cargo quickstart`: plans, reviews and installs a sample in a scratch directory, with the commands that a user would type.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::repository;

/// The node and cluster of the sample configuration.
const BUNDLE: &str = "bundles/cp1.kubernetes.tar.gz";
/// The author's public key, where planning leaves it.
const AUTHOR: &str = "kubernetes.kubeplan/keys/author.pub";

pub fn run() -> Result<()> {
    let root = repository::root()?;
    let scratch = repository::target()?.join("quickstart");
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("clearing {}", scratch.display()))?;
    }
    fs::create_dir_all(scratch.join("root"))
        .with_context(|| format!("making {}", scratch.display()))?;
    // Whatever the umask: a tree whose group could change it is refused.
    fs::set_permissions(scratch.join("root"), fs::Permissions::from_mode(0o755))?;
    let sample = root.join("fixtures/single-node-defaults.yaml");
    fs::copy(&sample, scratch.join("cluster.yaml"))
        .with_context(|| format!("copying {}", sample.display()))?;
    std::env::set_current_dir(&scratch)?;
    let begin = Instant::now();

    step("Plan the node: make keys, sign and seal the bundle");
    plan(&["plan", "-f", "cluster.yaml", "-o", "bundles"])?;

    step("Review the bundle");
    let public = fs::read_to_string(AUTHOR).context(AUTHOR)?;
    fs::write(
        "allowed_signers",
        format!("sample-author namespaces=\"kubeplan-bundle\" {public}"),
    )?;
    plan(&["verify", BUNDLE, "--allowed-signers", "allowed_signers"])?;
    plan(&[
        "show",
        BUNDLE,
        "/etc/kubernetes/manifests/kube-scheduler.yaml",
    ])?;

    step("Trust the author on the host (here: a scratch directory)");
    let fingerprint = fingerprint(Path::new(AUTHOR))?;
    apply(&[
        "trust",
        "add",
        "--root",
        "root",
        "--principal",
        "sample-author",
        "--fingerprint",
        &fingerprint,
        AUTHOR,
    ])?;

    step("Install twice: the second run changes nothing");
    let install = [
        "install",
        "--root",
        "root",
        "--identity",
        "kubernetes.kubeplan/identities/cp1.age",
        BUNDLE,
    ];
    apply(&install)?;
    apply(&install)?;

    println!(
        "\nDone in {:.1} s. Everything is in {}",
        begin.elapsed().as_secs_f64(),
        scratch.display()
    );
    Ok(())
}

fn step(title: &str) {
    println!("\n== {title}");
}

fn plan(args: &[&str]) -> Result<()> {
    println!("$ kubeplan {}", args.join(" "));
    repository::kubeplan(args)
}

fn apply(args: &[&str]) -> Result<()> {
    println!("$ kubeapply {}", args.join(" "));
    repository::kubeapply(args)
}

fn fingerprint(public_key: &Path) -> Result<String> {
    let line = fs::read_to_string(public_key)
        .with_context(|| format!("reading {}", public_key.display()))?;
    let key = kubeplan_bundle::signature::PublicKey::parse(&line)
        .context("reading the author's public key")?;
    Ok(key.fingerprint().to_string())
}
