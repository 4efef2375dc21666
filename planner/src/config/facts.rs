//! Finds the facts of a node's host, and takes the host's SSH key from them if it is confirmed.
//!
//! In: the facts of any number of hosts, and what confirms their keys. Out: the [`HostFacts`] of a planned node, and its
//! recipient if the key in the facts is confirmed. Facts are data that nothing vouches for: they fill fields that the
//! configuration leaves open, and kubeplan never seals secrets for a key that only facts name.

use std::collections::BTreeSet;

use kubeplan_bundle::facts::Facts;
use serde_json::json;

use super::draft::{Draft, NODE};
use super::host;
pub use super::known_hosts::KnownHosts;
use super::known_hosts::{Named, Names, Verdict};
use super::provenance::Origin;
use super::valid::HostFacts;
use crate::schema::Kind;

/// The facts of several hosts, and what confirms their keys.
#[derive(Clone, Debug, Default)]
pub struct FactsSource {
    /// The facts, one item per file.
    pub hosts: Vec<Facts>,
    /// Fingerprints (`SHA256:…`) that the operator confirmed, each with a node's or host's name.
    pub confirmed: Vec<(String, String)>,
    /// A parsed `known_hosts` file, and its name.
    pub known_hosts: Option<(KnownHosts, String)>,
}

impl FactsSource {
    /// Whether there are neither facts nor confirmations.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.confirmed.is_empty() && self.known_hosts.is_none()
    }
}

const RECIPIENTS: &str = "nodes[0].recipients";

/// The name of the node's host, and the name of the node; each empty if not set.
struct Wanted {
    host: String,
    node: String,
}

impl Wanted {
    fn of(draft: &Draft) -> Self {
        let text = |kind, path: &str| draft.text(kind, path).trim().to_lowercase();
        let first = |one: String, other: String| if one.is_empty() { other } else { one };
        let own = text(Kind::Init, "nodeRegistration.name");
        let node = first(own, text(Kind::Inventory, &format!("{NODE}.name")));
        let hostname = text(Kind::Inventory, &format!("{NODE}.match.hostname"));
        Self {
            host: first(hostname, node.clone()),
            node,
        }
    }
}

/// Finds the facts of the only node, and takes its recipient from them if it is confirmed. Facts of other hosts alone are an
/// error.
pub(super) fn take(draft: &mut Draft, source: &FactsSource) -> HostFacts {
    if source.is_empty() {
        return HostFacts::default();
    }
    let Wanted { host, node } = Wanted::of(draft);
    let wanted = &host;
    let name = node;
    let found = match source.hosts.as_slice() {
        [one] if wanted.is_empty() => Some(one),
        hosts => hosts.iter().find(|facts| facts.hostname.as_str() == wanted),
    };
    let Some(facts) = found else {
        no_facts(draft, source, wanted);
        return HostFacts::default();
    };
    let node = if name.is_empty() {
        facts.hostname.as_str().to_owned()
    } else {
        name
    };
    unused_confirmations(draft, source, &[[&node, facts.hostname.as_str()]]);
    if facts.ssh_host_key.is_none() && !source.confirmed.is_empty() {
        no_key_to_confirm(draft, facts);
    }
    used(draft, source, facts, &node)
}

/// Finds the facts of one of several nodes, and takes its recipient from them if it is confirmed. `None` if there are no facts
/// of its host.
pub(super) fn take_one_of_several(draft: &mut Draft, source: &FactsSource) -> Option<HostFacts> {
    let Wanted { host, node } = Wanted::of(draft);
    let mut hosts = source.hosts.iter();
    let facts = hosts.find(|facts| facts.hostname.as_str() == host)?;
    let is_confirmed = source
        .confirmed
        .iter()
        .any(|(name, _)| *name == node || name == facts.hostname.as_str());
    if facts.ssh_host_key.is_none() && is_confirmed {
        no_key_to_confirm(draft, facts);
    }
    Some(used(draft, source, facts, &node))
}

/// Reports confirmed keys of names that are not among `nodes`: pairs of a node's name and its host's name.
pub(super) fn unused_confirmations(draft: &mut Draft, source: &FactsSource, nodes: &[[&str; 2]]) {
    for (name, _) in &source.confirmed {
        if nodes.iter().flatten().any(|known| known == name) {
            continue;
        }
        let message = format!(
            "a host key is confirmed for `{}`, which is not a planned node or its host",
            name.escape_debug()
        );
        let (path, hint) = match nodes {
            [[node, _]] => (RECIPIENTS, format!("the node is `{node}`")),
            _ => (
                "nodes",
                "confirm the key with the name of a node or of its host".to_owned(),
            ),
        };
        draft.error(Kind::Inventory, path, message, &hint);
    }
}

