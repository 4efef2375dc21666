//! One line for the user.

use std::fmt;

/// One line for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something the user should look at.
    Warning(String),
    /// Something the user may want to know.
    Note(String),
}

impl Notice {
    /// The text, without `warning:` or `note:`.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Warning(text) | Self::Note(text) => text,
        }
    }

    pub(super) fn map(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Warning(text) => Self::Warning(change(text)),
            Self::Note(text) => Self::Note(change(text)),
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Warning(_) => "warning",
            Self::Note(_) => "note",
        };
        write!(f, "{word}: {}", self.text())
    }
}
