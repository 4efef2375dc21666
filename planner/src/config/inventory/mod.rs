//! Makes the configuration of every node of a cluster: the first control-plane node, and the nodes that join.
//!
//! In: the documents as written, flags, facts. Out: an [`Inventory`] with the configuration of every node, each made once. What
//! all nodes share is defaulted and checked once, with the first control-plane node, and held in common; for every other node
//! only what is its own. InitConfiguration is about the first control-plane node, as in kubeadm: its `nodeRegistration` does
//! not apply to nodes that join.

mod across;
mod entry;

use kubeplan_bundle::index::{Name, NodeRole};
use serde_json::{Map, Value};

use super::address::parsed as parsed_networks;
use super::default::{self, SharedKubelet};
use super::draft::Draft;
use super::draft::Host;
use super::facts::{self, FactsSource};
use super::flags::{self, Given};
use super::kubelet::EXTRA_ARGS;
use super::means::Means;
use super::options::{Options, Origins};
use super::provenance::{Origin, Provenance};
use super::report::Report;
use super::unreadable::wrong_values;
use super::valid::{Assumption, HostFacts, NodeParts, Shared, ValidConfig};
use super::validate::inventory::JoinBy;
use super::validate::member;
use super::validate::{self, FirstControlPlane};
use crate::schema::Kind;
use across::{Member, Members};
use entry::Entry;

/// A node of the inventory that is not planned: it joins with a bootstrap token, by `kubeapply join`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinsByToken {
    /// The node's name.
    pub name: Name,
    /// The node's role.
    pub role: NodeRole,
}

/// What the configurations of joining nodes are made from.
struct Joining<'a> {
    /// ClusterConfiguration with its defaults.
    cluster: Map<String, Value>,
    /// Fields of InitConfiguration that apply to every node, and their origins.
    init: Map<String, Value>,
    init_provenance: Provenance,
    kubelet: SharedKubelet,
    /// Origins of values that are not about one node.
    provenance: Provenance,
    first_file: String,
    flags: Vec<Given>,
    hosts: &'a FactsSource,
    origins: Origins,
    host: Host,
}

/// The configurations of all nodes of an inventory.
pub(super) struct Inventory {
    /// The planned nodes, in the order of the inventory.
    pub(super) nodes: Vec<ValidConfig>,
    pub(super) by_token: Vec<JoinsByToken>,
    pub(super) warnings: Report,
    /// The entry after the first, if there are several.
    pub(super) second: Option<SecondEntry>,
}

/// The second entry, which a command for one node refuses.
pub(super) struct SecondEntry {
    entry: Entry,
    first_file: String,
}

/// Fields of InitConfiguration that users may expect to apply to joining nodes as well. An entry of the inventory has a field for
/// each.
const FIRST_NODES_OWN: [&str; 4] = [
    "nodeRegistration.criSocket",
    "nodeRegistration.kubeletExtraArgs",
    "nodeRegistration.taints",
    "patches.directory",
];

/// Fields of InitConfiguration that apply to every node, because an entry cannot set them.
const OF_EVERY_NODE: [&str; 5] = [
    "localAPIEndpoint.bindPort",
    "nodeRegistration.ignorePreflightErrors",
    "nodeRegistration.imagePullPolicy",
    "nodeRegistration.imagePullSerial",
    "timeouts",
];

/// Sets the defaults of every node, and checks them.
pub(super) fn load(mut draft: Draft, options: Options) -> Result<Inventory, Report> {
    let entries = entry::take(&mut draft);
    match entry::first_control_plane(&mut draft, &entries) {
        Some(first) => load_entries(draft, &entries, first, options),
        None => {
            let written = entry::written(&draft, &entries);
            wrong_values(draft, &written, |draft| {
                load_entries(draft, &entries, 0, options)
            })
        }
    }
}

