//! Validates what a node tells its kubelet on the command line. kubeadm passes flags on as they are; a kubelet that does not accept
//! one exits.
//!
//! Sources: Kubernetes v1.36.2, cmd/kubelet/app/options/options.go (ValidateKubeletFlags), cmd/kubelet/app/server.go (arguments
//! without a flag), pkg/kubelet/kubelet.go (cloud providers), k8s.io/component-helpers v0.36.2, node/util/hostname.go.

use std::net::IpAddr;

use super::super::address::parse_ip;
use super::super::default;
use super::super::draft::{Draft, NODE};
use super::super::kubelet::normalised;
use super::super::kubelet::word::{is_changed, unquoted};
use super::super::labels::{is_qualified_name, is_value, kubelet_may_set};
use super::super::valid::HostFacts;
use crate::kubeadm::flags::{Component, Presence, common, presence};
use crate::kubeadm::releases::{self, Release};
use crate::kubeadm::truth_value;
use crate::schema::Kind;
use crate::suggest::nearest;

const ARGS: &str = "nodeRegistration.kubeletExtraArgs";
const NAME: &str = "nodeRegistration.name";
const NODE_LABELS: &str = "node-labels";
const NODE_IP: &str = "node-ip";

/// A flag: the path of its item in the list, its name and value as the kubelet knows them.
struct Flag {
    path: String,
    name: String,
    /// As written if it does not stay in one word.
    value: String,
    is_one_word: bool,
}

/// Checks every flag, and the node's address against the host that `facts` are of.
pub(super) fn check(draft: &mut Draft, facts: &HostFacts) {
    let release = kubelets_release(draft, facts);
    // What could not be decoded has no value here.
    let is_decoded = !draft.is_wrong_below(Kind::Init, ARGS);
    let flags: Vec<Flag> = draft
        .items(Kind::Init, ARGS)
        .into_iter()
        .map(|path| {
            let written = draft.text(Kind::Init, &format!("{path}.value"));
            let word = unquoted(&written);
            Flag {
                name: normalised(&draft.text(Kind::Init, &format!("{path}.name"))),
                is_one_word: word.is_some(),
                value: word.unwrap_or(written),
                path,
            }
        })
        .collect();
    for flag in flags.iter().filter(|flag| !flag.name.is_empty()) {
        if is_one_word(draft, flag)
            && is_known(draft, flag, release)
            && (!is_decoded || is_read(draft, flag, release))
        {
            match flag.name.as_str() {
                "cloud-provider" => cloud_provider(draft, flag),
                "hostname-override" => host_name(draft, facts, flag),
                NODE_LABELS => labels(draft, flag),
                NODE_IP => node_ip(draft, flag),
                "help" | "version" => prints_and_exits(draft, flag),
                _ => {}
            }
        }
    }
    address(draft, facts, &flags);
}

/// The release of the kubelet on the host, if it is known and supported, else that of the plan.
fn kubelets_release(draft: &Draft, facts: &HostFacts) -> Option<&'static Release> {
    let installed = facts.kubelet_version.as_deref();
    installed
        .and_then(|version| releases::of_version(version.trim_start_matches('v')))
        .or_else(|| draft.release())
}

/// systemd splits `KUBELET_KUBEADM_ARGS` at blanks outside quotes, and the kubelet refuses the rest as a command. Names have been
/// checked.
fn is_one_word(draft: &mut Draft, flag: &Flag) -> bool {
    let value = flag.value.as_str();
    // Labels are checked one by one; no label has a blank, quote or backslash.
    if flag.name == NODE_LABELS || flag.is_one_word {
        return true;
    }
    let shown = value.escape_debug();
    let (what, hint) = if value.contains(is_changed) {
        (
            "contains a blank or control character that the kubelet's unit changes",
            "write it on one line, with no white space but plain blanks".to_owned(),
        )
    } else if value.contains(['\'', '"', '\\']) {
        (
            "contains a blank outside quotes, or a quote or backslash that is open at the end: the kubelet's unit splits its flags elsewhere, and the kubelet does not start",
            "close each quote, and write a backslash before each quote, blank or backslash that belongs to the value".to_owned(),
        )
    } else {
        (
            "contains a blank: the kubelet's unit splits its flags there, and the kubelet does not start",
            format!("quote it for the unit, too: `value: \"'{shown}'\"`"),
        )
    };
    let message = format!("`{shown}` {what}");
    draft.error(Kind::Init, &format!("{}.value", flag.path), message, &hint);
    false
}

