//! The only place of the program that knows names of kubeadm: directories, files, objects of the API.
//!
//! Everything else about Kubernetes arrives in a bundle. These are addresses, as an operator would type them: what a reset takes away from
//! hosts, bundle or not, and what a host that joins asks a cluster for before there is a bundle.
//!
//! | module | concern |
//! |---|---|
//! | [`layout`] | directories and files on a host |
//! | [`etcd_pod`] | the static Pod of this host's member of etcd |
//! | [`node_certificate`] | the certificate of a node's kubelet: whose it is |
//! | [`protocol`] | what a joining host asks for |

pub(crate) mod etcd_pod;
pub(crate) mod layout;
pub(crate) mod node_certificate;
pub(crate) mod protocol;
