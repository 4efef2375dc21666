//! What every kind of document may hold, as tables.
//!
//! In: nothing. Out: one [`Object`] per kind with every field and what Go's struct tags say of it. Decoding, suggestions
//! and Go's normal form all read these tables; there is no other list of fields.

pub mod cluster;
mod common;
pub(crate) mod join;
mod kube_proxy;
mod kubeadm;
mod kubelet;
mod normal;
mod suggest;
pub mod v1beta3;

use crate::go_types::{
    BOOL, DURATION, FLOAT32, FLOAT64, FLUSH, INT32, INT64, NOT_YET, QUANTITY, SECRET, STRING, TIME,
    TOKEN, UINT32, field, list, map, object,
};

pub use crate::go_types::{Field, Object, Type};
pub use kubeadm::HTTP_ENDPOINTS;
pub use normal::normal_form;
pub use suggest::{nearest, places_of};

/// The API version of kubeadm's documents that is read and written.
pub const V1BETA4: &str = "kubeadm.k8s.io/v1beta4";

/// A kind of document that is read.
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
            Self::Init => &kubeadm::INIT_CONFIGURATION,
            Self::Cluster => &kubeadm::CLUSTER_CONFIGURATION,
            Self::Join => &join::JOIN_CONFIGURATION,
            Self::Kubelet => &kubelet::KUBELET_CONFIGURATION,
            Self::KubeProxy => &kube_proxy::KUBE_PROXY_CONFIGURATION,
            Self::Inventory => &cluster::CLUSTER,
        }
    }
}

#[cfg(test)]
mod tests;
