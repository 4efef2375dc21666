//! Bundles whose index no writer would write, signed by a trusted author.
//!
//! Everything but the index, the plan digest in it and its signature is as it was.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use kubeplan_bundle::canonical;
use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::frame::{stored, tar};
use kubeplan_bundle::limits;
use kubeplan_bundle::reader::Bundle;
use kubeplan_bundle::secret::SecretBytes;
use kubeplan_bundle::signature::{Namespace, PrivateKey};
use serde_json::Value;

use crate::planned::Planned;

/// The bundle of `planned` with an index that `change` has changed, beside it; signed by its author unless `unsigned`.
///
/// # Errors
/// If the bundle cannot be read, or the index has no canonical form.
pub fn with_index(
    planned: &Planned,
    name: &str,
    unsigned: bool,
    change: impl FnOnce(&mut Value) -> Result<()>,
) -> Result<PathBuf> {
    let key = SecretBytes::new(fs::read(planned.path("author"))?);
    let author = PrivateKey::parse(&key, None)?;
    let author = (!unsigned).then_some(&author);
    let path = planned.path(name);
    fs::write(&path, rewrite(&fs::read(&planned.bundle)?, author, change)?)?;
    Ok(path)
}

/// The bundle of `planned` with the text of its index as `change` returns it, beside it; unsigned.
///
/// # Errors
/// If the bundle cannot be read.
pub fn with_text(
    planned: &Planned,
    name: &str,
    change: impl FnOnce(&str) -> String,
) -> Result<PathBuf> {
    let file = fs::read(&planned.bundle)?;
    let rest = after_first(&file)?;
    let intact = Bundle::open(Cursor::new(file.clone()))?.into_intact()?;
    let index = change(std::str::from_utf8(intact.index_bytes())?);
    let mut first = Vec::new();
    tar::append(&mut first, "kubeplan.json", index.as_bytes())?;
    let path = planned.path(name);
    fs::write(&path, [stored::encode(&first).as_slice(), rest].concat())?;
    Ok(path)
}

/// What follows the first member of a bundle.
///
/// # Errors
/// If the file does not begin with one.
pub fn after_first(file: &[u8]) -> Result<&[u8]> {
    let mut rest = file;
    stored::decode(&mut rest, limits::FIRST_MEMBER)?;
    Ok(rest)
}

/// The bundle `file` with an index that `change` has changed, signed by `author` alone.
///
/// # Errors
/// If the bundle cannot be read, or the index has no canonical form.
pub fn rewrite(
    file: &[u8],
    author: Option<&PrivateKey>,
    change: impl FnOnce(&mut Value) -> Result<()>,
) -> Result<Vec<u8>> {
    let rest = after_first(file)?;
    let intact = Bundle::open(Cursor::new(file.to_vec()))?.into_intact()?;
    let mut index: Value = serde_json::from_slice(intact.index_bytes())?;
    change(&mut index)?;
    let fields = index.as_object_mut().context("the index is an object")?;
    let mut plan = fields.clone();
    for left_out in [
        "serial",
        "created",
        "planDigest",
        "sealed",
        "sources",
        "members",
        "planner",
    ] {
        plan.remove(left_out);
    }
    let digest = Sha256Digest::of_parts(&[b"kubeplan-plan/1\0", &canonical::to_vec(&plan)?]);
    fields.insert("planDigest".to_owned(), digest.to_string().into());
    let index = canonical::to_vec(&index)?;
    let mut first = Vec::new();
    tar::append(&mut first, "kubeplan.json", &index)?;
    if let Some(author) = author {
        let signature = author.sign(Namespace::Bundle, &index)?;
        let hex = signature.public_key().fingerprint().hex();
        tar::append(
            &mut first,
            &format!("signatures/{hex}.sig"),
            signature.to_armored().as_bytes(),
        )?;
    }
    Ok([stored::encode(&first).as_slice(), rest].concat())
}
