//! Limits of a YAML text with its aliases replaced, the same in both programs.
//!
//! In: what a reader is about to build, before it builds it. Out: permission, or the limit that it would exceed. An alias (`*name`) counts as
//! often as it occurs, with all the bytes and values that it stands for, so a short text cannot stand for a large one. One [`Budget`] is for
//! everything of one kind that a run reads: all configuration files together, the stored documents of a cluster together. Nothing here parses.

/// The deepest nesting.
pub const MAX_DEPTH: usize = 64;

/// The most values, aliases replaced: a cluster of 1,000 nodes has some 40,000.
pub const MAX_VALUES: usize = 100_000;

/// The most bytes of text in keys and values, aliases replaced.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The most documents.
pub const MAX_DOCUMENTS: usize = 1000;

/// The longest key, in bytes: the name of a label or annotation of Kubernetes has at most 317.
pub const MAX_KEY: usize = 400;

/// The most aliases: each is small, and all of them are written in the text.
pub const MAX_ALIASES: usize = 50_000;

/// Which limit a text passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// [`MAX_VALUES`].
    #[error("more than {MAX_VALUES} values, counting what each alias stands for")]
    Values,
    /// [`MAX_BYTES`].
    #[error("more than {MAX_BYTES} bytes of text, counting what each alias stands for")]
    Bytes,
    /// [`MAX_DOCUMENTS`].
    #[error("more than {MAX_DOCUMENTS} documents")]
    Documents,
    /// [`MAX_KEY`].
    #[error("a key of more than {MAX_KEY} bytes")]
    Key,
    /// [`MAX_ALIASES`].
    #[error("more than {MAX_ALIASES} aliases")]
    Aliases,
}

impl OverBudget {
    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Depth => "remove the levels that no field has",
            Self::Values | Self::Bytes | Self::Aliases => {
                "an alias (`*name`) counts with everything it stands for: remove those that repeat large values"
            }
            Self::Documents => "remove the documents that are not needed",
            Self::Key => "look for a quote or a line end that is missing",
        }
    }
}

/// What is left of the limits.
#[derive(Clone, Debug)]
pub struct Budget {
    values: usize,
    bytes: usize,
    documents: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            values: MAX_VALUES,
            bytes: MAX_BYTES,
            documents: MAX_DOCUMENTS,
        }
    }
}

impl Budget {
    /// Takes `values` values and `bytes` bytes of text.
    ///
    /// # Errors
    /// [`OverBudget`] if so much is not left.
    pub const fn take(&mut self, values: usize, bytes: usize) -> Result<(), OverBudget> {
        let Some(values) = self.values.checked_sub(values) else {
            return Err(OverBudget::Values);
        };
        let Some(bytes) = self.bytes.checked_sub(bytes) else {
            return Err(OverBudget::Bytes);
        };
        self.values = values;
        self.bytes = bytes;
        Ok(())
    }

    /// Takes one document.
    ///
    /// # Errors
    /// [`OverBudget::Documents`].
    pub const fn take_document(&mut self) -> Result<(), OverBudget> {
        match self.documents.checked_sub(1) {
            Some(documents) => {
                self.documents = documents;
                Ok(())
            }
            None => Err(OverBudget::Documents),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_what_is_refused_is_not() {
        let mut budget = Budget::default();
        assert_eq!(budget.take(MAX_VALUES, MAX_BYTES - 1), Ok(()));
        assert_eq!(budget.take(1, 0), Err(OverBudget::Values));
        assert_eq!(budget.take(0, 2), Err(OverBudget::Bytes));
        assert_eq!(budget.take(0, 1), Ok(()));
        for _ in 0..MAX_DOCUMENTS {
            assert_eq!(budget.take_document(), Ok(()));
        }
        assert_eq!(budget.take_document(), Err(OverBudget::Documents));
    }
}