fn no_key_to_confirm(draft: &mut Draft, facts: &Facts) {
    let message = format!(
        "--confirm-host-key names a key, but the facts of {} contain none",
        facts.hostname
    );
    let hint = "run `kubeapply facts` again on the host";
    draft.error(Kind::Inventory, RECIPIENTS, message, hint);
}

/// Uses the facts for the node.
fn used(draft: &mut Draft, source: &FactsSource, facts: &Facts, node: &str) -> HostFacts {
    recipient(draft, source, facts, node);
    // Only static Pod manifests contain proxies, and a worker has no manifests.
    let is_worker = draft.text(Kind::Inventory, &format!("{NODE}.role")) == "worker";
    let mut proxies = facts.proxies.iter().flatten();
    if !is_worker && proxies.any(|(_, url)| url.contains('@')) {
        let message = "a proxy in the host's facts contains a password, which every user of the host can read in the static Pod manifests, as with kubeadm";
        let hint = "use a proxy without a password";
        match draft.joins {
            false => draft.warn(Kind::Cluster, "", message, hint),
            true => draft.warn(Kind::Inventory, NODE, message, hint),
        }
    }
    let wrong = facts.proxies.iter().flatten().find_map(|(name, url)| {
        let fault = host::of_proxy(name, url)?;
        Some((name.escape_debug().to_string(), fault))
    });
    if let (Some((name, fault)), false) = (wrong, is_worker) {
        let message = format!(
            "the proxy variable `{name}` in the host's facts: {}",
            fault.message
        );
        match draft.joins {
            false => draft.warn(Kind::Cluster, "", message, &fault.hint),
            true => draft.warn(Kind::Inventory, NODE, message, &fault.hint),
        }
    }
    host_facts(facts)
}

fn no_facts(draft: &mut Draft, source: &FactsSource, wanted: &str) {
    let names: Vec<&str> = source
        .hosts
        .iter()
        .map(|facts| facts.hostname.as_str())
        .collect();
    let path = "nodeRegistration.name";
    let message = match (names.as_slice(), wanted) {
        ([], _) => "--confirm-host-key or --known-hosts is given without facts of hosts".to_owned(),
        (names, "") => format!(
            "cannot choose between the facts of {}: the node has no name",
            names.join(", ")
        ),
        (names, wanted) => format!(
            "there are facts of {}, but not of the host `{}`",
            names.join(", "),
            wanted.escape_debug()
        ),
    };
    let hint = if names.is_empty() {
        "name the directory with the host's facts with --facts"
    } else if draft.joins {
        // A join has no Cluster document, which could name the node's host.
        "set the host's name with --node-name or `nodeRegistration.name`, or omit --facts"
    } else {
        "if the host has another name than the node, set the node's `match: {hostname: …}` in a `kubeplan.io/v1alpha1` Cluster document"
    };
    draft.error(Kind::Init, path, message, hint);
}

fn recipient(draft: &mut Draft, source: &FactsSource, facts: &Facts, node: &str) {
    let Some(key) = &facts.ssh_host_key else {
        return;
    };
    let matching = source
        .confirmed
        .iter()
        .filter(|(name, _)| name == node || name == facts.hostname.as_str());
    let mut confirmed = None;
    for (_, fingerprint) in matching {
        if *fingerprint == key.fingerprint {
            confirmed = Some("--confirm-host-key".to_owned());
        } else {
            let message = format!(
                "the SSH host key in the facts of {} is {}, but --confirm-host-key names {}",
                facts.hostname,
                key.fingerprint,
                fingerprint.escape_debug()
            );
            let hint = "run `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host to learn which of the two is right";
            draft.error(Kind::Inventory, RECIPIENTS, message, hint);
        }
    }
    if let Some((known, file)) = &source.known_hosts {
        // The file is also asked about a key that --confirm-host-key confirms: a contradiction needs the operator's attention.
        match known_host(draft, facts, node, known) {
            Verdict::Confirmed => {
                confirmed.get_or_insert_with(|| file.clone());
            }
            Verdict::Unknown => {}
            verdict => {
                contradicted(draft, facts, file, &verdict);
                return;
            }
        }
    }
    if !draft.items(Kind::Inventory, RECIPIENTS).is_empty() {
        return;
    }
    let Some(by) = confirmed else {
        let message = format!(
            "the SSH host key in the facts of {}, {}, is not confirmed, so nothing is sealed for it",
            facts.hostname, key.fingerprint
        );
        let hint = format!(
            "compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host, then add --confirm-host-key {node}={} or --known-hosts FILE",
            key.fingerprint
        );
        draft.warn(Kind::Inventory, RECIPIENTS, message, &hint);
        return;
    };
    let origin = Origin::Facts {
        fact: format!("sshHostKey, confirmed by {by}"),
    };
    draft.set_from(Kind::Inventory, RECIPIENTS, json!([key.public_key]), origin);
}

