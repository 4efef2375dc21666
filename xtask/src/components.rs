//! `cargo xtask components`: the real programs of one Kubernetes release, built once and kept outside the repository.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use kubeplan_testhosts::components::{self, COMPONENTS_VARIABLE, Store};

/// Options of `cargo xtask components`.
#[derive(clap::Args)]
pub struct Args {
    /// Where they are kept; the user's cache if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Only these programs
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let store = store(args.dir.as_deref())?;
    let selected = components::select(&args.only)?;
    let begin = Instant::now();
    components::build(&store, &selected, |built| {
        let took = built.took.map_or_else(
            || "there".to_owned(),
            |took| format!("{:.0} s", took.as_secs_f64()),
        );
        println!("{:<24} {:<8} {took}", built.name, built.version.to_string());
    })?;
    println!(
        "\nall of them: {:.0} s\n{COMPONENTS_VARIABLE}={}",
        begin.elapsed().as_secs_f64(),
        store.folder().display()
    );
    Ok(())
}

/// The store in `folder`, or in the user's cache.
pub fn store(folder: Option<&Path>) -> Result<Store> {
    match folder {
        Some(folder) => Ok(Store::at(&std::path::absolute(folder)?)),
        None => Store::in_cache(),
    }
}
