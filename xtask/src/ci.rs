//! `cargo xtask ci`: what CI checks. The parts are listed in `.ci/run` alone.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::repository;

pub fn run() -> Result<()> {
    let root = repository::root()?;
    let status = Command::new("bash")
        .arg(".ci/run")
        .current_dir(&root)
        .status()
        .context("starting .ci/run")?;
    ensure!(status.success(), "CI is red ({status})");
    Ok(())
}
