//! Facts about kubeadm and Kubernetes. These modules import nothing else from this crate.
//!
//! | module | fact |
//! |---|---|
//! | [`duration`] | durations as Go reads and prints them |
//! | [`flags`] | the components' flags in each release, and how they are read |
//! | [`go_types`] | Kubernetes' types as tables, and how Go reads and prints them |
//! | [`image_reference`] | the grammar of image references |
//! | [`key_algorithm`] | kubeadm's names of key algorithms |
//! | [`labels`] | labels that kubeadm sets |
//! | [`layout`] | host paths and modes |
//! | [`phase_tree`] | the phases of `kubeadm init` and `kubeadm join` |
//! | [`quantity`] | the canonical form of a quantity |
//! | [`releases`] | what differs between Kubernetes releases |
//! | [`system_users`] | users and groups of a control plane without root |
//! | [`truth_value`] | truth values of flags |

pub mod duration;
pub mod flags;
pub mod go_types;
pub mod image_reference;
pub mod key_algorithm;
pub mod labels;
pub mod layout;
pub mod phase_tree;
pub mod quantity;
pub mod releases;
pub mod system_users;
pub mod truth_value;

pub use key_algorithm::KeyAlgorithm;
