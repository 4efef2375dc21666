//! From text to a valid configuration.

use super::decode::Fields;
use super::documents::{Source, read_documents};
use super::draft::Draft;
use super::facts::FactsSource;
use super::flags::{self, Given};
use super::inventory::{self, Inventory, JoinsByToken};
use super::report::{Report, Severity};
use super::valid::{HostFacts, ValidConfig};
use super::{join, skip_phases};
use crate::schema::V1BETA3;

/// A valid configuration and what the user should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: ValidConfig,
    /// Warnings; never errors.
    pub warnings: Report,
}

/// A valid configuration of every node, and what the user should know about it.
#[derive(Clone, Debug)]
pub struct LoadedCluster {
    /// The planned nodes in the order of the inventory; the first control-plane node makes the cluster.
    pub nodes: Vec<ValidConfig>,
    /// Nodes of the inventory that are not planned: with `credentials.join: bootstrap-token` they join by `kubeapply join`.
    pub by_token: Vec<JoinsByToken>,
    /// Pins of the CA of the cluster that a node joins, `sha256:HEX`, as its JoinConfiguration has them.
    pub ca_cert_hashes: Vec<String>,
    /// Warnings; never errors.
    pub warnings: Report,
}

/// What else decides about a configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is known of the host, when it does not come from [`Options::hosts`].
    pub facts: HostFacts,
    /// Facts of hosts, and what confirms their keys.
    pub hosts: FactsSource,
    /// Unknown and repeated fields are warnings, not errors.
    pub lenient: bool,
    /// Flags that stand for fields.
    pub flags: Vec<Given>,
    /// Of what it is kept where each value comes from.
    pub origins: Origins,
    /// Whether values that only a host could say are needed.
    pub host: Host,
}

/// What is to be made of values that only a host could say: the node's name, the address of its API server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// They are needed: where they are not known there is an error.
    #[default]
    Needed,
    /// Nothing asked depends on them: [`super::STAND_IN`]s take their place.
    Unneeded,
}

/// Of what it is kept where values come from. What a joining node keeps of itself takes more room than the rest of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// The cluster and each of its nodes.
    #[default]
    OfEveryNode,
    /// The cluster and the node that founds it.
    OfCluster,
}

/// Reads, defaults and validates `sources`.
///
/// `facts` is what is known of the host; [`HostFacts::default`] if nobody looked.
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

/// Reads, defaults and validates `sources`, with every [`Options`], for what takes one node.
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
    let mut draft = read(sources, options.lenient)?;
    draft.host = options.host;
    warn_of_old_versions(&mut draft);
    join::refuse(&mut draft);
    flags::apply(&mut draft, &options.flags, !sources.is_empty());
    skip_phases::disable_addons(&mut draft);
    inventory::load(draft, options)
}

/// The documents as written, unless one of them could not be read at all.
pub(super) fn read(sources: &[Source<'_>], lenient: bool) -> Result<Draft, Report> {
    let fields = if lenient {
        Fields::Lenient
    } else {
        Fields::Strict
    };
    let draft = read_documents(sources, fields);
    // A file that cannot be read, or a document that was refused, may hold what later stages would miss.
    let refused = draft
        .report
        .findings()
        .iter()
        .any(|finding| finding.severity == Severity::Error && !finding.path.contains('.'));
    if refused {
        Err(draft.report)
    } else {
        Ok(draft)
    }
}

pub(super) fn warn_of_old_versions(draft: &mut Draft) {
    for kind in std::mem::take(&mut draft.old_documents) {
        let message = format!("the API version `{V1BETA3}` is deprecated");
        let hint = format!(
            "`kubeplan config migrate` writes the document as `{}`",
            kind.api_version()
        );
        draft.warn(kind, "", message, &hint);
    }
}

#[cfg(test)]
mod tests;
