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
/// If the bundle cannot be taken apart, or the index has no canonical form.
pub fn with_index(
    planned: &Planned,
    name: &str,
    unsigned: bool,
    change: impl FnOnce(&mut Value) -> Result<()>,
) -> Result<PathBuf> {
    let file = fs::read(&planned.bundle)?;
    let mut rest = file.as_slice();
    stored::decode(&mut rest, limits::FIRST_MEMBER)?;
    let intact = Bundle::open(Cursor::new(file.clone()))?.into_intact()?;
    let mut index: Value = serde_json::from_slice(intact.index_bytes())?;
    change(&mut index)?;
    let mut plan = index.clone();
    let fields = plan.as_object_mut().context("no object")?;
    for left_out in [
        "serial",
        "created",
        "planDigest",
        "sealed",
        "members",
        "planner",
    ] {
        fields.remove(left_out);
    }
    let digest = Sha256Digest::of_parts(&[b"kubeplan-plan/1\0", &canonical::to_vec(&plan)?]);
    index["planDigest"] = digest.to_string().into();
    let index = canonical::to_vec(&index)?;
    let mut first = Vec::new();
    tar::append(&mut first, "kubeplan.json", &index)?;
    if !unsigned {
        let key = fs::read(planned.path("author"))?;
        let key = PrivateKey::parse(&SecretBytes::new(key), None)?;
        let signature = key.sign(Namespace::Bundle, &index)?;
        let hex = signature.public_key().fingerprint().hex();
        tar::append(
            &mut first,
            &format!("signatures/{hex}.sig"),
            signature.to_armored().as_bytes(),
        )?;
    }
    let path = planned.path(name);
    fs::write(&path, [stored::encode(&first).as_slice(), rest].concat())?;
    Ok(path)
}
