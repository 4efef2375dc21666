//! Reads, defaults and validates configuration files.

use super::decode::Fields;
use super::documents::{Source, read_documents};
use super::draft::{Draft, Host};
use super::flags;
use super::inventory::{self, Inventory, JoinsByToken};
use super::means::Means;
use super::options::Options;
use super::purpose::Purpose;
use super::report::Report;
use super::skip_phases;
use super::unreadable;
use super::valid::{HostFacts, ValidConfig};
use crate::schema::V1BETA3;

/// A valid configuration, with warnings.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: ValidConfig,
    /// Warnings; contains no errors.
    pub warnings: Report,
}

/// The valid configurations of all nodes, with warnings.
#[derive(Clone, Debug)]
pub struct LoadedCluster {
    /// The planned nodes in the order of the inventory; the first control-plane node creates the cluster.
    pub nodes: Vec<ValidConfig>,
    /// Nodes that are not planned, because they join by `kubeapply join` (`credentials.join: bootstrap-token`).
    pub by_token: Vec<JoinsByToken>,
    /// The pins in a JoinConfiguration of the CA of the cluster that the node joins, `sha256:HEX`.
    pub ca_cert_hashes: Vec<String>,
    /// Warnings; contains no errors.
    pub warnings: Report,
}

/// Reads, defaults and validates `sources`.
///
/// `facts` is what is known about the host; [`HostFacts::default`] if nothing is known.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error.
pub fn load(sources: &[Source<'_>], facts: HostFacts) -> Result<Loaded, Report> {
    load_with(
        sources,
        Options {
            facts,
            ..Options::default()
        },
    )
}

/// Reads, defaults and validates `sources` with [`Options`], for a command that takes one node.
///
/// # Errors
/// The [`Report`] with every finding, if any of them is an error; also if there is more than one node.
pub fn load_with(sources: &[Source<'_>], options: Options) -> Result<Loaded, Report> {
    let Inventory {
        mut nodes,
        by_token,
        warnings,
        second,
    } = load_inventory(sources, options)?;
    let count = nodes.len() + by_token.len();
    match (nodes.pop(), second) {
        (Some(config), None) if count == 1 => Ok(Loaded { config, warnings }),
        (_, second) => Err(second.map_or(warnings, |entry| entry.only_one_node(count))),
    }
}

/// Reads, defaults and validates `sources` for every node of the inventory.
///
/// # Errors
/// The [`Report`] with every finding of every node, if any of them is an error.
pub fn load_cluster(sources: &[Source<'_>], options: Options) -> Result<LoadedCluster, Report> {
    let Inventory {
        nodes,
        by_token,
        warnings,
        ..
    } = load_inventory(sources, options)?;
    Ok(LoadedCluster {
        nodes,
        by_token,
        ca_cert_hashes: Vec::new(),
        warnings,
    })
}

fn load_inventory(sources: &[Source<'_>], options: Options) -> Result<Inventory, Report> {
    let draft = read(sources, options.lenient, Purpose::NewCluster);
    unreadable::checked(draft, |mut draft| {
        draft.host = options.host;
        draft.means = Means {
            flags: options.host == Host::Needed,
            files: !sources.is_empty(),
            entry: true,
            facts: options.hosts.is_empty() && options.host == Host::Needed,
            several: false,
        };
        warn_of_old_versions(&mut draft);
        flags::apply(&mut draft, &options.flags, !sources.is_empty());
        skip_phases::disable_addons(&mut draft);
        inventory::load(draft, options)
    })
}

/// Reads the documents that a command with this `purpose` uses, as written. Errors of those that cannot be read are in its report.
pub(super) fn read(sources: &[Source<'_>], lenient: bool, purpose: Purpose) -> Draft {
    let fields = if lenient {
        Fields::Lenient
    } else {
        Fields::Strict
    };
    read_documents(sources, fields, purpose)
}

pub(super) fn warn_of_old_versions(draft: &mut Draft) {
    for kind in std::mem::take(&mut draft.old_documents) {
        let hint = format!(
            "run `kubeplan config migrate` to convert the document to `{}`",
            kind.api_version()
        );
        match draft.release().filter(|release| !release.reads_v1beta3) {
            None => {
                let message = format!("the API version `{V1BETA3}` is deprecated");
                draft.warn(kind, "", message, &hint);
            }
            Some(release) => {
                let message = format!(
                    "kubeadm 1.{} does not read the API version `{V1BETA3}`",
                    release.minor
                );
                draft.error(kind, "", message, &hint);
            }
        }
    }
}

#[cfg(test)]
mod tests;
