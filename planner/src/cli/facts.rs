//! Reads host facts, one file `<hostname>.json` per host in a directory, and what confirms their SSH keys.

use std::fs;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::facts::{Facts, MAX_SIZE};
use kubeplan_bundle::signature::Fingerprint;
use kubeplan_terminal::{CliError, Io};

use super::reading::{read_found, read_trusted};
use crate::config::facts::{FactsSource, KnownHosts};

/// The most files that a directory of facts may have.
const MAX_FILES: usize = 10_000;

/// Arguments that say where host facts are and which of their keys are confirmed.
#[derive(Debug, clap::Args)]
pub(super) struct FactsArgs {
    /// Directory with the facts that `kubeapply facts` wrote on the hosts, one
    /// HOSTNAME.json each; they fill fields that the configuration leaves open
    #[arg(long, value_name = "DIR")]
    facts: Option<PathBuf>,
    /// Seal for the SSH host key in the facts of NODE if it has this
    /// fingerprint; may be repeated
    #[arg(long, value_name = "NODE=SHA256:…", requires = "facts", value_parser = confirmation)]
    confirm_host_key: Vec<(String, Fingerprint)>,
    /// Seal for each SSH host key in the facts that this OpenSSH known_hosts
    /// file lists for the same host; refused if every user can write the file
    #[arg(long, value_name = "FILE", requires = "facts")]
    known_hosts: Option<PathBuf>,
}

fn confirmation(text: &str) -> Result<(String, Fingerprint), String> {
    let (node, fingerprint) = text
        .split_once('=')
        .filter(|(node, _)| !node.is_empty())
        .ok_or("write NODE=SHA256:…")?;
    let fingerprint = fingerprint
        .parse::<Fingerprint>()
        .map_err(|error| error.to_string())?;
    Ok((node.to_owned(), fingerprint))
}

impl FactsArgs {
    /// Reads the files that the arguments name.
    pub(super) fn read(&self, io: &mut Io) -> Result<FactsSource, CliError> {
        let known_hosts = self
            .known_hosts
            .as_deref()
            .map(|path| {
                let bytes = read_trusted(path, "known_hosts file", 1024 * 1024, io)?;
                // Comments may be in any encoding; keys and names are ASCII.
                let known = KnownHosts::parse(&String::from_utf8_lossy(&bytes));
                Ok::<_, CliError>((known, path.display().to_string()))
            })
            .transpose()?;
        Ok(FactsSource {
            hosts: self
                .facts
                .as_deref()
                .map_or(Ok(Vec::new()), read_directory)?,
            confirmed: self
                .confirm_host_key
                .iter()
                .map(|(node, fingerprint)| (node.clone(), fingerprint.to_string()))
                .collect(),
            known_hosts,
        })
    }
}

/// Reads the facts in a directory, sorted by file name.
fn read_directory(directory: &Path) -> Result<Vec<Facts>, CliError> {
    let failed = |error| {
        let message = format!("reading facts in {}", directory.display());
        CliError::caused(Exit::Usage, message, error)
    };
    if directory.is_file() {
        return Err(one_file(directory));
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
        if paths.len() > MAX_FILES {
            return Err(CliError::usage(format!(
                "{} contains more than {MAX_FILES} files of facts",
                directory.display()
            )));
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(
            CliError::usage(format!("{} contains no facts", directory.display())).hint(
                "run `kubeapply facts -o HOSTNAME.json` on each host and copy the files here",
            ),
        );
    }
    paths.iter().map(|path| read_file(path)).collect()
}

/// The error for a file in place of the directory: names the host in it and where the file belongs.
fn one_file(path: &Path) -> CliError {
    let shown = path.display();
    match read_found(path, "facts", MAX_SIZE as u64).map(|bytes| Facts::parse(&bytes)) {
        Ok(Ok(facts)) => CliError::usage(format!(
            "{shown} is a file with the facts of host `{}`, and --facts takes the directory of such files",
            facts.hostname
        ))
        .hint(format!(
            "put it into a directory as {}.json, and name the directory",
            facts.hostname
        )),
        _ => CliError::usage(format!("{shown} is not a directory with facts")),
    }
}

fn read_file(path: &Path) -> Result<Facts, CliError> {
    let bytes = read_found(path, "facts", MAX_SIZE as u64)?;
    let facts = Facts::parse(&bytes).map_err(|error| {
        CliError::caused(Exit::Usage, format!("facts {}", path.display()), error)
    })?;
    let name = format!("{}.json", facts.hostname);
    if path.file_name().is_none_or(|found| found != name.as_str()) {
        return Err(CliError::usage(format!(
            "the facts in {} are those of host `{}`",
            path.display(),
            facts.hostname
        ))
        .hint(format!("rename the file to {name}")));
    }
    Ok(facts)
}
