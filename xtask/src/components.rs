//! `cargo xtask components`: the real programs of one Kubernetes release, built once and kept outside the repository.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use kubeplan_testhosts::components::{
    self, ASSETS_VARIABLE, COMPONENTS_VARIABLE, Component, Origin, Store,
};

/// Options of `cargo xtask components`.
#[derive(clap::Args)]
pub struct Args {
    /// Directory to keep them in; the user's cache by default
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Directory with programs that exist already and are not built; KUBEBUILDER_ASSETS by default
    #[arg(long, value_name = "DIR")]
    components: Option<PathBuf>,
    /// Build only these programs
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let store = store(args.dir.as_deref())?;
    let named = std::env::var_os(ASSETS_VARIABLE).map(PathBuf::from);
    let existing = args.components.as_deref().or(named.as_deref());
    build(&store, &components::select(&args.only)?, existing)?;
    println!("{COMPONENTS_VARIABLE}={}", store.directory().display());
    Ok(())
}

/// Builds every program that `store` lacks.
pub fn complete(store: &Store) -> Result<()> {
    let all = components::select(&[])?;
    if store.is_complete()? {
        return Ok(());
    }
    println!("building the real programs, once; about a quarter of an hour");
    build(store, &all, None)
}

fn build(store: &Store, selected: &[&'static Component], existing: Option<&Path>) -> Result<()> {
    let begin = Instant::now();
    components::build(store, selected, existing, |built| {
        let origin = match built.origin {
            Origin::There => "there".to_owned(),
            Origin::Taken => "taken".to_owned(),
            Origin::Built(took) => format!("{:.0} s", took.as_secs_f64()),
        };
        println!(
            "{:<24} {:<8} {origin}",
            built.name,
            built.version.to_string()
        );
    })?;
    println!("all of them: {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

/// The store in `directory`, or in the user's cache.
pub fn store(directory: Option<&Path>) -> Result<Store> {
    match directory {
        Some(directory) => Ok(Store::at(&std::path::absolute(directory)?)),
        None => Store::in_cache(),
    }
}
