//! Files that the operator names on the command line: bundles, keys, identities.
//!
//! They belong to the invoking user, not to the root that is installed into, so their paths are used as
//! they are. Only what the operator asks to be written is: [`write()`].
//!
//! All of them are regular files: a bundle is read from more than one place of it, and of a FIFO it cannot be known whether
//! anything ever comes. Opening one does not wait. What is read once from its start to its end may also be a pipe of the shell's
//! process substitution (`<(…)`), which has a writer.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use kubeplan_bundle::secret::SecretBytes;
use kubeplan_terminal::quote;
use rustix::fs::OFlags;

use super::directory::{read_open_file, read_pipe};
use super::error::{Exposed, Exposure, HostError};

/// The path as it is from any directory; as it is given if there is no current directory.
pub(crate) fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

/// Opens a file for reading.
///
/// # Errors
/// [`HostError`] if it cannot be opened or is no regular file.
pub(crate) fn open(path: &Path) -> Result<File, HostError> {
    open_any(path, false)
}

/// Opens a file that is read once from its start to its end: a regular file, or a pipe of the shell.
fn open_given(path: &Path) -> Result<File, HostError> {
    let of_the_shell = ["/dev/fd", "/proc/self/fd"]
        .iter()
        .any(|dir| path.parent() == Some(Path::new(dir)))
        || path == Path::new("/dev/stdin");
    open_any(path, of_the_shell)
}

fn open_any(path: &Path, may_be_a_pipe: bool) -> Result<File, HostError> {
    let shown = path.display().to_string();
    let failed = |error| HostError::io("open", shown.clone(), error);
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator named this file; nothing is written to it"
    )]
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
        .open(path)
        .map_err(failed)?;
    let what = match file.metadata().map_err(failed)?.file_type() {
        kind if kind.is_file() => return Ok(file),
        kind if kind.is_fifo() && may_be_a_pipe => {
            // Opening made a description of its own, so this is not seen by the program that made the pipe.
            rustix::fs::fcntl_setfl(&file, OFlags::empty())
                .map_err(|errno| HostError::io("open", &shown, errno))?;
            return Ok(file);
        }
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a pipe or FIFO",
        _ => "a device",
    };
    Err(HostError::NotARegularFile { path: shown, what })
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// [`HostError`] if it cannot be read, is no regular file, or is larger.
pub(crate) fn read(path: &Path, limit: u64) -> Result<SecretBytes, HostError> {
    read_given(open_given(path)?, &path.display().to_string(), limit)
}

/// Reads a file of [`open_given`].
fn read_given(file: File, shown: &str, limit: u64) -> Result<SecretBytes, HostError> {
    let is_pipe = file
        .metadata()
        .map_err(|error| HostError::io("look at", shown, error))?
        .file_type()
        .is_fifo();
    if is_pipe {
        read_pipe(file, shown, limit)
    } else {
        read_open_file(file, shown, limit)
    }
}

/// Reads a text file of at most `limit` bytes.
///
/// # Errors
/// As for [`read`], or if it is not UTF-8.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, HostError> {
    into_text(path, &read(path, limit)?)
}

/// The content of a file as text.
///
/// # Errors
/// [`HostError::NotText`].
pub(crate) fn into_text(path: &Path, bytes: &SecretBytes) -> Result<String, HostError> {
    std::str::from_utf8(bytes.expose())
        .map(str::to_owned)
        .map_err(|_| HostError::NotText {
            path: path.display().to_string(),
        })
}

/// Reads a file of at most `limit` bytes whose content decides what is trusted or run: only its owner may be able to write it. Who
/// that is, and where it lies, is the operator's choice who named it.
///
/// # Errors
/// As for [`read`], or [`HostError::Exposed`].
pub(crate) fn read_unshared(path: &Path, limit: u64) -> Result<SecretBytes, HostError> {
    let file = open_given(path)?;
    let shown = path.display().to_string();
    let mode = mode(&file, &shown)?;
    if mode & 0o022 != 0 {
        let mend = format!("chmod go-w {}", quote(&shown));
        let exposed = Exposed::new("file", shown, Exposure::Writable(mode), &mend);
        return Err(HostError::Exposed(Box::new(exposed)));
    }
    read_given(file, &shown, limit)
}