/// As [`load`], with the index of the first control-plane node.
fn load_entries(
    mut draft: Draft,
    entries: &[Entry],
    first_control_plane: usize,
    options: Options,
) -> Result<Inventory, Report> {
    warn_of_first_control_planes_own(&mut draft, entries.len());
    let (init, init_provenance) = of_every_node(&draft);
    if let Some(entry) = entries.get(first_control_plane) {
        entry.put(&mut draft);
    }
    let alone = entries.len() == 1;
    draft.means.several = !alone;
    let hosts = options.hosts;
    let facts = match (hosts.is_empty(), alone) {
        (true, _) => Some(options.facts),
        (false, true) => Some(facts::take(&mut draft, &hosts)),
        (false, false) => facts::take_one_of_several(&mut draft, &hosts),
    };
    let mut members = Members::new(entries.len());
    members.note_facts(first_control_plane, facts.is_some());
    let facts = facts.unwrap_or_default();
    let assumptions = default::apply(&mut draft, &facts);
    let kubelet = SharedKubelet::of(&draft);
    let checked = validate::check_first_control_plane(&mut draft, &facts, &kubelet, !alone);
    members.add(first_control_plane, checked.node.clone());
    let first = validate::first_control_plane(&mut draft, checked, facts, assumptions);
    if let Some(first) = &first {
        // Later findings look up their places there.
        draft.provenance = first.config.provenance.clone();
    }
    let joining = Joining {
        cluster: draft.document(Kind::Cluster),
        init,
        init_provenance,
        provenance: of_cluster(&draft.provenance, &kubelet),
        first_file: draft.first_file.clone(),
        flags: options.flags,
        kubelet,
        hosts: &hosts,
        origins: options.origins,
        host: draft.host,
    };
    let report = std::mem::take(&mut draft.report);
    let (report, mut nodes) = joining.check(
        entries,
        first_control_plane,
        report,
        &mut members,
        first.as_ref(),
    );
    draft.report = report;
    members.nodes.sort_by_key(|member| member.position);
    across::check(&mut draft, entries, &members.nodes);
    if !alone {
        across::facts(&mut draft, &hosts, &members);
    }
    let by_token = waiting(
        &mut draft,
        first.as_ref(),
        first_control_plane,
        entries,
        &members.nodes,
    );
    match first {
        Some(first) if !draft.report.has_errors() => {
            let place = first_control_plane.min(nodes.len());
            nodes.insert(place, first.config);
            let first_file = draft.first_file;
            let second = entries.get(1).cloned();
            Ok(Inventory {
                nodes,
                by_token,
                warnings: draft.report,
                second: second.map(|entry| SecondEntry { entry, first_file }),
            })
        }
        _ => Err(draft.report),
    }
}

/// The fields of InitConfiguration, as written, that apply to every node, and their origins.
fn of_every_node(draft: &Draft) -> (Map<String, Value>, Provenance) {
    let mut shared = Draft::default();
    for path in OF_EVERY_NODE {
        let Some(value) = draft.get(Kind::Init, path) else {
            continue;
        };
        shared.set(Kind::Init, path, value.clone());
        let full = draft.full_path(Kind::Init, path);
        for (path, origin) in draft.provenance.below(&full) {
            shared.provenance.record(path, origin.clone());
        }
    }
    (shared.document(Kind::Init), shared.provenance)
}

/// The origins of values that are not about one node, from the records of the first control-plane node.
fn of_cluster(all: &Provenance, kubelet: &SharedKubelet) -> Provenance {
    let of_node = [
        Kind::Init.name(),
        Kind::Kubelet.name(),
        &format!("{}.nodes[", Kind::Inventory.name()),
    ];
    let mut provenance = all.clone();
    provenance.take_out(|path| of_node.iter().any(|prefix| path.starts_with(prefix)));
    provenance.keep_names(|_| false);
    provenance.extend(kubelet.provenance.clone());
    provenance
}

/// The nodes that join with a bootstrap token, if the configuration says so. Warns of fields in their entries that have no effect.
fn waiting(
    draft: &mut Draft,
    first: Option<&FirstControlPlane>,
    first_control_plane: usize,
    entries: &[Entry],
    members: &[Member],
) -> Vec<JoinsByToken> {
    if first.is_none_or(|first| first.join_by != JoinBy::BootstrapToken) {
        return Vec::new();
    }
    let mut by_token = Vec::new();
    for Member { position, settings } in
        members.iter().filter(|m| m.position != first_control_plane)
    {
        if let Some(entry) = entries.get(*position) {
            across::warn_of_unplanned(draft, entry, settings);
        }
        by_token.push(JoinsByToken {
            name: settings.name.clone(),
            role: settings.role,
        });
    }
    by_token
}

/// Warns of fields of InitConfiguration that apply to the first control-plane node only.
fn warn_of_first_control_planes_own(draft: &mut Draft, nodes: usize) {
    if nodes < 2 {
        return;
    }
    for path in FIRST_NODES_OWN {
        let origin = draft.provenance.at(&draft.full_path(Kind::Init, path));
        if matches!(origin, Some(Origin::Written { .. })) {
            let message = "it applies only to the first control-plane node, as in kubeadm";
            let hint = "set what joining nodes need in their entries of `nodes` in the `kubeplan.io/v1alpha1` Cluster document";
            draft.warn(Kind::Init, path, message, hint);
        }
    }
}