fn is_known(draft: &mut Draft, flag: &Flag, release: Option<&'static Release>) -> bool {
    let Some(release) = release else {
        return true;
    };
    let name = flag.name.escape_debug();
    let (message, hint) = match presence(&flag.name, release) {
        Presence::Has => return true,
        Presence::RemovedIn(minor) => (
            format!(
                "the kubelet of Kubernetes 1.{} exits because of `--{name}`: 1.{minor} removed the flag",
                release.minor
            ),
            "remove the flag".to_owned(),
        ),
        Presence::Unknown => (
            format!(
                "the kubelet of Kubernetes 1.{} exits because of `--{name}`: it has no such flag",
                release.minor
            ),
            nearest(&flag.name, common()).map_or_else(
                || "remove the flag; `kubelet --help` lists those that it has".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        ),
    };
    draft.error(Kind::Init, &format!("{}.name", flag.path), message, &hint);
    false
}

/// The kubelet exits if it cannot read a value.
fn is_read(draft: &mut Draft, flag: &Flag, release: Option<&'static Release>) -> bool {
    let Some(release) = release else {
        return true;
    };
    let ty = Component::Kubelet.type_of(&flag.name, release);
    let Some(ty) = ty.filter(|ty| !ty.reads(&flag.value)) else {
        return true;
    };
    let message = format!(
        "the kubelet of Kubernetes 1.{} exits because of `--{}={}`",
        release.minor,
        flag.name,
        flag.value.escape_debug()
    );
    let hint = format!("write {}", ty.expected());
    draft.error(Kind::Init, &format!("{}.value", flag.path), message, &hint);
    false
}

fn cloud_provider(draft: &mut Draft, flag: &Flag) {
    if !matches!(flag.value.as_str(), "" | "external") {
        let message = format!(
            "the kubelet exits with the cloud provider `{}`: Kubernetes has none of its own any more, only `external`",
            flag.value.escape_debug()
        );
        let hint =
            "write `external` and run the provider's cloud-controller-manager, or remove the flag";
        draft.error(Kind::Init, &format!("{}.value", flag.path), message, hint);
    }
}

/// The kubelet registers under this name, and its credentials are those of the node's name.
fn host_name(draft: &mut Draft, facts: &HostFacts, flag: &Flag) {
    let node = draft.text(Kind::Init, NAME);
    // Without a value the kubelet takes the host's own name.
    let name = match flag.value.as_str() {
        "" => facts.hostname.as_deref().unwrap_or(&node),
        value => value,
    };
    let registers = name.trim().to_lowercase();
    if node.is_empty() || registers == node {
        return;
    }
    let message = format!(
        "the kubelet registers as `{}`, but its credentials are those of node `{node}`, so the API server refuses it",
        registers.escape_debug()
    );
    let hint = "remove the flag, or give the node this name";
    draft.error(Kind::Init, &format!("{}.value", flag.path), message, hint);
}

/// The kubelet drops what it cannot parse, and exits with two addresses that are not of two families (k8s.io/component-helpers
/// v0.36.2, node/util/ips.go).
fn node_ip(draft: &mut Draft, flag: &Flag) {
    let path = format!("{}.value", flag.path);
    let mut addresses = Vec::new();
    for text in flag.value.split(',').map(str::trim) {
        match parse_ip(text) {
            Some(address) => addresses.push(address),
            None if flag.value.is_empty() => {}
            None => {
                let message = format!(
                    "`{}` in node-ip is not an IP address, and the kubelet ignores it",
                    text.escape_debug()
                );
                let hint =
                    "write one address, or one IPv4 and one IPv6 address separated by a comma";
                draft.warn(Kind::Init, &path, message, hint);
            }
        }
    }
    let problem = match addresses.as_slice() {
        [] | [_] => return,
        [one, other] if one.is_ipv4() == other.is_ipv4() => "two addresses of one family",
        [one, other] if one.is_unspecified() || other.is_unspecified() => {
            "the unspecified address beside another one"
        }
        [_, _] => return,
        _ => "more than two addresses",
    };
    let message = format!(
        "`{}` has {problem}: the kubelet exits",
        flag.value.escape_debug()
    );
    let hint = "write one address, or one IPv4 and one IPv6 address";
    draft.error(Kind::Init, &path, message, hint);
}

/// `--help` and `--version` end the kubelet before it starts (k8s.io/component-base v0.36.2, version/verflag).
fn prints_and_exits(draft: &mut Draft, flag: &Flag) {
    let (name, value) = (&flag.name, flag.value.as_str());
    let is_version = name == "version";
    let message = match truth_value::parse(value) {
        Some(false) => return,
        // The kubelet then reports this version.
        None if is_version && value.starts_with('v') => return,
        None if !(is_version && value == "raw") => format!(
            "the kubelet exits because of `--{name}={}`: the flag is true or false",
            value.escape_debug()
        ),
        _ => format!("with `--{name}={value}` the kubelet prints a text and exits"),
    };
    let path = format!("{}.value", flag.path);
    draft.error(Kind::Init, &path, message, "remove the flag");
}

/// The same rules as for the labels in the node's entry.
fn labels(draft: &mut Draft, flag: &Flag) {
    // Labels of the entry were added to the flag, and are reported where they are written.
    let of_entry = default::labels(draft);
    let path = flag.path.as_str();
    for label in flag.value.split(',').filter(|label| !label.is_empty()) {
        let Some((key, value)) = label.split_once('=') else {
            let shown = label.escape_debug();
            let message =
                format!("`{shown}` in node-labels has no `=`, and the kubelet does not start");
            let hint = format!("write `{shown}=` for a label without a value");
            draft.error(Kind::Init, path, message, &hint);
            continue;
        };
        // The kubelet trims blanks, which only quotes bring to it.
        let trimmed = |text| {
            if flag.is_one_word {
                str::trim(text)
            } else {
                text
            }
        };
        let (key, value) = (trimmed(key), trimmed(value));
        let known = (key.to_owned(), value.to_owned());
        if of_entry.contains(&known) {
            continue;
        }
        if !is_qualified_name(key) {
            let message = format!(
                "`{}` in node-labels is not a valid label key",
                key.escape_debug()
            );
            let hint = "use a name of at most 63 letters, digits, `-`, `_` and `.`, optionally after a DNS name and `/`";
            draft.error(Kind::Init, path, message, hint);
        } else if !is_value(value) {
            let message = format!(
                "`{}` in node-labels is not a valid label value",
                value.escape_debug()
            );
            let hint = "use at most 63 letters, digits, `-`, `_` and `.`, starting and ending with a letter or digit";
            draft.error(Kind::Init, path, message, hint);
        } else if !kubelet_may_set(key) {
            let node = draft.text(Kind::Init, NAME);
            let message = format!(
                "a kubelet may not set `{key}` on its own Node, and does not start with it in node-labels"
            );
            let hint = format!(
                "remove it here, and set it as an administrator after the node has joined: kubectl label node {node} {key}={value}"
            );
            draft.error(Kind::Init, path, message, &hint);
        }
    }
}

/// Warns if the kubelet would register another address than the one in the node's entry.
fn address(draft: &mut Draft, facts: &HostFacts, flags: &[Flag]) {
    let has = |name: &str| {
        flags
            .iter()
            .any(|flag| flag.name == name && !flag.value.is_empty())
    };
    // The provider sets the addresses of the Node.
    if has(NODE_IP) || has("cloud-provider") {
        return;
    }
    let short = format!("{NODE}.address");
    let mut written = draft.texts(Kind::Inventory, &format!("{NODE}.addresses"));
    let text = draft.text(Kind::Inventory, &short);
    if !text.is_empty() {
        written.push((short, text));
    }
    let [(path, text)] = written.as_slice() else {
        return;
    };
    let Some(address) = parse_ip(text).filter(|address| !address.is_unspecified()) else {
        return;
    };
    let route = match address {
        IpAddr::V4(_) => facts.default_route.ipv4.map(IpAddr::from),
        IpAddr::V6(_) => facts.default_route.ipv6.map(IpAddr::from),
    };
    let Some(route) = route.filter(|route| *route != address) else {
        return;
    };
    let message = format!(
        "the host's default route has the address {route}, so the kubelet registers the node with that address, unless the host's name resolves to another one"
    );
    let hint = format!(
        "add to the node's entry: kubelet: {{kubeletExtraArgs: [{{name: node-ip, value: \"{address}\"}}]}}"
    );
    draft.warn(Kind::Inventory, path, message, &hint);
}

#[cfg(test)]
mod tests;
