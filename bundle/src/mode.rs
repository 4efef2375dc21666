//! Permission bits as an octal string.
//!
//! A bundle cannot hold set-user-ID, set-group-ID and sticky bits, so this type cannot express them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Nine permission bits, written as four octal digits such as `0600`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileMode(u16);

/// The text is not four octal digits between `0000` and `0777`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a file mode (four octal digits, `0000` to `0777`)")]
pub struct ParseModeError(String);

impl FileMode {
    /// The owner reads and writes, other users have no access.
    pub const PRIVATE: Self = Self(0o600);
    /// The owner reads and writes, the group reads.
    pub const GROUP_READABLE: Self = Self(0o640);
    /// The owner reads and writes, every user reads.
    pub const PUBLIC: Self = Self(0o644);
    /// A directory that only its owner may use.
    pub const PRIVATE_DIRECTORY: Self = Self(0o700);
    /// A directory that every user may list and enter.
    pub const PUBLIC_DIRECTORY: Self = Self(0o755);

    /// The bits, as for `chmod`.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// From bits; `None` if any bit outside `0777` is set.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !0o777 == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }
}

impl FromStr for FileMode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        (text.len() == 4 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| u16::from_str_radix(text, 8).ok())
            .flatten()
            .and_then(Self::from_bits)
            .ok_or_else(|| ParseModeError(text.chars().take(20).collect()))
    }
}

text_form!(FileMode, ParseModeError);

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl fmt::Debug for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_octal_digits_and_nothing_else() {
        assert_eq!("0600".parse::<FileMode>().unwrap(), FileMode::PRIVATE);
        assert_eq!(FileMode::PUBLIC_DIRECTORY.to_string(), "0755");
        for bad in [
            "", "600", "00600", "0800", "4755", "1777", "0o600", "-600", "+600",
        ] {
            assert!(bad.parse::<FileMode>().is_err(), "{bad}");
        }
    }
}
