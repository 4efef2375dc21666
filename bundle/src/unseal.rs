//! Opens the sealed part of a trusted bundle, and compares it with the index.
//!
//! In: [`Bundle<Trusted>`] and the host's identities. Out: [`Unsealed`], whose contents are exactly the sealed entries of
//! the index: made for this node and cluster, each with the plaintext that the index commits to, each with the twin
//! that a reviewer saw, each private key belonging to the public key in the index. If anything differs, no content
//! is returned.

use std::collections::BTreeMap;
use std::fmt;

use crate::index::{EntryName, Index, SealedContent, SecretClass};
use crate::reader::{Bundle, Trusted};
use crate::redact;
use crate::seal::{self, Identities, OpenedSeal, SealError};
use crate::secret::SecretBytes;
use crate::spki;
use crate::verify_error::VerifyError;

/// The contents of a bundle's sealed entries; zeroised when dropped.
pub struct Unsealed {
    contents: BTreeMap<EntryName, SecretBytes>,
}

impl Unsealed {
    /// The content of a sealed entry.
    #[must_use]
    pub fn content(&self, name: &EntryName) -> Option<&SecretBytes> {
        self.contents.get(name)
    }

    /// The names of the sealed entries.
    pub fn names(&self) -> impl Iterator<Item = &EntryName> {
        self.contents.keys()
    }
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsealed")
            .field("names", &self.contents.keys())
            .finish_non_exhaustive()
    }
}

impl Bundle<Trusted> {
    /// Opens the sealed part and checks all of it against the index. A bundle that seals nothing gives no contents.
    ///
    /// # Errors
    /// [`VerifyError::NoMatchingIdentity`] if the seal is for other keys; others if the content differs from the index.
    pub fn unseal(&self, identities: &Identities) -> Result<Unsealed, VerifyError> {
        let index = self.index();
        let Some((part, sealed)) = index.sealed.as_ref().zip(self.sealed()) else {
            // Without a sealed part no entry is sealed; the index was checked for that.
            return Ok(Unsealed {
                contents: BTreeMap::new(),
            });
        };
        let opened = seal::open_for(sealed, identities, part.recipients.len()).map_err(
            |error| match error {
                SealError::NoMatchingIdentity => VerifyError::NoMatchingIdentity {
                    recipients: part.recipients.clone(),
                },
                other => VerifyError::Seal(other),
            },
        )?;
        check(index, &opened, |twin| self.public(twin))?;
        Ok(Unsealed {
            contents: opened.contents,
        })
    }
}

fn check<'a>(
    index: &Index,
    opened: &OpenedSeal,
    twin_bytes: impl Fn(&EntryName) -> Option<&'a [u8]>,
) -> Result<(), VerifyError> {
    let other = |what, found: &dyn fmt::Display, expected: &dyn fmt::Display| {
        Err(VerifyError::SealedForOther {
            what,
            found: found.to_string(),
            expected: expected.to_string(),
        })
    };
    if opened.node != index.node.name {
        return other("node", &opened.node, &index.node.name);
    }
    if opened.cluster_id != index.cluster.id {
        return other("cluster", &opened.cluster_id, &index.cluster.id);
    }
    let expected: BTreeMap<_, _> = index
        .sealed_entries()
        .map(|(entry, sealed)| (&entry.name, sealed))
        .collect();
    if let Some(name) = opened
        .contents
        .keys()
        .find(|name| !expected.contains_key(name))
    {
        return Err(VerifyError::SealedUnexpected { name: name.clone() });
    }
    for (name, sealed) in expected {
        let missing = || VerifyError::SealedMissing { name: name.clone() };
        let plaintext = opened.contents.get(name).ok_or_else(missing)?;
        let key = opened.commit_keys.get(name).ok_or_else(missing)?;
        if !key.matches(plaintext.expose(), &sealed.commit) {
            return Err(VerifyError::Commit { name: name.clone() });
        }
        let twin = redact::twin(sealed.class, plaintext.expose()).map_err(|source| {
            VerifyError::Redact {
                name: name.clone(),
                source,
            }
        })?;
        if twin_bytes(&sealed.twin.name) != Some(twin.as_slice()) {
            return Err(VerifyError::Twin { name: name.clone() });
        }
        check_key(name, sealed, plaintext)?;
    }
    Ok(())
}

/// Checks that a private key belongs to the public key in the index. Refuses a key if the index does not have its public key.
fn check_key(
    name: &EntryName,
    sealed: &SealedContent,
    plaintext: &SecretBytes,
) -> Result<(), VerifyError> {
    if sealed.class != SecretClass::PrivateKey {
        return Ok(());
    }
    let found =
        spki::of_private_key(plaintext.expose()).map_err(|source| VerifyError::PrivateKey {
            name: name.clone(),
            source,
        })?;
    if sealed.spki == Some(found) {
        Ok(())
    } else {
        Err(VerifyError::Spki { name: name.clone() })
    }
}
