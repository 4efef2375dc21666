//! The name of a service of the host.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The name of a service of the host: letters, digits, `-`, `_`, `.` and `@`, at most 60, no `-` or `.` first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

/// The text is not a valid service name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a valid service name (letters, digits, `-`, `_`, `.`, `@`, at most 60)")]
pub struct ParseServiceError(String);

impl ServiceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = ParseServiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@');
        let valid = text.len() <= 60
            && text.bytes().all(plain)
            && text
                .bytes()
                .next()
                .is_some_and(|b| !matches!(b, b'-' | b'.'));
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseServiceError(text.escape_debug().take(80).collect()))
        }
    }
}

text_form!(ServiceName, ParseServiceError);

text_display!(ServiceName);
