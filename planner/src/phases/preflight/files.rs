//! Checks of files that this cluster or another one may have left on the host.

use kubeplan_bundle::check::{ParseCheckError, SameCluster};

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
    let certificates_dir = &row.config.cluster.certificates_dir;
    let authority = match row.join() {
        Some(join) => join.ca_cert_path.clone(),
        None => layout::certificate(certificates_dir, "ca"),
    };
    row.one(SameCluster {
        authority: authority.parse()?,
        kubeconfigs: ["kubelet.conf", "admin.conf"]
            .iter()
            .map(|name| layout::kubeconfig(name).parse())
            .collect::<Result<_, ParseCheckError>>()?,
    })
}
