//! The credentials that a kubelet finds on the host before it asks for any.

use kubeplan_bundle::check::{LookPath, NodeCertificate};
use kubeplan_bundle::index::Place;
use kubeplan_bundle::secret::SecretBytes;

use super::kinds::Explained::Never;
use super::kinds::Needs::Tree;
use super::kinds::{Looking, Row};
use super::{CannotLook, Looked, View, found, passed};
use crate::kubeadm::node_certificate::{self, Standing};

/// Bytes of a file with certificates.
const LIMIT: u64 = 1024 * 1024;

/// A certificate that is there is the node's, and the cluster's CA issued it.
impl Looking for NodeCertificate {
    const ROW: Row = Row::new(
        Tree,
        Never,
        "the kubelet's client certificate, its subject and its issuer",
    )
    .never_ignored();

    fn look(&self, view: &View<'_>) -> Looked {
        let Self {
            certificate,
            authority,
        } = self;
        let Some(file) = node_certificate::read(view.root, &certificate.into())? else {
            return passed();
        };
        let authorities = authorities(authority, view)?;
        let node = view.index.node.name.as_str();
        match node_certificate::judge(file.expose(), authorities.expose(), node, view.now) {
            Standing::Own | Standing::Expired => passed(),
            Standing::Foreign(why) => found(format!(
                "{certificate} {why}; the kubelet would use it and could not join: stop the kubelet and remove the file, which an earlier cluster left"
            )),
        }
    }
}

/// The CA certificates that the bundle places at `path`; else those that are there.
fn authorities(path: &LookPath, view: &View<'_>) -> Result<SecretBytes, CannotLook> {
    let planned = view.index.entries.iter().find(|entry| match &entry.place {
        Place::File(placement) => placement.path.as_str() == path.as_str(),
        Place::Directory(_) | Place::Object | Place::Payload => false,
    });
    if let Some(bytes) = planned.and_then(|entry| view.contents.public(&entry.name)) {
        return Ok(SecretBytes::new(bytes.to_vec()));
    }
    view.root.read(&path.into(), LIMIT)?.ok_or_else(|| {
        CannotLook(format!(
            "neither the bundle nor this host has the CA certificate {path}"
        ))
    })
}
