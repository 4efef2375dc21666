//! What to do about one certificate of the key store.

use std::borrow::Cow;

use super::certificate::Certificate;
use super::keys::PrivateKey;

/// A certificate of the store that matches.
#[derive(Debug)]
pub struct Kept {
    /// The certificate.
    pub certificate: Certificate,
    /// Its key; `None` only for an external CA.
    pub key: Option<PrivateKey>,
    /// Supplied by the user.
    pub user_supplied: bool,
}

/// A certificate that must be issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Why, for the summary.
    pub why: Cow<'static, str>,
    /// Whether it replaces an earlier one.
    pub replaces: bool,
}

/// What to do about one certificate.
#[derive(Debug)]
pub enum Verdict {
    /// Keep it.
    Keep(Box<Kept>),
    /// Issue it.
    Issue(Wanted),
}

impl Verdict {
    /// Whether nothing has to be made.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Keep(_))
    }
}

/// The certificate, if the CA is external.
pub(super) fn external(verdict: &Verdict) -> Option<&Certificate> {
    match verdict {
        Verdict::Keep(kept) if kept.key.is_none() => Some(&kept.certificate),
        _ => None,
    }
}
