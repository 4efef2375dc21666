//! The content of a key store, as data.
//!
//! In: files by path, and `store.json`. Out: the same, changed by [`mod@super::ensure`]. The layout is kubeadm's
//! `pki/`: what all nodes share at the top (`ca.crt`, `etcd/ca.key`, `sa.pub`, …), what one node has under
//! `nodes/<name>/` (`apiserver.crt`, `etcd/server.key`, `admin.conf.crt`, …). [`super::store_dir`] reads and writes
//! the directory. The rules are in `docs/decisions/0006-key-store.md`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

use kubeplan_bundle::digest::{Sha256Digest, from_hex, to_hex};
use kubeplan_bundle::index::Name;
use kubeplan_bundle::mode::FileMode;
use kubeplan_bundle::secret::SecretBytes;
use serde::{Deserialize, Serialize};

use super::PkiError;
use super::profile::{CertificateProfile, ProfileRecord};

/// The format of `store.json`.
pub const FORMAT: &str = "kubeplan.io/store/1";

/// Name of the index file.
pub const INDEX_FILE: &str = "store.json";

/// Everything a key store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreContents {
    /// Certificates and keys by path, such as `etcd/ca.crt` or `nodes/cp1/admin.conf.key`.
    pub files: BTreeMap<String, SecretBytes>,
    /// `store.json`; `None` if the planner has not written the store yet.
    pub index: Option<StoreIndex>,
}

/// `store.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoreIndex {
    /// Always [`FORMAT`].
    pub format: String,
    /// Whether the keys are public test keys.
    pub test_only: bool,
    /// 32 random bytes in hex: commitments to sealed entries are keyed with it.
    pub salt: SecretField,
    /// What the planner issued, by [`base_path`].
    #[serde(default)]
    pub certificates: BTreeMap<String, IssuedRecord>,
    /// The service account key, if the planner made it.
    #[serde(default)]
    pub service_account: Option<KeyRecord>,
    /// The last plan of each node.
    #[serde(default)]
    pub nodes: BTreeMap<Name, NodeRecord>,
    /// The key that encrypts uploaded certificates, if the planner made one.
    #[serde(default)]
    pub certificate_key: Option<SecretField>,
    /// Bootstrap tokens the planner made.
    #[serde(default)]
    pub bootstrap_tokens: Vec<SecretField>,
    /// The token whose Secret owns the uploaded certificates, if the planner made one.
    #[serde(default)]
    pub upload_token: Option<SecretField>,
    /// Certificates being replaced by a write that has not ended, by [`base_path`]. Their files may be old or new.
    #[serde(default)]
    pub pending: Vec<String>,
}

/// [`StoreIndex`] as it is written: of thousands of nodes, so nothing is copied for another list of what is pending.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenIndex<'a> {
    format: &'a str,
    test_only: bool,
    salt: &'a SecretField,
    certificates: &'a BTreeMap<String, IssuedRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<&'a KeyRecord>,
    nodes: &'a BTreeMap<Name, NodeRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_key: Option<&'a SecretField>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    bootstrap_tokens: &'a [SecretField],
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_token: Option<&'a SecretField>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pending: &'a [String],
}

/// One certificate the planner issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuedRecord {
    /// What it was issued for.
    pub profile: ProfileRecord,
    /// SHA-256 of the certificate's DER: a file with another digest is not what the planner issued.
    pub sha256: Sha256Digest,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
}

/// One key pair the planner made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyRecord {
    /// kubeadm's name of the algorithm.
    pub key_algorithm: String,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki: Sha256Digest,
}

/// The last plan of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeRecord {
    /// Its serial, from 1.
    pub serial: u64,
    /// Its digest.
    pub plan_digest: Sha256Digest,
}

/// A secret text in `store.json`, where it is written as it is; redacted everywhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretField(SecretBytes);

impl SecretField {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretBytes::from_text(text))
    }

    /// The text itself; must not reach logs, errors or public entries.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

impl fmt::Debug for SecretField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretField(<redacted>)")
    }
}

impl Serialize for SecretField {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for SecretField {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl StoreIndex {
    /// The index of a new store.
    #[must_use]
    pub fn new(salt: &SecretBytes, test_only: bool) -> Self {
        Self {
            format: FORMAT.to_owned(),
            test_only,
            salt: SecretField::new(to_hex(salt.expose())),
            certificates: BTreeMap::new(),
            service_account: None,
            nodes: BTreeMap::new(),
            certificate_key: None,
            bootstrap_tokens: Vec::new(),
            upload_token: None,
            pending: Vec::new(),
        }
    }

