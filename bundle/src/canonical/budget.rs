//! How much a JSON document may hold, counted on its bytes before a parser builds anything from them.
//!
//! In: the bytes of a document, in pieces or at once. Out: the number of its values, or an error once there are too many
//! or they nest too deep. The bytes need not be JSON: a parser reads from the left and stops at the first fault, and up to
//! there the count is right.

use std::io;

use super::CanonicalError;

/// How deep a document may nest.
pub(super) const MAX_DEPTH: usize = 16;

/// How many values a document may hold: objects, arrays, texts, numbers and flags; keys are not counted.
///
/// A parsed value takes up to about 300 bytes, whatever it is parsed into. 50,000 entries of an index are 450,000 values.
pub(super) const MAX_VALUES: usize = 500_000;

/// Counts the values of the bytes that are written to it, and keeps none of them.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    values: usize,
    depth: usize,
    place: Place,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Between,
    /// Inside a number, `true`, `false` or `null`.
    Scalar,
    Text,
    /// After a backslash in a text.
    Escaped,
}

impl Counter {
    /// How many values there were.
    pub(crate) fn values(&self) -> usize {
        self.values
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), CanonicalError> {
        for byte in bytes {
            self.step(*byte);
            // One more: a key counts until its colon has come.
            if self.values > MAX_VALUES + 1 {
                return Err(CanonicalError::Values);
            }
            if self.depth > MAX_DEPTH {
                return Err(CanonicalError::Depth);
            }
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) {
        self.place = match (&self.place, byte) {
            (Place::Escaped, _) => Place::Text,
            (Place::Text, b'\\') => Place::Escaped,
            (Place::Text, b'"') => Place::Between,
            (Place::Text, _) => Place::Text,
            (_, b'"') => {
                self.values += 1;
                Place::Text
            }
            (_, b'{' | b'[') => {
                self.values += 1;
                self.depth += 1;
                Place::Between
            }
            (_, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                Place::Between
            }
            // What came before it was a key.
            (_, b':') => {
                self.values = self.values.saturating_sub(1);
                Place::Between
            }
            (_, b',' | b' ' | b'\t' | b'\r' | b'\n') => Place::Between,
            (Place::Scalar, _) => Place::Scalar,
            (Place::Between, _) => {
                self.values += 1;
                Place::Scalar
            }
        };
    }
}

/// For serde_json's writers: an error of the counter stops them.
impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fails if the document has more values than it may, or nests too deep.
///
/// # Errors
/// [`CanonicalError::Values`] or [`CanonicalError::Depth`].
pub(crate) fn check(bytes: &[u8]) -> Result<(), CanonicalError> {
    Counter::default().add(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        let mut counter = Counter::default();
        counter.add(text.as_bytes()).unwrap();
        counter.values()
    }

    #[test]
    fn values_are_counted_and_keys_are_not() {
        for (text, values) in [
            ("0", 1),
            ("[]", 1),
            ("{\"a\":1}", 2),
            ("{\"a\":{\"b\":[true,-12,\"x\"]},\"c\":\"\"}\n", 7),
            ("[\"a\\\"[{,:\",\"\\\\\",1]", 4),
            ("[1, 2,\n3]", 4),
        ] {
            assert_eq!(count(text), values, "{text}");
        }
    }

    #[test]
    fn neither_too_many_nor_too_deep() {
        let many = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert!(check(many(MAX_VALUES - 1).as_bytes()).is_ok());
        for bad in [
            many(MAX_VALUES + 2),
            format!("[{}]", vec!["{\"\":0}"; MAX_VALUES].join(",")),
            format!("[{}", "0,".repeat(MAX_VALUES * 2)),
        ] {
            assert!(matches!(check(bad.as_bytes()), Err(CanonicalError::Values)));
        }
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert!(matches!(
            check(deep(MAX_DEPTH + 1).as_bytes()),
            Err(CanonicalError::Depth)
        ));
        assert!(check(b"]]]]\"[[[[[[[[[[[[[[[[[[[[[[[[[[[\"").is_ok());
    }
}
