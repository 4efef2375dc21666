//! Checks across nodes: what must differ, what the nodes need of the cluster, what they take for granted of each other.
//!
//! In: the settings of every node. Out: findings. What many nodes have in common is one finding that names the first few.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;
use kubeplan_bundle::index::NodeRole;

use super::super::address::{parse_ip, split_host_port};
use super::super::draft::Draft;
use super::super::facts::{FactsSource, unused_confirmations};
use super::super::valid::NodeSettings;
use super::super::validate::network::parsed;
use super::entry::Entry;
use crate::schema::Kind;

/// A node and its place in the inventory.
pub(super) struct Member {
    pub(super) position: usize,
    pub(super) settings: NodeSettings,
}

/// Every node, as far as its entry can be read.
pub(super) struct Members {
    pub(super) nodes: Vec<Member>,
    /// The places of those without facts, where there are facts of others.
    without_facts: BTreeSet<usize>,
}

impl Members {
    pub(super) fn new(count: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(count),
            without_facts: BTreeSet::new(),
        }
    }

    /// Adds the node at this place, if there is something to know about it.
    pub(super) fn add(&mut self, position: usize, settings: Option<NodeSettings>) {
        let member = settings.map(|settings| Member { position, settings });
        self.nodes.extend(member);
    }

    /// Notes whether there are facts of the node at this place.
    pub(super) fn note_facts(&mut self, position: usize, known: bool) {
        if !known {
            self.without_facts.insert(position);
        }
    }
}

/// How many names a message lists.
const LISTED: usize = 5;

/// Checks the nodes against each other and against the cluster.
pub(super) fn check(draft: &mut Draft, entries: &[Entry], members: &[Member]) {
    identities(draft, entries, members);
    endpoint(draft, members);
    etcd(draft, members);
    networks(draft, members);
}

/// What identifies a node, and what must be another on every node.
fn identities(draft: &mut Draft, entries: &[Entry], members: &[Member]) {
    let mut seen: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for Member { position, settings } in members {
        let mut values: Vec<(&str, String, &str)> =
            vec![("name", settings.name.as_str().to_owned(), "name")];
        for address in &settings.addresses {
            values.push((
                "address",
                address.to_string(),
                address_field(entries, *position),
            ));
        }
        for recipient in &settings.recipients {
            values.push((recipient_kind(recipient), key_of(recipient), "recipients"));
        }
        let known = &settings.host_match;
        if let Some(key) = &known.ssh_host_key {
            values.push(("SSH host key", key.clone(), "match.sshHostKey"));
        }
        if let Some(hash) = &known.machine_id_hash {
            values.push(("machine id", hash.to_string(), "match.machineIdHash"));
        }
        if let Some(name) = &known.hostname {
            values.push(("host name", name.clone(), "match.hostname"));
        }
        for (what, value, field) in values {
            let first = *seen.entry((what, value.clone())).or_insert(*position);
            let (Some(entry), Some(other)) = (entries.get(*position), entries.get(first)) else {
                continue;
            };
            if first == *position {
                continue;
            }
            let place = other.place(field);
            if what == AGE_RECIPIENT {
                let message = format!(
                    "Cluster.nodes[{first}]{place} has the same recipient: whoever has its key opens the sealed parts of both"
                );
                let hint = "leave it if that is meant, else give each node a key of its own";
                entry.warn(draft, field, message, hint);
                continue;
            }
            let message = format!(
                "the {what} `{}` is that of Cluster.nodes[{first}]{place} too",
                value.escape_debug()
            );
            entry.error(draft, field, message, hint_for(what));
        }
    }
}

/// Recipients that are hosts' keys, and those that are not.
const HOST_RECIPIENT: &str = "host key";
const AGE_RECIPIENT: &str = "age recipient";

fn recipient_kind(recipient: &str) -> &'static str {
    match recipient.starts_with("ssh-") {
        true => HOST_RECIPIENT,
        false => AGE_RECIPIENT,
    }
}

