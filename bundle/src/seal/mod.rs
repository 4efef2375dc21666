//! The sealed part of a bundle: one age file that only the target host can open.
//!
//! In: a node's secret entries, their commit keys and the host's recipients; or an age file and identities. Out: the
//! other one. The plaintext is a ustar archive with exactly one byte form: `sealed.json`, then the entries in the
//! given order, then zeros up to a multiple of 16 KiB, so that the size of the age file says less about what is
//! inside. `age -d -i key sealed.age | tar t` lists it.
//!
//! What never happens: a secret is written in the clear, reaches an error text or a `Debug` output, or stays in memory
//! that is not zeroised (the archive, the entries, the keys; the *commit keys* also pass through the JSON library, whose
//! own buffers are not zeroised). Whether the seal belongs to the bundle's index is for the reader to check.

pub(crate) mod age_file;
mod age_header;
mod commit;
mod identity;
mod inner_tar;
mod recipient;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use commit::{CommitKey, CommitSalt, CommitSaltError, MIN_SALT_SIZE};
pub use identity::{Identities, IdentityError};
pub use inner_tar::InnerTarError;
pub use recipient::{Recipient, RecipientError};

use crate::canonical::{self, CanonicalError};
use crate::digest::Sha256Digest;
use crate::name::{EntryName, Name};
use crate::secret::SecretBytes;

/// The format this crate reads and writes.
pub const FORMAT: &str = "kubeplan.io/sealed/1";

/// Name of the first entry of the inner archive.
pub const MANIFEST_NAME: &str = "sealed.json";

/// The plaintext is padded to a multiple of this many bytes.
pub const PADDING: usize = 16 * 1024;

/// The most entries a seal holds. A control-plane node has about twenty.
pub const MAX_ENTRIES: usize = 1024;

/// The largest sealed entry, in bytes. Keys and kubeconfigs take a few KiB.
pub const MAX_ENTRY_SIZE: usize = 4 * 1024 * 1024;

/// The largest `sealed.json`, in bytes.
pub const MAX_MANIFEST_SIZE: usize = 1024 * 1024;

/// The largest plaintext, in bytes.
pub const MAX_PLAINTEXT_SIZE: usize = 64 * 1024 * 1024;

/// The largest age file, in bytes: the plaintext, 16 bytes for each 64 KiB of it, and room for the header.
pub const MAX_SEALED_SIZE: usize = MAX_PLAINTEXT_SIZE + 256 * 1024;

/// The most recipients of one seal.
pub const MAX_RECIPIENTS: usize = 64;

/// Why something cannot be sealed, or a seal cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no recipient, so no key could open the seal.
    #[error(
        "there is no recipient: name the host's SSH host key or an age recipient, or let the planner make an identity"
    )]
    NoRecipient,
    /// More than [`MAX_RECIPIENTS`].
    #[error("{0} recipients; a seal has at most {MAX_RECIPIENTS}")]
    TooManyRecipients(usize),
    /// An entry that cannot be sealed.
    #[error("entry `{0}` cannot be sealed; only files and objects can")]
    EntryName(EntryName),
    /// The inner archive cannot be written, or is not in the canonical form.
    #[error("the sealed archive is refused")]
    Archive(#[from] InnerTarError),
    /// The manifest cannot be written, or is not canonical.
    #[error("`{MANIFEST_NAME}` inside the seal is refused")]
    Manifest(#[source] CanonicalError),
    /// The manifest is of another format version.
    #[error("seal format `{0}` is not supported; this program reads `{FORMAT}`")]
    Format(String),
    /// Manifest and archive disagree.
    #[error("`{MANIFEST_NAME}` and the sealed entries disagree about `{0}`")]
    Disagree(String),
    /// Not an age file, a damaged one, or one of another kind.
    #[error("the sealed part is not a valid age file: {0}")]
    Age(&'static str),
    /// An age file for another number of recipients than it should be for.
    #[error("the sealed part is for {found} recipients, the index names {named}")]
    Recipients {
        /// In its header.
        found: usize,
        /// In the index.
        named: usize,
    },
    /// Larger than [`MAX_SEALED_SIZE`].
    #[error("the sealed part is larger than {MAX_SEALED_SIZE} bytes")]
    TooLarge,
    /// None of the identities is a recipient.
    #[error("none of the given identities can open the sealed part")]
    NoMatchingIdentity,
    /// The age library could not encrypt.
    #[error("the sealed part could not be encrypted")]
    Encrypt,
}

/// What is to be sealed.
#[derive(Debug)]
pub struct SealInput<'a> {
    /// The node the secrets are for.
    pub node: &'a Name,
    /// The cluster's id.
    pub cluster_id: &'a Sha256Digest,
    /// The entries in archive order, each with the key its commitment was made with.
    pub entries: Vec<(EntryName, &'a SecretBytes, CommitKey)>,
}

/// What was inside a seal. The reader still compares it with the index.
pub struct OpenedSeal {
    /// The node the secrets are for.
    pub node: Name,
    /// The cluster's id.
    pub cluster_id: Sha256Digest,
    /// The commit key of each entry; the same names as `contents`.
    pub commit_keys: BTreeMap<EntryName, CommitKey>,
    /// The entries.
    pub contents: BTreeMap<EntryName, SecretBytes>,
}

impl fmt::Debug for OpenedSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedSeal")
            .field("node", &self.node)
            .field("cluster_id", &self.cluster_id)
            .field("entries", &self.contents.len())
            .finish_non_exhaustive()
    }
}

