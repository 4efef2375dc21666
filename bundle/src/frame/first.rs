//! The first member: the index and what is signed about it.
//!
//! In: the file from its start, or the parts. Out: the parts as bytes, uninterpreted, or the member. The reader builds the
//! member again from its parts and compares the two byte for byte, so each content has exactly one form.

use std::collections::BTreeMap;
use std::io::Read;

use super::stored::{self, StoredError};
use super::tar::{self, HeaderError, HeaderProblem, Standing};
use crate::digest::from_hex;
use crate::limits::{self, LimitError};

/// The name of the index in the archive.
pub(crate) const INDEX_NAME: &str = "kubeplan.json";

/// An approval: the statement and the signature over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawApproval {
    /// `approvals/<hex>.json`.
    pub(crate) statement: Vec<u8>,
    /// `approvals/<hex>.sig`.
    pub(crate) signature: Vec<u8>,
}

/// The content of a first member, uninterpreted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FirstMember {
    /// `kubeplan.json`.
    pub(crate) index: Vec<u8>,
    /// `signatures/<hex>.sig` by the 64 hex digits in its name.
    pub(crate) signatures: BTreeMap<String, Vec<u8>>,
    /// `approvals/<hex>.json` and `.sig` by the 64 hex digits in their names.
    pub(crate) approvals: BTreeMap<String, RawApproval>,
}

/// Why the file does not start with a first member.
#[derive(Debug, thiserror::Error)]
pub enum FirstMemberError {
    /// The gzip member is malformed.
    #[error("its first gzip member is not in the canonical form")]
    Gzip(#[from] StoredError),
    /// An entry that does not belong into the first member.
    #[error("the first member is malformed at byte {at}: {problem}")]
    Entry {
        /// Offset of the header in the plain bytes.
        at: usize,
        /// What is wrong with it.
        problem: HeaderProblem,
    },
    /// A signature or approval whose other half is missing.
    #[error("`{0}` is incomplete: an approval is a `.json` and a `.sig`")]
    HalfApproval(String),
    /// A part is over its limit.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The entries are right, but the bytes between them are not.
    #[error("the first member is not in the canonical form (first difference at byte {0})")]
    NotCanonical(usize),
}

impl FirstMember {
    /// Reads the member and not a byte beyond it.
    pub(crate) fn read(reader: &mut dyn Read) -> Result<Self, FirstMemberError> {
        let plain = stored::decode(reader, limits::FIRST_MEMBER)?;
        let parts = Self::split(&plain)?;
        parts.check_limits()?;
        let again = parts
            .plain()
            .map_err(|_| FirstMemberError::NotCanonical(0))?;
        if again == plain {
            return Ok(parts);
        }
        let common = again.iter().zip(&plain).take_while(|(a, b)| a == b).count();
        Err(FirstMemberError::NotCanonical(common))
    }

    /// The bytes of the member.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, FirstMemberError> {
        self.check_limits()?;
        let plain = self
            .plain()
            .map_err(|_| FirstMemberError::NotCanonical(0))?;
        Ok(stored::encode(&plain))
    }

    fn plain(&self) -> Result<Vec<u8>, HeaderError> {
        let mut out = Vec::new();
        tar::append(&mut out, INDEX_NAME, &self.index)?;
        for (hex, signature) in &self.signatures {
            tar::append(&mut out, &format!("signatures/{hex}.sig"), signature)?;
        }
        for (hex, approval) in &self.approvals {
            tar::append(
                &mut out,
                &format!("approvals/{hex}.json"),
                &approval.statement,
            )?;
            tar::append(
                &mut out,
                &format!("approvals/{hex}.sig"),
                &approval.signature,
            )?;
        }
        Ok(out)
    }

