//! The nodes of a cluster: which one founds it, which ones join, and the configuration of each.
//!
//! In: the documents as written, flags, facts. Out: an [`Inventory`] with the configuration of every node, each made once and small beside what
//! all of them share. What is the cluster's is defaulted and checked once, with the node that
//! founds it; of every other node only what is its own. InitConfiguration is about the founding node, as in kubeadm: nothing of its
//! `nodeRegistration` reaches nodes that join.

mod across;
mod entry;

use kubeplan_bundle::index::{Name, NodeRole};
use serde_json::{Map, Value};

use super::default::{self, SharedKubelet};
use super::draft::Draft;
use super::facts::{self, FactsSource};
use super::flags::{self, Given};
use super::load::{Host, Options, Origins};
use super::provenance::{Origin, Provenance};
use super::report::Report;
use super::valid::{Assumption, HostFacts, NodeParts, ValidConfig};
use super::validate::inventory::JoinBy;
use super::validate::member;
use super::validate::network::parsed as parsed_networks;
use super::validate::{self, Founding};
use crate::schema::Kind;
use across::{Member, Members};
use entry::Entry;

/// A node that is in the inventory and not in the plan: it joins with a bootstrap token, by `kubeapply join`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinsByToken {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub role: NodeRole,
}

/// What nodes that join are made from.
struct Joining<'a> {
    /// ClusterConfiguration with its defaults.
    cluster: Map<String, Value>,
    /// What InitConfiguration says of every node, and where.
    init: Map<String, Value>,
    init_provenance: Provenance,
    kubelet: SharedKubelet,
    /// Where values that are not a node's come from.
    provenance: Provenance,
    first_file: String,
    flags: Vec<Given>,
    hosts: &'a FactsSource,
    origins: Origins,
    host: Host,
}

/// What reading a whole inventory comes to.
pub(super) struct Inventory {
    /// The planned nodes, in their order.
    pub(super) nodes: Vec<ValidConfig>,
    pub(super) by_token: Vec<JoinsByToken>,
    pub(super) warnings: Report,
    /// The entry after the first, if there are several.
    pub(super) second: Option<SecondEntry>,
}

/// The entry that is one too many for a command that takes one node.
pub(super) struct SecondEntry {
    entry: Entry,
    first_file: String,
}

/// Fields of InitConfiguration that somebody may expect to hold for nodes that join, too; an entry has words for each.
const FOUNDERS_OWN: [&str; 3] = [
    "nodeRegistration.criSocket",
    "nodeRegistration.kubeletExtraArgs",
    "patches.directory",
];

/// Fields of InitConfiguration that hold for every node: no entry could say otherwise.
const OF_EVERY_NODE: [&str; 5] = [
    "localAPIEndpoint.bindPort",
    "nodeRegistration.ignorePreflightErrors",
    "nodeRegistration.imagePullPolicy",
    "nodeRegistration.imagePullSerial",
    "timeouts",
];

