//! Adds a signature or an approval to a bundle, and makes public parts.
//!
//! In: a verified bundle and what is added. Out: the same bundle with another first member; every later member is
//! the same byte for byte, and its digests are checked on the way. [`public_part`] leaves the sealed part out.

use std::io::{self, Read, Seek as _, SeekFrom, Write};

use super::WriteError;
use crate::approval::Approval;
use crate::digest::Sha256Digest;
use crate::frame::first::{FirstMember, RawApproval};
use crate::frame::{single, tar};
use crate::index::{EntryName, layout};
use crate::reader::{Bundle, Public};
use crate::signature::{Namespace, Signature};
use crate::verify::SEALED_NAME;

/// Writes `bundle` with an additional author signature.
///
/// # Errors
/// [`WriteError`] if the signature is not one over this bundle's index, its key has signed already, there are too many,
/// or reading and writing fails.
pub fn with_signature(
    bundle: Bundle<Public>,
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
    bundle: Bundle<Public>,
    approval: Approval,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    with_approvals(bundle, vec![approval], out)
}

/// Writes `bundle` with additional approvals.
///
/// # Errors
/// As for [`with_approval`].
pub fn with_approvals(
    bundle: Bundle<Public>,
    approvals: Vec<Approval>,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let mut first = first_member(&bundle);
    for approval in &approvals {
        add(&mut first, approval)?;
    }
    copy(bundle, &first, out)
}

fn add(first: &mut FirstMember, approval: &Approval) -> Result<(), WriteError> {
    let fingerprint = approval.fingerprint();
    let statement = approval
        .statement()
        .map_err(|source| WriteError::Approval {
            fingerprint,
            source: Box::new(source),
        })?;
    let index = Sha256Digest::of(&first.index);
    if statement.index_sha256 != index {
        return Err(WriteError::OtherApproval {
            fingerprint,
            approved: statement.index_sha256,
            index,
        });
    }
    match first.approvals.insert(fingerprint.hex(), raw(approval)) {
        None => Ok(()),
        Some(_) => Err(WriteError::AlreadyApproved(fingerprint)),
    }
}

fn raw(approval: &Approval) -> RawApproval {
    RawApproval {
        statement: approval.statement_bytes().to_vec(),
        signature: approval.signature().to_armored().into_bytes(),
    }
}

fn first_member(bundle: &Bundle<Public>) -> FirstMember {
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

/// Writes `bundle` without its sealed part, or as it is if it has none.
///
/// # Errors
/// [`WriteError`] if reading and writing fails.
pub fn public_part(bundle: Bundle<Public>, out: &mut dyn Write) -> Result<(), WriteError> {
    let first = first_member(&bundle);
    rewrite(bundle, &first, false, out)
}

fn copy(
    bundle: Bundle<Public>,
    first: &FirstMember,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    rewrite(bundle, first, true, out)
}

/// Writes the bundle with another first member. What was verified is compared again on the way: the file may have changed since.
fn rewrite(
    mut bundle: Bundle<Public>,
    first: &FirstMember,
    with_sealed: bool,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let layout = layout(bundle.index()).map_err(WriteError::Size)?;
    let member = first.to_bytes().map_err(WriteError::FirstMember)?;
    out.write_all(&member).map_err(WriteError::Write)?;
    bundle
        .source
        .seek(SeekFrom::Start(bundle.first.size))
        .map_err(WriteError::Read)?;
    let mut small = Vec::new();
    (&mut bundle.source)
        .take(layout.small)
        .read_to_end(&mut small)
        .map_err(WriteError::Read)?;
    let digest = Sha256Digest::of(&small);
    let members = &bundle.index().members;
    if members.iter().any(|member| member.sha256 != digest) {
        return Err(WriteError::SourceChanged);
    }
    out.write_all(&small).map_err(WriteError::Write)?;
    if let Some(sealed) = bundle.sealed().filter(|_| with_sealed) {
        out.write_all(&single::member(SEALED_NAME, sealed)?)
            .map_err(WriteError::Write)?;
    }
    let items: Vec<_> = bundle.index().payloads.clone();
    for item in items {
        copy_payload(&mut bundle, &item.name, out)?;
    }
    out.write_all(&single::end()).map_err(WriteError::Write)?;
    out.flush().map_err(WriteError::Write)
}

/// Writes the member of a payload item, each chunk of which is checked again.
fn copy_payload(
    bundle: &mut Bundle<Public>,
    name: &EntryName,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let mut item = bundle
        .payload(name)
        .map_err(|_| WriteError::SourceChanged)?;
    let size = item.size();
    let header = tar::header(name.as_str(), size)?;
    let mut member = single::writer(out, &header, size).map_err(WriteError::Write)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let part = match item.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => buffer.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Err(WriteError::SourceChanged),
        };
        member.write_all(part).map_err(WriteError::Write)?;
    }
    single::finish(member, size).map_err(WriteError::Write)?;
    Ok(())
}