    /// Reads `store.json`.
    ///
    /// # Errors
    /// [`PkiError::StoreIndex`] or [`PkiError::StoreFormat`].
    pub fn from_json(json: &[u8]) -> Result<Self, PkiError> {
        /// Read first: another format may have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: String,
        }
        let format: Format = serde_json::from_slice(json).map_err(PkiError::StoreIndex)?;
        if format.format != FORMAT {
            return Err(PkiError::StoreFormat {
                found: format.format.escape_debug().take(60).collect(),
                expected: FORMAT,
            });
        }
        let index: Self = serde_json::from_slice(json).map_err(PkiError::StoreIndex)?;
        if index.salt_bytes().is_none() {
            let error = serde::de::Error::custom("`salt` is not 64 lower-case hex digits");
            return Err(PkiError::StoreIndex(error));
        }
        Ok(index)
    }

    /// `store.json`.
    ///
    /// # Errors
    /// [`PkiError::StoreIndex`] if it cannot be encoded.
    pub fn to_json(&self) -> Result<SecretBytes, PkiError> {
        self.to_json_with(&self.pending)
    }

    /// `store.json` with another list of what is pending.
    fn to_json_with(&self, pending: &[String]) -> Result<SecretBytes, PkiError> {
        let written = WrittenIndex {
            format: &self.format,
            test_only: self.test_only,
            salt: &self.salt,
            certificates: &self.certificates,
            service_account: self.service_account.as_ref(),
            nodes: &self.nodes,
            certificate_key: self.certificate_key.as_ref(),
            bootstrap_tokens: &self.bootstrap_tokens,
            upload_token: self.upload_token.as_ref(),
            pending,
        };
        // Measured first, so that the buffer, which holds secrets, neither moves while it grows nor is larger than needed: all is zeroised.
        let mut size = Size(1);
        serde_json::to_writer_pretty(&mut size, &written).map_err(PkiError::StoreIndex)?;
        let mut json = Vec::with_capacity(size.0);
        serde_json::to_writer_pretty(&mut json, &written).map_err(PkiError::StoreIndex)?;
        json.push(b'\n');
        Ok(SecretBytes::new(json))
    }

    /// The salt of commitments; always present in an index that was read or made here.
    #[must_use]
    pub fn salt_bytes(&self) -> Option<SecretBytes> {
        from_hex(self.salt.expose())
            .filter(|bytes| bytes.len() == 32)
            .map(SecretBytes::new)
    }

    /// The record of a plan of `node` with `plan_digest`. The serial advances if the digest differs from the last one.
    #[must_use]
    pub fn next_record(&self, node: &Name, plan_digest: Sha256Digest) -> NodeRecord {
        let serial = match self.nodes.get(node) {
            None => 1,
            Some(last) if last.plan_digest == plan_digest => last.serial,
            Some(last) => last.serial.saturating_add(1),
        };
        NodeRecord {
            serial,
            plan_digest,
        }
    }
}

/// Counts the bytes that are written to it.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Path of a certificate and its key without extension: `etcd/ca`, `nodes/cp1/etcd/server`.
#[must_use]
pub fn base_path(profile: &CertificateProfile, node: &Name) -> String {
    if profile.is_authority() {
        profile.base_name.to_owned()
    } else {
        format!("nodes/{}/{}", node.as_str(), profile.base_name)
    }
}

/// Files that may be written in any order, by path.
pub type Batch<'a> = Vec<(&'a str, Cow<'a, SecretBytes>)>;

/// The files that a save writes, in batches: `store.json` with `pending`, private keys, certificates and public keys, `store.json`.
/// Each batch must be on disk before the next one starts. Empty if nothing differs. If a save is interrupted at any point,
/// [`super::ensure()`] completes the store. `store.json` is encoded when its batch is taken: of thousands of nodes it is large.
///
/// # Errors
/// [`PkiError::StoreIndex`] in place of a batch if the index cannot be encoded.
pub fn save_batches<'a>(
    before: &StoreContents,
    after: &'a StoreContents,
) -> impl Iterator<Item = Result<Batch<'a>, PkiError>> {
    let stages = after.index.as_ref().map(|index| {
        let stages = stages(before, after, index).into_iter();
        stages.map(|stage| match stage {
            Stage::Files(files) => Ok(files),
            Stage::Index(pending) => {
                let json = index.to_json_with(&pending)?;
                Ok(vec![(INDEX_FILE, Cow::Owned(json))])
            }
        })
    });
    stages.into_iter().flatten()
}

