//! `upload-config/*`: the configuration that the cluster keeps of itself.

mod cri_socket;
mod kubeadm;
mod kubelet;

use super::Part;

/// `upload-config/kubeadm`, `upload-config/kubelet`.
pub(crate) const INIT: &[Part] = &[
    Part::objects("upload-config/kubeadm", kubeadm::objects),
    Part::objects("upload-config/kubelet", kubelet::objects),
    Part::step("upload-config/kubelet", cri_socket::step),
];
