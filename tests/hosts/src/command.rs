//! Programs of this machine: found, run to their end, and quoted when they fail.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};

/// How many lines of what a failed program said go into the error.
const QUOTED_LINES: usize = 20;

/// Runs `command` to its end.
///
/// # Errors
/// If it cannot be started, or does not succeed; with what it said.
pub fn run(command: &mut Command) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {}", shown(command)))?;
    if !output.status.success() {
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.push_str(&String::from_utf8_lossy(&output.stderr));
        bail!(
            "{} ended with {}\n{}",
            shown(command),
            output.status,
            last_lines(&said)
        );
    }
    Ok(output)
}

/// Runs `command` to its end and takes what it prints, without the final line break.
///
/// # Errors
/// As [`run`].
pub fn text(command: &mut Command) -> Result<String> {
    let output = run(command)?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// Fails with the Debian package to install unless every program is there.
///
/// # Errors
/// Names the first program that is missing.
pub fn require(programs: &[(&str, &str)]) -> Result<()> {
    for (program, package) in programs {
        if !is_installed(program) {
            bail!("`{program}` is not installed; on Debian: apt-get install {package}");
        }
    }
    Ok(())
}

/// Whether `program` is in `PATH`, or among the programs of the administrator.
#[must_use]
pub fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}

/// Makes `to` the same file as `from`, or a copy of it on another file system.
///
/// # Errors
/// If there is no `from`, or `to` exists.
pub fn link_or_copy(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    }
    Ok(())
}

/// The last lines of `text`.
#[must_use]
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(QUOTED_LINES);
    lines.get(skipped..).unwrap_or_default().join("\n")
}

/// The program and its arguments; never its environment.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let mut words = vec![name.to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_program() {
        let error = run(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh -c echo broken >&2; exit 3 ended with exit status: 3\nbroken"
        );
    }

    #[test]
    fn only_the_end_of_a_long_text_is_quoted() {
        let text: Vec<String> = (0..50).map(|number| number.to_string()).collect();
        let quoted = last_lines(&text.join("\n"));
        assert!(quoted.starts_with("30\n") && quoted.ends_with("\n49"));
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = require(&[("sh", "dash"), ("no-such-program", "its-package")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-program` is not installed; on Debian: apt-get install its-package"
        );
    }
}