/// Defaults and checks every node.
pub(super) fn load(mut draft: Draft, options: Options) -> Result<Inventory, Report> {
    let entries = entry::take(&mut draft);
    let Some(founder) = entry::founder(&mut draft, &entries) else {
        return Err(draft.report);
    };
    warn_of_founders_own(&mut draft, entries.len());
    let (init, init_provenance) = of_every_node(&draft);
    if let Some(entry) = entries.get(founder) {
        entry.put(&mut draft);
    }
    let alone = entries.len() == 1;
    let hosts = options.hosts;
    let facts = match (hosts.is_empty(), alone) {
        (true, _) => Some(options.facts),
        (false, true) => Some(facts::take(&mut draft, &hosts)),
        (false, false) => facts::take_one_of_several(&mut draft, &hosts),
    };
    let mut members = Members::new(entries.len());
    members.note_facts(founder, facts.is_some());
    let facts = facts.unwrap_or_default();
    let assumptions = default::apply(&mut draft, &facts);
    let kubelet = SharedKubelet::of(&draft);
    let checked = validate::check_founding(&mut draft, &facts, &kubelet, !alone);
    members.add(founder, checked.node.clone());
    let founding = validate::founding(&mut draft, checked, facts, assumptions);
    if let Some(founding) = &founding {
        // The rest of what is said has its places there.
        draft.provenance = founding.config.provenance.clone();
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
    let (report, mut nodes) =
        joining.check(&entries, founder, report, &mut members, founding.as_ref());
    draft.report = report;
    members.nodes.sort_by_key(|member| member.position);
    across::check(&mut draft, &entries, &members.nodes);
    if !alone {
        across::facts(&mut draft, &hosts, &members);
    }
    let by_token = waiting(
        &mut draft,
        founding.as_ref(),
        founder,
        &entries,
        &members.nodes,
    );
    match founding {
        Some(founding) if !draft.report.has_errors() => {
            let place = founder.min(nodes.len());
            nodes.insert(place, founding.config);
            let first_file = draft.first_file;
            let second = entries.into_iter().nth(1);
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

/// What InitConfiguration says as it was written, as far as it holds for every node, and where.
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

/// Where values that are not a node's come from, out of what is recorded with the founding node.
fn of_cluster(all: &Provenance, kubelet: &SharedKubelet) -> Provenance {
    let of_node = [
        Kind::Init.name(),
        Kind::Kubelet.name(),
        &format!("{}.nodes[", Kind::Inventory.name()),
    ];
    let mut provenance = all.clone();
    provenance.take_out(|path| of_node.iter().any(|prefix| path.starts_with(prefix)));
    provenance.extend(kubelet.provenance.clone());
    provenance
}

/// The nodes that join by token, if the configuration says that they do; what their entries say in vain is a warning.
fn waiting(
    draft: &mut Draft,
    founding: Option<&Founding>,
    founder: usize,
    entries: &[Entry],
    members: &[Member],
) -> Vec<JoinsByToken> {
    if founding.is_none_or(|founding| founding.join_by != JoinBy::BootstrapToken) {
        return Vec::new();
    }
    let mut by_token = Vec::new();
    for Member { position, settings } in members.iter().filter(|m| m.position != founder) {
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

/// Warns where InitConfiguration says of the founding node what nodes that join do not get.
fn warn_of_founders_own(draft: &mut Draft, nodes: usize) {
    if nodes < 2 {
        return;
    }
    for path in FOUNDERS_OWN {
        let origin = draft.provenance.at(&draft.full_path(Kind::Init, path));
        if matches!(origin, Some(Origin::Written { .. })) {
            let message = "it holds for the node that founds the cluster only, as in kubeadm";
            let hint = "say of nodes that join what they need in their entries of `nodes` in the `kubeplan.io/v1alpha1` Cluster document";
            draft.warn(Kind::Init, path, message, hint);
        }
    }
}

impl Joining<'_> {
    /// Checks nodes that join and makes the configuration of each; the answer is the report with what there is to say about them,
    /// and the nodes unless there is an error or they are not planned.
    fn check(
        &self,
        entries: &[Entry],
        founder: usize,
        mut report: Report,
        members: &mut Members,
        founding: Option<&Founding>,
    ) -> (Report, Vec<ValidConfig>) {
        let network = self.cluster.get("networking").and_then(|networking| {
            let subnet = networking.get("serviceSubnet")?.as_str()?;
            Some(parsed_networks(subnet))
        });
        let service_cidrs = network.unwrap_or_default();
        let kubelet = founding.map(|founding| {
            let supplied = founding.config.cluster_kubelet.supplied;
            self.kubelet.complete(supplied)
        });
        let mut nodes = Vec::new();
        for entry in entries.iter().filter(|entry| entry.position != founder) {
            let (mut draft, facts, assumptions) = self.draft(entry, report);
            members.note_facts(entry.position, facts.is_some() || self.hosts.is_empty());
            let facts = facts.unwrap_or_default();
            let checked = member::check(&mut draft, &facts, &self.kubelet, &service_cidrs);
            members.add(entry.position, checked.node.clone());
            if let (Some(founding), Some(kubelet), false) =
                (founding, &kubelet, draft.report.has_errors())
            {
                let parts =
                    member::joining(&mut draft, checked, facts, assumptions, kubelet, founding);
                nodes.extend(parts.map(|parts| self.node(parts)));
            }
            report = draft.report;
        }
        (report, nodes)
    }

    /// The node, with as much of where its values come from as was asked for.
    fn node(&self, mut parts: NodeParts) -> ValidConfig {
        let own = &mut parts.provenance;
        match self.origins {
            Origins::OfEveryNode => {
                let own = std::mem::replace(own, self.provenance.clone());
                parts.provenance.extend(own);
            }
            Origins::OfCluster => {
                own.take_out(|path| !ASKED.contains(&path));
                for path in ASKED {
                    if let Some(origin) = self.provenance.at(path) {
                        own.record(path, origin.clone());
                    }
                }
            }
        }
        ValidConfig::of(parts)
    }

    /// The draft of a node that joins, with its defaults; its facts, if there are any; and what is assumed.
    fn draft(&self, entry: &Entry, report: Report) -> (Draft, Option<HostFacts>, Vec<Assumption>) {
        let position = entry.position;
        let mut draft = Draft::of_node(position, &self.first_file, Provenance::default(), report);
        draft.joins = true;
        draft.host = self.host;
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

/// The fields whose origins decide something: phases that a flag skips are skipped whatever else is asked for, an addon that is disabled
/// because its phase is skipped is planned when it is asked for.
const ASKED: [&str; 3] = [
    "InitConfiguration.skipPhases",
    "ClusterConfiguration.dns.disabled",
    "ClusterConfiguration.proxy.disabled",
];

impl SecondEntry {
    /// The report of a command that takes one node and found `nodes`.
    pub(super) fn only_one_node(&self, nodes: usize) -> Report {
        let nothing = (Provenance::default(), Report::default());
        let mut draft = Draft::of_node(0, &self.first_file, nothing.0, nothing.1);
        let message = format!("there are {nodes} nodes, and this command takes one");
        self.entry
            .error_of_node(&mut draft, message, "keep one node in the inventory");
        draft.report
    }
}

#[cfg(test)]
mod tests;
