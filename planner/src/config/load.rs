//! From text to a valid configuration.

use kubeplan_bundle::index::Name;

use super::decode::Fields;
use super::documents::{Source, read_documents};
use super::draft::Draft;
use super::facts::FactsSource;
use super::flags::{self, Given};
use super::inventory::{self, Cluster, Inventory, JoinsByToken};
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
    nodes: Nodes,
    /// The planned nodes by name, each with the place of its entry.
    planned: Vec<(usize, Name)>,
    /// Nodes of the inventory that are not planned: with `credentials.join: bootstrap-token` they join by `kubeapply join`.
    pub by_token: Vec<JoinsByToken>,
    /// Pins of the CA of the cluster that a node joins, `sha256:HEX`, as its JoinConfiguration has them.
    pub ca_cert_hashes: Vec<String>,
    /// Warnings; never errors.
    pub warnings: Report,
}

/// What configurations of nodes are made from.
#[derive(Clone, Debug)]
enum Nodes {
    /// The entries of an inventory.
    Inventory(Box<Cluster>),
    /// The only node there is.
    One(Box<ValidConfig>),
}

impl Nodes {
    fn node(&self, entry: usize) -> Option<ValidConfig> {
        match self {
            Self::Inventory(cluster) => cluster.node(entry),
            Self::One(config) => Some(config.as_ref().clone()),
        }
    }
}

impl LoadedCluster {
    /// One node that is in no inventory.
    pub(super) fn of_one(
        config: ValidConfig,
        ca_cert_hashes: Vec<String>,
        warnings: Report,
    ) -> Self {
        Self {
            planned: vec![(0, config.node.name.clone())],
            nodes: Nodes::One(Box::new(config)),
            by_token: Vec::new(),
            ca_cert_hashes,
            warnings,
        }
    }

    /// The names of the planned nodes in the order of the inventory; the first control-plane node makes the cluster.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.planned.iter().map(|(_, name)| name)
    }

    /// The configuration of the node at this position of [`LoadedCluster::names`]; made anew on every call, so that a thousand
    /// nodes need not be in memory at once.
    #[must_use]
    pub fn node(&self, position: usize) -> Option<ValidConfig> {
        let (entry, _) = self.planned.get(position)?;
        self.nodes.node(*entry)
    }
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
    let loaded = load_cluster(sources, options)?;
    let nodes = loaded.planned.len() + loaded.by_token.len();
    match (nodes, loaded.node(0)) {
        (1, Some(config)) => Ok(Loaded {
            config,
            warnings: loaded.warnings,
        }),
        _ => Err(match &loaded.nodes {
            Nodes::Inventory(cluster) => cluster.only_one_node(nodes),
            Nodes::One(_) => loaded.warnings,
        }),
    }
}

/// Reads, defaults and validates `sources` for every node of the inventory.
///
/// # Errors
/// The [`Report`] with every finding of every node, if any of them is an error.
pub fn load_cluster(sources: &[Source<'_>], options: Options) -> Result<LoadedCluster, Report> {
    let mut draft = read(sources, options.lenient)?;
    warn_of_old_versions(&mut draft);
    join::refuse(&mut draft);
    flags::apply(&mut draft, &options.flags, !sources.is_empty());
    skip_phases::disable_addons(&mut draft);
    let Inventory {
        cluster,
        planned,
        by_token,
        warnings,
    } = inventory::load(draft, options)?;
    Ok(LoadedCluster {
        nodes: Nodes::Inventory(Box::new(cluster)),
        planned,
        by_token,
        ca_cert_hashes: Vec::new(),
        warnings,
    })
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
