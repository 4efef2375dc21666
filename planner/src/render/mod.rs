//! The files of a node as text: what each of kubeadm's phases writes, without where it goes.
//!
//! In: the configuration, key material. Out: documents and text with where their values come from. Pure.
//!
//! | module | what |
//! |---|---|
//! | [`static_pod`] | the manifests of the control plane, flag tables per component |
//! | [`pod_validation`] | what the kubelet would refuse in those manifests |
//! | [`images`] | the images that those Pods run, as `kubeadm config images list` prints them |
//! | [`kubelet`] | the kubelet's configuration, flags and drop-in |
//! | [`objects`] | API objects, before they have a place in a plan |
//! | [`kubeconfig`] | kubeconfigs, also the one that a kubelet bootstraps with |

pub mod images;
pub mod kubeconfig;
pub mod kubelet;
pub mod objects;
pub mod pod_validation;
mod secret_text;
pub mod static_pod;