/// `sealed.json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    format: String,
    node: Name,
    cluster_id: Sha256Digest,
    commit_keys: BTreeMap<EntryName, CommitKey>,
}

/// Seals `input` for `recipients`; the same recipient twice counts once. Two seals of the same input differ.
///
/// # Errors
/// [`SealError`] if there is no recipient, or an entry's name or size does not fit.
pub fn seal(input: &SealInput<'_>, recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    age_file::encrypt(&archive(input)?, recipients)
}

/// Checks everything of `input` that [`seal`] checks, except the recipients. Seals nothing.
///
/// # Errors
/// [`SealError`] if there are too many entries, or a name or a size does not fit.
pub(crate) fn check(input: &SealInput<'_>) -> Result<(), SealError> {
    let manifest = manifest(input)?;
    let mut sizes = vec![(MANIFEST_NAME, manifest.len())];
    let entries = input.entries.iter();
    sizes.extend(entries.map(|(name, content, _)| (name.as_str(), content.expose().len())));
    inner_tar::total(sizes.into_iter())?;
    Ok(())
}

/// `sealed.json`.
fn manifest(input: &SealInput<'_>) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let mut commit_keys = BTreeMap::new();
    for (name, _, key) in &input.entries {
        check_name(name)?;
        commit_keys.insert(name.clone(), key.clone());
    }
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        node: input.node.clone(),
        cluster_id: *input.cluster_id,
        commit_keys,
    };
    let manifest = canonical::to_vec(&manifest).map_err(SealError::Manifest)?;
    Ok(Zeroizing::new(manifest))
}

/// The plaintext of a seal.
fn archive(input: &SealInput<'_>) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let manifest = manifest(input)?;
    let mut entries = vec![(MANIFEST_NAME, manifest.as_slice())];
    for (name, content, _) in &input.entries {
        entries.push((name.as_str(), content.expose()));
    }
    Ok(inner_tar::write(&entries)?)
}

/// Only files and objects are sealed: a directory has no bytes, twins and payload are public.
fn check_name(name: &EntryName) -> Result<(), SealError> {
    if name.as_str().starts_with("files/") || name.as_str().starts_with("objects/") {
        Ok(())
    } else {
        Err(SealError::EntryName(name.clone()))
    }
}

/// Opens a seal with the first identity that fits and parses what is inside, strictly.
///
/// # Errors
/// [`SealError::NoMatchingIdentity`] if no identity fits; others if the seal is damaged or not in the canonical form.
pub fn open(sealed: &[u8], identities: &Identities) -> Result<OpenedSeal, SealError> {
    open_plaintext(&age_file::decrypt(sealed, identities)?)
}

/// As [`open`], for a seal with exactly `recipients` recipients. A further recipient could read the seal although the index does
/// not name it.
///
/// # Errors
/// As for [`open`]; [`SealError::Recipients`] if there are more or fewer.
pub(crate) fn open_for(
    sealed: &[u8],
    identities: &Identities,
    recipients: usize,
) -> Result<OpenedSeal, SealError> {
    let found = age_header::recipients(sealed)?;
    if found != recipients {
        return Err(SealError::Recipients {
            found,
            named: recipients,
        });
    }
    open(sealed, identities)
}

fn open_plaintext(plaintext: &[u8]) -> Result<OpenedSeal, SealError> {
    let mut entries = inner_tar::read(plaintext)?.into_iter();
    let manifest = match entries.next() {
        Some((name, bytes)) if name == MANIFEST_NAME => parse_manifest(bytes)?,
        _ => return Err(SealError::Disagree(MANIFEST_NAME.to_owned())),
    };
    let mut contents = BTreeMap::new();
    for (name, bytes) in entries {
        let name: EntryName = name
            .parse()
            .map_err(|_| InnerTarError::Name(name.escape_debug().take(160).collect()))?;
        check_name(&name)?;
        if !manifest.commit_keys.contains_key(&name) {
            return Err(SealError::Disagree(name.to_string()));
        }
        contents.insert(name, SecretBytes::new(bytes.to_vec()));
    }
    let have: BTreeSet<&EntryName> = contents.keys().collect();
    if let Some(missing) = manifest
        .commit_keys
        .keys()
        .find(|name| !have.contains(name))
    {
        return Err(SealError::Disagree(missing.to_string()));
    }
    Ok(OpenedSeal {
        node: manifest.node,
        cluster_id: manifest.cluster_id,
        commit_keys: manifest.commit_keys,
        contents,
    })
}

fn parse_manifest(bytes: &[u8]) -> Result<Manifest, SealError> {
    let manifest: Manifest = canonical::from_slice(bytes).map_err(SealError::Manifest)?;
    if manifest.format == FORMAT {
        Ok(manifest)
    } else {
        Err(SealError::Format(
            manifest.format.escape_debug().take(80).collect(),
        ))
    }
}