/// The recipient without its comment.
fn key_of(recipient: &str) -> String {
    let words: Vec<&str> = recipient.split_ascii_whitespace().take(2).collect();
    words.join(" ")
}

fn hint_for(what: &str) -> &'static str {
    match what {
        "name" => "the name of a node is its own within the cluster",
        "address" => "two nodes cannot have one address",
        "host name" => "one host cannot be two nodes",
        _ => {
            "hosts that were cloned share such an identity, and could open each other's bundles: give each host its own"
        }
    }
}

fn address_field(entries: &[Entry], position: usize) -> &'static str {
    match entries.get(position) {
        Some(entry) if entry.says("addresses") => "addresses",
        _ => "address",
    }
}

fn control_planes(members: &[Member]) -> impl Iterator<Item = &Member> {
    let is = |member: &&Member| member.settings.role == NodeRole::ControlPlane;
    members.iter().filter(is)
}

/// `controlPlaneEndpoint`: several API servers need one, and none of them should be it.
fn endpoint(draft: &mut Draft, members: &[Member]) {
    let path = "controlPlaneEndpoint";
    let several = control_planes(members).count() > 1;
    let written = draft.text(Kind::Cluster, path);
    if written.is_empty() {
        if several {
            let message =
                "several control-plane nodes need a stable address in front of their API servers";
            let hint = "set the name or address of a load balancer or virtual IP, such as `api.example.com:6443`; kubeadm too joins no control-plane node without it";
            draft.error(Kind::Cluster, path, message, hint);
        }
        return;
    }
    let Some(address) = split_host_port(&written)
        .ok()
        .and_then(|(host, _)| parse_ip(&host))
    else {
        return;
    };
    let owner = members
        .iter()
        .find(|member| member.settings.addresses.contains(&address));
    let Some(Member { settings, .. }) = owner else {
        return;
    };
    if settings.role == NodeRole::Worker {
        let message = format!(
            "{address} is the address of the worker {}, which has no API server",
            settings.name
        );
        let hint = "a load balancer there has to be in place before the first node is installed";
        draft.warn(Kind::Cluster, path, message, hint);
    } else if several {
        let message = format!(
            "{address} is the address of {} itself: without that node nobody finds the other API servers",
            settings.name
        );
        let hint = "use the name or address of a load balancer or virtual IP";
        draft.warn(Kind::Cluster, path, message, hint);
    }
}

/// The members of an etcd cluster that kubeplan makes.
fn etcd(draft: &mut Draft, members: &[Member]) {
    if draft.get(Kind::Cluster, "etcd.external").is_some() {
        return;
    }
    let addresses: Vec<IpAddr> = control_planes(members)
        .filter_map(|member| member.settings.addresses.first().copied())
        .collect();
    let count = addresses.len();
    if count > 1 && count.is_multiple_of(2) {
        let message = format!(
            "etcd on {count} control-plane nodes survives the loss of no more of them than on {}",
            count - 1
        );
        draft.warn(
            Kind::Inventory,
            "nodes",
            message,
            "use an odd number of control-plane nodes",
        );
    }
    let ipv4 = addresses.iter().filter(|address| address.is_ipv4()).count();
    if ipv4 != 0 && ipv4 != count {
        let message = "the control-plane nodes advertise addresses of both families, and members of etcd find each other there";
        let hint = "put the address of the same family first on each of them";
        draft.warn(Kind::Inventory, "nodes", message, hint);
    }
}

