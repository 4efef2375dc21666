//! Reads files that a user names (texts, lists of trusted keys, secrets), and passphrases from the terminal.

use std::io::Read as _;
use std::path::Path;

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::{CliError, Io, quote};
use zeroize::Zeroizing;

use super::error::io_error;
use crate::encoding;
use crate::files::{self, Exposed, Need, Unusable, Writers};

/// The largest file that a command reads into memory, in bytes.
pub(super) const MAX_INPUT: u64 = 4 * 1024 * 1024;

/// Reads a file that the user named: UTF-8 text of at most [`MAX_INPUT`] bytes. Errors call the file `what`.
pub(super) fn read_text(path: &Path, what: &str) -> Result<String, CliError> {
    let bytes = read_limited(path, what, MAX_INPUT)?;
    checked_text(bytes, what, &path.display().to_string())
}

pub(super) fn checked_text(bytes: Vec<u8>, what: &str, name: &str) -> Result<String, CliError> {
    if bytes.len() as u64 > MAX_INPUT {
        return Err(CliError::usage(format!(
            "{what} {name} is larger than {MAX_INPUT} bytes"
        )));
    }
    encoding::text(bytes)
        .map_err(|error| CliError::usage(format!("{what} {name} {error}")).hint(error.hint(name)))
}

/// Reads a file of at most `limit` bytes that the user named: a regular file, or a pipe as in the shell's `<(…)`.
pub(super) fn read_limited(path: &Path, what: &str, limit: u64) -> Result<Vec<u8>, CliError> {
    read_opened(files::open_given(path), path, what, limit)
}

/// Reads a regular file of at most `limit` bytes that was found in a directory.
pub(super) fn read_found(path: &Path, what: &str, limit: u64) -> Result<Vec<u8>, CliError> {
    read_opened(files::open_regular(path), path, what, limit)
}

/// Reads a file of at most `limit` bytes that lists trusted keys, as [`read_limited`] does. Refuses a file that every user can
/// write, and warns about one that its group can write.
pub(super) fn read_trusted(
    path: &Path,
    what: &str,
    limit: u64,
    io: &mut Io,
) -> Result<Vec<u8>, CliError> {
    let usage = |error| {
        CliError::caused(
            Exit::Usage,
            format!("reading {what} {}", path.display()),
            error,
        )
    };
    let file = files::open_given(path).map_err(usage)?;
    let word = quote(&path.to_string_lossy()).into_owned();
    match files::writers(&file).map_err(usage)? {
        Writers::Owner => {}
        Writers::Group { mode } => io.say(format_args!(
            "warning: users of its group can change the {what} {}, and so which keys are trusted (mode {mode:04o}); to prevent that, run `chmod g-w {word}`",
            path.display()
        )),
        Writers::Everyone { mode } => {
            return Err(CliError::new(
                Exit::Refused,
                format!(
                    "every user can change the {what} {}, and so which keys are trusted (mode {mode:04o})",
                    path.display()
                ),
            )
            .hint(format!("check what it contains, then run `chmod go-w {word}`")));
        }
    }
    read_opened(Ok(file), path, what, limit)
}

fn read_opened(
    opened: std::io::Result<std::fs::File>,
    path: &Path,
    what: &str,
    limit: u64,
) -> Result<Vec<u8>, CliError> {
    let shown = path.display();
    let mut bytes = Vec::new();
    opened
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| CliError::caused(Exit::Usage, format!("reading {what} {shown}"), error))?;
    if bytes.len() as u64 > limit {
        return Err(CliError::usage(format!(
            "{what} {shown} is larger than {limit} bytes"
        )));
    }
    Ok(bytes)
}

/// Reads a file that contains a secret. As ssh does, refuses a file that other users can read. Also refuses a file of another
/// user, who could replace the secret.
pub(super) fn read_secret(path: &Path, what: &str) -> Result<SecretBytes, CliError> {
    read_secret_as(path, what, Need::Private)
}

/// Reads a file that contains a secret, if its owner and mode satisfy `need`.
pub(super) fn read_secret_as(path: &Path, what: &str, need: Need) -> Result<SecretBytes, CliError> {
    let doing = format!("reading {what}");
    let file = files::open_given(path).map_err(io_error(&doing, path))?;
    files::check(&file, path, need).map_err(|unusable| exposed(&doing, path, unusable))?;
    // Reserve the whole size at once: a buffer that grows leaves copies of the secret in memory. The size of a pipe is unknown.
    let kind = file.metadata().map_err(io_error(&doing, path))?;
    let size = if kind.is_file() {
        kind.len()
    } else {
        MAX_INPUT
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(size.min(MAX_INPUT)).unwrap_or(0) + 2,
    ));
    file.take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error(&doing, path))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(CliError::usage(format!(
            "{what} {} is larger than {MAX_INPUT} bytes",
            path.display()
        )));
    }
    Ok(SecretBytes::take(&mut bytes))
}

/// The error for a file or directory that other users own, or can read or change.
pub(super) fn exposed(doing: &str, path: &Path, unusable: Unusable) -> CliError {
    match unusable {
        Unusable::Io(error) => io_error(doing, path)(error),
        Unusable::Exposed(exposed) => {
            let mut hint = exposed.hint();
            if matches!(exposed, Exposed::Mode { wanted: "600", .. }) {
                hint.push_str("; on a read-only mount, use a copy that has mode 0600");
            }
            CliError::caused(Exit::Failed, doing, exposed).hint(hint)
        }
    }
}

/// Reads a passphrase: the first line of the file.
pub(super) fn passphrase_in(file: &Path) -> Result<SecretBytes, CliError> {
    let content = read_secret(file, "the passphrase file")?;
    let line = content
        .expose()
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(SecretBytes::new(line.to_vec()))
}

/// Asks for a passphrase on the terminal.
pub(super) fn ask_passphrase(prompt: &str, io: &mut Io) -> Result<SecretBytes, CliError> {
    if !io.terminals().stderr {
        return Err(
            CliError::usage(format!("cannot ask for the {prompt}: there is no terminal"))
                .hint("give the passphrase with --passphrase-file"),
        );
    }
    io.secret(prompt)
        .map_err(|error| CliError::caused(Exit::Failed, "reading the passphrase", error))
}

/// A number with its noun in singular or plural: `1 error`, `2 errors`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let stem = noun
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match stem {
        _ if number == 1 => format!("1 {noun}"),
        Some(stem) => format!("{number} {stem}ies"),
        None => format!("{number} {noun}s"),
    }
}