    fn check_limits(&self) -> Result<(), LimitError> {
        let count = |what: &'static str, found: usize, limit: usize| {
            limits::at_most(|| what.to_owned(), found as u64, limit as u64)
        };
        count(
            "the size of the index in bytes",
            self.index.len(),
            limits::INDEX as usize,
        )?;
        count(
            "the number of signatures",
            self.signatures.len(),
            limits::SIGNATURES,
        )?;
        count(
            "the number of approvals",
            self.approvals.len(),
            limits::APPROVALS,
        )?;
        let approvals = self
            .approvals
            .values()
            .flat_map(|approval| [&approval.statement, &approval.signature]);
        for blob in self.signatures.values().chain(approvals) {
            count(
                "the size of a signature or approval in bytes",
                blob.len(),
                limits::SIGNATURE as usize,
            )?;
        }
        Ok(())
    }

    /// Splits the archive into its parts. Accepts forms that the comparison in [`Self::read`] then refuses.
    fn split(plain: &[u8]) -> Result<Self, FirstMemberError> {
        let mut parts = Self::default();
        let mut halves: BTreeMap<String, Halves> = BTreeMap::new();
        let mut index = None;
        let mut at = 0;
        while at < plain.len() {
            let error = move |problem| FirstMemberError::Entry { at, problem };
            let block = plain
                .get(at..)
                .and_then(|rest| rest.first_chunk::<{ tar::BLOCK as usize }>())
                .ok_or_else(|| error(HeaderProblem::NotTar))?;
            let (name, size) = tar::name_and_size(block)
                .ok_or_else(|| error(tar::problem(block, |_| Standing::Unknown)))?;
            let start = at + block.len();
            let content = usize::try_from(size)
                .ok()
                .and_then(|size| start.checked_add(size))
                .and_then(|end| plain.get(start..end))
                .ok_or_else(|| error(HeaderProblem::Size(size)))?
                .to_vec();
            at = start + content.len() + tar::padding(size) as usize;
            let full = match classify(&name) {
                Some(Part::Index) => index.replace(content).is_some(),
                Some(Part::Signature(hex)) => parts.signatures.insert(hex, content).is_some(),
                Some(Part::Statement(hex)) => {
                    halves.entry(hex).or_default().0.replace(content).is_some()
                }
                Some(Part::ApprovalSignature(hex)) => {
                    halves.entry(hex).or_default().1.replace(content).is_some()
                }
                None => return Err(error(tar::problem(block, |_| Standing::Unknown))),
            };
            if full {
                return Err(error(HeaderProblem::Duplicate(name)));
            }
        }
        parts.index = index.ok_or(FirstMemberError::Entry {
            at: 0,
            problem: HeaderProblem::Missing,
        })?;
        for (hex, half) in halves {
            let (Some(statement), Some(signature)) = half else {
                return Err(FirstMemberError::HalfApproval(format!("approvals/{hex}")));
            };
            let approval = RawApproval {
                statement,
                signature,
            };
            parts.approvals.insert(hex, approval);
        }
        Ok(parts)
    }
}

/// Statement and signature of an approval.
type Halves = (Option<Vec<u8>>, Option<Vec<u8>>);

enum Part {
    Index,
    Signature(String),
    Statement(String),
    ApprovalSignature(String),
}