/// Addresses of nodes against the networks of Services and Pods.
fn networks(draft: &mut Draft, members: &[Member]) {
    let services = parsed(&draft.text(Kind::Cluster, "networking.serviceSubnet"));
    let pods = parsed(&draft.text(Kind::Cluster, "networking.podSubnet"));
    for (path, of, networks) in [
        ("networking.serviceSubnet", "Services", &services),
        ("networking.podSubnet", "Pods", &pods),
    ] {
        let inside = |net: &IpNet| {
            names(members, |Member { settings, .. }| {
                settings
                    .addresses
                    .iter()
                    .any(|address| net.contains(address))
            })
        };
        for net in networks {
            if let Some(names) = inside(net) {
                let message =
                    format!("the network of the {of}, {net}, holds the address of {names}");
                let hint = "nodes, Services and Pods need networks of their own: what has an address twice cannot be reached";
                draft.warn(Kind::Cluster, path, message, hint);
            }
        }
    }
    let foreign = names(members, |Member { settings, .. }| {
        settings.role == NodeRole::Worker
            && !settings.addresses.is_empty()
            && settings.addresses.iter().all(|address| {
                services
                    .iter()
                    .all(|net| net.addr().is_ipv4() != address.is_ipv4())
            })
    });
    if let (Some(names), false) = (foreign, services.is_empty()) {
        let message = format!("no network is of the family of the address of {names}");
        let hint =
            "give the node an address of the cluster's family, or the cluster a second network";
        draft.warn(Kind::Cluster, "networking.serviceSubnet", message, hint);
    }
}

/// The names of the nodes that `choose` takes: the first few, and how many more; `None` if it takes none.
fn names(members: &[Member], choose: impl Fn(&Member) -> bool) -> Option<String> {
    let chosen: Vec<&str> = members
        .iter()
        .filter(|member| choose(member))
        .map(|member| member.settings.name.as_str())
        .collect();
    let (first, more) = chosen.split_at_checked(LISTED).unwrap_or((&chosen, &[]));
    let mut text = first.join(", ");
    if !more.is_empty() {
        let _ = write!(text, " and {} more", more.len());
    }
    (!chosen.is_empty()).then_some(text)
}

/// Facts of several nodes: who has none, and which confirmed keys are nobody's.
pub(super) fn facts(draft: &mut Draft, source: &FactsSource, members: &Members) {
    if source.is_empty() {
        return;
    }
    let nodes: Vec<[&str; 2]> = members
        .nodes
        .iter()
        .map(|Member { settings, .. }| {
            let name = settings.name.as_str();
            [
                name,
                settings.host_match.hostname.as_deref().unwrap_or(name),
            ]
        })
        .collect();
    unused_confirmations(draft, source, &nodes);
    if source.hosts.is_empty() {
        let message = "hosts' keys are to be confirmed, and there are no facts";
        let hint = "give the folder with the hosts' facts with --facts";
        draft.error(Kind::Inventory, "nodes", message, hint);
        return;
    }
    let is_without = |member: &Member| members.without_facts.contains(&member.position);
    let Some(names) = names(&members.nodes, is_without) else {
        return;
    };
    let hint = "where a node's name is not its host's, say `match: {hostname: …}` of the node";
    if members.nodes.iter().all(is_without) {
        let message = "the facts are of none of the nodes";
        draft.error(Kind::Inventory, "nodes", message, hint);
    } else {
        let message = format!("there are no facts of {names}: documented defaults apply");
        draft.warn(Kind::Inventory, "nodes", message, hint);
    }
}

/// Fields that have an effect in a node's bundle only.
const IN_BUNDLE_ONLY: [&str; 9] = [
    "addresses",
    "kubelet",
    "kubeletDropIn",
    "labels",
    "match",
    "patches",
    "recipients",
    "systemIds",
    "taints",
];

/// Warns of what an entry says although the node gets no bundle.
pub(super) fn warn_of_unplanned(draft: &mut Draft, entry: &Entry, settings: &NodeSettings) {
    let said: Vec<&str> = IN_BUNDLE_ONLY
        .into_iter()
        .filter(|field| entry.says(field))
        .collect();
    let Some(first) = said.first() else { return };
    let message = format!(
        "{} joins with a bootstrap token, so it gets no bundle, and {} {} no effect",
        settings.name,
        said.join(", "),
        if said.len() == 1 { "has" } else { "have" }
    );
    let hint = "say it to `kubeapply join` on the host, or set `credentials.join` to `certificate`";
    entry.warn(draft, first, message, hint);
}
