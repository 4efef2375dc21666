//! Reads a bundle as a typestate, so that content cannot be used before it is checked.
//!
//! In: the bytes of a bundle. Out: [`Bundle<Unverified>`], which has no accessor for content at all; from it, through
//! [`crate::verify`], [`Bundle<Public>`] (every digest holds and every signature verifies, but the sealed part may have been left out, and
//! whether the signers are trusted is not known: programs may show it, marked UNSIGNED or UNTRUSTED), [`Bundle<Intact>`] (the same, and
//! nothing is left out) and [`Bundle<Trusted>`], the only one that can be unsealed and installed.
//!
//! Small contents are held in memory, bounded by [`crate::limits`]; payload is read from the source chunk by chunk.
//!
//! Content of an unverified bundle cannot be reached:
//! ```compile_fail,E0599
//! use kubeplan_bundle::reader::{Bundle, Unverified};
//! fn look(bundle: &Bundle<Unverified>) -> usize {
//!     bundle.index().entries.len()
//! }
//! ```
//! An intact one can be looked at:
//! ```
//! use kubeplan_bundle::reader::{Bundle, Intact};
//! fn look(bundle: &Bundle<Intact>) -> usize {
//!     bundle.index().entries.len()
//! }
//! ```
//! but not unsealed:
//! ```compile_fail,E0599
//! use kubeplan_bundle::reader::{Bundle, Intact};
//! use kubeplan_bundle::seal::Identities;
//! fn unseal(bundle: &Bundle<Intact>, identities: &Identities) -> bool {
//!     bundle.unseal(identities).is_ok()
//! }
//! ```
//! which a trusted one can:
//! ```
//! use kubeplan_bundle::reader::{Bundle, Trusted};
//! use kubeplan_bundle::seal::Identities;
//! fn unseal(bundle: &Bundle<Trusted>, identities: &Identities) -> bool {
//!     bundle.unseal(identities).is_ok()
//! }
//! ```

use std::fmt;
use std::io::{Read, Seek, SeekFrom};

use crate::approval::Approval;
use crate::frame::first::FirstMember;
use crate::index::{Content, EntryName, Index};
use crate::payload::{PayloadReader, Source};
use crate::policy::Trust;
use crate::signature::Signature;
use crate::verify_error::VerifyError;

/// A bundle in one of the states [`Unverified`], [`Public`], [`Intact`] and [`Trusted`].
pub struct Bundle<S> {
    pub(crate) source: Box<dyn Source>,
    pub(crate) first: First,
    pub(crate) state: S,
}

/// Only the frame of the first member was read; nothing was verified.
pub struct Unverified {
    pub(crate) _private: (),
}

/// Every digest holds and every signature verifies; whether a signer is trusted is not known. The sealed part may be left out.
pub struct Public {
    pub(crate) contents: contents::Contents,
}

/// As [`Public`], and nothing is left out.
pub struct Intact {
    pub(crate) contents: contents::Contents,
}

/// Intact, and signed as the policy asks.
pub struct Trusted {
    pub(crate) contents: contents::Contents,
    pub(crate) trust: Trust,
}

/// What the first member holds, parsed as far as needed to verify it.
pub(crate) struct First {
    /// Compressed size of the member: where the next one starts.
    pub(crate) size: u64,
    pub(crate) index: Vec<u8>,
    pub(crate) signatures: Vec<Signature>,
    pub(crate) approvals: Vec<Approval>,
}

/// The states in which content may be looked at: [`Public`], [`Intact`] and [`Trusted`].
pub trait Readable: contents::HasContents {}

impl Readable for Public {}
impl Readable for Intact {}
impl Readable for Trusted {}

pub(crate) mod contents {
    //! What a verified bundle holds; reachable from outside only through [`super::Bundle`].

    use std::collections::BTreeMap;

    use crate::index::{EntryName, Index};

    /// Access to the contents, for the states that have contents.
    pub trait HasContents {
        /// The contents.
        fn contents(&self) -> &Contents;
    }

    /// Checked contents.
    pub struct Contents {
        pub(crate) index: Index,
        pub(crate) public: BTreeMap<EntryName, Vec<u8>>,
        pub(crate) sources: Option<Vec<u8>>,
        /// `None` if there is none, or it is left out.
        pub(crate) sealed: Option<Vec<u8>>,
        /// Where each payload's member starts in the file.
        pub(crate) payload_offsets: Vec<u64>,
    }

    impl Contents {
        /// Whether the index names a sealed part that the file does not have.
        pub(crate) fn lacks_sealed(&self) -> bool {
            self.index.sealed.is_some() && self.sealed.is_none()
        }
    }

    impl HasContents for super::Public {
        fn contents(&self) -> &Contents {
            &self.contents
        }
    }

    impl HasContents for super::Intact {
        fn contents(&self) -> &Contents {
            &self.contents
        }
    }

