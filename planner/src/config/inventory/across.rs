//! Checks nodes against each other and against the cluster: names, addresses, host identities, endpoint, etcd, networks.
//!
//! In: the settings of every node. Out: findings. A problem that many nodes share is one finding, which names the first few.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use ipnet::IpNet;
use kubeplan_bundle::index::NodeRole;

use super::super::address::parsed;
use super::super::address::{parse_ip, split_host_port};
use super::super::draft::Draft;
use super::super::facts::{FactsSource, unused_confirmations};
use super::super::valid::NodeSettings;
use super::super::validate::overlap::taken_by_service;
use super::entry::Entry;
use crate::schema::Kind;

/// A node's settings, and its index in the inventory.
pub(super) struct Member {
    pub(super) position: usize,
    pub(super) settings: NodeSettings,
}

/// Every node whose entry could be read.
pub(super) struct Members {
    pub(super) nodes: Vec<Member>,
    /// The indexes of nodes without facts, if there are facts of other nodes.
    without_facts: BTreeSet<usize>,
}

impl Members {
    pub(super) fn new(count: usize) -> Self {
        Self {
            nodes: Vec::with_capacity(count),
            without_facts: BTreeSet::new(),
        }
    }

    /// Adds the node at this index, if its settings could be read.
    pub(super) fn add(&mut self, position: usize, settings: Option<NodeSettings>) {
        let member = settings.map(|settings| Member { position, settings });
        self.nodes.extend(member);
    }

    /// Records whether there are facts of the node at this index.
    pub(super) fn note_facts(&mut self, position: usize, known: bool) {
        if !known {
            self.without_facts.insert(position);
        }
    }
}

/// The most names that a message lists.
const LISTED: usize = 5;

/// Checks the nodes against each other and against the cluster.
pub(super) fn check(draft: &mut Draft, entries: &[Entry], members: &[Member]) {
    identities(draft, entries, members);
    endpoint(draft, members);
    etcd(draft, members);
    networks(draft, entries, members);
}

/// Reports values that identify a node and occur twice.
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
                    "Cluster.nodes[{first}]{place} has the same recipient: its key opens the sealed parts of both nodes"
                );
                let hint = "give each node a key of its own, unless this is intended";
                entry.warn(draft, field, message, hint);
                continue;
            }
            let message = format!(
                "Cluster.nodes[{first}]{place} has the same {what} `{}`",
                value.escape_debug()
            );
            entry.error(draft, field, message, hint_for(what));
        }
    }
}

/// The two kinds of recipients: hosts' SSH keys, and age recipients.
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
        "name" => "give each node a name of its own",
        "address" => "give each node an address of its own",
        "host name" => "bind each node to a host of its own",
        _ => {
            "cloned hosts share this identity and could open each other's bundles: give each host its own"
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

/// Checks `controlPlaneEndpoint`: several control-plane nodes need one, and it should not be the address of a node.
fn endpoint(draft: &mut Draft, members: &[Member]) {
    let path = "controlPlaneEndpoint";
    let several = control_planes(members).count() > 1;
    let written = draft.text(Kind::Cluster, path);
    if written.is_empty() {
        if several {
            let message =
                "several control-plane nodes need a stable address in front of their API servers";
            let hint = "set the name or address of a load balancer or virtual IP, such as `api.example.com:6443`; kubeadm requires it too when a control-plane node joins";
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
        let hint = "use the address of a load balancer; if one runs on this worker, start it before you install the first node";
        draft.warn(Kind::Cluster, path, message, hint);
    } else if several {
        let message = format!(
            "{address} is the address of {} itself: if that node fails, clients cannot reach the other API servers",
            settings.name
        );
        let hint = "use the name or address of a load balancer or virtual IP";
        draft.warn(Kind::Cluster, path, message, hint);
    }
}

/// Checks the number and the addresses of etcd's members.
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
            "etcd on {count} control-plane nodes tolerates no more failed nodes than on {}",
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
        let message = "the control-plane nodes advertise addresses of different families, so etcd's members may not reach each other";
        let hint = "list the address of the same family first on each of them";
        draft.warn(Kind::Inventory, "nodes", message, hint);
    }
}

/// Checks the addresses of nodes against the networks of Services and Pods.
fn networks(draft: &mut Draft, entries: &[Entry], members: &[Member]) {
    let services = parsed(&draft.text(Kind::Cluster, "networking.serviceSubnet"));
    let pods = parsed(&draft.text(Kind::Cluster, "networking.podSubnet"));
    for Member { position, settings } in members {
        for address in &settings.addresses {
            let Some(service) = taken_by_service(&services, *address) else {
                continue;
            };
            let message = format!("{address} is the address of the Service `{service}`");
            let hint =
                "choose another network of Services: nodes and Services must not share addresses";
            match entries.get(*position) {
                Some(entry) if draft.is_supplied(Kind::Inventory) => {
                    entry.error(draft, address_field(entries, *position), message, hint);
                }
                _ => draft.error(
                    Kind::Init,
                    "localAPIEndpoint.advertiseAddress",
                    message,
                    hint,
                ),
            }
        }
    }
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
                    format!("the network of the {of}, {net}, contains the address of {names}");
                let hint =
                    "choose another network: nodes, Services and Pods must not share addresses";
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
        let message = format!("the address of {names} is of a family without a Service network");
        let hint = "give the node an address of the cluster's family, or add a network of that family to serviceSubnet";
        draft.warn(Kind::Cluster, "networking.serviceSubnet", message, hint);
    }
}

/// The names of the nodes that `choose` selects: the first few, and how many more. `None` if it selects none.
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

/// Reports nodes without facts, and confirmed keys that do not belong to a node.
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
        let message = "--confirm-host-key or --known-hosts is given without facts of hosts";
        let hint = "name the directory with the hosts' facts with --facts";
        draft.error(Kind::Inventory, "nodes", message, hint);
        return;
    }
    let is_without = |member: &Member| members.without_facts.contains(&member.position);
    let Some(names) = names(&members.nodes, is_without) else {
        return;
    };
    let hint = "if a host has another name than its node, set the node's `match: {hostname: …}`";
    if members.nodes.iter().all(is_without) {
        let message = "the facts do not belong to any of the nodes";
        draft.error(Kind::Inventory, "nodes", message, hint);
    } else {
        let message =
            format!("there are no facts of {names}: kubeplan assumes the documented defaults");
        draft.warn(Kind::Inventory, "nodes", message, hint);
    }
}

/// Fields of an entry that affect only the node's bundle.
const IN_BUNDLE_ONLY: [&str; 10] = [
    "addresses",
    "caCertPath",
    "kubelet",
    "kubeletDropIn",
    "labels",
    "match",
    "patches",
    "recipients",
    "systemIds",
    "taints",
];

/// Warns of fields that have no effect because the node gets no bundle.
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
    let hint = "configure it with `kubeapply join` on the host, or set `credentials.join` to `certificate`";
    entry.warn(draft, first, message, hint);
}
