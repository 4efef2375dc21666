//! Compares the plain bytes of a member with the index.
//!
//! In: a reader of plain bytes, and from the index the name and size of each entry. Out: contents, or the first thing
//! that differs. No length is ever taken from the archive, so a walk reads and reserves only what the index says.

use std::io::{self, Read};

use super::stored::StoredError;
use super::tar::{self, HeaderError, HeaderProblem, Standing};

/// Why the plain bytes of a member are refused.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The entry's header.
    #[error("where `{name}` is expected, {problem}")]
    Entry {
        /// The entry that was expected.
        name: String,
        /// What is there.
        problem: HeaderProblem,
    },
    /// The member ends inside an entry.
    #[error("it ends inside `{0}`")]
    EndsInside(String),
    /// A byte after the content is not zero.
    #[error("the padding after `{0}` is not zero")]
    Padding(String),
    /// Something after the last entry.
    #[error("after its last entry, {0}")]
    After(HeaderProblem),
    /// A stored member has another frame.
    #[error("it is not stored in the canonical form")]
    Stored(#[source] StoredError),
    /// The name does not fit a header at all.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The bytes cannot be read or inflated.
    #[error("it cannot be inflated")]
    Inflate(#[source] io::Error),
}

impl WalkError {
    /// The error of the reader below.
    fn of(error: io::Error) -> Self {
        match error.downcast::<StoredError>() {
            Ok(error) => Self::Stored(error),
            Err(error) => Self::Inflate(error),
        }
    }
}

/// A walk over one member.
pub(crate) struct Walk<R> {
    reader: R,
}

impl<R: Read> Walk<R> {
    pub(crate) const fn new(reader: R) -> Self {
        Self { reader }
    }

    /// Reads the header that must be next.
    pub(crate) fn header(
        &mut self,
        name: &str,
        size: u64,
        standing: impl FnOnce(&str) -> Standing,
    ) -> Result<(), WalkError> {
        let expected = tar::header(name, size)?;
        let entry = |problem| WalkError::Entry {
            name: name.to_owned(),
            problem,
        };
        let mut found = [0; tar::BLOCK as usize];
        match self.fill(&mut found)? {
            0 => Err(entry(HeaderProblem::Missing)),
            count if count < found.len() => Err(WalkError::EndsInside(name.to_owned())),
            _ if found == expected => Ok(()),
            _ => Err(entry(tar::problem(&found, standing))),
        }
    }

    /// Fills `buffer` with content of the entry `name`.
    pub(crate) fn content(&mut self, name: &str, buffer: &mut [u8]) -> Result<(), WalkError> {
        if self.fill(buffer)? == buffer.len() {
            Ok(())
        } else {
            Err(WalkError::EndsInside(name.to_owned()))
        }
    }

    /// Reads the zeros after the content of the entry `name`, which has `size` bytes.
    pub(crate) fn padding(&mut self, name: &str, size: u64) -> Result<(), WalkError> {
        let mut zeros = [0; tar::BLOCK as usize];
        let wanted = tar::padding(size) as usize;
        let found = zeros.get_mut(..wanted).unwrap_or_default();
        self.content(name, found)?;
        if found.iter().all(|byte| *byte == 0) {
            Ok(())
        } else {
            Err(WalkError::Padding(name.to_owned()))
        }
    }

    /// Reads the end of the member: nothing comes after its last entry.
    pub(crate) fn finish(
        mut self,
        standing: impl FnOnce(&str) -> Standing,
    ) -> Result<R, WalkError> {
        let mut block = [0; tar::BLOCK as usize];
        match self.fill(&mut block)? {
            0 => Ok(self.reader),
            _ => Err(WalkError::After(tar::problem(&block, standing))),
        }
    }

    /// The reader below, wherever it is.
    pub(crate) fn into_reader(self) -> R {
        self.reader
    }

    /// Reads until `buffer` is full or the member ends; says how much that was.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, WalkError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(WalkError::of(error)),
            }
        }
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, &[u8])], end: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in entries {
            tar::append(&mut out, name, content).unwrap();
        }
        out.extend_from_slice(end);
        out
    }

    /// Walks `files/a` with `abc` as the only entry.
    fn walk(plain: &[u8]) -> Result<(), WalkError> {
        let standing = |name: &str| match name {
            "files/a" => Standing::Expected,
            _ => Standing::Unknown,
        };
        let mut walk = Walk::new(plain);
        walk.header("files/a", 3, standing)?;
        let mut content = [0; 3];
        walk.content("files/a", &mut content)?;
        assert_eq!(&content, b"abc");
        walk.padding("files/a", 3)?;
        walk.finish(|name| match name {
            "files/a" => Standing::Before,
            _ => Standing::Unknown,
        })?;
        Ok(())
    }

    #[test]
    fn exactly_the_expected_bytes_pass() {
        walk(&archive(&[("files/a", b"abc")], &[])).unwrap();
    }

    #[test]
    fn everything_else_is_named() {
        let one: &[(&str, &[u8])] = &[("files/a", b"abc")];
        let mut dirty = archive(one, &[]);
        *dirty.last_mut().unwrap() = 1;
        let mut cut = archive(one, &[]);
        cut.pop();
        let cases: &[(Vec<u8>, &str)] = &[
            (archive(&[], &[]), "missing"),
            (archive(&[], &tar::END), "missing"),
            (
                archive(&[("files/b", b"abc")], &[]),
                "`files/b`, which is not in the index",
            ),
            (archive(&[("files/a", b"abcd")], &[]), "declares 4 bytes"),
            (dirty, "padding"),
            (cut, "ends inside"),
            (archive(one, &tar::END), "after its last entry"),
            (archive(one, &[0; 1]), "after its last entry"),
            (archive(one, b"x"), "after its last entry"),
            (
                archive(&[one[0], ("files/b", b"")], &[]),
                "`files/b`, which is not in the index",
            ),
            (archive(&[one[0], one[0]], &[]), "second time"),
        ];
        for (plain, expected) in cases {
            let error = walk(plain).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        for length in 0..archive(one, &[]).len() {
            assert!(walk(&archive(one, &[])[..length]).is_err());
        }
    }
}
