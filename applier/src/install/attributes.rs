//! What is compared of a file on the host besides its content: size, owner, mode.

use kubeplan_bundle::mode::FileMode;

use crate::host::{FileMeta, Owner, Root};

/// The largest file that is compared; no entry of a bundle is larger.
pub(super) const LIMIT: u64 = 16 * 1024 * 1024;

/// Whether `found` is the planned owner. Without privileges every file belongs to the invoking user, and
/// there is nothing to compare.
pub(super) fn owner_fits(root: &Root, found: Owner, planned: Owner) -> bool {
    !root.is_privileged() || found == planned
}

/// The bits of a mode that came from the host, if a record can hold them.
pub(super) fn file_mode(meta: FileMeta) -> Option<FileMode> {
    u16::try_from(meta.mode).ok().and_then(FileMode::from_bits)
}
