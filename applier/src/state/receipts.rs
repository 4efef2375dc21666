//! `receipts/`: what this host says it installed, one receipt for each bundle, under `/var/lib/kubeplan`.
//!
//! In: the bytes of a receipt, perhaps a signature. Out: both, durably. A receipt is replaced by that of a later
//! installation of the same bundle; its signature is there before it is, so that no signed receipt is ever seen without.

use kubeplan_bundle::digest::Sha256Digest;
use kubeplan_bundle::index::Index;

use super::{DIRECTORY, StateError};
use crate::host::ownership::Guarded;
use crate::host::{Actions, Found, Root, RootPath};

pub(super) const RECEIPTS: &str = "receipts";

/// Where the receipt for a bundle lies: `<cluster>-<node>-<serial>-<start of the index's digest>.json`.
#[must_use]
pub(crate) fn path(index: &Index, index_digest: Sha256Digest) -> RootPath {
    let (cluster, node) = (&index.cluster.name, &index.node.name);
    let digest = index_digest.to_string();
    let short = digest.get(..12).unwrap_or_default();
    let name = format!("{cluster}-{node}-{}-{short}.json", index.serial);
    DIRECTORY.join(RECEIPTS).join(&name)
}

/// Whether there is a receipt, and, if one is asked for, a signature.
///
/// # Errors
/// [`StateError`].
pub(crate) fn exists(root: &Root, path: &RootPath, signed: bool) -> Result<bool, StateError> {
    let Some(dir) = Guarded::open(root, &path.parent())? else {
        return Ok(false);
    };
    let there = |name: &str| Ok::<_, StateError>(dir.directory().inspect(name)? != Found::Missing);
    Ok(there(path.file_name())? && (!signed || there(&signature_name(path))?))
}

/// Keeps a receipt and its signature.
///
/// # Errors
/// [`StateError`].
pub(crate) fn store(
    root: &Root,
    actions: &Actions,
    path: &RootPath,
    receipt: &[u8],
    signature: Option<&str>,
) -> Result<(), StateError> {
    let dir = Guarded::ensure(root, actions, &path.parent(), 0o700)?;
    let dir = dir.directory();
    let name = signature_name(path);
    match signature {
        Some(signature) => actions.replace_file(dir, &name, signature.as_bytes(), 0o600)?,
        // One over other bytes would only mislead.
        None if dir.inspect(&name)? != Found::Missing => {
            actions.remove_file(dir, &name)?;
        }
        None => {}
    }
    actions.replace_file(dir, path.file_name(), receipt, 0o600)?;
    Ok(())
}

fn signature_name(path: &RootPath) -> String {
    format!("{}.sig", path.file_name())
}
