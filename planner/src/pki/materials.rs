//! The certificates and keys of every planned node, and what each of them gets.
//!
//! In: what [`mod@super::assess`] found and [`mod@super::ensure`] made. Out: the [`Material`] of one node at a time, without
//! anything of another node. Only a control-plane node gets the keys of CAs and of service accounts; the plan of a worker cannot reach
//! them.

use std::collections::BTreeSet;

use kubeplan_bundle::index::Name;

use super::assess::Kept;
use super::certificate::pem_of;
use super::keys::{EncodedKey, PrivateKey};
use super::profile::CertificateProfile;
use super::{Credentials, IssuedCertificate, Material, ServiceAccountKey};
use crate::plan::CertificateRow;

/// Certificates and keys of all planned nodes.
#[derive(Debug)]
pub struct Materials {
    pub(super) shared: Vec<Settled>,
    pub(super) service_account: Option<PrivateKey>,
    pub(super) nodes: Vec<NodeMaterial>,
    pub(super) test_only: bool,
}

/// What one node has of its own.
#[derive(Debug)]
pub struct NodeMaterial {
    pub(super) name: Name,
    pub(super) control_plane: bool,
    /// Names of the CAs whose certificates it gets.
    pub(super) authorities: BTreeSet<&'static str>,
    /// Its leaves; `None` if some are missing and nothing was made.
    pub(super) leaves: Option<Vec<Settled>>,
    pub(super) credentials: Credentials,
}

/// A certificate and its key until their bundle is written. Thousands wait at a time, so there is no PEM and nothing that signs or was parsed.
#[derive(Debug)]
pub(super) struct Settled {
    name: &'static str,
    /// The DER of the certificate, then that of the intermediates in its file.
    chain: Vec<Box<[u8]>>,
    key: Option<EncodedKey>,
    row: CertificateRow,
}

impl Settled {
    pub(super) fn of(profile: &CertificateProfile, kept: Kept) -> Self {
        let row = row(profile, &kept);
        let mut chain = vec![kept.certificate.der.into_boxed_slice()];
        let others = kept.certificate.intermediates.into_iter();
        chain.extend(others.map(|other| other.der.into_boxed_slice()));
        Self {
            name: profile.name,
            chain,
            key: kept.key.map(PrivateKey::into_encoded),
            row,
        }
    }

    /// The certificate under its name, with its key if the node may have it.
    fn issued(&self, with_key: bool) -> (String, IssuedCertificate) {
        let key = self.key.as_ref().filter(|_| with_key);
        let chain = self.chain.iter().map(|der| der.as_ref());
        let issued = IssuedCertificate {
            certificate_pem: pem_of(chain),
            certificate_der: self.chain.first().map_or_else(Vec::new, |der| der.to_vec()),
            key_pem: key.map(EncodedKey::pem),
            row: self.row.clone(),
        };
        (self.name.to_owned(), issued)
    }
}

impl Materials {
    /// kubeadm's names of the external CAs, sorted.
    #[must_use]
    pub fn external_authorities(&self) -> Vec<&'static str> {
        let external = self.shared.iter().filter(|settled| settled.key.is_none());
        let mut names: Vec<_> = external.map(|settled| settled.name).collect();
        names.sort_unstable();
        names
    }

    /// The table row of the CA `name`.
    #[must_use]
    pub fn authority(&self, name: &str) -> Option<CertificateRow> {
        let mut shared = self.shared.iter();
        let found = shared.find(|settled| settled.name == name);
        found.map(|settled| settled.row.clone())
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

    /// The material of the node at `position`; `None` after the last node, and if the node lacks certificates.
    #[must_use]
    pub fn of(&self, position: usize) -> Option<Material> {
        self.with(self.nodes.get(position)?)
    }

    /// Takes out what each node has of its own, in the order of the nodes. Thousands of nodes then give their memory back one by one.
    #[must_use]
    pub fn take_nodes(&mut self) -> Vec<NodeMaterial> {
        std::mem::take(&mut self.nodes)
    }

    /// The material of a node: what all nodes share and what it has of its own; `None` if it lacks certificates.
    #[must_use]
    pub fn with(&self, node: &NodeMaterial) -> Option<Material> {
        let leaves = node.leaves.as_ref()?;
        let shared = self
            .shared
            .iter()
            .filter(|settled| node.authorities.contains(settled.name))
            .map(|settled| settled.issued(node.control_plane));
        let leaves = leaves.iter().map(|settled| settled.issued(true));
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

/// The table row of what the certificate itself says: a user-supplied one may say more than its profile.
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
