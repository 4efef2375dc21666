//! `cargo xtask bless`: the only writer of `golden/`.

use anyhow::{Result, ensure};
use kubeplan_testsuite::golden;

use crate::repository;

pub fn run() -> Result<()> {
    ensure!(
        std::env::var_os("CI").is_none(),
        "goldens are blessed by people, not by CI"
    );
    let root = repository::root()?;
    let changed = golden::bless(&root)?;
    if changed.is_empty() {
        println!("golden/ is up to date");
    }
    for path in &changed {
        println!("{path}");
    }
    if !changed.is_empty() {
        println!(
            "\n{} changed: read every line of `git diff golden/` before you commit it",
            changed.len()
        );
    }
    Ok(())
}
