//! Bytes that must not be seen: zeroised on drop, redacted in `Debug`, without `Display` or serde.
//!
//! A secret leaves this type only through [`SecretBytes::expose`], so every use can be found by name.

use std::fmt;

use zeroize::{Zeroize as _, Zeroizing};

/// Secret bytes of known length.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of `bytes`; they are zeroised when the secret is dropped.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Takes ownership of `text`; it is zeroised when the secret is dropped.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self::new(text.into_bytes())
    }

    /// Copies `bytes` and zeroises the original.
    #[must_use]
    pub fn take(bytes: &mut [u8]) -> Self {
        let secret = Self::new(bytes.to_vec());
        bytes.zeroize();
        secret
    }

    /// The bytes themselves. Callers must not log, format or copy them into unprotected memory.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes(<{} bytes>)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_only() {
        let secret = SecretBytes::from_text("hunter2".into());
        assert_eq!(format!("{secret:?}"), "SecretBytes(<7 bytes>)");
        assert_eq!(
            format!("{:#?}", Some(&secret)).matches("hunter2").count(),
            0
        );
    }

    #[test]
    fn taking_zeroises_the_original() {
        let mut original = *b"hunter2";
        assert_eq!(SecretBytes::take(&mut original).expose(), b"hunter2");
        assert_eq!(original, [0; 7]);
    }
}
