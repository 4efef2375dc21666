//! Tables of the fields of every kind of document.
//!
//! In: nothing. Out: one [`Object`] per kind with every field and its Go struct tags. Decoding, suggestions
//! and Go's normal form all read these tables; there is no other list of fields. Those of Kubernetes' own kinds are generated
//! from its Go types ([`crate::kubeadm::go_types`]); that of kubeplan's is in [`cluster`].

pub mod cluster;
mod normal;
mod suggest;

use crate::kubeadm::go_types::tables::{
    kube_proxy_v1alpha1, kubeadm_v1beta3, kubeadm_v1beta4, kubelet_v1beta1,
};

pub use crate::kubeadm::go_types::{Field, Object, Type};
pub use normal::normal_form;
pub use suggest::places_of;

/// The API version of kubeadm's documents that kubeplan reads and writes.
pub const V1BETA4: &str = "kubeadm.k8s.io/v1beta4";

/// The older API version that kubeplan still reads.
pub const V1BETA3: &str = "kubeadm.k8s.io/v1beta3";

/// A kind of document that kubeplan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `kubeadm.k8s.io/v1beta4 InitConfiguration`.
    Init,
    /// `kubeadm.k8s.io/v1beta4 ClusterConfiguration`.
    Cluster,
    /// `kubeadm.k8s.io/v1beta4 JoinConfiguration`.
    Join,
    /// `kubelet.config.k8s.io/v1beta1 KubeletConfiguration`.
    Kubelet,
    /// `kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration`.
    KubeProxy,
    /// `kubeplan.io/v1alpha1 Cluster`.
    Inventory,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Init,
        Self::Cluster,
        Self::Join,
        Self::Kubelet,
        Self::KubeProxy,
        Self::Inventory,
    ];

    /// The value of `apiVersion`.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Init | Self::Cluster | Self::Join => V1BETA4,
            Self::Kubelet => "kubelet.config.k8s.io/v1beta1",
            Self::KubeProxy => "kubeproxy.config.k8s.io/v1alpha1",
            Self::Inventory => "kubeplan.io/v1alpha1",
        }
    }

    /// The value of `kind`, which field paths start with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.object().name
    }

    /// The table of its fields.
    #[must_use]
    pub const fn object(self) -> &'static Object {
        match self {
            Self::Init => &kubeadm_v1beta4::INIT_CONFIGURATION,
            Self::Cluster => &kubeadm_v1beta4::CLUSTER_CONFIGURATION,
            Self::Join => &kubeadm_v1beta4::JOIN_CONFIGURATION,
            Self::Kubelet => &kubelet_v1beta1::KUBELET_CONFIGURATION,
            Self::KubeProxy => &kube_proxy_v1alpha1::KUBE_PROXY_CONFIGURATION,
            Self::Inventory => &cluster::CLUSTER,
        }
    }

    /// The table of its fields in kubeadm's older API version, for those kinds that it has.
    #[must_use]
    pub const fn v1beta3(self) -> Option<&'static Object> {
        match self {
            Self::Init => Some(&kubeadm_v1beta3::INIT_CONFIGURATION),
            Self::Cluster => Some(&kubeadm_v1beta3::CLUSTER_CONFIGURATION),
            Self::Join => Some(&kubeadm_v1beta3::JOIN_CONFIGURATION),
            Self::Kubelet | Self::KubeProxy | Self::Inventory => None,
        }
    }
}

#[cfg(test)]
mod tests;
