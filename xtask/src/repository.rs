//! Where the repository is, and the two programs run inside this process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use kubeplan_terminal::Io;

/// The repository's root directory.
pub fn root() -> Result<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(here
        .parent()
        .context("the directory of xtask has no parent")?
        .to_owned())
}

/// The directory that cargo builds into, wherever `CARGO_TARGET_DIR` or cargo's configuration put it: this program is two
/// levels below it.
///
/// # Errors
/// If the path of the running program cannot be read, or is not as cargo lays it out.
pub fn target() -> Result<PathBuf> {
    let program = std::env::current_exe().context("asking for the path of this program")?;
    let target = program.ancestors().nth(2).with_context(|| {
        format!(
            "{} is not in a directory that cargo builds into; run it as `cargo xtask`",
            program.display()
        )
    })?;
    Ok(target.to_owned())
}

/// Runs cargo at the repository's root.
///
/// # Errors
/// If it cannot be started or fails; the message has the command.
pub fn cargo(args: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args(args)
        .current_dir(root()?)
        .status()
        .with_context(|| format!("starting {}", cargo.display()))?;
    ensure!(status.success(), "`cargo {}` failed", args.join(" "));
    Ok(())
}

/// The program `name` as `cargo build --release` leaves it.
///
/// # Errors
/// If it was not built, naming the path.
pub fn released(name: &str) -> Result<PathBuf> {
    let path = target()?.join("release").join(name);
    ensure!(
        path.is_file(),
        "{} was not built: run `cargo build --release -p {name}`",
        path.display()
    );
    Ok(path)
}

/// Runs `kubeplan` with `args` on this process's streams; anything but exit code 0 is an error.
pub fn kubeplan<T: Into<OsString> + Clone>(args: &[T]) -> Result<()> {
    let code = kubeplan::run(
        with_name("kubeplan", args),
        &kubeplan::Surroundings::process(),
        &mut Io::process(),
    );
    ensure!(code == 0, "kubeplan exited with {code}");
    Ok(())
}

/// Runs `kubeapply` with `args` on this process's streams; anything but exit code 0 is an error.
pub fn kubeapply<T: Into<OsString> + Clone>(args: &[T]) -> Result<()> {
    let around = kubeapply::Surroundings::default();
    let code = kubeapply::run(with_name("kubeapply", args), &around, &mut Io::process());
    ensure!(code == 0, "kubeapply exited with {code}");
    Ok(())
}

fn with_name<T: Into<OsString> + Clone>(name: &str, args: &[T]) -> Vec<OsString> {
    std::iter::once(name.into())
        .chain(args.iter().cloned().map(Into::into))
        .collect()
}
