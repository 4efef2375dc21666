//! The two programs as they are built for this workspace's tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail, ensure};
use kubeplan_testsuite::programs::repository;
use serde_json::Value;

/// Built once for all cases.
type Built = BTreeMap<String, PathBuf>;

/// The program called `name`.
pub(super) fn program(name: &str) -> Result<&'static Path> {
    static BUILT: OnceLock<Result<Built, String>> = OnceLock::new();
    match BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(built) => {
            let path = built
                .get(name)
                .with_context(|| format!("cargo built no {name}"))?;
            Ok(path)
        }
        Err(error) => bail!("{error}"),
    }
}

fn build() -> Result<Built> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Of the whole workspace, so that the libraries are the ones that the tests were built with.
    let built = Command::new(cargo)
        .args(["build", "--locked", "--workspace"])
        .args(["--bin", "kubeapply", "--bin", "kubeplan"])
        .args(["--message-format", "json"])
        .current_dir(repository())
        .output()
        .context("starting cargo")?;
    ensure!(
        built.status.success(),
        "building the programs: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    Ok(String::from_utf8(built.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let name = message.pointer("/target/name")?.as_str()?.to_owned();
            Some((name, PathBuf::from(message.get("executable")?.as_str()?)))
        })
        .collect())
}
