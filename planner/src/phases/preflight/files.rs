//! Checks of files that this cluster or another one may have left on the host.

use kubeplan_bundle::check::{LookPath, NodeCertificate, ParseCheckError, SameCluster};

use super::row::{Made, Row};
use crate::kubeadm::layout;

pub(super) fn kubelet_conf(row: &Row<'_>) -> Made {
    row.absent(&layout::kubeconfig("kubelet.conf"))
}

pub(super) fn bootstrap_kubelet_conf(row: &Row<'_>) -> Made {
    row.absent(&layout::kubeconfig("bootstrap-kubelet.conf"))
}

pub(super) fn ca_certificate(row: &Row<'_>) -> Made {
    if row.join().is_some() && row.command.places_ca {
        return row.absent(&row.kubelet.ca_cert_path().value);
    }
    Ok(Vec::new())
}

/// Refuses a CA or kubeconfig of another cluster: installing over them would take the node out of that cluster.
pub(super) fn same_cluster(row: &Row<'_>) -> Made {
    let mut kubeconfigs = ["kubelet.conf", "admin.conf"]
        .iter()
        .map(|name| layout::kubeconfig(name).parse())
        .collect::<Result<Vec<LookPath>, ParseCheckError>>()?;
    let mut checks = Vec::new();
    for authority in row.kubelet.authorities() {
        checks.extend(row.one(SameCluster {
            authority: authority.parse()?,
            kubeconfigs: std::mem::take(&mut kubeconfigs),
        })?);
    }
    Ok(checks)
}

/// Refuses a client certificate of another cluster or node, which the kubelet would use instead of its planned credentials.
pub(super) fn node_certificate(row: &Row<'_>) -> Made {
    let authorities = row.kubelet.authorities();
    let Some(authority) = authorities.first() else {
        return Ok(Vec::new());
    };
    row.one(NodeCertificate {
        certificate: row.kubelet.client_certificate().parse()?,
        authority: authority.parse()?,
    })
}