impl Joining<'_> {
    /// Checks joining nodes and makes the configuration of each. Returns the report with their findings, and the nodes unless there is
    /// an error or they are not planned.
    fn check(
        &self,
        entries: &[Entry],
        first_control_plane: usize,
        mut report: Report,
        members: &mut Members,
        first: Option<&FirstControlPlane>,
    ) -> (Report, Vec<ValidConfig>) {
        let network = self.cluster.get("networking").and_then(|networking| {
            let subnet = networking.get("serviceSubnet")?.as_str()?;
            Some(parsed_networks(subnet))
        });
        let service_cidrs = network.unwrap_or_default();
        let kubelet = first.map(|first| {
            let supplied = first.config.cluster_kubelet.supplied;
            self.kubelet.complete(supplied)
        });
        let mut nodes = Vec::new();
        let no_facts = Shared::<HostFacts>::default();
        for entry in entries
            .iter()
            .filter(|entry| entry.position != first_control_plane)
        {
            let (mut draft, facts, assumptions) = self.draft(entry, report);
            members.note_facts(entry.position, facts.is_some() || self.hosts.is_empty());
            let facts = facts.map_or_else(|| no_facts.clone(), Shared::from);
            let checked = member::check(&mut draft, &facts, &self.kubelet, &service_cidrs);
            members.add(entry.position, checked.node.clone());
            if let (Some(first), Some(kubelet), false) =
                (first, &kubelet, draft.report.has_errors())
            {
                let parts =
                    member::joining(&mut draft, checked, facts, assumptions, kubelet, first);
                nodes.extend(parts.map(|parts| self.node(parts)));
            }
            report = draft.report;
        }
        (report, nodes)
    }

    /// The node's configuration, with the origins of its values that [`Options`](super::Options) asks for.
    fn node(&self, mut parts: NodeParts) -> ValidConfig {
        let own = &mut parts.provenance;
        match self.origins {
            Origins::OfEveryNode => {
                let own = std::mem::replace(own, self.provenance.clone());
                parts.provenance.extend(own);
            }
            Origins::OfCluster => {
                let is_of_kubelet =
                    |path: &str| path.starts_with(EXTRA_ARGS) || path.contains(KUBELET);
                own.take_out(|path| {
                    !ASKED.contains(&path) && !path.ends_with(PATCHES) && !is_of_kubelet(path)
                });
                own.keep_names(|to| {
                    to.starts_with(EXTRA_ARGS) || to.starts_with(Kind::Kubelet.name())
                });
                for path in ASKED {
                    if let Some(origin) = self.provenance.at(path) {
                        own.record(path, origin.clone());
                    }
                }
            }
        }
        ValidConfig::of(parts)
    }

    /// The draft of a joining node with its defaults, its facts if there are any, and the assumptions.
    fn draft(&self, entry: &Entry, report: Report) -> (Draft, Option<HostFacts>, Vec<Assumption>) {
        let position = entry.position;
        let mut draft = Draft::of_node(position, &self.first_file, Provenance::default(), report);
        draft.joins = true;
        draft.host = self.host;
        draft.means = Means {
            files: true,
            facts: self.hosts.is_empty() && self.host == Host::Needed,
            several: true,
            ..Means::default()
        };
        draft.put(Kind::Cluster, self.cluster.clone());
        draft.put(Kind::Init, self.init.clone());
        draft.provenance.extend(self.init_provenance.clone());
        entry.put(&mut draft);
        flags::apply_to_joining(&mut draft, &self.flags);
        let facts = facts::take_one_of_several(&mut draft, self.hosts);
        let none = HostFacts::default();
        let assumptions = default::apply_to_joining(&mut draft, facts.as_ref().unwrap_or(&none));
        (draft, facts, assumptions)
    }
}

/// The fields whose origins matter later: phases that a flag skips stay skipped even if `--phase` names them, and an addon that is
/// disabled because its phase is skipped is planned if `--phase` names it.
const ASKED: [&str; 3] = [
    "InitConfiguration.skipPhases",
    "ClusterConfiguration.dns.disabled",
    "ClusterConfiguration.proxy.disabled",
];

/// The entry's fields about its kubelet: what does not fit the plan is found when all nodes are known.
const KUBELET: &str = "].kubelet.";

/// The fields that name a node's directory of patches: messages about it name the field and its line.
const PATCHES: &str = ".patches.directory";

impl SecondEntry {
    /// The report of a command that takes one node but found `nodes`.
    pub(super) fn only_one_node(&self, nodes: usize) -> Report {
        let nothing = (Provenance::default(), Report::default());
        let mut draft = Draft::of_node(0, &self.first_file, nothing.0, nothing.1);
        let message = format!("the inventory has {nodes} nodes, but this command takes one");
        self.entry
            .error_of_node(&mut draft, message, "keep one node in the inventory");
        draft.report
    }
}

#[cfg(test)]
mod tests;
