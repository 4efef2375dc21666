//! The canonical text of an index that is being made.
//!
//! In: the index. Out: the plan digest, and the bytes of `kubeplan.json`. Entries, steps and everything else that the plan digest covers is
//! written once; what differs between two bundles of one plan is written again for each of them.

use crate::canonical::{CanonicalError, Fields};
use crate::digest::Sha256Digest;
use crate::limits;

use super::{Index, IndexError, check_head};

/// What differs between two bundles of one plan; the plan digest does not cover it.
const OF_A_BUNDLE: [&str; 7] = [
    "serial",
    "created",
    "planDigest",
    "sealed",
    "sources",
    "members",
    "planner",
];

/// The fields of an index in their canonical form.
pub(crate) struct IndexText(Fields);

impl IndexText {
    pub(crate) fn of(index: &Index) -> Result<Self, IndexError> {
        Ok(Self(Fields::of(index)?))
    }

    /// As of [`Index::compute_plan_digest`].
    pub(crate) fn plan_digest(&self) -> Result<Sha256Digest, IndexError> {
        let bytes = self.0.to_vec(&OF_A_BUNDLE)?;
        Ok(Sha256Digest::of_parts(&[b"kubeplan-plan/1\0", &bytes]))
    }

    /// The canonical bytes of `index`, another one of the same plan.
    pub(crate) fn bytes_of(&mut self, index: &Index) -> Result<Vec<u8>, IndexError> {
        let fields = &mut self.0;
        fields.set("serial", Some(&index.serial))?;
        fields.set("created", Some(&index.created))?;
        fields.set("planDigest", Some(&index.plan_digest))?;
        fields.set("sealed", index.sealed.as_ref())?;
        fields.set("sources", index.sources.as_ref())?;
        fields.set("members", Some(&index.members))?;
        fields.set("planner", Some(&index.planner))?;
        Ok(fields.to_vec(&[])?)
    }

    /// The canonical bytes of `index`, if a reader would accept their size.
    pub(crate) fn checked_bytes(&mut self, index: &Index) -> Result<Vec<u8>, IndexError> {
        let planner = (index.planner.name.as_str(), index.planner.version.as_str());
        check_head(&index.format, &index.requires, Some(planner))?;
        // Within the budget of a document, or they are not written.
        let bytes = self.bytes_of(index)?;
        limits::at_most(
            || "the size of the index in bytes".to_owned(),
            bytes.len() as u64,
            limits::INDEX,
        )?;
        Ok(bytes)
    }

    /// Reads the canonical bytes of `index` as [`Index::parse`] does. They are canonical if the same index comes out of them, so they need
    /// not be written a second time.
    pub(crate) fn read_back(&mut self, index: &Index) -> Result<(), IndexError> {
        let bytes = self.checked_bytes(index)?;
        let read: Index = serde_json::from_slice(&bytes).map_err(CanonicalError::from)?;
        read.check()?;
        if read == *index {
            Ok(())
        } else {
            Err(CanonicalError::NotCanonical { at: 0 }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample;
    use super::*;

    #[test]
    fn a_text_serves_every_bundle_of_a_plan() {
        let index = sample();
        let mut text = IndexText::of(&index).unwrap();
        assert_eq!(text.plan_digest().unwrap(), index.plan_digest);
        assert_eq!(text.bytes_of(&index).unwrap(), index.to_bytes().unwrap());
        let mut other = index.clone();
        other.serial = 9;
        other.created = "2026-12-01T00:00:00Z".parse().unwrap();
        other.plan_digest = Sha256Digest::of(b"");
        other.members[0].size = 77;
        other.planner.version = "9".into();
        other.sealed.as_mut().unwrap().size = 99;
        other.sources = Some(super::super::Blob::of(b"s"));
        assert_eq!(text.bytes_of(&other).unwrap(), other.to_bytes().unwrap());
        assert_eq!(text.plan_digest().unwrap(), index.plan_digest);
        text.read_back(&other).unwrap();
        // Of another plan.
        other.node.name = "m".parse().unwrap();
        assert!(text.read_back(&other).is_err());
    }

    #[test]
    fn an_index_without_a_sealed_part_has_no_such_field() {
        let mut index = sample();
        let mut text = IndexText::of(&index).unwrap();
        index.sealed = None;
        let bytes = text.bytes_of(&index).unwrap();
        assert_eq!(bytes, crate::canonical::to_vec(&index).unwrap());
    }
}
