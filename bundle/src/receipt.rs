//! Receipts: a host's account of what it installed (`kubeplan.io/receipt/1`), signed with the host's key.
//!
//! In: what an installation did. Out: canonical JSON that `kubeplan verify --receipt` compares with the bundle. A receipt
//! names digests and commitments of the index and no content, so it may be carried and shown like the bundle itself. It is
//! signed in a namespace of its own: a host's key vouches for what happened on that host and for nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::digest::Sha256Digest;
use crate::index::{ClusterRef, Content, EntryName, HostMatch, Index, NodeRef, Tool};
use crate::signature::{KeyError, Namespace, PrivateKey, PublicKey, Signature, SignatureError};
use crate::step::PhaseName;
use crate::timestamp::Timestamp;

/// The format this crate reads and writes.
pub const FORMAT: &str = "kubeplan.io/receipt/1";

/// The longest accepted receipt, in bytes.
pub const MAX_SIZE: usize = 4 * 1024 * 1024;

/// A host's account of one installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// Always [`FORMAT`].
    pub format: String,
    /// SHA-256 of the bytes of `kubeplan.json`.
    pub index_sha256: Sha256Digest,
    /// The plan's digest.
    pub plan_digest: Sha256Digest,
    /// The bundle's serial.
    pub serial: u64,
    /// Which cluster.
    pub cluster: ClusterRef,
    /// Which node.
    pub node: NodeRef,
    /// Which host: the identifiers that it could determine.
    pub host: HostMatch,
    /// When the installation began, by the host's clock.
    pub started: Timestamp,
    /// When it was complete.
    pub finished: Timestamp,
    /// The program that installed.
    pub applier: Tool,
    /// The flags of the command line that overrode a rule, sorted.
    pub overrides: Vec<String>,
    /// Every entry of the bundle.
    pub entries: BTreeMap<EntryName, ReceiptEntry>,
    /// Every step of the bundle, in order.
    pub steps: Vec<ReceiptStep>,
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptEntry {
    /// Whether the host has it.
    pub state: EntryState,
    /// SHA-256 of a public entry, the commitment of a sealed one; directories have neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Sha256Digest>,
}

/// Whether the host has an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// It is on the host, or in the API, as planned.
    Installed,
    /// It was changed on the host or in the API after an earlier installation, and was left as it is.
    Left,
    /// It was not installed: its step needs a running host, or was left out.
    Remaining,
}

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptStep {
    /// kubeadm's phase.
    pub phase: PhaseName,
    /// Whether it is done.
    pub done: bool,
}

/// Why a receipt is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The receipt is too large.
    #[error("the receipt is larger than {MAX_SIZE} bytes")]
    TooLarge,
    /// The signature is not valid.
    #[error("the signature of the receipt is refused")]
    Signature(#[source] SignatureError),
    /// Not canonical JSON of the known shape.
    #[error("the receipt cannot be read")]
    Canonical(#[source] CanonicalError),
    /// Another format version.
    #[error("receipt format `{0}` is not supported; this program reads `{FORMAT}`")]
    Format(String),
    /// It is about another bundle.
    #[error(
        "the receipt is about another bundle: {what} is {found}, that of the bundle is {expected}"
    )]
    OtherBundle {
        /// What differs.
        what: &'static str,
        /// What the receipt says.
        found: String,
        /// What the bundle says.
        expected: String,
    },
    /// It does not list the bundle's entries and steps.
    #[error("the receipt does not fit the bundle's index: {rule} (`{at}`)")]
    Contradiction {
        /// The broken rule.
        rule: &'static str,
        /// Where.
        at: String,
    },
    /// The key could not sign.
    #[error("the receipt could not be signed")]
    Key(#[source] KeyError),
}

impl ReceiptEntry {
    /// What a receipt says of `content` in this state.
    #[must_use]
    pub fn of(content: &Content, state: EntryState) -> Self {
        Self {
            state,
            digest: digest(content),
        }
    }
}

fn digest(content: &Content) -> Option<Sha256Digest> {
    match content {
        Content::None => None,
        Content::Public(blob) => Some(blob.sha256),
        Content::Sealed(sealed) => Some(sealed.commit),
    }
}

