//! Redacted twins: the public text of a secret, with the secret values replaced by `<sealed>`.
//!
//! In: the class of a secret and its plaintext. Out: the twin, the same on every machine. A class is a closed list of places.
//! A value at any other place is refused, not hidden, so that a twin shows everything but the secret values. This module does not use a
//! YAML or JSON library: it reads the text itself, accepts plain forms only, and refuses whatever two readers could understand
//! differently (block scalars, flow collections, quoted keys, anchors, tags, comments, escapes in public values, a key twice).
//! Placeholders of holes are constants and stay. Last, the twin is searched for the values that were replaced: a text that repeats a
//! secret in a public place is refused.
//!
//! What stays visible of a secret: the names of keys, the number and order of lines, the labels of PEM blocks, the users of registries.

mod pem;
mod registry_auth;
mod schema;
mod yaml;

use std::collections::BTreeSet;
use std::ops::Bound;

use crate::index::SecretClass;

/// What stands for a secret value.
pub const PLACEHOLDER: &str = "<sealed>";

/// The largest text that is redacted, in bytes.
pub const MAX_SIZE: usize = 4 * 1024 * 1024;

/// The most lines of a text that is redacted.
pub const MAX_LINES: usize = 10_000;

/// A replaced value at least this long must not appear elsewhere in the twin, in bytes. Shorter ones (`true`, `0`) do so
/// by chance.
const MIN_SEARCHED: usize = 8;

/// The twin is searched for this many bytes of a replaced value, its first ones: the search takes time in proportion to the twin.
const MAX_SEARCHED: usize = 64;

/// Why a secret cannot be redacted. Never holds any of the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of a secret of class `{class}` cannot be redacted: {reason}")]
pub struct RedactError {
    /// The line's number, from 1; 0 for the text as a whole.
    pub line: usize,
    /// The class.
    pub class: SecretClass,
    /// The reason.
    pub reason: Reason,
}

/// Why a line cannot be redacted.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Larger than [`MAX_SIZE`], or more lines than [`MAX_LINES`].
    #[error("the text is larger than {MAX_SIZE} bytes or {MAX_LINES} lines")]
    TooLarge,
    /// Bytes that could hide a line break, or do not belong in text.
    #[error(
        "only printable ASCII and line feeds are accepted, and the last line ends with a line feed"
    )]
    Characters,
    /// Not `key: value`, `key:`, `- key: value` or `- value`.
    #[error(
        "expected `key: value` with a plain key; comments, document markers, anchors, tags and quoted keys are refused"
    )]
    Shape,
    /// A value that does not end on its line, or is not a plain or quoted text.
    #[error("the value is not a plain or quoted text on one line")]
    Value,
    /// Indentation that does not follow from the lines before.
    #[error("the indentation does not fit the lines above")]
    Indentation,
    /// A key that occurs twice.
    #[error("a key occurs twice")]
    Duplicate,
    /// A place that the class does not have: it could neither be shown nor hidden.
    #[error("a secret of this class has no such field")]
    Field,
    /// A document of another kind than the class is for.
    #[error("expected `apiVersion: {api_version}` and `kind: {kind}`, written without escapes")]
    Kind {
        /// The only `apiVersion` of the class.
        api_version: &'static str,
        /// The only `kind` of the class.
        kind: &'static str,
    },
    /// A public value that is written with escapes.
    #[error("a public value is written with escapes; write it without them")]
    Escapes,
    /// An address that holds a user or a token.
    #[error("the address has a user, a query or a fragment, which may hold a secret; remove it")]
    Credentials,
    /// A replaced value is shown in a public place.
    #[error("a sealed value also occurs in a public place")]
    Repeated,
    /// Not a PEM private key.
    #[error(
        "expected one PEM private key, base64 in lines of one length up to 76 columns, and nothing else"
    )]
    Pem,
    /// An encrypted private key.
    #[error(
        "the private key is encrypted, so it cannot be compared with its certificate; decrypt it with `openssl pkey`"
    )]
    EncryptedKey,
    /// Not the credentials of container registries.
    #[error(
        "expected `{{\"auths\": {{\"HOST\": {{\"auth\": \"BASE64\"}}}}}}`, without other fields and without escapes"
    )]
    RegistryAuth,
    /// An `auth` that does not match the fields beside it.
    #[error(
        "`auth` is not the base64 form of `user:password`, or names another user than `username`"
    )]
    RegistryUser,
}

/// A line's number, from 1, and what is wrong there.
type Failure = (usize, Reason);

/// The redacted twin of `plaintext`.
///
/// # Errors
/// [`RedactError`] if the text is not in the form that its class accepts.
pub fn twin(class: SecretClass, plaintext: &[u8]) -> Result<Vec<u8>, RedactError> {
    let of_yaml = |schema| plain_text(plaintext).and_then(|text| yaml::twin(text, schema));
    match class {
        SecretClass::PrivateKey => pem::twin(plaintext),
        SecretClass::Kubeconfig => of_yaml(&schema::KUBECONFIG),
        SecretClass::SecretObject => of_yaml(&schema::SECRET),
        SecretClass::EncryptionConfig => of_yaml(&schema::ENCRYPTION_CONFIG),
        SecretClass::RegistryAuth => registry_auth::twin(plaintext),
    }
    .map(String::into_bytes)
    .map_err(|(line, reason)| RedactError {
        line,
        class,
        reason,
    })
}

/// Printable ASCII in lines. Refuses every other line break that YAML knows (CR, NEL, LS, PS) and tabs.
fn plain_text(bytes: &[u8]) -> Result<&str, Failure> {
    if bytes.len() > MAX_SIZE {
        return Err((0, Reason::TooLarge));
    }
    let mut line = 1;
    for byte in bytes {
        match byte {
            b'\n' => line += 1,
            0x20..=0x7e => {}
            _ => return Err((line, Reason::Characters)),
        }
    }
    if line > MAX_LINES {
        return Err((0, Reason::TooLarge));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.ends_with('\n') => Ok(text),
        _ => Err((line, Reason::Characters)),
    }
}

/// Refuses a twin that shows the beginning of a value that was replaced.
fn nothing_is_repeated(twin: &str, sealed: &BTreeSet<&str>) -> Result<(), Failure> {
    let mut searched: BTreeSet<&[u8]> = BTreeSet::new();
    for value in sealed {
        let value = value.as_bytes();
        let head = value.get(..MAX_SEARCHED).unwrap_or(value);
        // They come sorted, so what begins with a shorter one comes after it; the shorter one finds both.
        if head.len() >= MIN_SEARCHED
            && value != PLACEHOLDER.as_bytes()
            && !searched
                .last()
                .is_some_and(|shorter| head.starts_with(shorter))
        {
            searched.insert(head);
        }
    }
    for (position, line) in twin.lines().enumerate() {
        let line = line.as_bytes();
        for start in 0..line.len() {
            let rest = line.get(start..).unwrap_or_default();
            // No value begins with another value, so `rest` can only begin with the last value that is not after it.
            let bounds = (Bound::Unbounded, Bound::Included(rest));
            if let Some(value) = searched.range::<[u8], _>(bounds).next_back()
                && rest.starts_with(value)
            {
                return Err((position + 1, Reason::Repeated));
            }
        }
    }
    Ok(())
}

/// An address can carry a user, a password or a token.
fn has_credentials(address: &str) -> bool {
    address.contains(['@', '?', '#'])
}

#[cfg(test)]
mod tests;
