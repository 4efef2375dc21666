//! Author, reviewer and receipt signatures: OpenSSH's SSHSIG, as `ssh-keygen -Y sign` makes them.
//!
//! In: OpenSSH key files, armored signatures, messages. Out: [`Signature`]s that have one written form, and
//! whether one holds. Whether its key is *trusted* is never decided here (see [`crate::policy`]), and no
//! message is ever interpreted.
//!
//! Keys: ed25519, ECDSA on P-256 and P-384, and `sk-ssh-ed25519` (hardware tokens) for verification. The
//! SSHSIG layout is OpenSSH's `PROTOCOL.sshsig`.

mod key;
mod private_key;
mod sshsig;

#[cfg(test)]
mod tests;

pub use key::{Fingerprint, KeyError, ParseFingerprintError, PublicKey};
pub use private_key::PrivateKey;
pub use sshsig::{MAX_ARMOR_SIZE, Namespace, Signature, SignatureError};

#[cfg(test)]
pub(crate) mod testing {
    //! Keys for the tests of this crate; deterministic, public, worthless.

    use super::PrivateKey;

    /// The ed25519 key whose seed is `seed` 32 times.
    pub(crate) fn ed25519(seed: u8) -> PrivateKey {
        PrivateKey::from_ed25519_seed(&[seed; 32], "test-only").unwrap()
    }
}