impl Receipt {
    /// The canonical bytes, which are what is signed.
    ///
    /// # Errors
    /// [`ReceiptError::Canonical`] if the receipt has no canonical form, [`ReceiptError::TooLarge`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, ReceiptError> {
        let bytes = canonical::to_vec(self).map_err(ReceiptError::Canonical)?;
        if bytes.len() > MAX_SIZE {
            return Err(ReceiptError::TooLarge);
        }
        Ok(bytes)
    }

    /// Signs the bytes of a receipt with the host's key.
    ///
    /// # Errors
    /// [`ReceiptError::Key`].
    pub fn sign(bytes: &[u8], key: &PrivateKey) -> Result<Signature, ReceiptError> {
        key.sign(Namespace::Receipt, bytes)
            .map_err(ReceiptError::Key)
    }

    /// Reads a receipt. A signature is verified before the receipt is parsed. Returns the key that signed.
    ///
    /// # Errors
    /// [`ReceiptError`] if the signature is not valid, or the bytes are not of the known form.
    pub fn read(
        bytes: &[u8],
        signature: Option<&Signature>,
    ) -> Result<(Self, Option<PublicKey>), ReceiptError> {
        if bytes.len() > MAX_SIZE {
            return Err(ReceiptError::TooLarge);
        }
        if let Some(signature) = signature {
            signature
                .verify(Namespace::Receipt, bytes)
                .map_err(ReceiptError::Signature)?;
        }
        let receipt: Self = canonical::from_slice(bytes).map_err(ReceiptError::Canonical)?;
        if receipt.format != FORMAT {
            return Err(ReceiptError::Format(
                receipt.format.escape_debug().take(80).collect(),
            ));
        }
        Ok((receipt, signature.map(Signature::public_key)))
    }

    /// Checks that the receipt is about exactly this bundle: digests, node, every entry and every step. Entries that were left or
    /// remain are not errors; see [`Receipt::open_points`].
    ///
    /// # Errors
    /// [`ReceiptError::OtherBundle`], [`ReceiptError::Contradiction`].
    pub fn check(&self, index: &Index, index_bytes: &[u8]) -> Result<(), ReceiptError> {
        let expected = Sha256Digest::of(index_bytes);
        let pairs = [
            (
                "its index",
                self.index_sha256.to_string(),
                expected.to_string(),
            ),
            (
                "its plan",
                self.plan_digest.to_string(),
                index.plan_digest.to_string(),
            ),
            (
                "its serial",
                self.serial.to_string(),
                index.serial.to_string(),
            ),
            (
                "its cluster",
                format!("{} ({})", self.cluster.name, self.cluster.id),
                format!("{} ({})", index.cluster.name, index.cluster.id),
            ),
            (
                "its node",
                format!("{} ({})", self.node.name, self.node.role),
                format!("{} ({})", index.node.name, index.node.role),
            ),
        ];
        for (what, found, expected) in pairs {
            if found != expected {
                return Err(ReceiptError::OtherBundle {
                    what,
                    found,
                    expected,
                });
            }
        }
        let broken = |rule, at: &dyn std::fmt::Display| {
            Err(ReceiptError::Contradiction {
                rule,
                at: at.to_string(),
            })
        };
        for entry in &index.entries {
            match self.entries.get(&entry.name) {
                None => return broken("it must list every entry", &entry.name),
                Some(found) if found.digest != digest(&entry.content) => {
                    return broken("it must have the digest of every entry", &entry.name);
                }
                Some(_) => {}
            }
        }
        if let Some(extra) = self.entries.keys().find(|name| index.entry(name).is_none()) {
            return broken("it must list entries of the bundle only", extra);
        }
        let phases = self.steps.iter().map(|step| &step.phase);
        if !phases.eq(index.steps.iter().map(crate::step::Step::phase)) {
            return broken("it must list every step", &self.steps.len());
        }
        if self.finished < self.started {
            return broken("it must end after it began", &self.finished);
        }
        Ok(())
    }

    /// The entries that are not as planned on the host (left or remaining), in the index's order.
    pub fn open_points<'a>(
        &'a self,
        index: &'a Index,
    ) -> impl Iterator<Item = (&'a EntryName, EntryState)> {
        index.entries.iter().filter_map(|entry| {
            let state = self.entries.get(&entry.name)?.state;
            (state != EntryState::Installed).then_some((&entry.name, state))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::testing::sample;
    use crate::signature::testing::ed25519;

    fn receipt(index: &Index) -> Receipt {
        Receipt {
            format: FORMAT.into(),
            index_sha256: Sha256Digest::of(b"index"),
            plan_digest: index.plan_digest,
            serial: index.serial,
            cluster: index.cluster.clone(),
            node: index.node.clone(),
            host: HostMatch::default(),
            started: "2026-11-20T10:00:00Z".parse().unwrap(),
            finished: "2026-11-20T10:00:07Z".parse().unwrap(),
            applier: Tool {
                name: "kubeapply".into(),
                version: "0.1.0".into(),
            },
            overrides: vec![],
            entries: index
                .entries
                .iter()
                .map(|entry| {
                    let installed = ReceiptEntry::of(&entry.content, EntryState::Installed);
                    (entry.name.clone(), installed)
                })
                .collect(),
            steps: index
                .steps
                .iter()
                .map(|step| ReceiptStep {
                    phase: step.phase().clone(),
                    done: true,
                })
                .collect(),
        }
    }

    #[test]
    fn a_receipt_is_read_as_it_was_written_and_fits_its_bundle() {
        let index = sample();
        let receipt = receipt(&index);
        let bytes = receipt.to_bytes().unwrap();
        let key = ed25519(3);
        let signature = Receipt::sign(&bytes, &key).unwrap();
        let (read, signer) = Receipt::read(&bytes, Some(&signature)).unwrap();
        assert_eq!(read, receipt);
        assert_eq!(signer.unwrap().fingerprint(), key.public().fingerprint());
        assert!(Receipt::read(&bytes, None).unwrap().1.is_none());
        read.check(&index, b"index").unwrap();
        assert_eq!(read.open_points(&index).count(), 0);
    }

    #[test]
    fn a_signature_for_another_purpose_or_of_other_bytes_is_refused_before_anything_is_read() {
        let bytes = receipt(&sample()).to_bytes().unwrap();
        let author = ed25519(3).sign(Namespace::Bundle, &bytes).unwrap();
        let other = Receipt::sign(b"{", &ed25519(3)).unwrap();
        for signature in [author, other] {
            assert!(matches!(
                Receipt::read(&bytes, Some(&signature)),
                Err(ReceiptError::Signature(_))
            ));
        }
        for bad in [
            "{}\n".to_owned(),
            String::from_utf8(bytes.clone())
                .unwrap()
                .replace("receipt/1", "receipt/2"),
            String::from_utf8(bytes).unwrap().replace(':', ": "),
        ] {
            assert!(Receipt::read(bad.as_bytes(), None).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_receipt_of_another_bundle_or_with_gaps_is_refused() {
        type Break = fn(&mut Receipt);
        let index = sample();
        let cases: &[(&str, Break)] = &[
            ("its index", |r| r.index_sha256 = Sha256Digest::of(b"other")),
            ("its plan", |r| r.plan_digest = Sha256Digest::of(b"other")),
            ("its serial", |r| r.serial += 1),
            ("its cluster", |r| r.cluster.name = "other".parse().unwrap()),
            ("its node", |r| r.node.name = "other".parse().unwrap()),
            ("list every entry", |r| drop(r.entries.pop_first())),
            ("digest of every entry", |r| {
                let mut entries = r.entries.values_mut();
                entries.find(|e| e.digest.is_some()).unwrap().digest = None;
            }),
            ("entries of the bundle only", |r| {
                let entry = r.entries.values().next().unwrap().clone();
                r.entries.insert("files/etc/extra".parse().unwrap(), entry);
            }),
            ("every step", |r| r.steps.clear()),
            ("after it began", |r| {
                std::mem::swap(&mut r.started, &mut r.finished);
            }),
        ];
        for (expected, change) in cases {
            let mut receipt = receipt(&index);
            change(&mut receipt);
            let error = receipt.check(&index, b"index").unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn entries_that_were_left_are_listed() {
        let index = sample();
        let mut receipt = receipt(&index);
        let (name, entry) = receipt.entries.iter_mut().next().unwrap();
        entry.state = EntryState::Left;
        let name = name.clone();
        receipt.check(&index, b"index").unwrap();
        let open: Vec<_> = receipt.open_points(&index).collect();
        assert_eq!(open, [(&name, EntryState::Left)]);
    }
}
