//! Host facts as files: a folder with one `<hostname>.json` per host, and what confirms their keys.

use std::fs;
use std::path::{Path, PathBuf};

use kubeplan_bundle::exit::Exit;
use kubeplan_bundle::facts::{Facts, MAX_SIZE};
use kubeplan_bundle::signature::Fingerprint;
use kubeplan_terminal::{CliError, Io};

use super::input::{read_found, read_trusted};
use crate::config::facts::{FactsSource, KnownHosts};

/// Files in the folder of facts.
const MAX_FILES: usize = 10_000;

/// Where facts of hosts are.
#[derive(Debug, clap::Args)]
pub(super) struct FactsArgs {
    /// Folder with what `kubeapply facts` wrote on the hosts, HOSTNAME.json for
    /// each; fills what the configuration does not say
    #[arg(long, value_name = "DIR")]
    facts: Option<PathBuf>,
    /// Seal for the SSH host key that the facts of NODE name, if it has this
    /// fingerprint; may be repeated
    #[arg(long, value_name = "NODE=SHA256:…", requires = "facts", value_parser = confirmation)]
    confirm_host_key: Vec<(String, Fingerprint)>,
    /// Seal for SSH host keys in the facts that this OpenSSH known_hosts file
    /// names for the same host; refused if every user can write the file
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
    /// Reads everything that was named.
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
            hosts: self.facts.as_deref().map_or(Ok(Vec::new()), read_folder)?,
            confirmed: self
                .confirm_host_key
                .iter()
                .map(|(node, fingerprint)| (node.clone(), fingerprint.to_string()))
                .collect(),
            known_hosts,
        })
    }
}

/// The facts in a folder, by file name.
fn read_folder(folder: &Path) -> Result<Vec<Facts>, CliError> {
    let failed = |error| {
        let message = format!("reading facts in {}", folder.display());
        CliError::caused(Exit::Usage, message, error)
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            paths.push(path);
        }
        if paths.len() > MAX_FILES {
            return Err(CliError::usage(format!(
                "there are more than {MAX_FILES} files of facts in {}",
                folder.display()
            )));
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(
            CliError::usage(format!("there are no facts in {}", folder.display())).hint(
                "run `kubeapply facts -o HOSTNAME.json` on each host and bring the files here",
            ),
        );
    }
    paths.iter().map(|path| read_file(path)).collect()
}

fn read_file(path: &Path) -> Result<Facts, CliError> {
    let bytes = read_found(path, "facts", MAX_SIZE as u64)?;
    let facts = Facts::parse(&bytes).map_err(|error| {
        CliError::caused(Exit::Usage, format!("facts {}", path.display()), error)
    })?;
    let name = format!("{}.json", facts.hostname);
    if path.file_name().is_none_or(|found| found != name.as_str()) {
        return Err(CliError::usage(format!(
            "facts {} are those of the host `{}`",
            path.display(),
            facts.hostname
        ))
        .hint(format!("call the file {name}")));
    }
    Ok(facts)
}