/// Reads a file of at most `limit` bytes that holds secrets, and says what to tell of it if users other than its owner can open
/// it.
///
/// # Errors
/// As for [`read`].
pub(crate) fn read_secret(
    path: &Path,
    limit: u64,
) -> Result<(SecretBytes, Option<String>), HostError> {
    let file = open_given(path)?;
    let shown = path.display().to_string();
    let mode = mode(&file, &shown)?;
    let note = (mode & 0o077 != 0).then(|| {
        format!(
            "`{shown}` holds a secret and has mode {mode:04o}, so other users can open it: run `chmod go= {}`",
            quote(&shown)
        )
    });
    Ok((read_given(file, &shown, limit)?, note))
}

fn mode(file: &File, shown: &str) -> Result<u32, HostError> {
    let meta = file
        .metadata()
        .map_err(|error| HostError::io("look at", shown, error))?;
    Ok(meta.permissions().mode() & 0o7777)
}

/// Copies a file into a directory, under its own name; for the invoking user alone. Returns the path of the copy.
///
/// # Errors
/// [`HostError`] if it cannot be read or written.
pub(crate) fn copy_into(path: &Path, dir: &Path) -> Result<PathBuf, HostError> {
    const LARGEST: u64 = 1024 * 1024 * 1024;
    let shown = path.display().to_string();
    let bytes = read_open_file(open(path)?, &shown, LARGEST)?;
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| HostError::NotText {
            path: shown.clone(),
        })?;
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator named this directory; it is no part of the root"
    )]
    fs::create_dir_all(dir)
        .map_err(|error| HostError::io("create", dir.display().to_string(), error))?;
    write(dir, name, bytes.expose())
}

/// Writes `bytes` to `path`, or to the file `name` in it if it is a directory; for the invoking user alone. What was
/// there is replaced in one step. Returns the path of the file.
///
/// # Errors
/// [`HostError`] if it cannot be written.
#[expect(
    clippy::disallowed_methods,
    reason = "the operator named this file; it is no part of the root"
)]
pub(crate) fn write(path: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, HostError> {
    let target = if path.is_dir() {
        path.join(name)
    } else {
        path.to_owned()
    };
    let failed = |error| HostError::io("write", target.display().to_string(), error);
    let mut temporary = target.clone().into_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(failed)?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_of_the_shell_is_read_to_its_end_and_no_further_than_the_limit() {
        use std::os::fd::AsRawFd as _;
        for (limit, fits) in [(4, true), (3, false)] {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let path = PathBuf::from(format!("/dev/fd/{}", reader.as_raw_fd()));
            let thread = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(50));
                writer.write_all(b"late").unwrap();
            });
            let read = read_text(&path, limit);
            thread.join().unwrap();
            match read {
                Ok(text) => assert!(fits && text == "late", "{text}"),
                Err(error) => {
                    assert!(
                        !fits && matches!(error, HostError::TooLarge { .. }),
                        "{error}"
                    );
                }
            }
            // A bundle is read from more than one place.
            assert!(matches!(
                open(&path),
                Err(HostError::NotARegularFile { .. })
            ));
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "tests build what they look at")]
    fn only_regular_files_are_read_and_no_fifo_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "text").unwrap();
        assert_eq!(read_text(&at("file"), 10).unwrap(), "text");
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RWXU).unwrap();
        for (name, kind) in [("fifo", "a pipe or FIFO"), ("", "a directory")] {
            match open(&at(name)).map(drop) {
                Err(HostError::NotARegularFile { what, .. }) => assert_eq!(what, kind),
                other => panic!("{other:?}"),
            }
        }
    }
}