/// One batch of a save.
enum Stage<'a> {
    /// `store.json` with what is pending.
    Index(Vec<String>),
    Files(Batch<'a>),
}

fn stages<'a>(
    before: &StoreContents,
    after: &'a StoreContents,
    index: &StoreIndex,
) -> Vec<Stage<'a>> {
    let changed = after
        .files
        .iter()
        .filter(|(path, bytes)| before.files.get(*path) != Some(*bytes))
        .map(|(path, bytes)| (path.as_str(), Cow::Borrowed(bytes)));
    let (keys, others): (Batch<'_>, Batch<'_>) =
        changed.partition(|(path, _)| path.ends_with(".key"));
    let last = Stage::Index(index.pending.clone());
    if keys.is_empty() && others.is_empty() {
        return if before.index.as_ref() == Some(index) {
            Vec::new()
        } else {
            vec![last]
        };
    }
    let bases = keys
        .iter()
        .chain(&others)
        .filter_map(|(path, _)| path.strip_suffix(".crt").or(path.strip_suffix(".key")))
        .filter(|base| index.certificates.contains_key(*base))
        .map(str::to_owned);
    let mut pending = index.pending.clone();
    pending.extend(bases);
    pending.sort();
    pending.dedup();
    let files = [keys, others].into_iter().filter(|files| !files.is_empty());
    let mut stages = vec![Stage::Index(pending)];
    stages.extend(files.map(Stage::Files));
    stages.push(last);
    stages
}

/// Mode of a file of the store: certificates are public, everything else is not.
#[must_use]
pub fn file_mode(path: &str) -> FileMode {
    if is_certificate(path) {
        FileMode::PUBLIC
    } else {
        FileMode::PRIVATE
    }
}

/// Whether `path` names a certificate.
#[must_use]
pub fn is_certificate(path: &str) -> bool {
    path.ends_with(".crt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> StoreIndex {
        StoreIndex::new(&SecretBytes::new(vec![7; 32]), false)
    }

    #[test]
    fn the_index_round_trips_and_shows_no_secret() {
        let mut index = index();
        index
            .bootstrap_tokens
            .push(SecretField::new("abcdef.0123456789abcdef".into()));
        let json = index.to_json().unwrap();
        assert_eq!(StoreIndex::from_json(json.expose()).unwrap(), index);
        let debug = format!("{index:?}");
        assert!(
            !debug.contains("0707") && !debug.contains("abcdef"),
            "{debug}"
        );
    }

    #[test]
    fn an_index_of_another_format_or_with_unknown_fields_is_refused() {
        let json = String::from_utf8(index().to_json().unwrap().expose().to_vec()).unwrap();
        assert!(StoreIndex::from_json(json.as_bytes()).is_ok());
        let newer = json.replace("store/1", "store/2");
        assert!(matches!(
            StoreIndex::from_json(newer.as_bytes()),
            Err(PkiError::StoreFormat { .. })
        ));
        for broken in [
            json.replace("\"nodes\"", "\"knots\""),
            json.replace("0707", "07"),
            "{}".into(),
            String::new(),
        ] {
            assert!(matches!(
                StoreIndex::from_json(broken.as_bytes()),
                Err(PkiError::StoreIndex(_))
            ));
        }
    }

    #[test]
    fn the_serial_advances_with_the_plan_digest_only() {
        let mut index = index();
        let node: Name = "cp1".parse().unwrap();
        let (a, b) = (Sha256Digest::of(b"a"), Sha256Digest::of(b"b"));
        let mut advance = |node: &Name, digest| {
            let record = index.next_record(node, digest);
            let serial = record.serial;
            index.nodes.insert(node.clone(), record);
            serial
        };
        let serials = [a, a, b, b, a].map(|digest| advance(&node, digest));
        assert_eq!(serials, [1, 1, 2, 2, 3]);
        assert_eq!(advance(&"cp2".parse().unwrap(), a), 1);
    }

    #[test]
    fn only_certificates_are_readable_by_others() {
        for (path, mode) in [
            ("ca.crt", "0644"),
            ("ca.key", "0600"),
            ("sa.pub", "0600"),
            ("nodes/cp1/admin.conf.key", "0600"),
            (INDEX_FILE, "0600"),
        ] {
            assert_eq!(file_mode(path).to_string(), mode, "{path}");
        }
    }
}