fn classify(name: &str) -> Option<Part> {
    let hex = |text: &str| {
        from_hex(text)
            .is_some_and(|bytes| bytes.len() == 32)
            .then(|| text.to_owned())
    };
    if name == INDEX_NAME {
        return Some(Part::Index);
    }
    if let Some(file) = name.strip_prefix("signatures/") {
        return hex(file.strip_suffix(".sig")?).map(Part::Signature);
    }
    let file = name.strip_prefix("approvals/")?;
    if let Some(stem) = file.strip_suffix(".json") {
        return hex(stem).map(Part::Statement);
    }
    hex(file.strip_suffix(".sig")?).map(Part::ApprovalSignature)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(digit: char) -> String {
        digit.to_string().repeat(64)
    }

    fn sample() -> FirstMember {
        let approval = RawApproval {
            statement: b"{}\n".to_vec(),
            signature: b"s".to_vec(),
        };
        FirstMember {
            index: b"{\"a\":1}\n".to_vec(),
            signatures: [(hex('a'), b"one".to_vec()), (hex('0'), b"two".to_vec())].into(),
            approvals: [(hex('b'), approval)].into(),
        }
    }

    fn read_plain(plain: &[u8]) -> Result<FirstMember, FirstMemberError> {
        FirstMember::read(&mut &stored::encode(plain)[..])
    }

    #[test]
    fn what_is_written_is_read_and_the_next_member_is_left() {
        for parts in [
            sample(),
            FirstMember {
                index: b"x".to_vec(),
                ..FirstMember::default()
            },
        ] {
            let mut file = parts.to_bytes().unwrap();
            file.extend_from_slice(b"next");
            let mut reader = &file[..];
            assert_eq!(FirstMember::read(&mut reader).unwrap(), parts);
            assert_eq!(reader, b"next");
        }
    }

    #[test]
    fn every_changed_bit_gives_an_error_or_other_content_even_with_a_right_checksum() {
        let parts = sample();
        let plain = parts.plain().unwrap();
        assert_eq!(read_plain(&plain).unwrap(), parts);
        for position in 0..plain.len() {
            for bit in 0..8 {
                let mut bad = plain.clone();
                bad[position] ^= 1 << bit;
                if let Ok(read) = read_plain(&bad) {
                    assert_ne!(read, parts, "byte {position} bit {bit}");
                    assert_eq!(read.plain().unwrap(), bad, "byte {position} bit {bit}");
                }
            }
        }
    }

    #[test]
    fn an_entry_that_does_not_belong_there_is_named() {
        let with = |entries: &[(&str, &[u8])]| {
            let mut out = Vec::new();
            for (name, content) in entries {
                tar::append(&mut out, name, content).unwrap();
            }
            out
        };
        let signature = format!("signatures/{}.sig", hex('a'));
        let statement = format!("approvals/{}.json", hex('a'));
        let index = (INDEX_NAME, &b"x"[..]);
        let mut link = with(&[index]);
        let mut header = ::tar::Header::new_ustar();
        header.set_path(&signature).unwrap();
        header.set_entry_type(::tar::EntryType::Symlink);
        header.set_size(0);
        header.set_cksum();
        link.extend_from_slice(header.as_bytes());
        let mut ended = with(&[index]);
        ended.extend_from_slice(&tar::END);
        let mut padded = with(&[index]);
        *padded.last_mut().unwrap() = 1;
        let mut cut = with(&[index]);
        cut.truncate(520);
        let cases: &[(Vec<u8>, &str)] = &[
            (with(&[]), "missing"),
            (with(&[(&signature, b"s")]), "missing"),
            (with(&[index, index]), "second time"),
            (
                with(&[index, ("signatures/x.sig", b"s")]),
                "not in the index",
            ),
            (
                with(&[index, (&signature.to_uppercase(), b"s")]),
                "not in the index",
            ),
            (with(&[index, ("files/etc/x", b"s")]), "not in the index"),
            (with(&[(&signature, b"s"), index]), "canonical form"),
            (
                with(&[index, (&signature, b"s"), (&signature, b"t")]),
                "second time",
            ),
            (with(&[index, (&statement, b"s")]), "incomplete"),
            (link, "symbolic link"),
            (ended, "missing"),
            (padded, "canonical form"),
            (cut, "canonical form"),
        ];
        assert!(read_plain(&with(&[index, (&signature, b"s")])).is_ok());
        for (plain, expected) in cases {
            let error = read_plain(plain).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let many = |count: usize| FirstMember {
            index: b"x".to_vec(),
            signatures: (0..count)
                .map(|n| (format!("{n:064x}"), b"s".to_vec()))
                .collect(),
            approvals: BTreeMap::new(),
        };
        let long = |size: usize| FirstMember {
            index: b"x".to_vec(),
            signatures: [(hex('a'), vec![0; size])].into(),
            approvals: BTreeMap::new(),
        };
        let index = |size: usize| FirstMember {
            index: vec![b'x'; size],
            ..FirstMember::default()
        };
        let limit = limits::SIGNATURE as usize;
        for good in [many(32), long(limit), index(limits::INDEX as usize)] {
            assert!(read_plain(&good.plain().unwrap()).is_ok());
            assert!(good.to_bytes().is_ok());
        }
        for bad in [many(33), long(limit + 1), index(limits::INDEX as usize + 1)] {
            let plain = bad.plain().unwrap();
            assert!(matches!(
                read_plain(&plain),
                Err(FirstMemberError::Limit(_))
            ));
            assert!(matches!(bad.to_bytes(), Err(FirstMemberError::Limit(_))));
        }
    }
}
