//! The bytes of a bundle's entries: public ones as they are in the bundle, secret ones after unsealing.

use kubeplan_bundle::index::EntryName;
use kubeplan_bundle::reader::{Bundle, Trusted};
use kubeplan_bundle::unseal::Unsealed;

/// Where bytes are found: public ones by entry name, secret ones after unsealing.
pub(crate) trait Contents {
    /// The bytes of a public entry or a twin.
    fn public(&self, name: &EntryName) -> Option<&[u8]>;
    /// The bytes of a sealed entry.
    fn secret(&self, name: &EntryName) -> Option<&[u8]>;
}

/// The bytes of a bundle's entries.
pub(crate) struct BundleContents<'a> {
    /// The public ones.
    pub(crate) bundle: &'a Bundle<Trusted>,
    /// The secret ones; absent if the bundle seals nothing.
    pub(crate) unsealed: Option<&'a Unsealed>,
}

impl Contents for BundleContents<'_> {
    fn public(&self, name: &EntryName) -> Option<&[u8]> {
        self.bundle.public(name)
    }

    fn secret(&self, name: &EntryName) -> Option<&[u8]> {
        self.unsealed?.content(name).map(|secret| secret.expose())
    }
}
