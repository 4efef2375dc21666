//! Reads what commands need: configuration files, host facts and the clock.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::timestamp::Timestamp;
use kubeplan_terminal::{CliError, Io};

use super::Surroundings;
use super::facts::FactsArgs;
use super::failed::failed;
use super::init_flags::InitFlags;
use super::patches::Directories;
use super::reading::{MAX_INPUT, checked_text, read_text};
use super::surroundings::Epoch;
use crate::config::{Host, Options, Source};
use crate::engine::discovered::Discovered;
use crate::engine::{Choices, Session};

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
    /// Whether files or flags give a configuration.
    pub(super) fn is_given(&self) -> bool {
        !self.files.is_empty() || !self.flags.is_empty()
    }

    /// Opens a session with the cluster's nodes. Prints warnings, and reports all errors at once.
    pub(super) fn open(&self, choices: &Choices, io: &mut Io) -> Result<Session, CliError> {
        let (texts, options) = self.read(false, io)?;
        let opened = Session::open(&sources(&texts), options, choices, &Directories, io);
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
        Session::open_join(
            &sources(&texts),
            options,
            cluster,
            choices,
            &Directories,
            io,
        )
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
        let epoch = match around.source_date_epoch {
            Epoch::At(time) if epoch_counts => Some(time),
            Epoch::Invalid if epoch_counts && self.now.is_none() => {
                let why = "SOURCE_DATE_EPOCH is not a number of seconds from 1970 to 9999";
                return Err(CliError::usage(why).hint(
                    "set it to the output of `date +%s`, unset it, or set the time with --now",
                ));
            }
            _ => None,
        };
        self.now.or(epoch).or_else(around.clock).ok_or_else(|| {
            CliError::usage("the system's clock is outside the years 1970 to 9999")
                .hint("set the time with --now")
        })
    }
}
