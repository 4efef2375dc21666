//! This host's member of etcd.
//!
//! In: the manifest of etcd's static Pod, and what etcd says about its members. Out: where the data is, and whether the
//! member has to leave its cluster before that may be removed. Nothing is asked or changed here.

use kubeplan_bundle::path::HostPath;
use serde::Deserialize;

use super::layout;

/// The member as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalMember {
    /// The folder of its data.
    pub(crate) data: HostPath,
    /// The URL its peers know it by.
    pub(crate) peer_url: String,
    /// A URL on which it answers.
    pub(crate) client_url: String,
    /// The folder of its certificates.
    pub(crate) certificates: String,
}

/// A member as etcd lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Member {
    /// Its id; etcdctl takes it in hexadecimal.
    #[serde(rename = "ID")]
    pub(crate) id: u64,
    /// Its name; empty until it was started once.
    #[serde(default)]
    pub(crate) name: String,
    /// The URLs its peers know it by.
    #[serde(default, rename = "peerURLs")]
    pub(crate) peer_urls: Vec<String>,
}

/// What has to be done about the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// It is the only one: the cluster ends with it.
    Only,
    /// It is none any more.
    Left,
    /// It has to leave the others.
    Among {
        /// Its id.
        id: u64,
        /// How many others there are.
        others: usize,
    },
}

#[derive(Deserialize)]
struct Pod {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    args: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volume {
    name: String,
    #[serde(default)]
    host_path: Option<HostFolder>,
}

#[derive(Deserialize)]
struct HostFolder {
    path: String,
}

/// Reads the manifest.
///
/// # Errors
/// Why it does not say which member this is.
pub(super) fn parse(manifest: &str) -> Result<LocalMember, String> {
    let pod: Pod = serde_yaml::from_str(manifest).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    })?;
    let data = pod
        .spec
        .volumes
        .iter()
        .find(|volume| volume.name == layout::ETCD_VOLUME)
        .and_then(|volume| volume.host_path.as_ref())
        .ok_or_else(|| format!("it has no volume `{}` of the host", layout::ETCD_VOLUME))?;
    let trimmed = data.path.trim_end_matches('/');
    let data: HostPath = trimmed
        .parse()
        .map_err(|error| format!("its data: {error}"))?;
    let flag = |name: &str| {
        pod.spec
            .containers
            .iter()
            .find_map(|container| flag(container, name))
    };
    let first = |name: &str| {
        flag(name)
            .and_then(|list| list.split(',').next().map(str::to_owned))
            .filter(|url| !url.is_empty())
            .ok_or_else(|| format!("it has no flag --{name}"))
    };
    let authority = first("trusted-ca-file")?;
    let certificates = authority
        .rsplit_once('/')
        .map(|(folder, _)| folder.to_owned())
        .ok_or_else(|| "--trusted-ca-file is no absolute path".to_owned())?;
    Ok(LocalMember {
        data,
        peer_url: first("initial-advertise-peer-urls")?,
        client_url: first("listen-client-urls")?,
        certificates,
    })
}

/// The value of `--name=value` or `--name value`; the last one counts.
fn flag(container: &Container, name: &str) -> Option<String> {
    let mut value = None;
    let mut words = container.command.iter().chain(&container.args);
    while let Some(word) = words.next() {
        let Some(rest) = word
            .strip_prefix("--")
            .and_then(|word| word.strip_prefix(name))
        else {
            continue;
        };
        if let Some(text) = rest.strip_prefix('=') {
            value = Some(text.to_owned());
        } else if rest.is_empty() {
            value = words.next().cloned();
        }
    }
    value
}

/// Whether the member has to leave, and which it is.
pub(super) fn judge(local: &LocalMember, members: &[Member]) -> Membership {
    let ours = members
        .iter()
        .find(|member| member.peer_urls.contains(&local.peer_url));
    match ours {
        None => Membership::Left,
        Some(_) if members.len() == 1 => Membership::Only,
        Some(member) => Membership::Among {
            id: member.id,
            others: members.len() - 1,
        },
    }
}

