//! How a node that joins etcd finds its members, and who it is to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::path::HostPath;

/// The Pods of etcd's members; each says in an annotation how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EtcdPods {
    /// Their namespace.
    pub namespace: String,
    /// Labels that all of them have, and no other Pod of the namespace; at least one.
    pub labels: BTreeMap<String, String>,
    /// The annotation with the URLs for clients, `,` between them.
    pub client_urls: String,
}

/// Files on the host that a client of etcd uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EtcdClient {
    /// The CA that signed the servers' certificates.
    pub authority: HostPath,
    /// The client's certificate.
    pub certificate: HostPath,
    /// Its key.
    pub key: HostPath,
}
