//! Reads what commands need: configuration files, the clock, and secrets from a file or the terminal.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{CliError, Io, quote};
use zeroize::Zeroizing;

use super::Surroundings;
use super::error::io_error;
use super::facts::FactsArgs;
use super::failed::failed;
use super::init_flags::InitFlags;
use super::patches::Folders;
use crate::config::{Host, Options, Report, Severity, Source};
use crate::engine::join::Discovered;
use crate::engine::{Choices, Session};
use crate::files::{self, Exposed, Need, Unusable, Writers};

/// The largest file that a command reads into memory, in bytes.
pub(super) const MAX_INPUT: u64 = 4 * 1024 * 1024;

/// The configuration files of a command that takes no flags of kubeadm.
#[derive(Debug, clap::Args)]
pub(super) struct ConfigFiles {
    /// Configuration file with kubeadm's and kubeplan's documents; may be
    /// repeated; `-` reads standard input
    #[arg(
        short = 'f',
        long = "file",
        visible_alias = "config",
        required = true,
        value_name = "FILE"
    )]
    pub files: Vec<PathBuf>,
}

/// The configuration of a plan: files with host facts, or kubeadm's flags.
#[derive(Debug, clap::Args)]
pub(super) struct Configuration {
    /// Configuration file with kubeadm's and kubeplan's documents; may be
    /// repeated; `-` reads standard input
    #[arg(
        short = 'f',
        long = "file",
        visible_alias = "config",
        value_name = "FILE"
    )]
    files: Vec<PathBuf>,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    flags: InitFlags,
}

impl Configuration {
    /// Opens a session with the cluster's nodes. Prints warnings, and reports all errors at once.
    pub(super) fn open(&self, choices: &Choices, io: &mut Io) -> Result<Session, CliError> {
        let (texts, options) = self.read(false, io)?;
        let opened = Session::open(&sources(&texts), options, choices, &Folders, io);
        opened.map_err(|error| failed(error, io))
    }

    /// Opens a session that does not read patches, for output that patches cannot change.
    pub(super) fn look(&self, choices: &Choices, io: &mut Io) -> Result<Session, CliError> {
        let (texts, options) = self.read(false, io)?;
        let opened = Session::look(&sources(&texts), options, choices, io);
        opened.map_err(|error| failed(error, io))
    }

    /// Opens a session for the node that joins the `discovered` cluster, whose join facts were read from `file`.
    pub(super) fn open_join(
        &self,
        file: &str,
        discovered: &Discovered,
        choices: &Choices,
        io: &mut Io,
    ) -> Result<Session, CliError> {
        let flags = self.flags.take(!self.files.is_empty())?.to_vec();
        let texts = read_all(&self.files, io)?;
        let options = Options {
            hosts: self.facts.read(io)?,
            flags,
            ..Options::default()
        };
        let cluster = (file, discovered);
        Session::open_join(&sources(&texts), options, cluster, choices, &Folders, io)
            .map_err(|error| failed(error, io))
    }

    /// Reads the configuration files: their names and texts, and the options from facts and flags.
    pub(super) fn read(
        &self,
        lenient: bool,
        io: &mut Io,
    ) -> Result<(Vec<(String, String)>, Options), CliError> {
        let flags = self.flags.take(!self.files.is_empty())?.to_vec();
        if self.files.is_empty() && self.flags.is_empty() {
            return Err(CliError::usage("no configuration was given")
                .hint("give a file with -f, or kubeadm's flags, such as --kubernetes-version"));
        }
        let texts = read_all(&self.files, io)?;
        let options = Options {
            hosts: self.facts.read(io)?,
            lenient,
            flags,
            ..Options::default()
        };
        Ok((texts, options))
    }
}

impl ConfigFiles {
    /// Opens a session for output that neither host facts nor patches can change.
    pub(super) fn look(&self, choices: &Choices, io: &mut Io) -> Result<Session, CliError> {
        let texts = self.read(io)?;
        let options = Options {
            host: Host::Unneeded,
            ..Options::default()
        };
        let opened = Session::look(&sources(&texts), options, choices, io);
        opened.map_err(|error| failed(error, io))
    }

    /// Reads the files; returns their names and texts.
    pub(super) fn read(&self, io: &mut Io) -> Result<Vec<(String, String)>, CliError> {
        read_all(&self.files, io)
    }
}

fn read_all(files: &[PathBuf], io: &mut Io) -> Result<Vec<(String, String)>, CliError> {
    files.iter().map(|path| read_source(path, io)).collect()
}

/// Names and texts as [`Source`]s.
pub(super) fn sources(texts: &[(String, String)]) -> Vec<Source<'_>> {
    texts
        .iter()
        .map(|(name, text)| Source { name, text })
        .collect()
}

/// Prints every finding and returns the error that ends the run.
pub(super) fn refused(report: &Report, io: &mut Io) -> CliError {
    io.tell(&report.text());
    let errors = count(number(report, Severity::Error), "error");
    CliError::usage(format!("the configuration is not valid ({errors})"))
}

/// Counts the findings of `severity`.
pub(super) fn number(report: &Report, severity: Severity) -> usize {
    report
        .findings()
        .iter()
        .filter(|finding| finding.severity == severity)
        .count()
}

fn read_source(path: &Path, io: &mut Io) -> Result<(String, String), CliError> {
    let name = path.display().to_string();
    if name != "-" {
        let text = read_text(path, "configuration").map_err(|error| match error.io_kind() {
            Some(std::io::ErrorKind::InvalidInput) => {
                error.hint("name a regular file, or pipe the text to standard input with `-f -`")
            }
            _ => error,
        })?;
        return Ok((name, text));
    }
    let mut bytes = Vec::new();
    io.input()
        .take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CliError::caused(Exit::Usage, "reading standard input", error))?;
    let text = checked_text(bytes, "configuration", &name)?;
    Ok((name, text))
}

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
    String::from_utf8(bytes)
        .map_err(|_| CliError::usage(format!("{what} {name} is not UTF-8 text")))
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

/// The argument that sets the plan's clock.
#[derive(Debug, clap::Args)]
pub(super) struct Now {
    /// Time to use as the current time, such as 2026-11-20T10:00:00Z [default: the system's clock]
    #[arg(long, value_name = "RFC3339")]
    pub now: Option<Timestamp>,
}

impl Now {
    /// Returns `--now`, else `SOURCE_DATE_EPOCH` if `epoch_counts`, else the time of the system's clock.
    pub(super) fn instant(
        &self,
        around: &Surroundings,
        epoch_counts: bool,
    ) -> Result<Timestamp, CliError> {
        let epoch = around
            .source_date_epoch
            .filter(|_| epoch_counts)
            .and_then(Timestamp::from_unix_seconds);
        self.now.or(epoch).or_else(around.clock).ok_or_else(|| {
            CliError::usage("the system's clock is outside the years 1970 to 9999")
                .hint("set the time with --now")
        })
    }
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