/// Reads what `etcdctl member list --write-out=json` prints.
///
/// # Errors
/// Why it is no list of members.
pub(super) fn parse_members(json: &str) -> Result<Vec<Member>, String> {
    #[derive(Deserialize)]
    struct List {
        members: Vec<Member>,
    }
    let list: List = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if list.members.is_empty() {
        return Err("it lists no member".to_owned());
    }
    Ok(list.members)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As kubeadm writes it, as far as it is read.
    pub(in crate::reset) const MANIFEST: &str = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command:\n    - etcd\n    - --initial-advertise-peer-urls=https://192.168.10.11:2380\n    - --listen-client-urls=https://127.0.0.1:2379,https://192.168.10.11:2379\n    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n    name: etcd\n  volumes:\n  - hostPath:\n      path: /etc/kubernetes/pki/etcd\n      type: DirectoryOrCreate\n    name: etcd-certs\n  - hostPath:\n      path: /var/lib/etcd\n      type: DirectoryOrCreate\n    name: etcd-data\nstatus: {}\n";

    pub(in crate::reset) fn member(id: u64, address: &str) -> Member {
        Member {
            id,
            name: format!("cp{id}"),
            peer_urls: vec![format!("https://{address}:2380")],
        }
    }

    #[test]
    fn the_manifest_says_which_member_this_is() {
        assert_eq!(
            parse(MANIFEST).unwrap(),
            LocalMember {
                data: "/var/lib/etcd".parse().unwrap(),
                peer_url: "https://192.168.10.11:2380".into(),
                client_url: "https://127.0.0.1:2379".into(),
                certificates: "/etc/kubernetes/pki/etcd".into(),
            }
        );
        let spaced = MANIFEST.replace("urls=https", "urls\n    - https");
        assert_eq!(parse(&spaced), parse(MANIFEST));
    }

    #[test]
    fn a_manifest_that_does_not_say_it_is_refused() {
        for (from, to) in [
            ("etcd-data", "data"),
            ("path: /var/lib/etcd", "path: /"),
            ("path: /var/lib/etcd", "path: /var/lib/kubeplan"),
            ("--listen-client-urls", "--others"),
            (
                "--initial-advertise-peer-urls=https://192.168.10.11:2380",
                "--initial-advertise-peer-urls=",
            ),
            ("/etc/kubernetes/pki/etcd/ca.crt", "ca.crt"),
            ("spec:", "other:"),
        ] {
            assert!(parse(&MANIFEST.replace(from, to)).is_err(), "{from}");
        }
        assert!(parse("").is_err() && parse("[").is_err());
    }

    #[test]
    fn members_are_told_apart_by_their_peer_url() {
        let local = parse(MANIFEST).unwrap();
        let (ours, other) = (member(7, "192.168.10.11"), member(8, "192.168.10.12"));
        assert_eq!(judge(&local, std::slice::from_ref(&ours)), Membership::Only);
        assert_eq!(
            judge(&local, std::slice::from_ref(&other)),
            Membership::Left
        );
        assert_eq!(
            judge(&local, &[other, ours]),
            Membership::Among { id: 7, others: 1 }
        );
    }

    #[test]
    fn the_list_of_members_is_read_as_etcdctl_prints_it() {
        let json = r#"{"header":{"cluster_id":17237436991929493444,"member_id":9372538179322589801,"raft_term":10},"members":[{"ID":9372538179322589801,"name":"cp1","peerURLs":["https://192.168.10.11:2380"],"clientURLs":["https://192.168.10.11:2379"]},{"ID":10501334649042878790,"name":"","peerURLs":["https://192.168.10.12:2380"],"isLearner":true}]}"#;
        let members = parse_members(json).unwrap();
        assert_eq!(members.len(), 2);
        assert_eq!(members[0].id, 9_372_538_179_322_589_801);
        assert_eq!(members[1].name, "");
        for bad in ["", "{}", r#"{"members":[]}"#, r#"{"members":[{"ID":-1}]}"#] {
            assert!(parse_members(bad).is_err(), "{bad}");
        }
    }
}
