//! This host's member of etcd, as the manifest of its static Pod describes it.

use kubeplan_bundle::path::HostPath;
use kubeplan_bundle::step::EtcdClient;
use serde::Deserialize;

use super::layout;

/// The member as its manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalMember {
    /// The directory of its data.
    pub(crate) data: HostPath,
    /// The URL its peers know it by.
    pub(crate) peer_url: String,
    /// A URL on which it answers.
    pub(crate) client_url: String,
    /// URLs on which the members may answer that it joined, if it answers no more.
    pub(crate) others: Vec<String>,
    /// The directory of its certificates.
    pub(crate) certificates: String,
}

impl LocalMember {
    /// Where members are asked, its own first.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let mut endpoints = vec![self.client_url.clone()];
        endpoints.extend(self.others.iter().cloned());
        endpoints
    }

    /// The files with which kubeadm and the member's probes ask it.
    ///
    /// # Errors
    /// If the directory is none on this host.
    pub(crate) fn client(&self) -> Result<EtcdClient, String> {
        let file = |name: &str| {
            format!("{}/{name}", self.certificates)
                .parse()
                .map_err(|error| format!("etcd's certificates: {error}"))
        };
        Ok(EtcdClient {
            authority: file("ca.crt")?,
            certificate: file("healthcheck-client.crt")?,
            key: file("healthcheck-client.key")?,
        })
    }
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
    host_path: Option<HostDirectory>,
}

#[derive(Deserialize)]
struct HostDirectory {
    path: String,
}

/// Reads the manifest.
///
/// # Errors
/// Why it does not say which member this is.
pub(crate) fn parse(manifest: &str) -> Result<LocalMember, String> {
    let pod: Pod =
        crate::yaml::from_str(manifest).map_err(|error| crate::yaml::in_one_line(&error))?;
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
        .map(|(directory, _)| directory.to_owned())
        .ok_or_else(|| "--trusted-ca-file is not an absolute path".to_owned())?;
    let peer_url = first("initial-advertise-peer-urls")?;
    let client_url = first("listen-client-urls")?;
    let cluster = flag("initial-cluster").unwrap_or_default();
    Ok(LocalMember {
        others: others(&cluster, &peer_url, &client_url),
        data,
        peer_url,
        client_url,
        certificates,
    })
}

/// Where the members of `--initial-cluster` answer clients if they do so on the port that this one does.
fn others(cluster: &str, peer_url: &str, client_url: &str) -> Vec<String> {
    let port = client_url.rsplit_once(':').map_or("", |(_, port)| port);
    cluster
        .split(',')
        .filter_map(|item| item.split_once('=').map(|(_, url)| url))
        .filter(|url| *url != peer_url && url.starts_with("https://"))
        .filter_map(|url| url.rsplit_once(':'))
        .map(|(host, _)| format!("{host}:{port}"))
        .collect()
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As kubeadm writes it, as far as it is read.
    pub(crate) const MANIFEST: &str = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command:\n    - etcd\n    - --initial-advertise-peer-urls=https://192.168.10.11:2380\n    - --listen-client-urls=https://127.0.0.1:2379,https://192.168.10.11:2379\n    - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt\n    name: etcd\n  volumes:\n  - hostPath:\n      path: /etc/kubernetes/pki/etcd\n      type: DirectoryOrCreate\n    name: etcd-certs\n  - hostPath:\n      path: /var/lib/etcd\n      type: DirectoryOrCreate\n    name: etcd-data\nstatus: {}\n";

    #[test]
    fn the_manifest_says_which_member_this_is() {
        assert_eq!(
            parse(MANIFEST).unwrap(),
            LocalMember {
                data: "/var/lib/etcd".parse().unwrap(),
                peer_url: "https://192.168.10.11:2380".into(),
                client_url: "https://127.0.0.1:2379".into(),
                others: Vec::new(),
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
    fn the_members_it_joined_may_answer_where_it_does() {
        let joined = MANIFEST.replace(
            "    - --listen-client",
            "    - --initial-cluster=cp1=https://[fd00::1]:2380,cp2=https://192.168.10.11:2380,cp3=https://192.168.10.13:2380\n    - --listen-client",
        );
        let local = parse(&joined).unwrap();
        assert_eq!(
            local.endpoints(),
            [
                "https://127.0.0.1:2379",
                "https://[fd00::1]:2379",
                "https://192.168.10.13:2379"
            ]
        );
        let client = local.client().unwrap();
        assert_eq!(
            client.key.as_str(),
            "/etc/kubernetes/pki/etcd/healthcheck-client.key"
        );
    }
}
