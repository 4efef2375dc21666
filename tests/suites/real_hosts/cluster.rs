//! Configurations of whole clusters on test hosts.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use kubeplan_testhosts::hosts::Host;

use super::keys::host_key;

/// The cluster's name in the names of bundles.
pub(super) const NAME: &str = "rig";

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The control plane that makes the cluster.
    Founder,
    /// A control plane that joins.
    ControlPlane,
    /// A worker.
    Worker,
}

/// A node by its host's name.
pub(super) type Node = (&'static str, Role);

/// A small cluster.
pub(super) const TWO_NODES: [Node; 1] = [("host1", Role::Founder)];

/// The configuration of a cluster of these hosts, each of which opens its bundle with its own SSH key.
///
/// Without an `endpoint` the API is reached at the founder.
pub(super) fn configuration(
    hosts: &[Host],
    nodes: &[Node],
    endpoint: Option<&str>,
) -> Result<String> {
    let founder = hosts.first().context("a cluster has a host")?;
    let endpoint = match endpoint {
        Some(endpoint) => endpoint.to_owned(),
        None => format!("{}:6443", founder.number().address()),
    };
    let mut text = format!(
        "apiVersion: kubeplan.io/v1alpha1\nkind: Cluster\nmetadata: {{name: {NAME}}}\nnodes:\n"
    );
    for (host, (name, role)) in hosts.iter().zip(nodes) {
        let role = match role {
            Role::Founder | Role::ControlPlane => "control-plane",
            Role::Worker => "worker",
        };
        writeln!(
            text,
            "- {{name: {name}, role: {role}, address: {}, recipients: [{}]}}",
            host.number().address(),
            host_key(host)?
        )?;
    }
    write!(
        text,
        "---\n\
         apiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: ClusterConfiguration\n\
         kubernetesVersion: v1.36.2\n\
         controlPlaneEndpoint: {endpoint}\n\
         networking: {{podSubnet: 10.244.0.0/16}}\n\
         ---\n\
         apiVersion: kubeproxy.config.k8s.io/v1alpha1\n\
         kind: KubeProxyConfiguration\n\
         mode: nftables\n\
         conntrack: {{maxPerCore: 0, min: 0}}\n"
    )?;
    Ok(text)
}
