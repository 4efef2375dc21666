//! The certificates and keys of every planned node, and what each of them gets.
//!
//! In: what [`mod@super::assess`] found and [`mod@super::ensure`] made. Out: the [`Material`] of one node at a time, with nothing
//! in it that belongs to another. Only a control-plane node gets keys of CAs and of service accounts: whoever plans a
//! worker cannot reach them.

use std::collections::BTreeSet;

use kubeplan_bundle::index::Name;

use super::assess::Kept;
use super::keys::PrivateKey;
use super::profile::CertificateProfile;
use super::{Credentials, IssuedCertificate, Material, ServiceAccountKey};
use crate::plan::CertificateRow;

/// Certificates and keys of all planned nodes.
#[derive(Debug)]
pub struct Materials {
    pub(super) shared: Vec<(CertificateProfile, Kept)>,
    pub(super) service_account: Option<PrivateKey>,
    pub(super) nodes: Vec<NodeMaterial>,
    pub(super) test_only: bool,
}

/// What one node has besides what all share.
#[derive(Debug)]
pub(super) struct NodeMaterial {
    pub name: Name,
    pub control_plane: bool,
    /// Names of the CAs whose certificates it gets.
    pub authorities: BTreeSet<&'static str>,
    /// Its leaves; `None` if some are missing and nothing was made.
    pub leaves: Option<Vec<(CertificateProfile, Kept)>>,
    pub credentials: Credentials,
}

impl Materials {
    /// kubeadm's names of the CAs whose keys are kept elsewhere, sorted.
    #[must_use]
    pub fn external_authorities(&self) -> Vec<&'static str> {
        let external = self.shared.iter().filter(|(_, kept)| kept.key.is_none());
        let mut names: Vec<_> = external.map(|(profile, _)| profile.name).collect();
        names.sort_unstable();
        names
    }

    /// The CA named `name`, as it stands in a table.
    #[must_use]
    pub fn authority(&self, name: &str) -> Option<CertificateRow> {
        self.shared
            .iter()
            .find(|(profile, _)| profile.name == name)
            .map(|(profile, kept)| row(profile, kept))
    }

    /// Names of the nodes that lack certificates, because nothing was made.
    pub fn incomplete(&self) -> impl Iterator<Item = &Name> {
        let nodes = self.nodes.iter();
        nodes
            .filter(|node| node.leaves.is_none())
            .map(|node| &node.name)
    }

    /// Made with public test keys.
    #[must_use]
    pub fn test_only(&self) -> bool {
        self.test_only
    }

    /// What the node at `position` gets; `None` beyond the last node, and if it lacks certificates.
    #[must_use]
    pub fn of(&self, position: usize) -> Option<Material> {
        let node = self.nodes.get(position)?;
        let leaves = node.leaves.as_ref()?;
        let shared = self
            .shared
            .iter()
            .filter(|(profile, _)| node.authorities.contains(profile.name))
            .map(|(profile, kept)| issued(profile, kept, node.control_plane));
        let leaves = leaves
            .iter()
            .map(|(profile, kept)| issued(profile, kept, true));
        let account = self.service_account.as_ref();
        Some(Material {
            certificates: shared.chain(leaves).collect(),
            service_account: account
                .filter(|_| node.control_plane)
                .map(|key| ServiceAccountKey {
                    key_pem: key.pem(),
                    public_pem: key.public_pem(),
                    spki: key.spki_digest(),
                }),
            credentials: node.credentials.clone(),
            test_only: self.test_only,
        })
    }
}

/// The certificate under its name, with its key if the node may have it.
fn issued(
    profile: &CertificateProfile,
    kept: &Kept,
    with_key: bool,
) -> (String, IssuedCertificate) {
    let key = kept.key.as_ref().filter(|_| with_key);
    let issued = IssuedCertificate {
        certificate_pem: kept.certificate.pem(),
        certificate_der: kept.certificate.der.clone(),
        key_pem: key.map(PrivateKey::pem),
        row: row(profile, kept),
    };
    (profile.name.to_owned(), issued)
}

/// What the certificate itself says, which for a user's may be more than the profile asks.
fn row(profile: &CertificateProfile, kept: &Kept) -> CertificateRow {
    let facts = &kept.certificate.facts;
    let intermediate = profile.is_authority() && facts.issuer_der != facts.subject_der;
    let signer = if intermediate {
        &facts.issuer
    } else {
        profile.signer
    };
    kept.certificate
        .row(profile.name, signer, kept.user_supplied)
}
