//! Checks of files that this cluster or another one may have left on the host.

use kubeplan_bundle::check::{NodeCertificate, ParseCheckError, SameCluster};

use super::super::kubelet_finalize::rotated_certificate;
use super::row::{Made, Row};
use crate::kubeadm::layout;

pub(super) fn kubelet_conf(row: &Row<'_>) -> Made {
    row.absent(&layout::kubeconfig("kubelet.conf"))
}

pub(super) fn bootstrap_kubelet_conf(row: &Row<'_>) -> Made {
    row.absent(&layout::kubeconfig("bootstrap-kubelet.conf"))
}

pub(super) fn ca_certificate(row: &Row<'_>) -> Made {
    match row.join().filter(|_| row.command.places_ca) {
        Some(join) => row.absent(&join.ca_cert_path),
        None => Ok(Vec::new()),
    }
}

/// Refuses a CA or kubeconfig of another cluster: installing over them would take the node out of that cluster.
pub(super) fn same_cluster(row: &Row<'_>) -> Made {
    row.one(SameCluster {
        authority: authority(row).parse()?,
        kubeconfigs: ["kubelet.conf", "admin.conf"]
            .iter()
            .map(|name| layout::kubeconfig(name).parse())
            .collect::<Result<_, ParseCheckError>>()?,
    })
}

/// Refuses a client certificate of another cluster or node, which the kubelet would use instead of its planned credentials.
pub(super) fn node_certificate(row: &Row<'_>) -> Made {
    row.one(NodeCertificate {
        certificate: rotated_certificate(row.config).parse()?,
        authority: authority(row).parse()?,
    })
}

/// Where the cluster's CA certificate lies on the node.
fn authority(row: &Row<'_>) -> String {
    match row.join() {
        Some(join) => join.ca_cert_path.clone(),
        None => layout::certificate(&row.config.cluster.certificates_dir, "ca"),
    }
}