/// What a `known_hosts` file says about the key in a host's facts.
fn known_host(draft: &Draft, facts: &Facts, node: &str, known: &KnownHosts) -> Verdict {
    let routed: Vec<String> = facts
        .default_route
        .iter()
        .flat_map(|route| {
            let ipv4 = route.ipv4.map(|ip| ip.to_string());
            ipv4.into_iter().chain(route.ipv6.map(|ip| ip.to_string()))
        })
        .collect();
    let mut configured = vec![
        draft.text(Kind::Init, "localAPIEndpoint.advertiseAddress"),
        draft.text(Kind::Inventory, &format!("{NODE}.address")),
    ];
    let listed = draft.texts(Kind::Inventory, &format!("{NODE}.addresses"));
    configured.extend(listed.into_iter().map(|(_, address)| address));
    configured.retain(|address| !address.is_empty());
    let mut own = vec![node.to_owned(), facts.hostname.as_str().to_owned()];
    // A line for an address that only the facts name cannot confirm the key, but another key in it contradicts.
    own.extend(
        routed
            .iter()
            .filter(|address| configured.contains(address))
            .cloned(),
    );
    let also: Vec<String> = routed.into_iter().chain(configured).collect();
    let names = Names {
        own: &own,
        also: &also,
    };
    let key = facts.ssh_host_key.as_ref();
    known.verdict(names, key.map_or("", |key| &key.public_key))
}

/// Reports that a `known_hosts` file contradicts the key in a host's facts.
fn contradicted(draft: &mut Draft, facts: &Facts, file: &str, verdict: &Verdict) {
    let shown = |named: &Named| format!("{} (line {})", named.fingerprint, named.line);
    let problem = match verdict {
        Verdict::Revoked { line } => format!("marks it as revoked (line {line})"),
        Verdict::Other(other) => format!("names another key, {}", shown(other)),
        Verdict::Contradiction(one, other) => format!(
            "names two keys for that host, {} and {}",
            shown(one),
            shown(other)
        ),
        Verdict::TooMuch => {
            let message = format!(
                "{file} contains too many hashed lines or patterns to look up the host key of {}",
                facts.hostname
            );
            let hint = "give --known-hosts a file that contains only the lines of the cluster's hosts, with plain names as `ssh-keyscan` writes them";
            draft.error(Kind::Inventory, RECIPIENTS, message, hint);
            return;
        }
        Verdict::Confirmed | Verdict::Unknown => return,
    };
    let key = facts.ssh_host_key.as_ref();
    let message = format!(
        "the SSH host key in the facts of {} is {}, but {file} {problem}",
        facts.hostname,
        key.map_or("", |key| &key.fingerprint)
    );
    let hint = match verdict {
        Verdict::Revoked { .. } => "give the host a new key and run `kubeapply facts` on it again",
        _ => {
            "compare both with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host, then remove the wrong line"
        }
    };
    draft.error(Kind::Inventory, RECIPIENTS, message, hint);
}

/// Converts facts to [`HostFacts`]. What the facts do not contain stays an assumption.
fn host_facts(facts: &Facts) -> HostFacts {
    let mut unknown = BTreeSet::new();
    for (about, known) in [
        ("ca-directories", facts.ca_directories.is_some()),
        ("systemd-resolved", facts.systemd_resolved.is_some()),
        ("proxies", facts.proxies.is_some()),
    ] {
        if !known {
            unknown.insert(about);
        }
    }
    HostFacts {
        hostname: Some(facts.hostname.as_str().to_owned()),
        ca_directories: facts.ca_directories.clone().unwrap_or_default(),
        systemd_resolved: facts.systemd_resolved.unwrap_or_default(),
        proxies: facts.proxies.clone().unwrap_or_default(),
        default_route: facts.default_route.unwrap_or_default(),
        cri_sockets: facts.cri_sockets.clone(),
        arch: facts
            .platform
            .as_ref()
            .map(|platform| platform.arch.clone()),
        kubelet_version: facts.kubelet_version.clone(),
        machine: facts.machine.clone(),
        unknown,
    }
}

#[cfg(test)]
mod tests;
