//! Why a node cannot be planned for a cluster that runs.

use kubeplan_bundle::digest::Sha256Digest;

use crate::pki::certificate::CertificateError;
use crate::render::kubeconfig::bootstrap::BootstrapError;

/// The facts are those of another cluster, or the cluster did not share what the node needs.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The CA certificates of the facts cannot be used.
    #[error("`caCertificates` of the join facts cannot be used")]
    Authorities(#[source] CertificateError),
    /// The facts are those of another cluster.
    #[error("the join facts are those of cluster {found}, not of {meant} (--cluster-id)")]
    OtherCluster {
        /// The cluster of the facts.
        found: Sha256Digest,
        /// The cluster that `--cluster-id` names.
        meant: Sha256Digest,
    },
    /// A CA of the facts is not pinned.
    #[error(
        "the join facts hold the CA certificate `{subject}` (sha256:{spki}), whose key is not pinned ({given_as})"
    )]
    NotPinned {
        /// Its subject.
        subject: String,
        /// SHA-256 of its public key.
        spki: Sha256Digest,
        /// Where the pins were given.
        given_as: &'static str,
        /// Another CA of the facts is pinned.
        another_is: bool,
    },
    /// The sealed part leads to another cluster.
    #[error("the sealed part of the join facts cannot be used")]
    Kubeconfig(#[source] BootstrapError),
    /// All of kubeadm's conditions that are not met.
    #[error(
        "One or more conditions for hosting a new control plane instance is not satisfied: {}",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    NotReady(Vec<Condition>),
    /// The cluster has external CAs.
    #[error(
        "the cluster did not share {}, so the certificates of this node cannot be signed here",
        .0.join(", ")
    )]
    ExternalAuthorities(Vec<String>),
    /// The shared CA is not the CA that was discovered.
    #[error(
        "the CA among the shared certificates is not the one that the cluster was discovered with"
    )]
    OtherAuthority,
}

/// A condition of kubeadm that is not met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Condition {
    /// The cluster has no `controlPlaneEndpoint`.
    #[error(
        "unable to add a new control plane instance to a cluster that doesn't have a stable controlPlaneEndpoint address"
    )]
    NoEndpoint,
    /// Certificates were not shared.
    #[error(
        "of the certificates that control plane instances share, {} {} missing",
        .0.join(", "),
        if .0.len() == 1 { "is" } else { "are" }
    )]
    Missing(Vec<&'static str>),
}

impl JoinError {
    /// Whether the facts are refused as those of another cluster, not because something is missing.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Authorities(error) => matches!(error, CertificateError::NotAuthority { .. }),
            Self::OtherCluster { .. }
            | Self::NotPinned { .. }
            | Self::Kubeconfig(_)
            | Self::OtherAuthority => true,
            Self::NotReady(_) | Self::ExternalAuthorities(_) => false,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        const ANOTHER: &str = "compare with a control-plane node you trust: `kubeadm token create --print-join-command` there prints the pin; if it is right, the facts are another cluster's or were changed";
        let hints: Vec<&str> = match self {
            Self::Authorities(CertificateError::NotAuthority { .. }) => vec![
                "compare with /etc/kubernetes/pki/ca.crt of a control-plane node you trust: if the certificate is not in it, the facts were changed; run `kubeapply discover` again on the host",
            ],
            Self::Authorities(_) => vec![],
            Self::OtherCluster { .. } => vec![ANOTHER],
            Self::NotPinned {
                given_as,
                another_is,
                ..
            } => {
                let rotated = another_is.then(|| format!(
                    "a cluster that rotates its CA has two: if a control-plane node you trust has this certificate in its ca.crt, pin it as well ({given_as})"
                ));
                return std::iter::once(ANOTHER.to_owned()).chain(rotated).collect();
            }
            Self::Kubeconfig(_) => vec![
                "the facts were changed, or an older version of kubeapply wrote them: run `kubeapply discover` again on the host",
            ],
            Self::NotReady(conditions) => conditions.iter().map(Condition::hint).collect(),
            Self::ExternalAuthorities(_) => vec![
                "with CAs that are kept elsewhere, plan the node in the cluster's inventory: `kubeplan certs generate-csr`, then `kubeplan plan` without --join",
            ],
            Self::OtherAuthority => vec![
                "run `kubeapply discover` again on the host; if the error stays, the Secret kubeadm-certs belongs to another cluster",
            ],
        };
        hints.into_iter().map(str::to_owned).collect()
    }
}

impl Condition {
    const fn hint(&self) -> &'static str {
        match self {
            Self::NoEndpoint => {
                "set controlPlaneEndpoint in the ConfigMap kubeadm-config and make sure that the certificates of the API servers name it"
            }
            Self::Missing(_) => {
                "run `kubeadm init phase upload-certs --upload-certs` on a control-plane node, then `kubeapply discover --control-plane` on this host with the certificate key it prints"
            }
        }
    }
}
