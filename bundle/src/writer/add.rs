//! Adds a signature or an approval to a bundle.
//!
//! In: an intact bundle and what is added. Out: the same bundle with another first member; every later member is
//! copied byte for byte, and its digest checked on the way.

use std::io::{self, Read, Seek as _, SeekFrom, Write};

use sha2::{Digest as _, Sha256};

use super::WriteError;
use crate::approval::Approval;
use crate::digest::Sha256Digest;
use crate::frame::first::{FirstMember, RawApproval};
use crate::reader::{Bundle, Intact};
use crate::signature::{Namespace, Signature};

/// Writes `bundle` with an additional author signature.
///
/// # Errors
/// [`WriteError`] if the signature is not one over this bundle's index, its key has signed already, there are too many,
/// or reading and writing fails.
pub fn with_signature(
    bundle: Bundle<Intact>,
    signature: Signature,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let fingerprint = signature.public_key().fingerprint();
    signature
        .verify(Namespace::Bundle, bundle.index_bytes())
        .map_err(|source| WriteError::Signature {
            fingerprint,
            source,
        })?;
    let mut first = first_member(&bundle);
    let armored = signature.to_armored().into_bytes();
    if first
        .signatures
        .insert(fingerprint.hex(), armored)
        .is_some()
    {
        return Err(WriteError::AlreadySigned(fingerprint));
    }
    copy(bundle, &first, out)
}

/// Writes `bundle` with an additional approval.
///
/// # Errors
/// [`WriteError`] if the approval is not one of this bundle's index, its key has approved already, there are too many,
/// or reading and writing fails.
pub fn with_approval(
    bundle: Bundle<Intact>,
    approval: Approval,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let fingerprint = approval.fingerprint();
    let statement = approval
        .statement()
        .map_err(|source| WriteError::Approval {
            fingerprint,
            source: Box::new(source),
        })?;
    let index = Sha256Digest::of(bundle.index_bytes());
    if statement.index_sha256 != index {
        return Err(WriteError::OtherApproval {
            fingerprint,
            approved: statement.index_sha256,
            index,
        });
    }
    let mut first = first_member(&bundle);
    if first
        .approvals
        .insert(fingerprint.hex(), raw(&approval))
        .is_some()
    {
        return Err(WriteError::AlreadyApproved(fingerprint));
    }
    copy(bundle, &first, out)
}

fn raw(approval: &Approval) -> RawApproval {
    RawApproval {
        statement: approval.statement_bytes().to_vec(),
        signature: approval.signature().to_armored().into_bytes(),
    }
}

fn first_member(bundle: &Bundle<Intact>) -> FirstMember {
    let key = |signature: &Signature| signature.public_key().fingerprint().hex();
    FirstMember {
        index: bundle.index_bytes().to_vec(),
        signatures: bundle
            .signatures()
            .iter()
            .map(|signature| (key(signature), signature.to_armored().into_bytes()))
            .collect(),
        approvals: bundle
            .approvals()
            .iter()
            .map(|approval| (key(approval.signature()), raw(approval)))
            .collect(),
    }
}

fn copy(
    bundle: Bundle<Intact>,
    first: &FirstMember,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let member = first.to_bytes().map_err(WriteError::FirstMember)?;
    out.write_all(&member).map_err(WriteError::Write)?;
    let members = bundle.index().members.clone();
    let mut source = bundle.source;
    source
        .seek(SeekFrom::Start(bundle.first.size))
        .map_err(WriteError::Read)?;
    let mut buffer = vec![0; 64 * 1024];
    for member in members {
        let mut hasher = Sha256::new();
        let mut limited = (&mut source).take(member.size);
        let mut copied = 0;
        loop {
            let count = match limited.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(WriteError::Read(error)),
            };
            let part = buffer.get(..count).unwrap_or_default();
            hasher.update(part);
            out.write_all(part).map_err(WriteError::Write)?;
            copied += count as u64;
        }
        let digest = Sha256Digest::from_bytes(hasher.finalize().into());
        if copied != member.size || digest != member.sha256 {
            return Err(WriteError::SourceChanged);
        }
    }
    out.flush().map_err(WriteError::Write)
}