    impl HasContents for super::Trusted {
        fn contents(&self) -> &Contents {
            &self.contents
        }
    }
}

impl Bundle<Unverified> {
    /// Reads the first member of a bundle: its frame only, within [`crate::limits`].
    ///
    /// # Errors
    /// [`VerifyError`] if the source cannot be read or does not start with a first member.
    pub fn open<R: Read + Seek + Send + 'static>(source: R) -> Result<Self, VerifyError> {
        let mut source: Box<dyn Source> = Box::new(source);
        source.seek(SeekFrom::Start(0)).map_err(VerifyError::Read)?;
        let member = FirstMember::read(&mut source).map_err(VerifyError::of_first_member)?;
        let size = source.stream_position().map_err(VerifyError::Read)?;
        let mut signatures = Vec::with_capacity(member.signatures.len());
        for (hex, armored) in &member.signatures {
            signatures.push(parse_signature("signatures", hex, armored)?);
        }
        let mut approvals = Vec::with_capacity(member.approvals.len());
        for (hex, raw) in member.approvals {
            let signature = parse_signature("approvals", &hex, &raw.signature)?;
            let approval = Approval::new(raw.statement, signature).map_err(|source| {
                VerifyError::Approval {
                    name: format!("approvals/{hex}.json"),
                    source,
                }
            })?;
            approvals.push(approval);
        }
        Ok(Self {
            source,
            first: First {
                size,
                index: member.index,
                signatures,
                approvals,
            },
            state: Unverified { _private: () },
        })
    }
}

/// Parses a signature and checks that the file is named after its key.
fn parse_signature(directory: &str, hex: &str, armored: &[u8]) -> Result<Signature, VerifyError> {
    let name = format!("{directory}/{hex}.sig");
    let signature = match Signature::parse(armored) {
        Ok(signature) => signature,
        Err(source) => return Err(VerifyError::Signature { name, source }),
    };
    let fingerprint = signature.public_key().fingerprint();
    if fingerprint.hex() != hex {
        return Err(VerifyError::SignatureName { name, fingerprint });
    }
    Ok(signature)
}

impl<S: Readable> Bundle<S> {
    /// The index.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.state.contents().index
    }

    /// The exact bytes of `kubeplan.json`.
    #[must_use]
    pub fn index_bytes(&self) -> &[u8] {
        &self.first.index
    }

    /// The bytes of a public file, object or redacted twin.
    #[must_use]
    pub fn public(&self, name: &EntryName) -> Option<&[u8]> {
        self.state.contents().public.get(name).map(Vec::as_slice)
    }

    /// The author signatures, sorted by fingerprint. Each verifies; the policy decides whether the keys are trusted.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.first.signatures
    }

    /// The approvals, sorted by fingerprint. The signature of each verifies.
    #[must_use]
    pub fn approvals(&self) -> &[Approval] {
        &self.first.approvals
    }

    /// The bytes of `sources.json`, if the bundle has one; [`Sources::parse`](crate::sources::Sources::parse) reads them.
    #[must_use]
    pub fn sources(&self) -> Option<&[u8]> {
        self.state.contents().sources.as_deref()
    }

    /// Whether the sealed part is left out: the bundle can be looked at, signed and approved, and not installed.
    #[must_use]
    pub fn is_public_part(&self) -> bool {
        self.state.contents().lacks_sealed()
    }

    /// The age file.
    #[must_use]
    pub fn sealed(&self) -> Option<&[u8]> {
        self.state.contents().sealed.as_deref()
    }

    /// Starts reading a payload item.
    ///
    /// # Errors
    /// [`VerifyError`] if there is no such item, the source cannot be read, or the member does not start with the expected header.
    pub fn payload(&mut self, name: &EntryName) -> Result<PayloadReader<'_>, VerifyError> {
        let contents = self.state.contents();
        let index = &contents.index;
        let missing = || VerifyError::NoPayload { name: name.clone() };
        let position = index
            .payloads
            .iter()
            .position(|payload| payload.name == *name)
            .ok_or_else(missing)?;
        let payload = index.payloads.get(position).ok_or_else(missing)?;
        let offset = *contents.payload_offsets.get(position).ok_or_else(missing)?;
        let Some(Content::Public(blob)) = index.entry(name).map(|entry| &entry.content) else {
            return Err(missing());
        };
        let blob = blob.clone();
        self.source
            .seek(SeekFrom::Start(offset))
            .map_err(VerifyError::Read)?;
        PayloadReader::new(payload.clone(), blob, &mut *self.source).map_err(VerifyError::Payload)
    }
}

impl Bundle<Trusted> {
    /// The trusted keys that signed and approved the bundle.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.state.trust
    }
}

impl<S> fmt::Debug for Bundle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").finish_non_exhaustive()
    }
}
